//! The machine of a poll: a cursor and the time in, a request out; the reply in, a batch out.
//!
//! ```text
//!           ┌─ refused, and it can be mended: once ─┐
//! poll ─▶ Send ◀────────────────────────────────────┘
//!           └─ reply ─▶ Done(batch and next cursor, or an error and the old cursor stands)
//! ```

use crate::batch::{Batch, ErrorKind, Event, Notice, PollError, Progress};
use crate::clock::Clocks;
use crate::config::Config;
use crate::cursor::{Cursor, Pass};
use crate::exchange::{Exchange, Moment, Step};
use crate::http::{HttpError, Response};
use crate::page::Page;
use crate::pass::{PageFacts, TooManyRefusals, Underway};
use crate::quota;
use crate::reply::Reply;
use crate::request::LogsRequest;
use crate::row::Row;
use crate::timestamp::{EventTime, Second};
use crate::token::{NotGranted, TokenCache};

/// Begins a poll. `cursor` is None for the very first one; `tokens` is what the instance kept of
/// earlier polls, if it did.
///
/// The machine is stepped by its caller, who sends what it asks to be sent:
///
/// ```
/// use mimecast_ttp_source::{Config, Moment, Response, Step, TokenCache, poll};
///
/// let config = Config::parse(
///     r#"{"base_url": "https://api.example", "start": "2026-11-01T00:00:00Z",
///         "auth": {"type": "hmac", "access_key": "a", "secret_key": "c2VjcmV0",
///                  "app_id": "b", "app_key": "c"}}"#,
/// )
/// .unwrap();
/// let at = Moment { unix_nanos: 1_793_500_000_000_000_000, random: [7; 16] };
///
/// let mut tokens = TokenCache::default();
/// let Step::Send(request, pending) = poll(&config, &mut tokens, None, at) else { panic!() };
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
    tokens: &'c mut TokenCache,
    cursor: Option<&str>,
    at: Moment,
) -> Step<Box<Pending<'c>>, Batch> {
    let mut notices = Vec::new();
    let (origin, cursor) = match cursor.map(Cursor::decode) {
        Some(Ok(cursor)) => (Origin::Stored, cursor),
        Some(Err(error)) => {
            let error = Exchange::new(config, tokens, Vec::new(), notices).fail(
                ErrorKind::Cursor,
                "cursor_refused",
                error.to_string(),
            );
            return Step::Done(Err(error));
        }
        None => {
            let (origin, start) = match config.start {
                Some(start) => (Origin::Configured, start),
                None => (Origin::Clock, start_default(at.second())),
            };
            (origin, Cursor::starting_at(start, config.window_max_secs, &config.filters))
        }
    };
    let underway = cursor.plan(config, at.second(), &mut notices);
    let body = page_request(&underway, config);
    let mut exchange = Exchange::new(config, tokens, body, notices);
    let request = exchange.begin(at, underway.position.clock_offset_secs);
    Step::Send(request, Box::new(Pending { exchange, underway, origin }))
}

/// A poll whose request is on its way.
#[derive(Debug)]
pub struct Pending<'c> {
    exchange: Exchange<'c>,
    underway: Underway,
    origin: Origin,
}

/// Where the watermark of a poll comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A stored cursor.
    Stored,
    /// The configuration's `start`.
    Configured,
    /// The host's clock, which may be wrong.
    Clock,
}

impl Pending<'_> {
    /// Takes the reply in.
    #[must_use]
    pub fn reply(
        mut self: Box<Self>,
        reply: Result<Response, HttpError>,
        at: Moment,
    ) -> Step<Box<Self>, Batch> {
        let answer = self.exchange.receive(reply);
        match self.exchange.after_token(&answer) {
            None => {}
            Some(Ok(request)) => return Step::Send(request, self),
            Some(Err(NotGranted::Credentials(refusal))) => {
                return Step::Done(Err(self.exchange.fail_refused(refusal, &answer)));
            }
            Some(Err(NotGranted::Failed(cause))) => {
                return Step::Done(Err(self.exchange.fail_for(&cause, &answer)));
            }
        }
        let has_token = self.underway.pass.window.token.is_some();
        let asks_newest = self.underway.pass.asks_newest;
        let reading = self.exchange.config.format.reading();
        let outcome = match Reply::read(&answer.reply, &answer.body, has_token, reading) {
            Reply::Page(page) if self.repeats_secret(&page) => {
                // The token would go into the cursor. // I4
                let message = "the API's page token holds a key".to_owned();
                Err(self.exchange.fail(ErrorKind::Protocol, "page_token_refused", message))
            }
            Reply::Page(page) if self.events_bytes_max(&page) > EVENTS_BYTES_MAX => {
                let why = "its events would take too much memory";
                if has_token {
                    self.token_refused(why, answer.date, at)
                } else {
                    self.too_large(why, answer.date, at)
                }
            }
            Reply::Page(page) => self.page(&page, answer.date, at),
            Reply::TokenRefused(why) => self.token_refused(&why, answer.date, at),
            Reply::TooLarge(why) => self.too_large(&why, answer.date, at),
            Reply::Credentials(refusal, may_be_the_clock) => {
                match self.exchange.mend(refusal, may_be_the_clock, answer.date, at) {
                    Some(request) => return Step::Send(request, self),
                    None => Err(self.exchange.fail_refused(refusal, &answer)),
                }
            }
            Reply::Failed(cause) if cause.kind == ErrorKind::Protocol && asks_newest => {
                Ok(self.without_newest(answer.date, at))
            }
            Reply::Failed(cause) => Err(self.exchange.fail_for(&cause, &answer)),
        };
        Step::Done(outcome)
    }

    fn repeats_secret(&self, page: &Page<'_>) -> bool {
        page.next.as_ref().is_some_and(|token| self.exchange.secrets.are_repeated_in(token))
    }

    fn events_bytes_max(&self, page: &Page<'_>) -> usize {
        let Config { format, keep_original, .. } = self.exchange.config;
        page.rows.iter().map(|row| format.bytes_max(row, *keep_original)).sum()
    }

    fn page(
        mut self,
        page: &Page<'_>,
        date: Option<Second>,
        at: Moment,
    ) -> Result<Batch, PollError> {
        let clocks = self.learn_clock(date, at);
        self.exchange.stats.rows = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        if date.is_some() {
            let watermark = self.underway.position.watermark;
            let start_is_off_secs = (watermark - start_default(clocks.server)).unsigned_abs();
            if self.origin == Origin::Clock && start_is_off_secs > CLOCK_TOLD_SECS {
                return Ok(self.start_by_the_api_clock(clocks));
            }
            let ahead_secs = watermark - clocks.server;
            if ahead_secs > self.exchange.config.overlap_secs {
                return Err(self.ahead_of_the_api(ahead_secs));
            }
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
        let target = self.underway.pass.end;
        let config = self.exchange.config;
        let notices = &mut self.exchange.notices;
        let admitted = match self.underway.admit(&facts, config, clocks, notices) {
            Ok(admitted) => admitted,
            Err(TooManyRefusals) => return Err(too_many_refusals(self.exchange)),
        };
        let mut events = Vec::new();
        if let Some(is_new) = &admitted.is_new {
            events.reserve_exact(is_new.iter().filter(|is_new| **is_new).count());
            let new_rows = page.rows.iter().zip(is_new).filter(|(_, is_new)| **is_new);
            events.extend(new_rows.map(|(row, _)| event(row, config)));
            let duplicates = is_new.len() - events.len();
            self.exchange.stats.duplicates = u32::try_from(duplicates).unwrap_or(u32::MAX);
            tell_odd_rows(page, is_new, notices);
        }
        Ok(batch(self.exchange, &admitted.cursor, target, events, !admitted.is_caught_up))
    }

    fn token_refused(
        mut self,
        why: &str,
        date: Option<Second>,
        at: Moment,
    ) -> Result<Batch, PollError> {
        self.learn_clock(date, at);
        let why = self.exchange.secrets.redact(why);
        let target = self.underway.pass.end;
        let config = self.exchange.config;
        match self.underway.refuse_token(&why, config, &mut self.exchange.notices) {
            Ok(cursor) => Ok(batch(self.exchange, &cursor, target, Vec::new(), true)),
            Err(TooManyRefusals) => Err(too_many_refusals(self.exchange)),
        }
    }

    /// The API does not answer the question for its newest row: the windows are read without it.
    fn without_newest(mut self, date: Option<Second>, at: Moment) -> Batch {
        self.learn_clock(date, at);
        let target = self.underway.pass.end;
        let cursor = self.underway.skip_newest();
        batch(self.exchange, &cursor, target, Vec::new(), true)
    }

    fn too_large(
        mut self,
        why: &str,
        date: Option<Second>,
        at: Moment,
    ) -> Result<Batch, PollError> {
        self.learn_clock(date, at);
        let why = self.exchange.secrets.redact(why);
        let target = self.underway.pass.end;
        let from = self.underway.pass.window.from;
        let Some(cursor) = self.underway.narrow(self.exchange.config) else {
            let message = format!(
                "the API's answer for the single second {from} is too large ({why}): lower \
                 page_size"
            );
            return Err(self.exchange.fail(ErrorKind::Protocol, "too_large", message));
        };
        self.exchange.notices.push(Notice::warn(
            "reply_too_large",
            format!("the API's answer is too large ({why}); from {from} on, half as much is asked"),
        ));
        Ok(batch(self.exchange, &cursor, target, Vec::new(), true))
    }

    /// Corrects the clock, and tells when that is news.
    fn learn_clock(&mut self, date: Option<Second>, at: Moment) -> Clocks {
        let before = self.underway.position.clock_offset_secs;
        let clocks = self.underway.learn_clock(at.second(), date);
        let offset = self.underway.position.clock_offset_secs;
        if offset.abs_diff(before) > CLOCK_TOLD_SECS {
            self.exchange.notices.push(Notice::warn(
                "clock_offset",
                format!(
                    "the host's clock is {} s {} the API's: it is corrected here, but should be \
                     set",
                    offset.unsigned_abs(),
                    if offset < 0 { "ahead of" } else { "behind" }
                ),
            ));
        }
        clocks
    }

    /// The first poll took its start from a clock that turned out to be wrong.
    fn start_by_the_api_clock(self, clocks: Clocks) -> Batch {
        let Self { exchange, underway, .. } = self;
        let config = exchange.config;
        let start = start_default(clocks.server);
        let mut cursor = Cursor::starting_at(start, config.window_max_secs, &config.filters);
        cursor.position.clock_offset_secs = underway.position.clock_offset_secs;
        batch(exchange, &cursor, clocks.server, Vec::new(), true)
    }

    fn ahead_of_the_api(self, ahead_secs: i64) -> PollError {
        let watermark = self.underway.position.watermark;
        match self.origin {
            Origin::Stored => self.exchange.fail(
                ErrorKind::Cursor,
                "cursor_ahead",
                format!(
                    "the cursor's watermark, {watermark}, is {ahead_secs} s ahead of the API's \
                     clock: restore an earlier cursor, or reset it to begin anew at `start`"
                ),
            ),
            Origin::Configured | Origin::Clock => self.exchange.fail(
                ErrorKind::Config,
                "start_ahead",
                format!(
                    "start, {watermark}, is {ahead_secs} s ahead of the API's clock: give a time \
                     that has passed"
                ),
            ),
        }
    }
}

/// Where a first poll starts that is not told where; not before 1970, where a cursor cannot lie.
fn start_default(now: Second) -> Second {
    (now - START_DEFAULT_SECS).max(Second::new(0))
}

fn page_request(underway: &Underway, config: &Config) -> Vec<u8> {
    let Pass { window, asks_newest, .. } = &underway.pass;
    LogsRequest {
        page_size: if *asks_newest { 1 } else { config.page_size },
        page_token: window.token.as_ref().map(|token| token.text.as_str()),
        oldest_first: !asks_newest,
        from: window.from,
        to: window.to,
        filters: &config.filters,
    }
    .to_json()
}

fn event(row: &Row<'_>, config: &Config) -> Event {
    Event {
        id: row.id().into_owned(),
        time_unix_nanos: row.time().and_then(EventTime::unix_nanos),
        body: config.format.body(row, config.keep_original),
    }
}

fn tell_odd_rows(page: &Page<'_>, is_new: &[bool], notices: &mut Vec<Notice>) {
    let new_rows = page.rows.iter().zip(is_new).filter(|(_, is_new)| **is_new);
    let mut oddities = new_rows.filter_map(|(row, _)| row.oddity());
    if let Some(first) = oddities.next() {
        let count = oddities.count() + 1;
        notices.push(Notice::warn(
            "odd_rows",
            format!("{count} rows are not as documented and were passed on (the first: {first})"),
        ));
    }
}

fn too_many_refusals(exchange: Exchange<'_>) -> PollError {
    exchange.fail(
        ErrorKind::Protocol,
        "page_token_refused",
        "page after page was refused without a new row between: the API does not honour its own \
         page tokens at present"
            .to_owned(),
    )
}

fn batch(
    exchange: Exchange<'_>,
    cursor: &Cursor,
    target: Second,
    events: Vec<Event>,
    more: bool,
) -> Batch {
    let quota = exchange.quota();
    let interval_ms = if more { 0 } else { exchange.config.poll_interval_secs * 1_000 };
    Batch {
        events,
        cursor: cursor.encode(),
        more,
        next_poll_ms: interval_ms.max(quota::spent_wait_ms(quota)),
        notices: exchange.notices,
        stats: exchange.stats,
        progress: Progress { complete_until: cursor.position.watermark, target },
        quota,
    }
}

/// The events of a page, beside the page itself, in the 64 MiB of memory that a guest may take. // I5
const EVENTS_BYTES_MAX: usize = 24 << 20;
const START_DEFAULT_SECS: i64 = 24 * 60 * 60;
/// A difference between two clocks, or a change of it, that a person is told of.
const CLOCK_TOLD_SECS: u64 = 60;
