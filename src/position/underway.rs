//! A window that is being read, what a page tells of it, and where it goes on. The rules are in the
//! files beside this one: `pass.rs` has the way, the others what may happen on it.

use crate::position::cursor::{Cursor, Pass, Position};
use crate::row::Key;
use crate::timestamp::Second;

/// A cursor with a window to ask for.
#[derive(Debug)]
pub(crate) struct Underway {
    pub(crate) position: Position,
    pub(crate) pass: Pass,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The newest row alone, before the way is read in several windows.
    Newest,
    /// All of the way from the watermark to the end of the pass, in one window.
    Whole,
    /// One window of several.
    Part,
}

impl Underway {
    /// What the window asks for.
    pub(crate) fn question(&self) -> Question {
        let Self { position, pass: Pass { window, end, asks_newest, .. } } = self;
        if *asks_newest {
            Question::Newest
        } else if window.from == position.watermark && window.to >= *end {
            Question::Whole
        } else {
            Question::Part
        }
    }
}

/// What the rules look at in a page.
pub(crate) struct PageFacts<'a> {
    /// Key and time of each row, in the order of the page.
    pub(crate) rows: Vec<(Key, Option<Second>)>,
    pub(crate) result_count: Option<u64>,
    pub(crate) next: Option<&'a str>,
}

/// What became of a page.
pub(crate) enum Admitted {
    /// Its rows are for later: they are asked for again.
    PutAside(Onward),
    /// Its rows were taken in.
    Delivered {
        onward: Onward,
        /// For each row whether it is new.
        is_new: Vec<bool>,
    },
}

/// Where it goes on.
pub(crate) struct Onward {
    pub(crate) cursor: Cursor,
    /// The pass has ended, and it reached the present of when it was planned.
    pub(crate) is_caught_up: bool,
}

impl Onward {
    /// On the way still.
    pub(crate) const fn to(cursor: Cursor) -> Self {
        Self { cursor, is_caught_up: false }
    }
}

/// How a listing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As documented: a page that names no next one.
    Clean,
    /// With pages without rows, each of which names a next one.
    Empty,
    /// Not at all: its pages go round.
    Round,
}

/// Why a window could not be read to its end.
pub(crate) enum Obstacle {
    /// So many rows fewer came than the API counts.
    Short(u64),
    /// Its pages have no last one.
    Round,
    /// A page token is of no use; why.
    DeadToken(String),
    /// The answer is larger than it may be; why.
    TooLarge(String),
    /// A row makes its page unreadable; why.
    Unreadable(String),
}

/// A single second, of which no page token leads on for now. To be tried again.
#[derive(Debug)]
pub(crate) struct Stuck;
