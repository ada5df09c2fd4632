//! Errors of the contract: those that the host makes of a component's own failure, and the names of
//! their kinds.

use crate::bindings::{ErrorKind, PollError, Stats};
use crate::sandbox::CallFailure;

/// A fault of the component as an error of the contract.
pub(crate) fn protocol(message: String) -> PollError {
    error(ErrorKind::Protocol, "component_failed", message)
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
        stats: Stats { requests: 0, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0 },
        quota: None,
    }
}

/// The name of a kind of error.
pub(crate) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Transient => "transient",
        ErrorKind::Auth => "auth",
        ErrorKind::Config => "config",
        ErrorKind::Cursor => "cursor",
        ErrorKind::Protocol => "protocol",
    }
}
