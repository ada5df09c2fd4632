//! Errors of the contract: those that the host makes of a component's own failure, and what its rules make of
//! each kind.

use source_contract::error_kind;

use crate::bindings::{ErrorKind, PollError, Stats};
use crate::sandbox::CallFailure;

/// A fault of the component as an error of the contract.
pub(crate) fn protocol(message: String) -> PollError {
    error(ErrorKind::Protocol, error_kind::COMPONENT_FAILED, message)
}

/// A call that came to no end of its own as an error of the contract.
pub(crate) fn of_call(failure: CallFailure) -> PollError {
    match failure {
        CallFailure::Component(why) => protocol(why),
        // It passes, and is nobody's fault.
        CallFailure::Short(why) => error(ErrorKind::Transient, "machine_short", why),
    }
}

fn error(kind: ErrorKind, code: &str, message: String) -> PollError {
    PollError {
        kind,
        code: code.to_owned(),
        message,
        retry_after_ms: None,
        notices: Vec::new(),
        stats: Stats {
            requests: 0,
            sent_bytes: 0,
            received_bytes: 0,
            rows: 0,
            duplicates: 0,
            counters: Vec::new(),
        },
        quota: None,
    }
}

/// A kind of error, as the rules of all hosts have it.
pub(crate) fn kind(kind: ErrorKind) -> error_kind::ErrorKind {
    match kind {
        ErrorKind::Transient => error_kind::ErrorKind::Transient,
        ErrorKind::Throttled => error_kind::ErrorKind::Throttled,
        ErrorKind::Auth => error_kind::ErrorKind::Auth,
        ErrorKind::Config => error_kind::ErrorKind::Config,
        ErrorKind::Cursor => error_kind::ErrorKind::Cursor,
        ErrorKind::Protocol => error_kind::ErrorKind::Protocol,
    }
}
