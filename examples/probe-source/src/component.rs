//! Joins the script to the contract.

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({ world: "polling-source", path: "../../wit", generate_all });
    use super::Component;
    export!(Component);
}

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use bindings::exports::polling_source::contract::source as wit;
use bindings::polling_source::contract::http;

use serde_json::json;

use crate::answer::{self, Batch, Error, Event, KIND, Outcome};
use crate::script::{self, Failure, Request, Response, SCHEMA};

struct Component;

/// Calls of this instance: what tells a fresh one.
static CALLS: AtomicU64 = AtomicU64::new(0);

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
        let fault = |(path, message): (&str, &str)| wit::Diagnostic {
            path: path.into(),
            message: message.into(),
            remedy: "give what the schema asks for".into(),
        };
        script::steps(&config).map(drop).map_err(|why| vec![fault(why)])
    }

    fn check(config: String) -> Result<wit::Report, wit::PollError> {
        let refused =
            |(path, why)| Error::new("config", "config_refused", format!("{path}: {why}"));
        script::steps(&config).map_err(|why| error(refused(why)))?;
        let notices = Vec::new();
        Ok(wit::Report {
            newest: None,
            quota: None,
            clock_offset_ms: None,
            notices,
            stats: stats(&[]),
        })
    }

    fn poll(config: String, cursor: Option<String>) -> Result<wit::Batch, wit::PollError> {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        match script::poll(&config, cursor.as_deref(), send) {
            Outcome::Batch(told) => Ok(batch(told, call)),
            Outcome::Error(told) => Err(error(told)),
            Outcome::Break(how) => Ok(batch(break_down(&how), call)),
        }
    }

    fn explain_cursor(cursor: String) -> Result<Vec<(String, String)>, wit::PollError> {
        let position = script::position(&cursor).map_err(error)?;
        Ok(vec![("position".into(), position.to_string())])
    }
}

fn send(request: Request) -> Result<Response, Failure> {
    let header = |(name, value): (String, String)| http::Header { name, value };
    let reply = http::send(&http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(header).collect(),
        body: request.body,
        timeout_ms: request.timeout_ms,
    });
    let reply = reply.map_err(|error| match error {
        http::HttpError::Denied(_) => "denied",
        http::HttpError::Dns(_) => "dns",
        http::HttpError::Connect(_) => "connect",
        http::HttpError::Tls(_) => "tls",
        http::HttpError::Timeout(_) => "timeout",
        http::HttpError::TooLarge(_) => "too-large",
        http::HttpError::Other(_) => "other",
    })?;
    let headers = reply.headers.into_iter().map(|header| (header.name, header.value)).collect();
    Ok(Response { status: reply.status, headers, body: reply.body })
}

fn batch(told: Batch, call: u64) -> wit::Batch {
    let body = |mut body: String| {
        if told.tells_call {
            body.truncate(body.len() - 1);
            body.extend([",\"call\":", &*call.to_string(), "}"]);
        }
        body
    };
    let event = |event: Event| wit::Event {
        id: event.id,
        kind: event.kind,
        time: None,
        body: body(event.body),
    };
    let notice = |code: &String| wit::Notice {
        level: wit::Level::Info,
        code: code.clone(),
        message: "as told".into(),
    };
    wit::Batch {
        events: told.events.into_iter().map(event).collect(),
        cursor: told.cursor,
        more: told.more,
        next_poll_ms: told.next_poll_ms,
        notices: told.notices.iter().map(notice).collect(),
        stats: stats(&told.counters),
        progress: None,
        quota: None,
    }
}

fn error(told: Error) -> wit::PollError {
    wit::PollError {
        kind: match &*told.kind {
            "throttled" => wit::ErrorKind::Throttled,
            "auth" => wit::ErrorKind::Auth,
            "config" => wit::ErrorKind::Config,
            "cursor" => wit::ErrorKind::Cursor,
            "protocol" => wit::ErrorKind::Protocol,
            _ => wit::ErrorKind::Transient,
        },
        code: told.code,
        message: told.message,
        retry_after_ms: told.retry_after_ms,
        notices: Vec::new(),
        stats: stats(&[]),
        quota: None,
    }
}

fn stats(counters: &[String]) -> wit::Stats {
    let counter = |name: &String| wit::Counter { name: name.clone(), value: 1 };
    wit::Stats {
        requests: 0,
        sent_bytes: 0,
        received_bytes: 0,
        rows: 0,
        duplicates: 0,
        counters: counters.iter().map(counter).collect(),
    }
}

/// Comes to no end of its own, unless a host grants more than any has to: then that is told.
fn break_down(how: &str) -> Batch {
    match how {
        "loop" => loop {
            black_box(());
        },
        "memory" => {
            let held: Vec<Vec<u8>> = (0..64).map(|_| black_box(vec![1; 8 << 20])).collect();
            let mut batch = Batch::end(answer::cursor(0));
            batch.events.push(answer::event(&json!({"name": "granted-"}), held.len(), 0));
            batch
        }
        "stack" => {
            black_box(deeper(1));
            Batch::end(answer::cursor(0))
        }
        _ => panic!("told to trap"),
    }
}

fn deeper(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == 0 { 0 } else { deeper(depth + 1) + room[0] }
}
