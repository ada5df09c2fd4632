//! The machine of a check: one small request, and what it tells.

use crate::batch::{ErrorKind, Report};
use crate::clock::offset_secs;
use crate::config::Config;
use crate::exchange::{Exchange, Moment, Step};
use crate::http::{HttpError, Response};
use crate::poll::denied;
use crate::reply::Reply;
use crate::request::LogsRequest;
use crate::timestamp::EventTime;

/// Begins a check: asks for the newest row of the last `window_max_secs`.
#[must_use]
pub fn check(config: &Config, at: Moment) -> Step<Box<PendingCheck<'_>>, Report> {
    let now = at.second();
    let body = LogsRequest {
        page_size: 1,
        page_token: None,
        oldest_first: false,
        from: now - config.window_max_secs,
        to: now,
        filters: &config.filters,
    }
    .to_json();
    let mut exchange = Exchange::new(config, body, Vec::new());
    let request = exchange.request(at, 0);
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
        let config = self.exchange.config;
        let answer = self.exchange.receive(reply);
        let (kind, code, message) = match Reply::read(&answer.reply, &answer.body, false) {
            Reply::Page(page) => {
                let times = page.rows.iter().filter_map(crate::row::Row::time);
                let newest_unix_nanos = times.max().and_then(EventTime::unix_nanos);
                self.exchange.stats.rows = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
                return Step::Done(Ok(Report {
                    newest_unix_nanos,
                    quota: self.exchange.quota(),
                    clock_offset_ms: answer
                        .date
                        .map(|date| offset_secs(date, at.second()).saturating_mul(1_000)),
                    notices: self.exchange.notices,
                    stats: self.exchange.stats,
                }));
            }
            Reply::Credentials(refusal, may_be_the_clock) => {
                if let Some(request) =
                    self.exchange.retry_by_the_clock(may_be_the_clock, answer.date, at)
                {
                    return Step::Send(request, self);
                }
                (ErrorKind::Auth, refusal.code(), refusal.advice().to_owned())
            }
            Reply::Denied(why) => (ErrorKind::Config, "denied", denied(config, &why)),
            Reply::Later(why) => {
                return Step::Done(Err(self.exchange.fail_for_now(
                    "rate_limited",
                    &why,
                    &answer,
                    true,
                )));
            }
            Reply::Transient(code, why) => {
                return Step::Done(Err(self.exchange.fail_for_now(code, &why, &answer, false)));
            }
            Reply::TooLarge(why) => (ErrorKind::Protocol, "too_large", config.redact(&why)),
            Reply::Protocol(code, why) => (ErrorKind::Protocol, code, config.redact(&why)),
            // There was no page token.
            Reply::TokenRefused(why) => {
                (ErrorKind::Protocol, "page_token_refused", config.redact(&why))
            }
        };
        Step::Done(Err(self.exchange.fail(kind, code, message)))
    }
}
