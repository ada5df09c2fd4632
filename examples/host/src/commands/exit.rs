//! The exit codes of the host.

use std::process::ExitCode;

/// How a command came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done: 0.
    Done,
    /// Something failed while running, and was told: 1.
    Failed,
    /// The configuration cannot be used: 2, as of a wrong command line.
    Misconfigured,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Misconfigured => Self::from(2),
        }
    }
}
