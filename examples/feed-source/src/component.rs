//! Joins the source to the contract. In a source of your own, little of this file changes.

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({ world: "polling-source", path: "../../wit", generate_all });
    use super::Component;
    export!(Component);
}

use bindings::exports::polling_source::contract::source as wit;
use bindings::polling_source::contract::http;
use bindings::wasi::{clocks::wall_clock, random::random};

use crate::config::{Config, Fault, SCHEMA};
use crate::feed::{self, Failure, KIND, Kind, Notice, Quota, Reply, Request};

struct Component;

impl wit::Guest for Component {
    fn describe() -> wit::Metadata {
        wit::Metadata {
            name: env!("CARGO_PKG_NAME").into(),
            kinds: vec![KIND.into()],
            version: env!("CARGO_PKG_VERSION").into(),
            config_schema: SCHEMA.into(),
        }
    }

    fn validate(config: String) -> Result<(), Vec<wit::Diagnostic>> {
        let told = |fault: Fault| wit::Diagnostic {
            path: fault.path,
            message: fault.message,
            remedy: fault.remedy,
        };
        Config::parse(&config).map(drop).map_err(|faults| faults.into_iter().map(told).collect())
    }

    fn check(config: String) -> Result<wit::Report, wit::PollError> {
        let config = Config::parse(&config).map_err(|faults| refused(&faults))?;
        let (reply, stats) = send(feed::request(&config, None, 1, random::get_random_u64()));
        let batch = feed::batch(&config, None, &reply, now());
        let batch =
            batch.map_err(|failure| wit::PollError { stats: stats.clone(), ..error(failure) })?;
        let found = feed::finding(&batch);
        Ok(wit::Report {
            newest: None,
            quota: batch.quota.map(quota),
            clock_offset_ms: None,
            stats: of_rows(batch.events.len(), stats),
            notices: batch.notices.into_iter().chain([found]).map(notice).collect(),
        })
    }

    fn poll(config: String, cursor: Option<String>) -> Result<wit::Batch, wit::PollError> {
        let config = Config::parse(&config).map_err(|faults| refused(&faults))?;
        let since = cursor.map(|cursor| feed::position(&config, &cursor)).transpose();
        let since = since.map_err(error)?;
        let since = since.as_deref();
        let request = feed::request(&config, since, config.page_size, random::get_random_u64());
        let (reply, stats) = send(request);
        let batch = feed::batch(&config, since, &reply, now());
        let batch =
            batch.map_err(|failure| wit::PollError { stats: stats.clone(), ..error(failure) })?;
        Ok(wit::Batch {
            stats: of_rows(batch.events.len(), stats),
            events: batch
                .events
                .into_iter()
                .map(|event| wit::Event {
                    id: event.id,
                    kind: KIND.into(),
                    time: event.time,
                    body: event.body,
                })
                .collect(),
            cursor: batch.cursor,
            more: batch.more,
            next_poll_ms: batch.next_poll_ms,
            notices: batch.notices.into_iter().map(notice).collect(),
            // A position of the feed is no time.
            progress: None,
            quota: batch.quota.map(quota),
        })
    }

    fn explain_cursor(cursor: String) -> Result<Vec<(String, String)>, wit::PollError> {
        let explained = feed::explain(&cursor).map_err(error)?;
        Ok(explained.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

fn now() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1_000_000_000).saturating_add(now.nanoseconds.into())
}

/// Makes one exchange, and counts it.
fn send(request: Request) -> (Reply, wit::Stats) {
    let sent_bytes = request.body.len() as u64;
    let header = |(name, value): (&str, String)| http::Header { name: name.into(), value };
    let reply = http::send(&http::Request {
        method: request.method.into(),
        url: request.url,
        headers: request.headers.into_iter().map(header).collect(),
        body: request.body,
        timeout_ms: Some(request.timeout_ms),
    });
    let reply = match reply {
        Ok(response) => Ok(feed::Response {
            status: response.status,
            headers: response.headers.into_iter().map(|h| (h.name, h.value)).collect(),
            body: response.body,
        }),
        Err(error) => Err(match error {
            http::HttpError::Denied(text) => ("denied", text),
            http::HttpError::Dns(text) => ("dns", text),
            http::HttpError::Connect(text) => ("connect", text),
            http::HttpError::Tls(text) => ("tls", text),
            http::HttpError::Timeout(text) => ("timeout", text),
            http::HttpError::TooLarge(text) => ("too_large", text),
            http::HttpError::Other(text) => ("exchange_failed", text),
        }),
    };
    let received_bytes = reply.as_ref().map_or(0, |response| response.body.len() as u64);
    (reply, wit::Stats { requests: 1, sent_bytes, received_bytes, ..NO_STATS })
}

fn of_rows(rows: usize, stats: wit::Stats) -> wit::Stats {
    wit::Stats { rows: u32::try_from(rows).unwrap_or(u32::MAX), ..stats }
}

fn quota(quota: Quota) -> wit::Quota {
    wit::Quota { limit: quota.limit, remaining: quota.remaining, reset_ms: quota.reset_ms }
}

fn notice(notice: Notice) -> wit::Notice {
    let level = if notice.is_warning { wit::Level::Warn } else { wit::Level::Info };
    wit::Notice { level, code: notice.code.into(), message: notice.message }
}

/// An error, as if nothing was sent.
fn error(failure: Failure) -> wit::PollError {
    wit::PollError {
        kind: match failure.kind {
            Kind::Transient => wit::ErrorKind::Transient,
            Kind::Throttled => wit::ErrorKind::Throttled,
            Kind::Auth => wit::ErrorKind::Auth,
            Kind::Config => wit::ErrorKind::Config,
            Kind::Cursor => wit::ErrorKind::Cursor,
            Kind::Protocol => wit::ErrorKind::Protocol,
        },
        code: failure.code.into(),
        message: failure.message,
        retry_after_ms: failure.retry_after_ms,
        notices: Vec::new(),
        stats: NO_STATS,
        quota: failure.quota.map(quota),
    }
}

/// A host should have called `validate`; if it did not, the faults come with the poll.
fn refused(faults: &[Fault]) -> wit::PollError {
    let told = |fault: &Fault| format!("{}: {}; {}", fault.path, fault.message, fault.remedy);
    let faults: Vec<String> = faults.iter().map(told).collect();
    let message = format!("the configuration is refused: {}", faults.join(" | "));
    error(feed::fail(Kind::Config, "config_refused", message))
}

const NO_STATS: wit::Stats = wit::Stats {
    requests: 0,
    sent_bytes: 0,
    received_bytes: 0,
    rows: 0,
    duplicates: 0,
    counters: Vec::new(),
};
