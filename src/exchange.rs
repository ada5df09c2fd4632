//! One request to the API and its reply: authorized, counted, and once more if a wrong clock was
//! the reason of a refusal.

use uuid::Builder;

use crate::batch::{ErrorKind, Notice, PollError, Quota, Stats};
use crate::clock::offset_secs;
use crate::config::{Auth, Config};
use crate::http::{HttpError, Request, Response};
use crate::quota;
use crate::reply::{self, MayBeTheClock};
use crate::request::PATH;
use crate::signing;
use crate::timestamp::Second;

/// What the core cannot know by itself: the host's time, and random bytes for a request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The host's clock. Unix time in nanoseconds.
    pub unix_nanos: u64,
    /// Fresh at every step: the API refuses a request id that it has seen.
    pub random: [u8; 16],
}

impl Moment {
    pub(crate) const fn second(&self) -> Second {
        Second::of_nanos(self.unix_nanos)
    }
}

/// A step of a machine: something to send, or the end.
#[derive(Debug)]
pub enum Step<P, T> {
    /// Send this, and hand what comes back to the machine.
    Send(Request, P),
    /// The outcome.
    Done(Result<T, PollError>),
}

/// A request that may be sent a second time, and what it cost and told so far.
#[derive(Debug)]
pub(crate) struct Exchange<'c> {
    pub(crate) config: &'c Config,
    pub(crate) notices: Vec<Notice>,
    pub(crate) stats: Stats,
    body: Vec<u8>,
    quota: Option<Quota>,
    signed: Second,
    is_second_try: bool,
}

/// A reply with what was read of it for every kind of request.
pub(crate) struct Answer {
    pub(crate) reply: Result<Response, HttpError>,
    /// The body as text. Empty without a response.
    pub(crate) body: String,
    /// The time of the `Date` header.
    pub(crate) date: Option<Second>,
}

impl<'c> Exchange<'c> {
    pub(crate) fn new(config: &'c Config, body: Vec<u8>, notices: Vec<Notice>) -> Self {
        Self {
            config,
            notices,
            stats: Stats::default(),
            body,
            quota: None,
            signed: Second::new(0),
            is_second_try: false,
        }
    }

    /// The request, authorized for this moment by the API's clock.
    pub(crate) fn request(&mut self, at: Moment, clock_offset_secs: i64) -> Request {
        self.signed = at.second() + clock_offset_secs;
        let request_id = Builder::from_random_bytes(at.random).into_uuid();
        let Auth::Hmac(keys) = &self.config.auth;
        let mut headers = signing::headers(keys, PATH, self.signed, request_id);
        headers.push(("content-type", "application/json".into()));
        headers.push(("accept", "application/json".into()));
        self.quota = None;
        self.stats.requests += 1;
        self.stats.sent_bytes += bytes(&self.body);
        Request {
            url: format!("{}{PATH}", self.config.base_url),
            headers,
            body: self.body.clone(),
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// Reads what every reply has: its headers, and its body as text.
    pub(crate) fn receive(&mut self, mut reply: Result<Response, HttpError>) -> Answer {
        let (mut body, mut date) = (String::new(), None);
        if let Ok(response) = &mut reply {
            self.stats.received_bytes += bytes(&response.body);
            self.quota = quota::quota(response);
            date = response.header("date").and_then(Second::parse_http_date);
            match reply::body_text(core::mem::take(&mut response.body), BODY_BYTES_MAX) {
                Some((text, false)) => body = text,
                Some((text, true)) => {
                    body = text;
                    self.notices.push(Notice::warn(
                        "invalid_utf8",
                        "the API's answer holds bytes that are not UTF-8; each was replaced by \
                         U+FFFD",
                    ));
                }
                // A failure counts by its status, whatever its text.
                None if response.status != 200 => {}
                None => {
                    reply = Err(HttpError::TooLarge(format!("more than {BODY_BYTES_MAX} bytes")));
                }
            }
        }
        Answer { reply, body, date }
    }

    /// The request once more, signed with the API's clock, if that was off and can be the reason
    /// of the refusal.
    pub(crate) fn retry_by_the_clock(
        &mut self,
        MayBeTheClock(may_be_the_clock): MayBeTheClock,
        date: Option<Second>,
        at: Moment,
    ) -> Option<Request> {
        let date = date.filter(|date| {
            (*date - self.signed).unsigned_abs() > SIGNED_DATE_SLACK_SECS
                && may_be_the_clock
                && !self.is_second_try
        })?;
        self.is_second_try = true;
        Some(self.request(at, offset_secs(date, at.second())))
    }

    pub(crate) const fn quota(&self) -> Option<Quota> {
        self.quota
    }

    /// Ends in an error. What `message` has of the API's or the host's words is redacted.
    pub(crate) fn fail(self, kind: ErrorKind, code: &'static str, message: String) -> PollError {
        PollError {
            kind,
            code,
            message,
            retry_after_ms: None,
            notices: self.notices,
            stats: self.stats,
            quota: self.quota,
        }
    }

    /// Ends in an error that may pass, after the wait that the API wishes for.
    pub(crate) fn fail_for_now(
        self,
        code: &'static str,
        why: &str,
        answer: &Answer,
        is_refused: bool,
    ) -> PollError {
        let response = answer.reply.as_ref().ok();
        let retry_after_ms = response.and_then(|r| quota::retry_after_ms(r, is_refused));
        let message = self.config.redact(why);
        PollError { retry_after_ms, ..self.fail(ErrorKind::Transient, code, message) }
    }
}

fn bytes(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

/// The longest time for one request.
const TIMEOUT_MS: u32 = 30_000;
/// The largest reply that is read, decoded. // I5
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Two clocks further apart than this can be the reason why a signature is refused.
const SIGNED_DATE_SLACK_SECS: u64 = 60;
