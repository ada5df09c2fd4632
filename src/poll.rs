//! The machine of a poll: a cursor and the time in, a request out; the reply in, a batch out.
//!
//! ```text
//!           ┌─ refused, and asked again: twice ─────┐
//! poll ─▶ Send ◀────────────────────────────────────┘
//!           └─ reply ─▶ Done(batch and next cursor, or an error and the old cursor stands)
//! ```

mod denial;
mod origin;
mod outcome;
mod retry;

use crate::api::exchange::{Answer, Exchange, Taken};
use crate::api::request::LogsRequest;
use crate::clock::{Clocks, is_jump};
use crate::config::Config;
use crate::contract::http::{HttpError, Response};
use crate::contract::source::{Batch, ErrorKind, Notice, PollError};
use crate::contract::step::{Moment, Step};
use crate::memory::{LastCursor, Memory};
use crate::notices::Notices;
use crate::poll::origin::{Origin, start_default};
use crate::poll::outcome::{Outcome, event, stuck, tell_odd_rows, tell_unreadable_rows};
use crate::position::cursor::Cursor;
use crate::position::obstacle::{Obstacle, Stuck};
use crate::position::pass::Admitted;
use crate::position::underway::{PageFacts, Question, Underway};
use crate::reply::Reply;
use crate::reply::cause::{About, Cause};
use crate::reply::page::Page;
use crate::timestamp::{EventTime, Second};

/// Begins a poll. `cursor` is None for the very first one; `memory` is what the instance kept
/// of earlier calls, if it did.
///
/// The machine is stepped by its caller, who sends what it asks to be sent:
///
/// ```
/// use mimecast_ttp_source::{Config, Moment, Response, Step, Memory, poll};
///
/// let config = Config::parse(
///     r#"{"base_url": "https://api.example", "start": "2026-11-01T00:00:00Z",
///         "auth": {"type": "hmac", "access_key": "a", "secret_key": "c2VjcmV0",
///                  "app_id": "b", "app_key": "c"}}"#,
/// )
/// .unwrap();
/// let at = Moment { unix_nanos: 1_793_500_000_000_000_000, random: [7; 16] };
///
/// let mut memory = Memory::new();
/// let Step::Send(request, pending) = poll(&config, &mut memory, None, at) else { panic!() };
/// assert_eq!(request.url, "https://api.example/api/ttp/impersonation/get-logs");
///
/// let response = Response {
///     status: 200,
///     headers: vec![],
///     body: br#"{"meta": {"status": 200}, "fail": [], "data": [{"resultCount": 1,
///         "impersonationLogs": [{"id": "x", "eventTime": "2026-11-01T00:00:01+0000"}]}]}"#
///         .to_vec(),
/// };
/// let Step::Done(Ok(batch)) = pending.reply(Ok(response), at) else { panic!() };
/// assert_eq!(batch.events[0].body, r#"{"id": "x", "eventTime": "2026-11-01T00:00:01+0000"}"#);
/// assert!(!batch.more);
/// ```
#[must_use]
pub fn poll<'c>(
    config: &'c Config,
    memory: &'c mut Memory,
    cursor: Option<&str>,
    at: Moment,
) -> Step<Pending<'c>, Batch> {
    let mut notices = Notices::default();
    let host = at.second();
    let Memory { tokens, last } = memory;
    let (origin, cursor) = match cursor.map(|text| last.read(text)) {
        Some(Ok(cursor)) => (Origin::Stored, cursor),
        Some(Err(error)) => return Step::Done(Err(error)),
        None => {
            let (origin, start) = match config.start {
                Some(start) => (Origin::Configured, start),
                None => (Origin::Clock, start_default(host)),
            };
            let span_secs = config.window_max_secs;
            (origin, Cursor::starting_at(start, span_secs, &config.filters, host))
        }
    };
    let underway = cursor.plan(config, host, &mut notices);
    let body = page_request(&underway, config);
    let mut exchange = Exchange::new(config, tokens, body, notices);
    let request = exchange.begin(at, underway.position.clock.offset_secs);
    Step::Send(request, Pending(Box::new(Poll { exchange, last, underway, origin, asked: host })))
}

/// A poll whose request is on its way.
#[derive(Debug)]
pub struct Pending<'c>(Box<Poll<'c>>);

impl Pending<'_> {
    /// Takes the reply in.
    #[must_use]
    pub fn reply(self, reply: Result<Response, HttpError>, at: Moment) -> Step<Self, Batch> {
        self.0.reply(reply, at)
    }
}

/// What a poll is, from its first request to its end.
#[derive(Debug)]
struct Poll<'c> {
    exchange: Exchange<'c>,
    last: &'c mut LastCursor,
    underway: Underway,
    origin: Origin,
    /// When the poll began, by the host's clock.
    asked: Second,
}

impl<'c> Poll<'c> {
    #[inline(never)] // In line it makes the component larger.
    fn reply(
        mut self: Box<Self>,
        reply: Result<Response, HttpError>,
        at: Moment,
    ) -> Step<Pending<'c>, Batch> {
        let answer = self.exchange.receive(reply);
        let has_page_token = self.underway.pass.window.token.is_some();
        let detail = self.exchange.config.format.row_detail();
        let reply = match self.exchange.take(&answer, has_page_token, detail) {
            Ok(Taken::Reply(reply)) => reply,
            Ok(Taken::Next(request)) => return Step::Send(request, Pending(self)),
            Err(why) => return Step::Done(Err(self.exchange.fail_without_token(why, &answer))),
        };
        if answer.reply.as_ref().is_ok_and(|response| response.status == 200)
            && let Some(request) = self.another_look(answer.date, at)
        {
            return Step::Send(request, Pending(self));
        }
        let outcome = match reply {
            Reply::Page(page) if self.repeats_secret(&page) => {
                // The token would go into the cursor. // I4
                let message = "the API's page token holds a key".to_owned();
                Err(self.exchange.account.fail(ErrorKind::Protocol, "page_token_refused", message))
            }
            Reply::Page(page) if self.is_too_much(&page) => {
                let why = "its events would be more than a batch may hold";
                self.obstructed(Obstacle::TooLarge, why, answer.date, at)
            }
            Reply::Page(page) => self.page(&page, answer.date, at),
            Reply::DeadToken(why) => self.obstructed(Obstacle::DeadToken, &why, answer.date, at),
            Reply::TooLarge(why) => {
                if self.origin == Origin::Clock
                    && let Some(request) = self.ask_less(answer.date, at)
                {
                    return Step::Send(request, Pending(self));
                }
                self.obstructed(Obstacle::TooLarge, &why, answer.date, at)
            }
            Reply::Credentials(refusal, may_be_the_clock) => {
                let known = self.underway.position.clock.offset_secs;
                let known = Some(known).filter(|_| self.origin == Origin::Stored);
                let is_known = known.is_some() && self.exchange.is_first_try();
                if let Some(date) = answer.date.filter(|_| !is_known) {
                    self.end_by(date);
                }
                let date = answer.date;
                match self.exchange.retry_refused(refusal, may_be_the_clock, date, at, known) {
                    Some(request) => return Step::Send(request, Pending(self)),
                    None => Err(self.exchange.fail_refused(refusal, &answer)),
                }
            }
            Reply::Failed(cause) => return self.after_failure(cause, &answer, at),
        };
        Step::Done(outcome)
    }

    /// The request failed: another question, where that can be why, or the end.
    fn after_failure(
        mut self: Box<Self>,
        cause: Cause,
        answer: &Answer,
        at: Moment,
    ) -> Step<Pending<'c>, Batch> {
        if let Some(request) = self.up_to_the_api_clock(&cause, answer.date, at) {
            return Step::Send(request, Pending(self));
        }
        // All of what was asked for may lie ahead of the API's clock.
        if self.origin == Origin::Clock && cause.about == About::Question {
            if let Some(request) = self.another_look(answer.date, at) {
                return Step::Send(request, Pending(self));
            }
            let clocks = self.learn_clock(answer.date, at);
            if let Some(denial) = self.denial(answer.date, clocks) {
                return Step::Done(self.denied(denial, clocks));
            }
        }
        let asks_newest = self.underway.question() == Question::Newest;
        let is_needless = cause.kind == ErrorKind::Protocol && asks_newest;
        if is_needless && self.origin != Origin::Clock {
            return Step::Done(Ok(self.without_newest(answer.date, at)));
        }
        if self.origin != Origin::Stored
            && (cause.may_be_too_much() || is_needless)
            && self.exchange.retry_after_ms(&cause, answer).is_none()
            && let Some(request) = self.ask_less(answer.date, at)
        {
            return Step::Send(request, Pending(self));
        }
        Step::Done(self.failed(cause, answer, at))
    }

    fn repeats_secret(&self, page: &Page<'_>) -> bool {
        page.next.as_ref().is_some_and(|token| self.exchange.account.holds_secret(token))
    }

    /// Whether the events of a page can be more than a batch holds.
    fn is_too_much(&self, page: &Page<'_>) -> bool {
        let Config { format, keep_original, .. } = self.exchange.config;
        let events_bytes: usize =
            page.rows.iter().map(|row| format.bytes_max(row, *keep_original)).sum();
        events_bytes > if page.rows.len() > 1 { EVENTS_BYTES_MAX } else { EVENT_BYTES_MAX }
    }

    fn page(
        mut self,
        page: &Page<'_>,
        date: Option<Second>,
        at: Moment,
    ) -> Result<Batch, PollError> {
        let clocks = self.learn_clock(date, at);
        self.exchange.account.stats.rows = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        if let Some(denial) = self.denial(date, clocks) {
            return self.denied(denial, clocks);
        }
        let facts = PageFacts {
            rows: page
                .rows
                .iter()
                .map(|row| (row.key(), row.time().map(EventTime::second)))
                .collect(),
            result_count: page.result_count,
            next: page.next.as_deref(),
        };
        let from = self.underway.pass.window.from;
        let config = self.exchange.config;
        let notices = &mut self.exchange.account.notices;
        let (onward, ordinals) = match self.underway.admit(&facts, config, clocks, notices) {
            Ok(Admitted::Delivered { onward, ordinals }) => (onward, ordinals),
            Ok(Admitted::PutAside(onward)) => {
                return Ok(Outcome::from(onward).batch(self.exchange, self.last, at.second()));
            }
            Err(Stuck) => return Err(stuck(self.exchange.account, from)),
        };
        let new_rows = page.rows.iter().zip(&ordinals).filter(|(_, ordinal)| **ordinal > 0);
        let mut events = Vec::new();
        let count = new_rows.clone().count();
        events.reserve_exact(count);
        events.extend(
            new_rows
                .clone()
                .filter(|(row, _)| !row.is_unreadable)
                .map(|(row, ordinal)| event(row, *ordinal, config)),
        );
        let new_rows = new_rows.map(|(row, _)| row);
        let duplicates = ordinals.len() - count;
        self.exchange.account.stats.duplicates = u32::try_from(duplicates).unwrap_or(u32::MAX);
        tell_odd_rows(new_rows.clone(), &mut self.exchange.account);
        tell_unreadable_rows(page, new_rows, from, &mut self.exchange.account);
        Ok(Outcome { events, ..onward.into() }.batch(self.exchange, self.last, at.second()))
    }

    fn obstructed(
        mut self,
        obstacle: fn(String) -> Obstacle,
        why: &str,
        date: Option<Second>,
        at: Moment,
    ) -> Result<Batch, PollError> {
        let clocks = self.learn_clock(date, at);
        // Where it began by a clock that nothing has confirmed is not to be kept.
        if let Some(denial) = self.denial(date, clocks) {
            return self.denied(denial, clocks);
        }
        let obstacle = obstacle(self.exchange.account.redact(why));
        let from = self.underway.pass.window.from;
        let config = self.exchange.config;
        match self.underway.obstructed(
            &obstacle,
            config,
            clocks,
            &mut self.exchange.account.notices,
        ) {
            Ok(onward) => Ok(Outcome::from(onward).batch(self.exchange, self.last, at.second())),
            Err(Stuck) => Err(stuck(self.exchange.account, from)),
        }
    }

    /// The API does not answer the question for its newest row: the windows are read without it.
    fn without_newest(mut self, date: Option<Second>, at: Moment) -> Batch {
        self.learn_clock(date, at);
        Outcome::from(self.underway.skip_newest()).batch(self.exchange, self.last, at.second())
    }

    /// The request failed. What may have been too much to ask for at once, and was before, is asked
    /// for in parts.
    #[inline(never)] // In line it makes the component larger.
    fn failed(mut self, cause: Cause, answer: &Answer, at: Moment) -> Result<Batch, PollError> {
        let window = &self.underway.pass.window;
        let (from, secs) = (window.from, window.secs());
        if cause.may_be_too_much() && self.origin == Origin::Stored {
            if self.underway.not_answered(self.asked, at.second()) {
                let what = self.exchange.account.redact(&cause.what);
                self.exchange.account.notices.departs(
                    "unanswered",
                    format!(
                        "{secs} s from {from} on were asked for and not answered ({what}): from \
                         now on less is asked for at once"
                    ),
                );
                let wait_ms = self.exchange.retry_after_ms(&cause, answer).unwrap_or(0);
                let outcome = Outcome { wait_ms, ..self.underway.go_on().into() };
                return Ok(outcome.batch(self.exchange, self.last, at.second()));
            }
            if cause.about == About::Row && self.underway.is_read_in_every_way(self.asked) {
                let clocks = self.learn_clock(answer.date, at);
                let why = self.exchange.account.redact(&cause.what);
                let (config, notices) = (self.exchange.config, &mut self.exchange.account.notices);
                let onward = self.underway.unreadable(why, config, clocks, notices);
                return Ok(Outcome::from(onward).batch(self.exchange, self.last, at.second()));
            }
            if secs > 1 {
                let remedy = "; if it goes on, less is asked for at once";
                let cause = Cause { what: cause.what + cause.remedy, remedy, ..cause };
                return Err(self.exchange.fail_for(&cause, answer));
            }
        }
        if cause.about == About::Question && at.second() - from > START_TOLD_SECS {
            let start = match self.origin {
                Origin::Stored => format!(
                    "; if it does not go back as far as {from}, where the cursor stands, set \
                     `start` to a later time and reset the cursor: what lies between is lost"
                ),
                Origin::Configured | Origin::Clock => format!(
                    "; if it does not go back as far as {from}, set `start` to a later time"
                ),
            };
            let error = self.exchange.fail_for(&cause, answer);
            return Err(PollError { message: error.message + &start, ..error });
        }
        Err(self.exchange.fail_for(&cause, answer))
    }

    /// Corrects the clock, and tells when that is news.
    fn learn_clock(&mut self, date: Option<Second>, at: Moment) -> Clocks {
        let before = self.underway.position.clock.offset_secs;
        let clocks = self.underway.learn_clock(at.second(), date, &self.exchange.dates_before);
        let offset = self.underway.position.clock.offset_secs;
        if is_jump(before, offset) {
            let notice = if is_jump(offset, 0) {
                let direction = if offset < 0 { "ahead of" } else { "behind" };
                let message = format!(
                    "the host's clock is {} s {direction} the API's: it is corrected here, but \
                     should be set",
                    offset.unsigned_abs()
                );
                Notice::warn("clock_offset", message)
            } else {
                Notice::info("clock_offset", "the host's clock agrees with the API's again")
            };
            self.exchange.account.notices.happened(notice);
        }
        clocks
    }
}

fn page_request(underway: &Underway, config: &Config) -> Vec<u8> {
    let window = &underway.pass.window;
    let asks_newest = underway.question() == Question::Newest;
    let is_single = asks_newest || window.way.row_by_row;
    LogsRequest {
        page_size: if is_single { 1 } else { config.page_size },
        page_token: window.token.as_ref().map(|token| token.text.as_str()),
        oldest_first: !asks_newest && !window.way.newest_first,
        from: window.from,
        to: window.to,
        filters: &config.filters,
    }
    .to_json()
}

/// An earlier question can be refused because the API does not go back so far.
const START_TOLD_SECS: i64 = 24 * 60 * 60;
/// The bound of the contract for the bodies of a batch of several events. (I5)
const EVENTS_BYTES_MAX: usize = 16 << 20;
/// One event alone, beside its page, in the 64 MiB of memory that a guest may take. (I5)
const EVENT_BYTES_MAX: usize = 24 << 20;
