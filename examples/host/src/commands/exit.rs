//! How a command ends, as its exit code says it.

/// How a command came to its end; its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// Something failed while running, and was told.
    Failed,
    /// The configuration cannot be used.
    Misconfigured,
}
