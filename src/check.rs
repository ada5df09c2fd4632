//! The machine of a check: one small request, and what it tells.

use crate::batch::{ErrorKind, Notice, Report};
use crate::clock::offset_secs;
use crate::config::Config;
use crate::exchange::{Exchange, Moment, Step};
use crate::filters::Filters;
use crate::http::{HttpError, Response};
use crate::page::Page;
use crate::reply::Reply;
use crate::request::LogsRequest;
use crate::row::{Reading, Row};
use crate::timestamp::{EventTime, Second};
use crate::token::{NotGranted, TokenCache};

/// Begins a check: asks for the newest row of the last `window_max_secs`, but a day at least.
#[must_use]
pub fn check<'c>(
    config: &'c Config,
    tokens: &'c mut TokenCache,
    at: Moment,
) -> Step<Box<PendingCheck<'c>>, Report> {
    let now = at.second();
    let body = LogsRequest {
        page_size: 1,
        page_token: None,
        oldest_first: false,
        from: now - span_secs(config),
        to: now,
        filters: &config.filters,
    }
    .to_json();
    let mut exchange = Exchange::new(config, tokens, body, Vec::new());
    let request = exchange.begin(at, 0);
    Step::Send(request, Box::new(PendingCheck { exchange }))
}

/// A check whose request is on its way.
#[derive(Debug)]
pub struct PendingCheck<'c> {
    exchange: Exchange<'c>,
}

impl PendingCheck<'_> {
    /// Takes the reply in.
    #[must_use]
    pub fn reply(
        mut self: Box<Self>,
        reply: Result<Response, HttpError>,
        at: Moment,
    ) -> Step<Box<Self>, Report> {
        let answer = self.exchange.receive(reply);
        let error = match self.exchange.after_token(&answer) {
            Some(Ok(request)) => return Step::Send(request, self),
            Some(Err(NotGranted::Credentials(refusal))) => {
                self.exchange.fail_refused(refusal, &answer)
            }
            Some(Err(NotGranted::Failed(cause))) => self.exchange.fail_for(&cause, &answer),
            None => match Reply::read(&answer.reply, &answer.body, false, Reading::Text) {
                Reply::Page(page) => return Step::Done(Ok(self.report(&page, answer.date, at))),
                Reply::Credentials(refusal, may_be_the_clock) => {
                    match self.exchange.mend(refusal, may_be_the_clock, answer.date, at) {
                        Some(request) => return Step::Send(request, self),
                        None => self.exchange.fail_refused(refusal, &answer),
                    }
                }
                Reply::Failed(cause) => self.exchange.fail_for(&cause, &answer),
                Reply::TooLarge(why) | Reply::TokenRefused(why) => {
                    let why = self.exchange.secrets.redact(&why);
                    let message = format!("the API's answer is too large: {why}");
                    self.exchange.fail(ErrorKind::Protocol, "too_large", message)
                }
            },
        };
        Step::Done(Err(error))
    }

    fn report(mut self, page: &Page<'_>, date: Option<Second>, at: Moment) -> Report {
        self.exchange.stats.rows = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        if page.rows.is_empty() {
            self.exchange.notices.push(no_rows(self.exchange.config));
        }
        let times = page.rows.iter().filter_map(Row::time);
        Report {
            newest_unix_nanos: times.max().and_then(EventTime::unix_nanos),
            quota: self.exchange.quota(),
            clock_offset_ms: date.map(|date| offset_secs(date, at.second()).saturating_mul(1_000)),
            notices: self.exchange.notices,
            stats: self.exchange.stats,
        }
    }
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

const SPAN_SECS_MIN: i64 = 24 * 60 * 60;
