//! The machine of a check: one small request, and what it tells.

use crate::api::exchange::{Answer, Exchange, Taken};
use crate::api::request::LogsRequest;
use crate::clock::offset_secs;
use crate::config::Config;
use crate::config::filters::Filters;
use crate::contract::http::{HttpError, Request, Response};
use crate::contract::source::{ErrorKind, Notice, Report};
use crate::contract::step::{Moment, Step};
use crate::memory::Memory;
use crate::notices::Notices;
use crate::reply::Reply;
use crate::reply::cause::{About, Cause};
use crate::reply::page::Page;
use crate::row::{Row, RowDetail};
use crate::timestamp::{EventTime, Second};

/// Begins a check: asks for the newest row of the last `window_max_secs`, but a day at least.
#[must_use]
pub fn check<'c>(
    config: &'c Config,
    memory: &'c mut Memory,
    at: Moment,
) -> Step<PendingCheck<'c>, Report> {
    let now = at.second();
    let body = newest_request(config, span_secs(config), now);
    let mut exchange = Exchange::new(config, &mut memory.tokens, body, Notices::default());
    let request = exchange.begin(at, 0);
    Step::Send(request, PendingCheck(Box::new(Check { exchange, is_of_last_hour: false })))
}

/// A check whose request is on its way.
#[derive(Debug)]
pub struct PendingCheck<'c>(Box<Check<'c>>);

impl PendingCheck<'_> {
    /// Takes the reply in.
    #[must_use]
    pub fn reply(self, reply: Result<Response, HttpError>, at: Moment) -> Step<Self, Report> {
        self.0.reply(reply, at)
    }
}

/// What a check is, from its first request to its end.
#[derive(Debug)]
struct Check<'c> {
    exchange: Exchange<'c>,
    /// What was asked for at first was not answered.
    is_of_last_hour: bool,
}

impl<'c> Check<'c> {
    #[inline(never)] // In line it makes the component larger.
    fn reply(
        mut self: Box<Self>,
        reply: Result<Response, HttpError>,
        at: Moment,
    ) -> Step<PendingCheck<'c>, Report> {
        let answer = self.exchange.receive(reply);
        let error = match self.exchange.take(&answer, false, RowDetail::Text) {
            Err(why) => self.exchange.fail_without_token(why, &answer),
            Ok(Taken::Next(request)) => return Step::Send(request, PendingCheck(self)),
            Ok(Taken::Reply(reply)) => match reply {
                Reply::Page(page) => return Step::Done(Ok(self.report(&page, answer.date, at))),
                Reply::Credentials(refusal, may_be_the_clock) => {
                    let date = answer.date;
                    match self.exchange.retry_refused(refusal, may_be_the_clock, date, at, None) {
                        Some(request) => return Step::Send(request, PendingCheck(self)),
                        None => self.exchange.fail_refused(refusal, &answer),
                    }
                }
                Reply::Failed(cause) => match self.other_question(&cause, &answer, at) {
                    Some(request) => return Step::Send(request, PendingCheck(self)),
                    None => self.exchange.fail_for(&cause, &answer),
                },
                Reply::TooLarge(why) | Reply::DeadToken(why) => {
                    let account = self.exchange.account;
                    let message =
                        format!("the API's answer is too large: {}", account.redact(&why));
                    account.fail(ErrorKind::Protocol, "too_large", message)
                }
            },
        };
        Step::Done(Err(error))
    }

    /// The same as a poll does where its question may be the reason: it ends at the API's clock, or
    /// asks for an hour.
    fn other_question(&mut self, cause: &Cause, answer: &Answer, at: Moment) -> Option<Request> {
        let (config, now) = (self.exchange.config, at.second());
        if !self.exchange.is_first_try() {
            return None;
        }
        let (span_secs, to) = if cause.may_be_too_much() {
            let hours = span_secs(config) / 3_600;
            let what = self.exchange.account.redact(&cause.what);
            self.exchange.account.notices.departs(
                "unanswered",
                format!(
                    "{hours} hours were asked for and not answered ({what}): this is of the last \
                     hour alone"
                ),
            );
            self.is_of_last_hour = true;
            (LAST_HOUR_SECS, now)
        } else {
            (
                span_secs(config),
                answer.date.filter(|date| cause.about == About::Question && *date < now)?,
            )
        };
        self.exchange.ask(newest_request(config, span_secs, to));
        self.exchange.again(answer.date, at, to - now)
    }

    fn report(mut self, page: &Page<'_>, date: Option<Second>, at: Moment) -> Report {
        self.exchange.account.stats.rows = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        if page.rows.is_empty() && !self.is_of_last_hour {
            self.exchange.account.notices.happened(no_rows(self.exchange.config));
        }
        let times = page.rows.iter().filter_map(Row::time);
        Report {
            newest_unix_nanos: times.max().and_then(EventTime::unix_nanos),
            quota: self.exchange.account.quota,
            clock_offset_ms: date.map(|date| offset_secs(date, at.second()).saturating_mul(1_000)),
            notices: self.exchange.account.notices.into_all(),
            stats: self.exchange.account.stats,
        }
    }
}

fn newest_request(config: &Config, span_secs: i64, to: Second) -> Vec<u8> {
    LogsRequest {
        page_size: 1,
        page_token: None,
        oldest_first: false,
        from: to - span_secs,
        to,
        filters: &config.filters,
    }
    .to_json()
}

fn span_secs(config: &Config) -> i64 {
    config.window_max_secs.max(SPAN_SECS_MIN)
}

/// That there is none may be right, and is what a wrong filter or a wrong clock looks like.
fn no_rows(config: &Config) -> Notice {
    let hours = span_secs(config) / 3_600;
    let which =
        if config.filters == Filters::default() { "" } else { " that the filters let pass" };
    let message =
        format!("there is no row{which} in the last {hours} hours by this machine's clock");
    Notice::info("no_rows", message)
}

const LAST_HOUR_SECS: i64 = 60 * 60;
const SPAN_SECS_MIN: i64 = 24 * 60 * 60;
