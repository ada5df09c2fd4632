//! A cursor with a window to ask for: what is asked, what the rules see of the answer, and where it
//! goes on. The rules are in the files beside this one: `pass.rs` has the way, the others what may
//! happen on it.

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

/// Where it goes on.
pub(crate) struct Onward {
    pub(crate) cursor: Cursor,
    /// The end of the pass that this is a part of, or that has ended with it.
    pub(crate) target: Second,
    /// The pass has ended, and it reached the present of when it was planned.
    pub(crate) is_caught_up: bool,
}
