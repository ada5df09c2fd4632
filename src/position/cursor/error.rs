//! Why a text is no cursor, and what to do about it.

use std::fmt;

use crate::contract::source::{ErrorKind, PollError};
use crate::position::cursor::{STREAM, VERSION};

/// Why a text is no cursor that this version can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CursorError {
    /// Made by a newer version of this source.
    Newer(u64),
    /// Of another stream.
    Foreign(String),
    /// Not a cursor, or a damaged one.
    Damaged(String),
}

impl From<CursorError> for PollError {
    fn from(error: CursorError) -> Self {
        let code = match error {
            CursorError::Foreign(_) => "cursor_foreign",
            CursorError::Newer(_) | CursorError::Damaged(_) => "cursor_refused",
        };
        Self::new(ErrorKind::Cursor, code, error.to_string())
    }
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(version) => write!(
                f,
                "the cursor is of version {version}, newer than {VERSION}, the newest that this \
                 version of the source can read: update the source, or reset the cursor to begin \
                 anew at `start`"
            ),
            Self::Foreign(stream) => write!(
                f,
                "the cursor is of the stream {stream}, and this source collects {STREAM}: give it \
                 back to the source that it is of, and reset this one to begin anew at `start`"
            ),
            Self::Damaged(what) => write!(
                f,
                "the cursor is damaged: {what}; restore it from a backup, or reset it to begin \
                 anew at `start`"
            ),
        }
    }
}
