//! Where events and cursors are kept, together: the trait of all ledgers.

pub mod local;
pub(crate) mod nats;
pub(crate) mod opening;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::bindings::Event;
use crate::output::OutputError;
use crate::state::{CommitError, StateError};

/// What keeps events and cursors: the events of a batch and the cursor behind them in one step, or neither.
///
/// A batch counts only if nothing was stored for its source since the position that it was polled from: that
/// fence, and no agreement about who runs a source, is why no event is there twice.
pub trait Ledger: Send + Sync {
    /// Where a source stands, by all that is stored. An error says that nothing could be stored now, either: no
    /// source is asked for what could not be kept.
    fn load<'a>(&'a self, source: &'a str) -> Answer<'a, Result<Position, LedgerError>>;

    /// Stores a batch, or none of it. It may be dropped before it answers: then only `load` tells what came of it.
    /// One without an event, whose cursor is the one that was polled with, changes nothing and may be left out.
    fn commit(&self, entry: Entry) -> Answer<'_, Outcome>;

    /// Stores what still waits to be stored, and ends: nothing can be asked any more.
    fn close(&self) -> Answer<'_, Result<(), LedgerError>>;
}

/// What a ledger answers, in time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The cursor to poll with.
    pub cursor: Option<Arc<str>>,
    /// The ledger's own, and for nobody else to look at: a batch counts only if it still stands.
    pub version: u64,
}

/// Events and the cursor that acknowledges them.
#[derive(Debug)]
pub struct Entry {
    /// The source's name.
    pub source: String,
    /// The position that was polled from.
    pub from: Position,
    /// What the poll gave.
    pub events: Vec<Event>,
    /// Where to go on.
    pub cursor: Arc<str>,
    /// Up to when everything is collected with it, in nanoseconds of Unix time, if the source says.
    pub complete_until: Option<u64>,
    /// Whether another batch follows at once: then this one may wait to be stored with it.
    pub more: bool,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored; or, of one that may wait, will be with the next.
    Committed,
    /// Something else was stored since its position, or that was taken back: nothing of it is stored.
    Stale,
    /// Nothing of it is stored.
    Failed(LedgerError),
    /// All of it is stored, or nothing, or will be yet. The next `load` may tell; if it does not, the version does.
    /// The text says why.
    Unknown(String),
}

/// Why a ledger stores nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// Nobody reads the output any more: the host has nothing left to do.
    Closed(String),
    /// It may work later.
    Failed(String),
    /// The ledger has ended: nothing is stored any more.
    Ended,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) | Self::Failed(why) => f.write_str(why),
            Self::Ended => f.write_str("the ledger has ended"),
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<OutputError> for LedgerError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Closed(why) => Self::Closed(why),
            OutputError::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<StateError> for LedgerError {
    fn from(error: StateError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<CommitError> for LedgerError {
    fn from(error: CommitError) -> Self {
        StateError::from(error).into()
    }
}
