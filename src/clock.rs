//! The host's clock and the API's at one moment. Reads neither.

use crate::timestamp::Second;

/// The two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    /// The host's.
    pub(crate) host: Second,
    /// The API's, as far as it is known.
    pub(crate) server: Second,
}

impl Clocks {
    /// What has come to pass by both clocks.
    pub(crate) fn known(self) -> Second {
        self.host.min(self.server)
    }
}

/// The API's clock less the host's. A `Date` has whole seconds and its reply took a while: a
/// difference below two seconds is none.
pub(crate) fn offset_secs(date: Second, host: Second) -> i64 {
    let secs = date - host;
    if secs.unsigned_abs() < 2 { 0 } else { secs }
}
