//! What each fuzz target does with its bytes, and what must hold whatever they are.
#![allow(dead_code, reason = "each target uses its own")]
#![allow(clippy::unwrap_used, reason = "a panic is what a fuzzer finds")]

use std::collections::BTreeSet;

use mimecast_ttp_source::{
    Batch, Config, ConfigError, ErrorKind, EventTime, HttpError, Memory, Moment, PollError,
    Response, Second, Step, explain, poll,
};
use serde::de::IgnoredAny;
use serde_json::Value;

/// A text as a configuration: it is right, or every fault in it is told with its remedy.
pub(crate) fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(text) {
        Ok(config) => {
            let mut memory = Memory::new();
            let Step::Send(request, _) = poll(&config, &mut memory, None, moment(0)) else {
                panic!("a first poll does not ask");
            };
            let given: Value = serde_json::from_str(text).unwrap();
            let base_url = given["base_url"].as_str().unwrap();
            let path = request.url.strip_prefix(base_url.strip_suffix('/').unwrap_or(base_url));
            assert!(matches!(path, Some("/api/ttp/impersonation/get-logs" | "/oauth/token")));
            for (name, value) in &request.headers {
                assert!(
                    value.bytes().all(|b| (b' '..=b'~').contains(&b)),
                    "{name} holds {value:?}"
                );
            }
            if request.url.ends_with("/oauth/token") {
                assert!(request.body.iter().all(u8::is_ascii_graphic));
                return;
            }
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert!(body["data"][0]["from"].as_str() < body["data"][0]["to"].as_str());
        }
        Err(ConfigError(faults)) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
            }
        }
    }
}

/// A text as a cursor: it is refused as one, or polled with and handed on.
pub(crate) fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let config = config("raw", false);
    let mut memory = Memory::new();
    let explained = explain(text);
    match poll(&config, &mut memory, Some(text), moment(0)) {
        Step::Done(Ok(batch)) => panic!("a batch without a request: {batch:?}"),
        Step::Done(Err(error)) => {
            assert_eq!(error.kind, ErrorKind::Cursor);
            assert_eq!(explained, Err(error));
        }
        Step::Send(..) if explained.is_err() => panic!("{explained:?}"),
        Step::Send(..) => run(&config, text.to_owned(), &EMPTY_PAGE.repeat(4)),
    }
}

/// A text as a date of each kind: what is understood is written as it was meant.
pub(crate) fn dates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(time) = EventTime::parse(text) {
        let second = time.second();
        assert_eq!(Second::parse_rfc3339(text), Some(second));
        // Years have four digits; a zone can lead beyond them.
        if second.unix_secs() <= 253_402_300_799 {
            assert_eq!(Second::parse_rfc3339(&second.to_string()), Some(second));
            assert_eq!(Second::parse_rfc3339(&second.api_date()), Some(second));
        }
        let nanos = time.unix_nanos();
        assert!(nanos.is_none_or(|nanos| Second::of_nanos(nanos) == second));
    }
    if let Some(second) = Second::parse_http_date(text) {
        let written = second.header_date();
        if second.unix_secs() >= 0 {
            assert_eq!(Second::parse_http_date(&written), Some(second));
        }
    }
}

/// Replies one after the other, to polls that begin with no cursor: so each of them meets any state
/// that those before can lead to. How many bytes there are chooses the format of the events.
pub(crate) fn replies(data: &[u8]) {
    let config = config(FORMATS[data.len() % 4], data.len() % 8 >= 4);
    run(&config, String::new(), data);
}

/// Polls until the script of replies ends. Each reply is a byte that chooses its status, one for its
/// headers and the time that passes, and a body up to a line break.
fn run(config: &Config, mut cursor: String, script: &[u8]) {
    let mut script = script.split(|byte| *byte == b'\n').take(REPLIES_MAX).peekable();
    let mut memory = Memory::new();
    let mut watermark = None;
    let mut secs = 0;
    while script.peek().is_some() {
        let stored = Some(cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let mut step = poll(config, &mut memory, stored, moment(secs));
        let mut requests = 0;
        let outcome = loop {
            step = match step {
                Step::Send(request, pending) => {
                    requests += 1;
                    assert!(requests <= 3, "a poll asks without end");
                    let asked: Value = serde_json::from_slice(&request.body).unwrap();
                    let bound = |name: &str| asked["data"][0][name].as_str().unwrap().to_owned();
                    assert!(bound("from") <= bound("to"), "a window runs backwards");
                    let reply = reply(script.next().unwrap_or_default(), &mut secs);
                    pending.reply(reply, moment(secs))
                }
                Step::Done(outcome) => break outcome,
            };
        };
        match outcome {
            Ok(batch) => {
                let is_back =
                    watermark.is_some_and(|before| batch.progress.complete_until < before);
                assert!(!is_back, "the watermark went back");
                watermark = Some(batch.progress.complete_until);
                check_batch(&batch);
                cursor = batch.cursor;
            }
            Err(error) => check_error(&error),
        }
    }
}

fn check_batch(batch: &Batch) {
    assert!(batch.cursor.len() <= 1_000_000);
    let mut ids = BTreeSet::new();
    for event in &batch.events {
        assert!(!event.id.is_empty());
        assert!(ids.insert(&event.id), "{} came twice in one batch", event.id);
        assert!(!event.body.contains(['\n', '\r']), "more than one line");
        // Lone surrogates and numbers of any size pass: the reader's limits are not ours.
        let is_json = serde_json::from_str::<IgnoredAny>(&event.body).is_ok();
        assert!(is_json && event.body.starts_with('{'), "no object: {}", event.body);
    }
    assert!(!SECRETS.iter().any(|secret| batch.cursor.contains(secret)), "a secret in a cursor");
    check_notices(&batch.notices);
}

fn check_error(error: &PollError) {
    assert!(!error.message.is_empty());
    assert!(error.message.len() < 4_096);
    assert!(!SECRETS.iter().any(|secret| error.message.contains(secret)), "a secret in an error");
    assert!(error.retry_after_ms.is_none_or(|ms| ms <= 900_000));
    check_notices(&error.notices);
}

fn check_notices(notices: &[mimecast_ttp_source::Notice]) {
    assert!(notices.len() < 16);
    for notice in notices {
        assert!(!SECRETS.iter().any(|secret| notice.message.contains(secret)), "{notice:?}");
    }
}

/// `status`: a digit is one of `STATUSES`, a letter from `a` to `g` an error of the host, all else a
/// success. `extra`: two bits for the time that passes, three for `Date`, one for the other headers.
fn reply(script: &[u8], secs: &mut i64) -> Result<Response, HttpError> {
    let (status, extra, body) = match script {
        [status, extra, body @ ..] => (*status, usize::from(*extra), body),
        _ => (b'a', 0, script),
    };
    *secs = (*secs + [0, 60, 700, 90_000][extra & 3]).min(FUTURE_SECS);
    let text = String::from_utf8_lossy(body).into_owned();
    let status = match status {
        b'a' => return Err(HttpError::Timeout(text)),
        b'b' => return Err(HttpError::Denied(text)),
        b'c' => return Err(HttpError::Dns(text)),
        b'd' => return Err(HttpError::Connect(text)),
        b'e' => return Err(HttpError::Tls(text)),
        b'f' => return Err(HttpError::TooLarge(text)),
        b'g' => return Err(HttpError::Other(text)),
        digit @ b'0'..=b'9' => STATUSES[usize::from(digit - b'0')],
        _ => 200,
    };
    let mut headers = Vec::new();
    let offset_secs = [None, Some(0), Some(1), Some(-61), Some(3_600), Some(-3_600), Some(90_000)]
        [(extra >> 2 & 7).min(6)];
    if let Some(offset_secs) = offset_secs {
        let date = Second::new(T + *secs + offset_secs).header_date().replace("UTC", "GMT");
        headers.push(("Date".to_owned(), date));
    }
    if extra & 32 != 0 {
        // Headers are foreign text too.
        headers.push(("Retry-After".to_owned(), text.chars().take(20).collect()));
        headers.push(("X-RateLimit-Remaining".to_owned(), "0".to_owned()));
        headers.push(("X-RateLimit-Reset".to_owned(), text.chars().take(20).collect()));
    }
    Ok(Response { status, headers, body: body.to_vec() })
}

fn config(format: &str, keep_original: bool) -> Config {
    let [access_key, secret_key, app_key] = SECRETS;
    let text = format!(
        r#"{{"base_url": "https://api.example", "start": "2026-11-01T00:00:00Z", "page_size": 2,
            "format": "{format}", "keep_original": {keep_original},
            "auth": {{"type": "hmac", "access_key": "{access_key}", "secret_key": "{secret_key}",
                     "app_id": "app", "app_key": "{app_key}"}}}}"#
    );
    Config::parse(&text).unwrap()
}

fn moment(secs: i64) -> Moment {
    let unix_secs = u64::try_from(T + 3_600 + secs).unwrap();
    Moment { unix_nanos: unix_secs * 1_000_000_000, random: [7; 16] }
}

/// A page of no rows, with the API's clock right, and a minute that passes.
const EMPTY_PAGE: &[u8] = b"0E{\"meta\":{\"status\":200},\"data\":[],\"fail\":[]}\n";
const FORMATS: [&str; 4] = ["raw", "ecs", "ocsf_detection_finding", "ocsf_email_activity"];
const T: i64 = 1_793_491_200;
const FUTURE_SECS: i64 = 400 * 86_400;
const REPLIES_MAX: usize = 64;
const STATUSES: [u16; 10] = [200, 400, 401, 403, 404, 418, 429, 500, 503, 302];
/// Access key, secret key, application key; long enough not to be met by chance.
const SECRETS: [&str; 3] = ["fuzz-access-4f1c02", "ZnV6ei1zZWNyZXQtOTlh", "fuzz-app-key-77b0e3"];
