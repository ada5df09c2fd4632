//! The host's clock and the API's, and when one has jumped. Reads neither.

use crate::timestamp::Second;

/// The two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    /// The host's.
    pub(crate) host: Second,
    /// The API's, as far as it is known.
    pub(crate) server: Second,
    /// What has come to pass by both, and by what this answer told, and, where the host's clock does
    /// not bear that out, those just before.
    pub(crate) known: Second,
}

/// The API's clock less the host's. A `Date` has whole seconds and its reply took a while: a
/// difference below two seconds is none.
pub(crate) fn offset_secs(date: Second, host: Second) -> i64 {
    let secs = date - host;
    if secs.unsigned_abs() < 2 { 0 } else { secs }
}

/// Whether a clock that was off by so much and is off by so much now has jumped.
pub(crate) fn is_jump(before_secs: i64, now_secs: i64) -> bool {
    before_secs.abs_diff(now_secs) > JUMP_SECS_MIN
}

/// Two clocks further apart can be the reason why a signature is refused, and a person is told.
const JUMP_SECS_MIN: u64 = 60;
