//! Stores cursors, and what an output needs to begin where it was.

mod lock;
pub mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cursor as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCursor {
    /// The component's text, as it came.
    pub cursor: Arc<str>,
    /// Events delivered so far.
    pub events: u64,
    /// When it was stored, in milliseconds of Unix time.
    pub updated_ms: i64,
}

/// A cursor to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorChange {
    /// The source's name.
    pub source: String,
    /// The component's text, as it came.
    pub cursor: Arc<str>,
    /// Events that were delivered with it.
    pub events: u64,
}

/// Where an output stands: its name, and a text of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The output's name.
    pub output: String,
    /// Whatever the output needs to know at its next start.
    pub text: String,
}

/// What keeps cursors. Whatever stands behind it must store a commit as a whole or not at all; which of
/// both came of one that failed, its error says.
pub trait State: Send {
    /// All cursors, by source.
    fn cursors(&self) -> Result<BTreeMap<String, StoredCursor>, StateError>;

    /// The mark of an output.
    fn mark(&self, output: &str) -> Result<Option<String>, StateError>;

    /// Whether it is still what was opened, and where. If not, nothing can be stored.
    fn check(&self) -> Result<(), StateError>;

    /// Stores cursors, and the output's mark with them, durably. May be asked again for the same.
    fn commit(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> Result<(), CommitError>;

    /// Forgets the cursor of a source. False if there was none.
    fn remove(&mut self, source: &str) -> Result<bool, StateError>;
}

/// Why the state cannot be read or written.
#[derive(Debug)]
pub struct StateError {
    path: PathBuf,
    why: String,
}

impl StateError {
    fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state file {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for StateError {}

/// Why a commit failed, and what the state holds now.
#[derive(Debug)]
pub enum CommitError {
    /// What it held before: what was to be acknowledged may be taken back.
    NotStored(StateError),
    /// One or the other: nothing may be taken back before that is known.
    Unknown(StateError),
}

impl From<CommitError> for StateError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::NotStored(error) => error,
            CommitError::Unknown(Self { path, why }) => {
                let why =
                    format!("{why}; whether it was stored is known when it can be read again");
                Self { path, why }
            }
        }
    }
}
