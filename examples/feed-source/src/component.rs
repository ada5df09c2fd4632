//! Joins the source to the contract. In a source of your own, little of this file changes.

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({ world: "polling-source", path: "../../wit", generate_all });
    use super::Component;
    export!(Component);
}

use bindings::exports::pipeline::source::source as wit;
use bindings::pipeline::source::http;
use bindings::wasi::{clocks::wall_clock, random::random};

use crate::config::{Config, Fault, SCHEMA};
use crate::feed::{self, Failure, Kind, Reply, Request};

struct Component;

impl wit::Guest for Component {
    fn describe() -> wit::Metadata {
        wit::Metadata {
            name: env!("CARGO_PKG_NAME").into(),
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
        let reply = send(feed::request(&config, None, 1, random::get_random_u64()));
        let batch = feed::batch(&config, None, &reply, now());
        let batch = batch.map_err(|failure| error(failure, &reply))?;
        let (code, message) = match batch.events.len() {
            0 => ("no_items", "the feed answers, and holds no item yet"),
            _ => {
                ("first_item", "the feed answers with its first item; it does not tell its newest")
            }
        };
        Ok(wit::Report {
            newest: None,
            quota: None,
            clock_offset_ms: None,
            notices: vec![wit::Notice {
                level: wit::Level::Info,
                code: code.into(),
                message: message.into(),
            }],
            stats: stats(&reply, batch.events.len()),
        })
    }

    fn poll(config: String, cursor: Option<String>) -> Result<wit::Batch, wit::PollError> {
        let config = Config::parse(&config).map_err(|faults| refused(&faults))?;
        let since = cursor.map(|cursor| feed::position(&cursor)).transpose();
        let since = since.map_err(|failure| unsent(failure.kind, failure.code, failure.message))?;
        let since = since.as_deref();
        let reply = send(feed::request(&config, since, config.page_size, random::get_random_u64()));
        let batch = feed::batch(&config, since, &reply, now());
        let batch = batch.map_err(|failure| error(failure, &reply))?;
        Ok(wit::Batch {
            stats: stats(&reply, batch.events.len()),
            events: batch
                .events
                .into_iter()
                .map(|event| wit::Event { id: event.id, time: event.time, body: event.body })
                .collect(),
            cursor: batch.cursor,
            more: batch.more,
            next_poll_ms: batch.next_poll_ms,
            notices: Vec::new(),
            progress: wit::Progress { complete_until: batch.complete_until, target: now() },
            quota: None,
        })
    }
}

fn now() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1_000_000_000).saturating_add(now.nanoseconds.into())
}

fn send(request: Request) -> Reply {
    let header = |(name, value): (&str, String)| http::Header { name: name.into(), value };
    let reply = http::send(&http::Request {
        method: "GET".into(),
        url: request.url,
        headers: request.headers.into_iter().map(header).collect(),
        body: Vec::new(),
        timeout_ms: Some(30_000),
    });
    match reply {
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
            http::HttpError::Other(text) => ("connection", text),
        }),
    }
}

fn stats(reply: &Reply, rows: usize) -> wit::Stats {
    wit::Stats {
        requests: 1,
        sent_bytes: 0,
        received_bytes: reply.as_ref().map_or(0, |response| response.body.len() as u64),
        rows: u32::try_from(rows).unwrap_or(u32::MAX),
        duplicates: 0,
    }
}

fn error(failure: Failure, reply: &Reply) -> wit::PollError {
    wit::PollError {
        retry_after_ms: failure.retry_after_ms,
        stats: stats(reply, 0),
        ..unsent(failure.kind, failure.code, failure.message)
    }
}

/// An error before anything was sent.
fn unsent(kind: Kind, code: &str, message: String) -> wit::PollError {
    wit::PollError {
        kind: match kind {
            Kind::Transient => wit::ErrorKind::Transient,
            Kind::Auth => wit::ErrorKind::Auth,
            Kind::Config => wit::ErrorKind::Config,
            Kind::Cursor => wit::ErrorKind::Cursor,
            Kind::Protocol => wit::ErrorKind::Protocol,
        },
        code: code.into(),
        message,
        retry_after_ms: None,
        notices: Vec::new(),
        stats: wit::Stats { requests: 0, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0 },
        quota: None,
    }
}

/// A host should have called `validate`; if it did not, the faults come with the poll.
fn refused(faults: &[Fault]) -> wit::PollError {
    let told = |fault: &Fault| format!("{}: {}; {}", fault.path, fault.message, fault.remedy);
    let faults: Vec<String> = faults.iter().map(told).collect();
    let message = format!("the configuration is refused: {}", faults.join(" | "));
    unsent(Kind::Config, "config_refused", message)
}
