//! Why a poll or a check ends in an error, as far as one reply tells.

use crate::batch::ErrorKind;
use crate::http::HttpError;

/// Why, before it is redacted.
pub(crate) struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) code: &'static str,
    /// What happened. May hold words of the API or of the host.
    pub(crate) what: String,
    /// What to do about it, in words of this source. Empty where `what` says it, or nothing helps.
    pub(crate) remedy: &'static str,
    /// Not executed, since there were too many requests: the API says when to come again.
    pub(crate) is_over_rate: bool,
}

impl Cause {
    /// The host did not let the request out.
    pub(crate) fn denied(why: &str) -> Self {
        let what = format!("the host denied the request: {why}");
        Self {
            remedy: "; allow base_url in the host's rules, or correct it",
            ..Self::new(ErrorKind::Config, "denied", what)
        }
    }

    /// There is no response, and there may be one next time.
    pub(crate) fn no_response(error: &HttpError) -> Self {
        Self::new(ErrorKind::Transient, error.code(), error.to_string())
    }

    /// 429, 408, 425.
    pub(crate) fn over_rate(what: String) -> Self {
        Self { is_over_rate: true, ..Self::new(ErrorKind::Transient, "rate_limited", what) }
    }

    /// The API says, or its status does, that it may pass by itself.
    pub(crate) const fn passing(what: String) -> Self {
        Self::new(ErrorKind::Transient, "api_failed", what)
    }

    /// API 2.0: a new access token is refused. That has been seen to pass by itself.
    pub(crate) fn token_refused() -> Self {
        let what = "the API refuses an access token that it has just given out".to_owned();
        Self::new(ErrorKind::Transient, "token_refused", what)
    }

    /// Refused for good, and not for the credentials.
    pub(crate) const fn refused(what: String) -> Self {
        Self::new(ErrorKind::Protocol, "api_refused", what)
    }

    /// Not of the documented shape.
    pub(crate) const fn not_understood(what: String) -> Self {
        Self::new(ErrorKind::Protocol, "not_understood", what)
    }

    const fn new(kind: ErrorKind, code: &'static str, what: String) -> Self {
        Self { kind, code, what, remedy: "", is_over_rate: false }
    }
}
