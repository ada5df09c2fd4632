//! What is asked of the feed, and what each kind of answer leads to.
#![allow(clippy::unwrap_used)]

use feed_source::config::Config;
use feed_source::feed::{
    Batch, Failure, Kind, Quota, Response, batch, explain, finding, position, request,
};
use serde_json::json;

const NOW: u64 = 1_700_000_000_000_000_000;

fn config() -> Config {
    Config::parse(r#"{"url": "https://feed.example/audit", "token": "s3cret", "page_size": 7}"#)
        .unwrap()
}

fn answer(status: u16, body: &str) -> Response {
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    Response { status, headers, body: body.into() }
}

fn read(body: &str) -> Result<Batch, Failure> {
    batch(&config(), Some("a"), &Ok(answer(200, body)), NOW)
}

#[track_caller]
fn assert_fails(failure: Result<Batch, Failure>, kind: Kind, code: &str) -> Failure {
    let failure = failure.map(drop).unwrap_err();
    assert_eq!((failure.kind, failure.code), (kind, code), "{failure:?}");
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
    failure
}

#[test]
fn a_request_names_position_and_page_size_and_bears_the_token() {
    let first = request(&config(), None, 7, 1);
    assert_eq!((first.method, first.body.len(), first.timeout_ms), ("GET", 0, 30_000));
    assert_eq!(first.url, "https://feed.example/audit?limit=7");
    assert!(first.headers.contains(&("Authorization", "Bearer s3cret".to_owned())));
    assert!(first.headers.contains(&("X-Request-Id", "0000000000000001".to_owned())));
    let second = request(&config(), Some("a&b=c d/\u{e9}"), 7, 1);
    assert_eq!(second.url, "https://feed.example/audit?since=a%26b%3Dc+d%2F%C3%A9&limit=7");
    let open = Config::parse(r#"{"url": "https://feed.example/audit"}"#).unwrap();
    let open = request(&open, None, 7, 1);
    assert!(open.headers.iter().all(|(name, _)| *name != "Authorization"));
}

#[test]
fn a_time_of_any_kind_does_not_hold_up_its_item() {
    for time in ["1e999", r#""\ud800""#, r#"{"a": [1]}"#, r#""tomorrow""#, "null"] {
        let item = format!(r#"{{"id": "1", "time": {time}}}"#);
        let batch = read(&format!(r#"{{"items": [{item}], "next": "b"}}"#)).unwrap();
        assert_eq!((batch.events[0].time, &batch.events[0].body), (None, &item));
        // None at all is as good as none.
        let codes: Vec<_> = batch.notices.iter().map(|notice| notice.code).collect();
        assert_eq!(codes, if time == "null" { &[][..] } else { &["unreadable_time"] }, "{time}");
    }
    let items = json!([{"id": "1", "time": 5}, {"id": "2", "time": 5}]);
    let batch = read(&json!({"items": items, "next": "b"}).to_string()).unwrap();
    assert_eq!(batch.notices.len(), 1, "one a page");
}

#[test]
fn items_become_events_with_their_own_text() {
    let body =
        "{\"items\": [{\"id\": \"1\", \"time\": \"2023-11-14T22:13:19.5Z\",\r\n \"n\": 1.10},
        {\"id\": \"2\", \"time\": 5}, {\"text\": \"a\\nb\", \"id\": \"3\"}], \"next\": \"b\"}";
    let batch = read(body).unwrap();
    let events: Vec<_> =
        batch.events.iter().map(|e| (e.id.as_str(), e.time, e.body.as_str())).collect();
    assert_eq!(
        events,
        [
            (
                "1",
                Some(1_699_999_999_500_000_000),
                r#"{"id": "1", "time": "2023-11-14T22:13:19.5Z", "n": 1.10}"#
            ),
            ("2", None, r#"{"id": "2", "time": 5}"#),
            ("3", None, r#"{"text": "a\nb", "id": "3"}"#),
        ]
    );
}

#[test]
fn a_page_with_items_has_more_after_it_and_one_without_is_the_end() {
    let batch = read(r#"{"items": [{"id": "1"}], "next": "b"}"#).unwrap();
    assert_eq!((batch.more, batch.next_poll_ms), (true, 0));
    let batch = read(r#"{"items": [], "next": "a"}"#).unwrap();
    assert_eq!((batch.more, batch.next_poll_ms), (false, 60_000));
}

#[test]
fn a_quota_is_passed_on_and_one_that_is_spent_is_waited_for() {
    let with = |status: u16, headers: &[(&str, &str)]| {
        let header = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let headers = headers.iter().map(header).collect();
        let body = br#"{"items": [{"id": "1"}], "next": "b"}"#.to_vec();
        batch(&config(), None, &Ok(Response { status, headers, body }), NOW)
    };
    let told = [("RateLimit-Limit", "9"), ("ratelimit-remaining", " 0"), ("RateLimit-Reset", "7")];
    let quota = Some(Quota { limit: Some(9), remaining: 0, reset_ms: 7_000 });
    let spent = with(200, &told).unwrap();
    assert_eq!((spent.quota, spent.more, spent.next_poll_ms), (quota, true, 7_000));
    assert_eq!(with(429, &told).unwrap_err().quota, quota);
    let left = with(200, &[("RateLimit-Remaining", "5"), ("RateLimit-Reset", "7")]).unwrap();
    assert_eq!(left.quota, Some(Quota { limit: None, remaining: 5, reset_ms: 7_000 }));
    assert_eq!(left.next_poll_ms, 0);
    for headers in [&[][..], &told[..2], &told[1..2], &[("RateLimit-Remaining", "-1"), told[2]]] {
        assert_eq!(with(200, headers).unwrap().quota, None, "{headers:?}");
    }
}

#[test]
fn a_check_tells_whether_there_is_an_item() {
    for (items, code) in [(json!([]), "no_items"), (json!([{"id": "1"}]), "first_item")] {
        let batch = read(&json!({"items": items, "next": "b"}).to_string()).unwrap();
        assert_eq!(finding(&batch).code, code);
    }
}

#[test]
fn a_cursor_leads_to_the_next_position_whatever_it_is_made_of() {
    let next = " x\"\\\n\u{1f600} 1&2";
    let page = json!({"items": [], "next": next}).to_string();
    assert_eq!(position(&config(), &read(&page).unwrap().cursor).unwrap(), next);
}

/// Cursors that earlier versions stored are never changed here.
const CURSOR_1: &str = r#"{"feed":"https://feed.example/audit","since":"a","version":1}"#;

#[test]
fn a_cursor_of_version_1_can_be_read() {
    assert_eq!(position(&config(), CURSOR_1).unwrap(), "a");
}

#[test]
fn a_cursor_of_another_feed_is_refused_and_of_the_same_is_not_whatever_else_changed() {
    let with = |text: &str| position(&Config::parse(text).unwrap(), CURSOR_1);
    for url in ["https://feed.example/other", "https://other.example/audit"] {
        let failure = with(&json!({ "url": url }).to_string()).unwrap_err();
        assert_eq!((failure.kind, failure.code), (Kind::Cursor, "cursor_foreign"));
    }
    let same = r#"{"url": "https://feed.example/audit", "token": "other", "page_size": 1}"#;
    assert_eq!(with(same).unwrap(), "a");
}

#[test]
fn a_cursor_is_explained_in_words() {
    let words = [("feed", "https://feed.example/audit"), ("since", "a")];
    assert_eq!(explain(CURSOR_1).unwrap(), words.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(explain("a").unwrap_err().code, "cursor_refused");
}

#[test]
fn a_damaged_or_newer_cursor_is_refused_by_name() {
    let told = |cursor: &str| {
        let failure = position(&config(), cursor).unwrap_err();
        assert_eq!((failure.kind, failure.code), (Kind::Cursor, "cursor_refused"), "{cursor}");
        failure.message
    };
    assert!(told(r#"{"version": 2, "at": 5}"#).contains("newer"));
    let feed = "https://feed.example/audit";
    let long = json!({"version": 1, "feed": feed, "since": "a".repeat(4097)}).to_string();
    for cursor in [
        "",
        "a",
        "{}",
        "[1]",
        r#"{"version": 1}"#,
        r#"{"version": 1, "since": "a"}"#,
        r#"{"version": 1, "feed": "https://feed.example/audit", "since": ""}"#,
        r#"{"version": 0, "feed": "https://feed.example/audit", "since": "a"}"#,
        r#"{"version": 1, "feed": "https://feed.example/audit", "since": 5}"#,
        &long,
    ] {
        assert!(told(cursor).contains("not one of this source"), "{cursor}");
    }
}

#[test]
fn each_status_has_its_kind_and_code() {
    use Kind::{Auth, Cursor, Protocol, Throttled, Transient};
    for (status, kind, code) in [
        (401, Auth, "unauthorized"),
        (403, Auth, "forbidden"),
        (408, Transient, "feed_failed"),
        (410, Cursor, "position_gone"),
        (425, Transient, "feed_failed"),
        (429, Throttled, "rate_limited"),
        (500, Transient, "feed_failed"),
        (503, Transient, "feed_failed"),
        (204, Protocol, "unexpected_status"),
        (302, Protocol, "unexpected_status"),
        (404, Protocol, "unexpected_status"),
    ] {
        let reply = Ok(answer(status, "s3cret"));
        let failure = assert_fails(batch(&config(), Some("a"), &reply, NOW), kind, code);
        let wait = matches!(kind, Transient | Throttled).then_some(7_000);
        assert_eq!(failure.retry_after_ms, wait, "{status}");
        assert!(failure.message.contains(&status.to_string()), "{failure:?}");
    }
    // There is no position that could be gone.
    let reply = Ok(answer(410, ""));
    assert_fails(batch(&config(), None, &reply, NOW), Protocol, "unexpected_status");
}

#[test]
fn a_wish_to_wait_is_bounded_and_an_odd_one_is_none() {
    let wait = |text: &str| {
        let headers = vec![("retry-after".to_owned(), text.to_owned())];
        let reply = Ok(Response { status: 429, headers, body: Vec::new() });
        batch(&config(), None, &reply, NOW).unwrap_err().retry_after_ms
    };
    assert_eq!(wait(" 0 "), Some(0));
    assert_eq!(wait("18446744073709551615"), Some(900_000));
    // Seven seconds after the present.
    assert_eq!(wait("Tue, 14 Nov 2023 22:13:27 GMT"), Some(7_000));
    assert_eq!(wait("Wed, 15 Nov 2023 22:13:27 GMT"), Some(900_000));
    let past = "Tue, 14 Nov 2023 22:13:19 GMT";
    for odd in ["-1", "soon", "1.5", "18446744073709551616", past] {
        assert_eq!(wait(odd), None, "{odd}");
    }
}

#[test]
fn an_exchange_that_failed_is_told_by_the_contracts_own_cases() {
    for (code, kind) in [
        ("denied", Kind::Config),
        ("too_large", Kind::Protocol),
        ("dns", Kind::Transient),
        ("connect", Kind::Transient),
        ("tls", Kind::Transient),
        ("timeout", Kind::Transient),
        ("exchange_failed", Kind::Transient),
    ] {
        let reply = Err((code, "what happened".to_owned()));
        let failure = assert_fails(batch(&config(), None, &reply, NOW), kind, code);
        assert_eq!(failure.message, "what happened");
    }
}

#[test]
fn what_is_no_page_is_told_without_a_word_of_it() {
    for body in [
        "",
        "s3cret",
        "{}",
        "[]",
        "<html>s3cret</html>",
        r#"{"items": "s3cret"}"#,
        r#"{"items": []}"#,
        r#"{"items": [], "next": 5}"#,
        r#"{"items": [{"id": "1"#,
    ] {
        assert_fails(read(body), Kind::Protocol, "not_a_page");
    }
    let reply = Ok(Response {
        status: 200,
        headers: Vec::new(),
        body: b"{\"items\": [{\"id\": \"\xff\"}], \"next\": \"b\"}".to_vec(),
    });
    assert_fails(batch(&config(), None, &reply, NOW), Kind::Protocol, "not_a_page");
}

#[test]
fn an_item_without_a_good_id_fails_its_page_and_is_not_passed_over() {
    let long = format!("{{\"id\": \"{}\"}}", "a".repeat(4097));
    let items = ["{}", "5", "[\"1\", null]", r#"{"id": 1}"#, r#"{"id": ""}"#, &long];
    for item in items {
        let page = format!(r#"{{"items": [{{"id": "1"}}, {item}], "next": "b"}}"#);
        assert_fails(read(&page), Kind::Protocol, "bad_item");
    }
    let longest = format!(r#"{{"items": [{{"id": "{}"}}], "next": "b"}}"#, "a".repeat(4096));
    assert_eq!(read(&longest).unwrap().events.len(), 1);
}

#[test]
fn a_page_that_leads_back_to_itself_is_not_delivered_over_and_over() {
    let page = r#"{"items": [{"id": "1"}], "next": "a"}"#;
    assert_fails(read(page), Kind::Protocol, "position_stuck");
}

#[test]
fn positions_and_pages_have_bounds() {
    let page = |items: usize, next: usize| {
        let items = vec![json!({"id": "1"}); items];
        json!({"items": items, "next": "n".repeat(next)}).to_string()
    };
    assert_eq!(read(&page(1_000, 4_096)).unwrap().events.len(), 1_000);
    assert_fails(read(&page(1_001, 1)), Kind::Protocol, "too_many_items");
    assert_fails(read(&page(1, 4_097)), Kind::Protocol, "bad_position");
    assert_fails(read(&page(1, 0)), Kind::Protocol, "bad_position");
}
