//! Joins the core to the contract's imports and exports. The only file that knows WebAssembly.

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({
        world: "polling-source",
        path: "wit",
        with: {
            "wasi:clocks/wall-clock@0.2.12": wasi::clocks::wall_clock,
            "wasi:random/random@0.2.12": wasi::random::random,
        },
    });
    use super::Component;
    export!(Component);
}

use std::sync::{Mutex, MutexGuard, PoisonError};

use bindings::exports::polling_source::contract::source as wit;
use bindings::polling_source::contract::http as wit_http;

use crate::check::PendingCheck;
use crate::config::{self, Config, ConfigError};
use crate::contract::http::{HttpError, Request, Response};
use crate::contract::source;
use crate::contract::step::{Moment, Step};
use crate::memory::Memory;
use crate::poll::Pending;
use crate::row::KIND;
use crate::timestamp::Second;

struct Component;

/// All that an instance keeps from one call to the next.
static MEMORY: Mutex<Memory> = Mutex::new(Memory::new());

impl wit::Guest for Component {
    fn describe() -> wit::Metadata {
        wit::Metadata {
            name: env!("CARGO_PKG_NAME").into(),
            kinds: vec![KIND.into()],
            version: env!("CARGO_PKG_VERSION").into(),
            config_schema: config::SCHEMA.into(),
        }
    }

    fn validate(config: String) -> Result<(), Vec<wit::Diagnostic>> {
        match Config::parse(&config) {
            Ok(_) => Ok(()),
            Err(ConfigError(faults)) => Err(faults.into_iter().map(Into::into).collect()),
        }
    }

    fn check(config: String) -> Result<wit::Report, wit::PollError> {
        let config = Config::parse(&config).map_err(source::PollError::from)?;
        let mut memory = memory();
        let step = crate::check(&config, &mut memory, moment());
        Ok(drive(step, PendingCheck::reply)?.into())
    }

    fn poll(config: String, cursor: Option<String>) -> Result<wit::Batch, wit::PollError> {
        let config = Config::parse(&config).map_err(source::PollError::from)?;
        let mut memory = memory();
        let step = crate::poll(&config, &mut memory, cursor.as_deref(), moment());
        Ok(drive(step, Pending::reply)?.into())
    }

    fn explain_cursor(cursor: String) -> Result<Vec<(String, String)>, wit::PollError> {
        Ok(crate::explain(&cursor)?)
    }
}

fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what a machine asks for, until its end.
fn drive<P, T>(
    mut step: Step<P, T>,
    reply: fn(P, Result<Response, HttpError>, Moment) -> Step<P, T>,
) -> Result<T, source::PollError> {
    loop {
        step = match step {
            Step::Send(request, pending) => reply(pending, send(request), moment()),
            Step::Done(outcome) => return outcome,
        };
    }
}

fn moment() -> Moment {
    let now = wasi::clocks::wall_clock::now();
    let bytes = wasi::random::random::get_random_bytes(16);
    let mut random = [0; 16];
    // A host that gives fewer bytes than asked for breaks WASI's contract; what it gave is used.
    random.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    let nanos = u64::from(now.nanoseconds);
    Moment { unix_nanos: now.seconds.saturating_mul(1_000_000_000).saturating_add(nanos), random }
}

fn send(request: Request) -> Result<Response, HttpError> {
    let headers = request.headers.into_iter();
    let reply = wit_http::send(&wit_http::Request {
        method: "POST".into(),
        url: request.url,
        headers: headers
            .map(|(name, value)| wit_http::Header { name: name.into(), value })
            .collect(),
        body: request.body,
        timeout_ms: Some(request.timeout_ms),
    });
    match reply {
        Ok(response) => Ok(Response {
            status: response.status,
            headers: response
                .headers
                .into_iter()
                .map(|header| (header.name, header.value))
                .collect(),
            body: response.body,
        }),
        Err(error) => Err(match error {
            wit_http::HttpError::Denied(text) => HttpError::Denied(text),
            wit_http::HttpError::Dns(text) => HttpError::Dns(text),
            wit_http::HttpError::Connect(text) => HttpError::Connect(text),
            wit_http::HttpError::Tls(text) => HttpError::Tls(text),
            wit_http::HttpError::Timeout(text) => HttpError::Timeout(text),
            wit_http::HttpError::TooLarge(text) => HttpError::TooLarge(text),
            wit_http::HttpError::Other(text) => HttpError::Other(text),
        }),
    }
}

impl From<source::Diagnostic> for wit::Diagnostic {
    fn from(fault: source::Diagnostic) -> Self {
        Self { path: fault.path, message: fault.message, remedy: fault.remedy }
    }
}

impl From<source::Batch> for wit::Batch {
    fn from(batch: source::Batch) -> Self {
        Self {
            events: batch.events.into_iter().map(Into::into).collect(),
            cursor: batch.cursor,
            more: batch.more,
            next_poll_ms: batch.next_poll_ms,
            notices: batch.notices.into_iter().map(Into::into).collect(),
            stats: batch.stats.into(),
            progress: Some(wit::Progress {
                complete_until: batch.progress.complete_until.unix_nanos(),
                target: batch.progress.target.unix_nanos(),
                newest: batch.progress.newest.map(Second::unix_nanos),
            }),
            quota: batch.quota.map(Into::into),
        }
    }
}

impl From<source::PollError> for wit::PollError {
    fn from(error: source::PollError) -> Self {
        Self {
            kind: match error.kind {
                source::ErrorKind::Transient => wit::ErrorKind::Transient,
                source::ErrorKind::Throttled => wit::ErrorKind::Throttled,
                source::ErrorKind::Auth => wit::ErrorKind::Auth,
                source::ErrorKind::Config => wit::ErrorKind::Config,
                source::ErrorKind::Cursor => wit::ErrorKind::Cursor,
                source::ErrorKind::Protocol => wit::ErrorKind::Protocol,
            },
            code: error.code.into(),
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            notices: error.notices.into_iter().map(Into::into).collect(),
            stats: error.stats.into(),
            quota: error.quota.map(Into::into),
        }
    }
}

impl From<source::Report> for wit::Report {
    fn from(report: source::Report) -> Self {
        Self {
            newest: report.newest_unix_nanos,
            quota: report.quota.map(Into::into),
            clock_offset_ms: report.clock_offset_ms,
            notices: report.notices.into_iter().map(Into::into).collect(),
            stats: report.stats.into(),
        }
    }
}

impl From<source::Event> for wit::Event {
    fn from(event: source::Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind.into(),
            time: event.time_unix_nanos,
            body: event.body,
        }
    }
}

impl From<source::Notice> for wit::Notice {
    fn from(notice: source::Notice) -> Self {
        Self {
            level: match notice.level {
                source::Level::Info => wit::Level::Info,
                source::Level::Warn => wit::Level::Warn,
            },
            code: notice.code.into(),
            message: notice.message,
        }
    }
}

impl From<source::Stats> for wit::Stats {
    fn from(stats: source::Stats) -> Self {
        Self {
            requests: stats.requests,
            sent_bytes: stats.sent_bytes,
            received_bytes: stats.received_bytes,
            rows: stats.rows,
            duplicates: stats.duplicates,
            counters: stats
                .counters()
                .map(|(name, value)| wit::Counter { name: name.into(), value: value.into() })
                .collect(),
        }
    }
}

impl From<source::Quota> for wit::Quota {
    fn from(quota: source::Quota) -> Self {
        Self { limit: quota.limit, remaining: quota.remaining, reset_ms: quota.reset_ms }
    }
}
