//! The built component in wasmtime, before a canned API: what it imports, what it gives, what it
//! keeps to itself.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, LazyLock, Mutex};

use end_to_end::artifacts;
use end_to_end::embedding::{
    Api, Batch, ErrorKind, Guest, Header, HttpError, Program, Request, Response,
};
use end_to_end::page::{self, ACCESS_KEY, APP_KEY, NOW, SECRET_KEY, page, reply, row};
use serde_json::Value;

static PROGRAM: LazyLock<Program> =
    LazyLock::new(|| Program::new(&std::fs::read(artifacts::component()).unwrap()).unwrap());

#[test]
fn the_imports_are_the_listed_ones_and_no_others() {
    let listed = include_str!("../../../wit/imports.txt");
    let mut imports = PROGRAM.imports();
    imports.sort();
    assert_eq!(imports, listed.lines().collect::<Vec<_>>());
}

#[test]
fn it_says_who_it_is_and_what_it_is_configured_with() {
    let metadata = guest(|_| unreachable!("describe sends nothing")).describe().unwrap();
    assert_eq!(metadata.name, "mimecast-ttp-source");
    assert_eq!(metadata.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(metadata.kinds, ["mimecast.ttp.impersonation"]);
    let schema: Value = serde_json::from_str(&metadata.config_schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["base_url", "auth"]));
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once_and_nothing_is_sent() {
    let config = r#"{"base_url":"http://api.example","auth":{"type":"hmac","access_key":"a\u0000",
        "secret_key":"no base64!","app_id":"app","app_key":"k"},"overlap_secs":900,
        "window_max_secs":60,"page_size":0,"poll_interval_secs":"60","colour":"red",
        "filters":{"search_field":"subject"}}"#;
    let mut guest = guest(|_| unreachable!("a configuration with faults sends nothing"));
    let faults = guest.validate(config).unwrap().unwrap_err();
    let mut paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "auth.access_key",
            "auth.secret_key",
            "base_url",
            "colour",
            "filters.search_field",
            "page_size",
            "poll_interval_secs",
            "window_max_secs",
        ]
    );
    for fault in &faults {
        assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
    }
    let error = guest.poll(config, None).unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(error.message.contains("page_size"), "{}", error.message);
}

#[test]
fn a_sound_configuration_has_no_fault() {
    assert!(guest(|_| unreachable!()).validate(&page::config()).unwrap().is_ok());
}

#[test]
fn a_full_page_comes_out_row_by_row_as_it_came_in() {
    let rows: Vec<String> = (0..500).map(row).collect();
    let sent = rows.clone();
    let batch = poll(&mut guest(move |_| Ok(page(&sent, 1000, Some("token")))), None);
    let bodies: Vec<&str> = batch.events.iter().map(|event| event.body.as_str()).collect();
    assert_eq!(bodies, rows);
    assert!(batch.events.iter().all(|event| event.kind == "mimecast.ttp.impersonation"));
    assert_eq!(batch.events[7].time, Some(NOW - (3600 - 7) * 1_000_000_000));
    let row: Value = serde_json::from_str(&rows[7]).unwrap();
    let unix_secs = NOW / 1_000_000_000 - (3600 - 7);
    assert_eq!(batch.events[7].id, format!("{}@{unix_secs}", row["id"].as_str().unwrap()));
    assert!(batch.more);
    assert_eq!((batch.stats.requests, batch.stats.rows, batch.stats.duplicates), (1, 500, 0));
}

#[test]
fn what_a_request_asks_for_is_signed_and_bounded() {
    let (requests, api) = recorded(|_| Ok(page(&[], 0, None)));
    let batch = poll(&mut guest(api), None);
    assert!(!batch.more);
    let requests = requests.lock().unwrap();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "https://api.example/api/ttp/impersonation/get-logs");
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no header {name}")).value
    };
    assert!(header("authorization").starts_with(&format!("MC {ACCESS_KEY}:")));
    assert_eq!(header("x-mc-date"), "Sun, 01 Nov 2026 01:00:00 UTC");
    assert_eq!(header("x-mc-req-id").len(), 36);
    assert!(request.timeout_ms.is_some_and(|timeout| timeout <= 30_000));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["data"][0]["from"], "2026-11-01T00:00:00+0000");
    assert_eq!(body["data"][0]["to"], "2026-11-01T01:00:00+0000");
    assert_eq!(body["data"][0]["oldestFirst"], true);
}

#[test]
fn no_two_requests_share_an_id() {
    let (requests, api) = recorded(|_| Ok(page(&[], 0, None)));
    let mut guest = guest(api);
    let cursor = poll(&mut guest, None).cursor;
    poll(&mut guest, Some(&cursor));
    let requests = requests.lock().unwrap();
    let id = |request: &Request| {
        let mut headers = request.headers.iter();
        headers
            .find(|header| header.name.eq_ignore_ascii_case("x-mc-req-id"))
            .unwrap()
            .value
            .clone()
    };
    assert_ne!(id(&requests[0]), id(&requests[1]));
}

#[test]
fn a_cursor_goes_on_in_another_instance_and_repeats_nothing() {
    let rows: Vec<String> = (0..4).map(row).collect();
    let first = rows.clone();
    let batch = poll(&mut guest(move |_| Ok(page(&first[..2], 4, Some("token")))), None);
    assert_eq!(batch.events.len(), 2);
    let (requests, api) = {
        let rows = rows.clone();
        // The API moved its pages by one row meanwhile.
        recorded(move |_| Ok(page(&rows[1..], 4, None)))
    };
    let batch = poll(&mut guest(api), Some(&batch.cursor));
    let bodies: Vec<&str> = batch.events.iter().map(|event| event.body.as_str()).collect();
    assert_eq!(bodies, rows[2..]);
    assert_eq!(batch.stats.duplicates, 1);
    let body: Value = serde_json::from_slice(&requests.lock().unwrap()[0].body).unwrap();
    assert_eq!(body["meta"]["pagination"]["pageToken"], "token");
}

#[test]
fn a_cursor_is_told_in_words_without_a_request_and_another_is_refused_as_by_a_poll() {
    let cursor = poll(&mut guest(|_| Ok(page(&[row(1)], 1, None))), None).cursor;
    let mut guest = guest(|_| unreachable!("a cursor in words sends nothing"));
    let words = guest.explain_cursor(&cursor).unwrap().unwrap();
    assert!(words.iter().any(|(name, _)| name == "complete_until"), "{words:?}");
    let error = guest.explain_cursor("{}").unwrap().unwrap_err();
    let of_a_poll = guest.poll(&page::config(), Some("{}")).unwrap().unwrap_err();
    assert_eq!((error.kind, &error.code), (ErrorKind::Cursor, &of_a_poll.code));
}

#[test]
fn check_sends_one_small_request_and_tells_the_newest_event() {
    let (requests, api) = recorded(|_| Ok(page(&[row(3599)], 1, None)));
    let report = guest(api).check(&page::config()).unwrap().unwrap();
    assert_eq!(report.newest, Some(NOW - 1_000_000_000));
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn what_the_host_denied_is_a_fault_of_the_configuration() {
    let mut guest = guest(|_| Err(HttpError::Denied("api.example is not allowed".to_owned())));
    let error = guest.poll(&page::config(), None).unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config);
}

#[test]
fn a_failure_is_waited_out_to_the_end_of_a_quota_only_if_it_is_spent() {
    let failed = |status: u16, remaining: &str| {
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        let mut response = reply(status, "{}");
        response.headers.push(header("X-RateLimit-Remaining", remaining));
        response.headers.push(header("X-RateLimit-Reset", "60000"));
        let error = guest(move |_| Ok(response.clone())).poll(&page::config(), None);
        let error = error.unwrap().unwrap_err();
        (error.kind, error.retry_after_ms)
    };
    assert_eq!(failed(503, "7"), (ErrorKind::Transient, None));
    assert_eq!(failed(503, "0"), (ErrorKind::Throttled, Some(60_000)));
    assert_eq!(failed(429, "0"), (ErrorKind::Throttled, Some(60_000)));
    assert_eq!(failed(429, "7"), (ErrorKind::Throttled, Some(60_000)));
}

#[test]
fn a_reply_of_the_largest_size_fits_into_the_memory_of_a_guest() {
    // A row is one string of 16 MiB less the rest of the reply.
    let mut reply_bytes = page(&[row(0), String::new()], 2, None).body;
    let hole = reply_bytes.windows(2).position(|pair| pair == b",]").unwrap() + 1;
    let filler = format!(r#"{{"id":"big","subject":"{}"}}"#, "x".repeat(16 * 1024 * 1024));
    let room = 16 * 1024 * 1024 - reply_bytes.len();
    let big = format!("{}\"}}", &filler[..room - 2]);
    reply_bytes.splice(hole..hole, big.into_bytes());
    assert_eq!(reply_bytes.len(), 16 * 1024 * 1024);
    let batch = poll(&mut guest(move |_| Ok(reply(200, reply_bytes.clone()))), None);
    assert_eq!(batch.events.len(), 2);
    assert_eq!(batch.events[1].id, "big");
}

#[test]
fn no_output_holds_a_secret_even_if_the_api_repeats_it() {
    let echo = |request: Request| {
        let headers: Vec<String> = request
            .headers
            .iter()
            .map(|header| format!("{}: {}", header.name, header.value))
            .collect();
        let message = format!("{ACCESS_KEY} {SECRET_KEY} {APP_KEY} {}", headers.join(" "));
        let fail = serde_json::json!({"meta": {"status": 200}, "data": [],
            "fail": [{"errors": [{"code": "err_echo", "message": message, "retryable": false}]}]});
        fail.to_string()
    };
    let mut told = Vec::new();
    for status in [200, 400, 401, 403, 418, 429, 500, 502] {
        let error = guest(move |request| Ok(reply(status, echo(request))))
            .poll(&page::config(), None)
            .unwrap()
            .unwrap_err();
        told.push(format!("{error:?}"));
    }
    let html = guest(|_| Ok(reply(200, format!("<html>{SECRET_KEY}</html>"))))
        .poll(&page::config(), None)
        .unwrap()
        .unwrap_err();
    told.push(format!("{html:?}"));
    let garbled = page::config().replace(r#""app_id":"app""#, r#""app_id":7"#);
    told.push(format!("{:?}", guest(|_| unreachable!()).validate(&garbled).unwrap().unwrap_err()));
    told.push(poll(&mut guest(|_| Ok(page(&[row(1)], 1, None))), None).cursor);
    for text in told {
        for secret in [ACCESS_KEY, SECRET_KEY, APP_KEY] {
            assert!(!text.contains(secret), "{secret} is told in: {text}");
        }
    }
}

#[test]
fn the_events_of_the_longest_pages_fit_into_the_memory_of_a_guest() {
    for format in ["ecs", "ocsf_detection_finding", "ocsf_email_activity"] {
        let keys = format!(r#""format":"{format}","keep_original":true,"#);
        let mut config = page::config();
        config.insert_str(1, &keys);
        for (filler_bytes, events) in [(2_000, 500), (8_000, 0), (25_000, 0)] {
            // Stands in several places of an event, as an id and addresses do.
            let definition = "d".repeat(2_500);
            let filler = "\\\"".repeat(filler_bytes / 2);
            let row = |n| {
                let id = format!(r#""id":"{n}","eventTime":"2026-11-01T00:00:00+0000""#);
                format!(r#"{{{id},"definition":"{definition}","filler":"{filler}"}}"#)
            };
            let rows: Vec<String> = (0..500).map(row).collect();
            let reply = page(&rows, 500, None);
            assert!(reply.body.len() <= 16 << 20);
            let polled = guest(move |_| Ok(reply.clone())).poll(&config, None);
            let batch = polled.expect("no trap").unwrap();
            assert_eq!(batch.events.len(), events, "{format}, {filler_bytes}");
            let narrowed = batch.notices.iter().any(|notice| notice.code == "reply_too_large");
            assert_eq!(narrowed, events == 0, "{:?}", batch.notices);
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_outputs_to_the_byte() {
    let run = || {
        let rows: Vec<String> = (0..500).map(row).collect();
        let batch = poll(&mut guest(move |_| Ok(page(&rows, 700, Some("token")))), None);
        format!("{batch:?}")
    };
    assert_eq!(run(), run()); // I6
}

fn guest(api: impl FnMut(Request) -> Result<Response, HttpError> + Send + 'static) -> Guest {
    PROGRAM.start(NOW, Box::new(api)).unwrap()
}

fn poll(guest: &mut Guest, cursor: Option<&str>) -> Batch {
    guest.poll(&page::config(), cursor).unwrap().unwrap()
}

/// An API that also keeps what it was asked.
fn recorded(
    mut api: impl FnMut(Request) -> Result<Response, HttpError> + Send + 'static,
) -> (Arc<Mutex<Vec<Request>>>, Api) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let api = move |request: Request| {
        kept.lock().unwrap().push(request.clone());
        api(request)
    };
    (requests, Box::new(api))
}
