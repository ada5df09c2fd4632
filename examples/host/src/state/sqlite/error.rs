//! The database's errors in words.

use std::path::Path;

use crate::machine::shortage::Shortage;
use crate::state::StateError;

/// What is wrong with a state whose path is told elsewhere.
pub(super) struct DatabaseError(String);

impl DatabaseError {
    /// The same, with the path.
    pub(super) fn at(self, path: &Path) -> StateError {
        StateError::new(path, self.0)
    }
}

impl From<String> for DatabaseError {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(in_words(&error))
    }
}

/// The database's errors in words, with what to do about the common ones.
fn in_words(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let remedy = match error.sqlite_error_code() {
        // SQLite does not tell that this is why.
        Some(ErrorCode::CannotOpen) if let Some(shortage) = Shortage::of_files() => {
            return format!("{error}; {}", shortage.remedy());
        }
        Some(ErrorCode::DiskFull) => "; make room on the disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "; the host must be able to write the file and its folder"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "; see whether the disk is sound and has room, and whether the size of files is limited"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return LOCKED.to_owned(),
        Some(ErrorCode::NotADatabase) => {
            "; restore it from a copy, or give [state] a path of its own"
        }
        Some(ErrorCode::DatabaseCorrupt) => "; restore it from a copy",
        _ => "",
    };
    format!("{error}{remedy}")
}

/// What is wrong with a state that another program holds on to.
pub(super) const LOCKED: &str =
    "is locked by another program: end that one (`fuser` with the file's path names it)";
