//! A host for the core without WebAssembly. Writes its transcript by the names of the contract.

use mimecast_ttp_source::{
    Batch, Config, Diagnostic, ErrorKind, HttpError, KIND, Level, Memory, Notice, PollError, Quota,
    Report, Request, Response, SCHEMA, Stats, Step, check, explain, poll,
};
use serde_json::{Value, json};

use crate::scenario::{self, Call, Function, Reply, Scenario};

/// What comes of a scenario.
pub(crate) fn transcript(scenario: &Scenario) -> String {
    let mut memory = Memory::new();
    let mut cursors = Vec::new();
    let calls = scenario.calls.iter().map(|call| {
        let mut requests = Vec::new();
        let outcome = match call.function {
            Function::Describe => json!({
                "config-schema": SCHEMA,
                "kinds": [KIND],
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
            }),
            Function::Validate => match Config::parse(&call.config()) {
                Ok(_) => json!({"ok": null}),
                Err(faults) => json!({"error": faults.0.iter().map(fault).collect::<Vec<_>>()}),
            },
            Function::Check => outcome(checked(call, &mut memory, &mut requests), report),
            Function::ExplainCursor => {
                let cursor = call.cursor(&cursors).unwrap_or_default();
                outcome(explain(&cursor), |words| json!(words))
            }
            Function::Poll => {
                let cursor = call.cursor(&cursors);
                outcome(polled(call, cursor.as_deref(), &mut memory, &mut requests), batch)
            }
        };
        cursors.push(outcome["ok"]["cursor"].as_str().map(str::to_owned));
        json!({"outcome": scenario::outcome(outcome), "requests": requests})
    });
    Value::from(calls.collect::<Vec<_>>()).to_string()
}

fn checked(
    call: &Call,
    memory: &mut Memory,
    requests: &mut Vec<Value>,
) -> Result<Report, PollError> {
    let config = Config::parse(&call.config())?;
    let mut step = check(&config, memory, moment(call, 0));
    loop {
        step = match step {
            Step::Send(asked, pending) => {
                pending.reply(exchanged(call, &asked, requests), moment(call, requests.len()))
            }
            Step::Done(outcome) => return outcome,
        };
    }
}

fn polled(
    call: &Call,
    cursor: Option<&str>,
    memory: &mut Memory,
    requests: &mut Vec<Value>,
) -> Result<Batch, PollError> {
    let config = Config::parse(&call.config())?;
    let mut step = poll(&config, memory, cursor, moment(call, 0));
    loop {
        step = match step {
            Step::Send(asked, pending) => {
                pending.reply(exchanged(call, &asked, requests), moment(call, requests.len()))
            }
            Step::Done(outcome) => return outcome,
        };
    }
}

fn moment(call: &Call, number: usize) -> mimecast_ttp_source::Moment {
    let moment = call.moment(number);
    mimecast_ttp_source::Moment {
        unix_nanos: moment.clock_ms * 1_000_000,
        random: moment.random(16).try_into().unwrap(),
    }
}

fn exchanged(
    call: &Call,
    asked: &Request,
    requests: &mut Vec<Value>,
) -> Result<Response, HttpError> {
    let reply = call.reply(requests.len());
    requests.push(json!({
        "body": String::from_utf8(asked.body.clone()).unwrap(),
        "headers": asked.headers,
        "method": "POST",
        "timeout-ms": asked.timeout_ms,
        "url": asked.url,
    }));
    match reply.expect("there is a reply for each request") {
        Reply::Response { status, headers, body } => {
            Ok(Response { status: *status, headers: headers.clone(), body: body.bytes() })
        }
        Reply::Error { error: (case, text) } => Err(match case.as_str() {
            "denied" => HttpError::Denied,
            "dns" => HttpError::Dns,
            "connect" => HttpError::Connect,
            "tls" => HttpError::Tls,
            "timeout" => HttpError::Timeout,
            "too-large" => HttpError::TooLarge,
            "other" => HttpError::Other,
            case => panic!("there is no http-error {case}"),
        }(text.clone())),
    }
}

fn outcome<T>(outcome: Result<T, PollError>, shown: impl Fn(&T) -> Value) -> Value {
    match outcome {
        Ok(value) => json!({"ok": shown(&value)}),
        Err(error) => json!({"error": poll_error(&error)}),
    }
}

fn batch(batch: &Batch) -> Value {
    let events = batch.events.iter().map(|event| {
        let time = event.time_unix_nanos.map(|time| time.to_string());
        json!({"body": event.body, "id": event.id, "kind": event.kind, "time": time})
    });
    json!({
        "cursor": batch.cursor,
        "events": events.collect::<Vec<_>>(),
        "more": batch.more,
        "next-poll-ms": batch.next_poll_ms.to_string(),
        "notices": notices(&batch.notices),
        "progress": {
            "complete-until": batch.progress.complete_until.unix_nanos().to_string(),
            "newest": batch.progress.newest.map(|time| time.unix_nanos().to_string()),
            "target": batch.progress.target.unix_nanos().to_string(),
        },
        "quota": quota(batch.quota),
        "stats": stats(batch.stats),
    })
}

fn report(report: &Report) -> Value {
    json!({
        "clock-offset-ms": report.clock_offset_ms.map(|offset| offset.to_string()),
        "newest": report.newest_unix_nanos.map(|time| time.to_string()),
        "notices": notices(&report.notices),
        "quota": quota(report.quota),
        "stats": stats(report.stats),
    })
}

fn poll_error(error: &PollError) -> Value {
    let kind = match error.kind {
        ErrorKind::Transient => "transient",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Auth => "auth",
        ErrorKind::Config => "config",
        ErrorKind::Cursor => "cursor",
        ErrorKind::Protocol => "protocol",
    };
    json!({
        "code": error.code,
        "kind": kind,
        "message": error.message,
        "notices": notices(&error.notices),
        "quota": quota(error.quota),
        "retry-after-ms": error.retry_after_ms.map(|wait| wait.to_string()),
        "stats": stats(error.stats),
    })
}

fn fault(fault: &Diagnostic) -> Value {
    json!({"message": fault.message, "path": fault.path, "remedy": fault.remedy})
}

fn notices(notices: &[Notice]) -> Vec<Value> {
    let level = |level| match level {
        Level::Info => "info",
        Level::Warn => "warn",
    };
    let shown = |notice: &Notice| json!({"code": notice.code, "level": level(notice.level), "message": notice.message});
    notices.iter().map(shown).collect()
}

fn quota(quota: Option<Quota>) -> Value {
    let shown = |quota: Quota| {
        json!({
            "limit": quota.limit.map(|limit| limit.to_string()),
            "remaining": quota.remaining.to_string(),
            "reset-ms": quota.reset_ms.to_string(),
        })
    };
    quota.map_or(Value::Null, shown)
}

fn stats(stats: Stats) -> Value {
    let counter = |(name, value): (&str, u32)| json!({"name": name, "value": value.to_string()});
    json!({
        "counters": stats.counters().map(counter).collect::<Vec<_>>(),
        "duplicates": stats.duplicates,
        "received-bytes": stats.received_bytes.to_string(),
        "requests": stats.requests,
        "rows": stats.rows,
        "sent-bytes": stats.sent_bytes.to_string(),
    })
}
