//! The kinds of errors, and what a host does after each.

use std::time::Duration;

use crate::wait::{HINT_MAX, SHORT_MAX};

/// The kinds of errors of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It may pass by itself.
    Transient,
    /// The API is healthy, and asks for a wait.
    Throttled,
    /// The credentials are refused.
    Auth,
    /// The configuration cannot be used.
    Config,
    /// The cursor cannot be used.
    Cursor,
    /// The API, or the source, does not do what was agreed on.
    Protocol,
}

impl ErrorKind {
    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Auth => "auth",
            Self::Config => "config",
            Self::Cursor => "cursor",
            Self::Protocol => "protocol",
        }
    }

    /// Whether a person has to mend it.
    pub fn needs_person(self) -> bool {
        match self {
            Self::Auth | Self::Config | Self::Cursor => true,
            Self::Transient | Self::Throttled | Self::Protocol => false,
        }
    }

    /// Whether it is a failure. To be told to wait is none.
    pub fn is_failure(self) -> bool {
        self != Self::Throttled
    }

    /// Whether one that is only to catch up ends after so many failures in a row, this the last.
    pub fn ends_catching_up(self, failures_in_a_row: u32) -> bool {
        self.needs_person() || self.is_failure() && failures_in_a_row >= FAILURES_MAX
    }

    /// The longest wait after it, the API's own wish aside.
    pub fn wait_max(self) -> Duration {
        match self {
            Self::Transient | Self::Throttled => SHORT_MAX,
            Self::Auth | Self::Config | Self::Cursor | Self::Protocol => HINT_MAX,
        }
    }
}

/// The code of a protocol error that a host tells of a component which failed: it trapped, met a limit,
/// or gave what is no batch of the contract.
pub const COMPONENT_FAILED: &str = "component_failed";
/// Transient and protocol errors in a row that end a source which is only to catch up.
const FAILURES_MAX: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catching_up_ends_at_what_a_person_must_mend_and_at_the_tenth_failure() {
        for kind in [ErrorKind::Auth, ErrorKind::Config, ErrorKind::Cursor] {
            assert!(kind.ends_catching_up(1), "{kind:?}");
        }
        for kind in [ErrorKind::Transient, ErrorKind::Protocol] {
            assert!(!kind.ends_catching_up(9) && kind.ends_catching_up(10), "{kind:?}");
        }
        assert!(!ErrorKind::Throttled.ends_catching_up(u32::MAX));
    }
}
