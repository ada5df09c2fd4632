//! What an earlier version got wrong: replies, keys and dates at the edge of what is documented.
//! Each of these tests failed once.
#![allow(clippy::unwrap_used)]

mod fake;

use fake::{
    HOUR, Host, T, WithHeader as _, config, config_with, failed, faults, ids, no_rows, page, paths,
    response, row, with,
};
use mimecast_ttp_source::{Config, ErrorKind, HttpError};
use serde_json::{Value, json};

#[test]
fn a_page_token_longer_than_a_cursor_may_hold_does_not_damage_the_cursor() {
    let mut host = Host::new(&config());
    let _ = host.poll(page(&[row("a", T + 1)], 2, Some(&"x".repeat(16 * 1024 + 1))));
    // Whatever became of it, the next poll must be possible.
    if let Err(error) = host.poll(no_rows()) {
        assert_ne!(error.kind, ErrorKind::Cursor, "{error:?}");
    }
}

#[test]
fn a_failure_is_read_whatever_stands_in_data() {
    for data in [json!(null), json!({}), json!([{}]), json!([null]), json!([{"resultCount": 0}])] {
        let lapsed = json!({"meta": {"status": 200}, "data": data,
            "fail": [{"errors": [{"code": "err_xdk_binding_expired", "message": "no"}]}]});
        let down = json!({"meta": {"status": 503}, "data": data, "fail": []});
        failed(Host::new(&config()).poll(response(200, lapsed)), ErrorKind::Auth);
        failed(Host::new(&config()).poll(response(200, down)), ErrorKind::Transient);
    }
}

#[test]
fn a_next_that_is_no_string_is_not_taken_for_the_last_page() {
    for next in ["5", "{\"a\":1}", "[\"t\"]", "true", "\"\\ud800\""] {
        let body = format!(
            r#"{{"meta":{{"pagination":{{"next":{next}}}}},"data":[{{"impersonationLogs":[{}]}}]}}"#,
            row("a", T + 3_000)
        );
        let outcome = Host::new(&config()).poll(response(200, body));
        if let Ok(batch) = outcome {
            assert_eq!(batch.progress.complete_until.unix_secs(), T, "{next}");
            assert!(batch.more, "{next}");
        }
    }
}

fn secretive(access_key: &str, app_key: &str) -> Value {
    config_with(json!({"auth": {"type": "hmac", "access_key": access_key, "app_key": app_key,
        "secret_key": "c2stMlZiOE5jLWRpc3RpbmN0aXZlKw==", "app_id": "app-id"}}))
}

#[test]
fn a_page_token_that_holds_a_secret_does_not_get_into_the_cursor() {
    for secret in ["ak-7Qw3Zr", "pk-9Lm5Xt", "c2stMlZiOE5jLWRpc3RpbmN0aXZlKw=="] {
        let mut host = Host::new(&secretive("ak-7Qw3Zr", "pk-9Lm5Xt"));
        let _ = host.poll(page(&[row("a", T + 1)], 2, Some(&format!("t-{secret}"))));
        assert!(!host.cursor.unwrap_or_default().contains(secret), "{secret}");
    }
}

#[test]
fn the_decoded_secret_key_is_hidden_too() {
    let body = json!({"fail": [{"code": "x", "message": "you sent sk-2Vb8Nc-distinctive+"}]});
    let error =
        failed(Host::new(&secretive("ak", "pk")).poll(response(400, body)), ErrorKind::Protocol);
    assert!(!error.message.contains("sk-2Vb8Nc"), "{error:?}");
}

#[test]
fn a_secret_that_holds_another_is_hidden_whole() {
    let body = json!({"fail": [{"code": "x", "message": "you sent key-rest-of-it"}]});
    let error = failed(
        Host::new(&secretive("key", "key-rest-of-it")).poll(response(400, body)),
        ErrorKind::Protocol,
    );
    assert!(!error.message.contains("rest-of-it"), "{error:?}");
}

#[test]
fn a_row_whose_time_lies_before_its_window_comes_once() {
    let mut host = Host::new(&config());
    host.now = T + 10 * HOUR;
    let rows = [row("early", T - HOUR), row("a", T + 9 * HOUR)];
    assert_eq!(host.poll(page(&rows, 2, None)).unwrap().events.len(), 2);
    for _ in 0..13 {
        host.now += 60;
        let batch = host.poll(page(&rows, 2, None)).unwrap();
        assert_eq!(ids(&batch), Vec::<&str>::new());
    }
}

#[test]
fn plain_http_goes_to_addresses_only_that_are_loopback() {
    for url in [
        "http://127.",
        "http://127.0.0.1.5",
        "http://127.1.2.3.4.5",
        "http://127.0.0.256",
        "http://127..1",
        "http://127.999",
        // Some read a part with a zero before it as octal.
        "http://127.0.0.01",
    ] {
        let config = with("base_url", json!(url));
        assert!(Config::parse(&config.to_string()).is_err(), "{url}");
    }
}

#[test]
fn a_host_that_can_be_none_is_refused() {
    for url in [
        "https://[]",
        "https://[::::]",
        "https://[.]",
        "https://.",
        "https://-",
        "https://a..b",
        "https://[1.2.3.4]",
    ] {
        let config = with("base_url", json!(url));
        assert!(Config::parse(&config.to_string()).is_err(), "{url}");
    }
}

#[test]
fn lengths_count_characters_as_the_schema_does() {
    let query = "\u{e9}".repeat(1_024);
    Config::parse(&config_with(json!({"filters": {"query": query}})).to_string()).unwrap();
    assert_eq!(
        paths(&faults(&config_with(json!({"filters": {"query": "\u{e9}".repeat(1_025)}})))),
        ["filters.query"]
    );
}

#[test]
fn a_429_inside_200_waits_for_the_reset_as_a_429_does() {
    let reply = response(200, json!({"meta": {"status": 429}, "data": [], "fail": []}));
    let reply = reply.header_of("X-RateLimit-Reset", "1500");
    let error = failed(Host::new(&config()).poll(reply), ErrorKind::Throttled);
    assert_eq!(error.retry_after_ms, Some(1_500));
}

#[test]
fn the_status_of_a_reply_that_is_too_large_still_counts() {
    for (status, kind) in [
        (429, ErrorKind::Throttled),
        (401, ErrorKind::Auth),
        (503, ErrorKind::Transient),
        (403, ErrorKind::Auth),
    ] {
        let reply = response(status, vec![b' '; 16 * 1024 * 1024 + 1]);
        let outcome = Host::new(&config()).poll(reply);
        assert_eq!(outcome.map_err(|error| error.kind).map(|_| ()), Err(kind), "{status}");
    }
}

#[test]
fn a_long_reason_of_the_host_does_not_push_the_remedy_out() {
    let reply = HttpError::Denied("why ".repeat(200));
    let error = failed(Host::new(&config()).poll(reply), ErrorKind::Config);
    assert!(error.message.contains("base_url"), "{error:?}");
}

#[test]
fn any_401_is_tried_by_the_apis_clock() {
    let mut host = Host::new(&config());
    let api_now = host.now + HOUR;
    let lapsed =
        json!({"fail": [{"errors": [{"code": "err_xdk_binding_expired", "message": "no"}]}]});
    let mut replies = vec![no_rows().dated(api_now), response(401, lapsed).dated(api_now)];
    host.poll_with(|_| Ok(replies.pop().unwrap())).unwrap();
}

#[test]
fn the_wait_of_a_first_reply_is_not_that_of_a_second_request_without_one() {
    let mut host = Host::new(&config());
    let api_now = host.now + HOUR;
    let refused = response(401, "").dated(api_now).header_of("Retry-After", "600");
    let mut first = Some(Ok(refused));
    let timeout = || Err(HttpError::Timeout("t".into()));
    let outcome = host.poll_with(|_| first.take().unwrap_or_else(timeout));
    let error = failed(outcome, ErrorKind::Transient);
    assert_eq!((error.code, error.retry_after_ms), ("timeout", None));
}

#[test]
fn a_start_that_leaves_no_room_for_a_window_is_refused() {
    let config = with("start", json!("9999-12-31T23:59:59Z"));
    assert!(Config::parse(&config.to_string()).is_err());
}

#[test]
fn short_keys_do_not_eat_the_advice() {
    let error = failed(Host::new(&secretive("e", "a")).poll(response(418, "")), ErrorKind::Auth);
    assert!(error.message.contains("make a new pair"), "{error:?}");
}

#[test]
fn a_newer_cursor_is_newer_however_deep_or_long_it_is() {
    for cursor in [
        format!("{{\"version\":7,\"x\":{}1{}}}", "[".repeat(20), "]".repeat(20)),
        format!("{{\"version\":7,\"x\":\"{}\"}}", "x".repeat(3 * 1024 * 1024)),
    ] {
        let mut host = Host::new(&config());
        host.cursor = Some(cursor);
        let error = failed(host.poll_with(|_| panic!()), ErrorKind::Cursor);
        assert!(error.message.contains("version 7"), "{error:?}");
    }
}

#[test]
fn a_key_code_counts_wherever_it_stands_among_the_errors() {
    let two =
        json!({"fail": [{"errors": [{"code": "err_x"}, {"code": "err_xdk_binding_expired"}]}]});
    failed(Host::new(&config()).poll(response(200, two)), ErrorKind::Auth);
}
