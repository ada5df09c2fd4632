//! Why a poll or a check ends in an error, as far as one reply tells.

use crate::contract::http::HttpError;
use crate::contract::source::{ErrorKind, Quota};
use crate::reply::quota;

/// Why, before it is redacted.
pub(crate) struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) code: &'static str,
    /// What happened. May hold words of the API or of the host.
    pub(crate) what: String,
    /// What to do about it, in words of this source. Empty where `what` says it, or nothing helps.
    pub(crate) remedy: &'static str,
    pub(crate) about: About,
}

/// What a failure says of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Nothing.
    Nothing,
    /// Not executed: the API says when to come again.
    Rate,
    /// Refused for good, for what is in it: an end ahead of the API's clock, or a beginning that it
    /// does not go back to.
    Question,
    /// Less may be answered where this was not.
    TooMuch,
    /// The same: the answer is a page that cannot be read from one of its rows on.
    Row,
}

impl Cause {
    /// The code of what did not come from the API.
    pub(crate) const NOT_THE_API: &str = "not_the_api";
    const PASSING: (ErrorKind, &str) = (ErrorKind::Transient, "api_failed");
    const THROTTLED: (ErrorKind, &str) = (ErrorKind::Throttled, "rate_limited");

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
        let is_late = matches!(error, HttpError::Timeout(_));
        let about = if is_late { About::TooMuch } else { About::Nothing };
        Self { about, ..Self::new(ErrorKind::Transient, error.code(), error.to_string()) }
    }

    /// 429, 408, 425: it was not executed.
    pub(crate) fn not_executed(status: u16, what: String) -> Self {
        let (kind, code) = if status == 429 { Self::THROTTLED } else { Self::PASSING };
        Self { about: About::Rate, ..Self::new(kind, code, what) }
    }

    /// As what it is told while so much of the quota is left: that none is, is why the API fails.
    pub(crate) fn kind_and_code(&self, quota: Option<Quota>) -> (ErrorKind, &'static str) {
        let told = (self.kind, self.code);
        if told == Self::PASSING && quota::is_spent(quota) { Self::THROTTLED } else { told }
    }

    /// The API says, or its status does, that it may pass by itself.
    pub(crate) const fn passing(what: String) -> Self {
        let (kind, code) = Self::PASSING;
        Self::new(kind, code, what)
    }

    /// The same from a gateway that waited for the API in vain.
    pub(crate) fn given_up(what: String) -> Self {
        Self { about: About::TooMuch, ..Self::passing(what) }
    }

    /// What answered is not the API.
    pub(crate) fn not_the_api(what: &str) -> Self {
        let what = format!("{what}, with a body that is no answer of the API");
        let remedy = ": a proxy or a firewall answers in its place; let base_url through there";
        Self { remedy, ..Self::new(ErrorKind::Transient, Self::NOT_THE_API, what) }
    }

    /// Two answers in a row come from clocks that are far apart.
    pub(crate) fn clocks_differ() -> Self {
        let what = "the API's answers differ in the time that they tell, by more than a minute";
        let remedy = ": one of its nodes has a wrong clock; which one cannot be told from here";
        let what = what.to_owned();
        Self { remedy, ..Self::new(ErrorKind::Transient, "clocks_differ", what) }
    }

    /// API 2.0: a new access token is refused. That has been seen to pass by itself.
    pub(crate) fn token_refused() -> Self {
        let what = "the API refuses an access token that it has just given out".to_owned();
        Self::new(ErrorKind::Transient, "token_refused", what)
    }

    /// Refused for good, and not for the credentials.
    pub(crate) fn refused(what: String) -> Self {
        Self { about: About::Question, ..Self::new(ErrorKind::Protocol, "api_refused", what) }
    }

    /// Not of the documented shape.
    pub(crate) fn not_understood(what: String) -> Self {
        Self { about: About::TooMuch, ..Self::new(ErrorKind::Protocol, "not_understood", what) }
    }

    /// Less may be answered where this was not.
    pub(crate) const fn may_be_too_much(&self) -> bool {
        matches!(self.about, About::TooMuch | About::Row)
    }

    const fn new(kind: ErrorKind, code: &'static str, what: String) -> Self {
        Self { kind, code, what, remedy: "", about: About::Nothing }
    }
}
