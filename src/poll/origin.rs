//! Where a poll begins.

use crate::timestamp::Second;

/// Where the watermark of a poll comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A stored cursor.
    Stored,
    /// The configuration's `start`.
    Configured,
    /// The host's clock, which may be wrong.
    Clock,
}

/// Where a first poll starts that is not told where; not before 1970, where a cursor cannot lie.
pub(super) fn start_default(now: Second) -> Second {
    (now - START_DEFAULT_SECS).max(Second::new(0))
}

const START_DEFAULT_SECS: i64 = 24 * 60 * 60;
