//! What a check found out about one source: bound, and without secrets.

use serde::Serialize;
use source_contract::redact::Redactor;
use source_contract::wait::HINT_MAX;

use crate::bindings::{self, Level, PollError, Report};
use crate::config::SourceConfig;
use crate::source::failure::{kind, protocol};
use crate::timestamp::rfc3339;

/// What was found. Each text of it is clean.
#[derive(Serialize)]
pub(super) struct Finding {
    pub(super) source: String,
    pub(super) state: State,
    /// Of an error: what it is to the host, what happened, and that for a person.
    pub(super) kind: Option<&'static str>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    /// The time of the newest event.
    pub(super) newest: Option<String>,
    pub(super) quota: Option<Quota>,
    /// The API's clock less this machine's.
    pub(super) clock_offset_ms: Option<i64>,
    pub(super) notices: Vec<Notice>,
    pub(super) requests: u32,
    pub(super) retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It works.
    Ok,
    /// It works, and a person may have to look at something.
    Warning,
    /// The API is healthy, and asks for patience: whether it works is not known.
    Throttled,
    /// It does not work.
    Failed,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

#[derive(Serialize)]
pub(super) struct Quota {
    pub(super) limit: Option<u64>,
    pub(super) remaining: u64,
    pub(super) reset_ms: u64,
}

#[derive(Serialize)]
pub(super) struct Notice {
    pub(super) level: &'static str,
    pub(super) code: String,
    pub(super) message: String,
}

impl Finding {
    /// What a source said that works.
    pub(super) fn of_report(source: &SourceConfig, report: &Report, requests: u32) -> Self {
        let mut found = Self {
            newest: report.newest.and_then(rfc3339),
            quota: report.quota.as_ref().map(Quota::of),
            clock_offset_ms: report.clock_offset_ms,
            notices: notices(&source.redactor, &report.notices),
            ..Self::new(source, State::Ok, requests)
        };
        if found.has_wrong_clock() || found.notices.iter().any(|notice| notice.level == WARN) {
            found.state = State::Warning;
        }
        found
    }

    /// What a source said that does not work.
    pub(super) fn of_error(source: &SourceConfig, error: &PollError, requests: u32) -> Self {
        // A run would not wait for longer either.
        let most_ms = u64::try_from(HINT_MAX.as_millis()).unwrap_or(u64::MAX);
        let kind = kind(error.kind);
        let state = if kind.is_failure() { State::Failed } else { State::Throttled };
        Self {
            kind: Some(kind.name()),
            code: Some(source.redactor.clean(&error.code)),
            message: Some(source.redactor.clean(&error.message)),
            quota: error.quota.as_ref().map(Quota::of),
            notices: notices(&source.redactor, &error.notices),
            retry_after_ms: error.retry_after_ms.map(|wait_ms| wait_ms.min(most_ms)),
            ..Self::new(source, state, requests)
        }
    }

    /// A component that was not even called.
    pub(super) fn of_component(source: &SourceConfig, why: String) -> Self {
        Self::of_error(source, &protocol(why), 0)
    }

    fn new(source: &SourceConfig, state: State, requests: u32) -> Self {
        Self {
            source: source.name.clone(),
            state,
            kind: None,
            code: None,
            message: None,
            newest: None,
            quota: None,
            clock_offset_ms: None,
            notices: Vec::new(),
            requests,
            retry_after_ms: None,
        }
    }

    pub(super) fn works(&self) -> bool {
        matches!(self.state, State::Ok | State::Warning)
    }

    /// Whether this machine's clock is so wrong that a person should look at it.
    pub(super) fn has_wrong_clock(&self) -> bool {
        self.clock_offset_ms.is_some_and(|offset_ms| offset_ms.unsigned_abs() > CLOCK_OFF_MS_MAX)
    }
}

impl Quota {
    fn of(quota: &bindings::Quota) -> Self {
        let bindings::Quota { limit, remaining, reset_ms } = *quota;
        Self { limit, remaining, reset_ms }
    }
}

/// The notices that a person may be asked to read.
fn notices(redactor: &Redactor, given: &[bindings::Notice]) -> Vec<Notice> {
    let shown = given.iter().take(NOTICES_MAX).map(|notice| Notice {
        level: match notice.level {
            Level::Info => "info",
            Level::Warn => WARN,
        },
        code: redactor.clean(&notice.code),
        message: redactor.clean(&notice.message),
    });
    let mut shown: Vec<Notice> = shown.collect();
    if let Some(more) = given.len().checked_sub(NOTICES_MAX).filter(|more| *more > 0) {
        let message = format!("the component gave {more} more notices: left out");
        shown.push(Notice { level: WARN, code: "notices_left_out".to_owned(), message });
    }
    shown
}

const WARN: &str = "warn";
/// Notices of one source that are told.
const NOTICES_MAX: usize = 32;
/// Beyond this APIs that judge a request's time begin to refuse it.
const CLOCK_OFF_MS_MAX: u64 = 60_000;
