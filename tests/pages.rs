//! What a page may hold: rows as documented and rows that are not, no rows, too many, bytes that are
//! no text, and texts that are no page.
#![allow(clippy::unwrap_used)]

mod fake;

use fake::{HOUR, Host, T, codes, config, failed, ids, page, page_of_text, response, row};
use mimecast_ttp_source::{Batch, ErrorKind, Level};
use serde_json::json;

/// Stands where the API's words are of no use to anybody: no output may hold it.
const BODY: &str = "body-of-the-reply";

#[test]
fn an_event_is_the_row_as_it_came_with_its_id_and_its_time() {
    let text = "{ \"eventTime\":\"2026-11-01T00:10:00+0000\",\r\n\t\"n\": 1.50,\n\"new\":[{\"id\":0}],\
        \"subject\":\"Gr\u{fc}\u{df}e \\u00e9 \\n \u{2028}\", \"id\" : \"a\\/b\" }";
    let batch = Host::new(&config()).poll(response(200, page_of_text(text))).unwrap();
    let event = &batch.events[0];
    assert_eq!(event.id, "a/b");
    assert_eq!(event.time_unix_nanos, Some(u64::try_from(T + 600).unwrap() * 1_000_000_000));
    assert_eq!(event.body, text.replace(['\r', '\n'], ""));
    assert_eq!(batch.notices, []);
}

#[test]
fn empty_results_in_all_their_forms_are_last_pages() {
    for (what, body) in [
        (
            "no rows",
            json!({"meta": {"status": 200, "pagination": {"pageSize": 500}}, "fail": [],
            "data": [{"resultCount": 0, "impersonationLogs": []}]}),
        ),
        ("data is empty", json!({"meta": {"status": 200}, "data": [], "fail": []})),
        (
            "no pagination",
            json!({"meta": {}, "data": [{"resultCount": 0, "impersonationLogs": []}]}),
        ),
        ("pagination is null", json!({"meta": {"pagination": null}, "data": [], "fail": null})),
        ("no meta", json!({"data": []})),
        ("next is empty", json!({"meta": {"pagination": {"next": ""}}, "data": []})),
        ("next is null", json!({"meta": {"pagination": {"next": null}}, "data": []})),
    ] {
        let mut host = Host::new(&config());
        let batch = host.poll(response(200, body)).unwrap();
        assert!(batch.events.is_empty() && !batch.more, "{what}: {batch:?}");
        assert_eq!(host.next().from, T, "{what}");
    }
}

#[test]
fn a_body_of_16_mib_is_read_and_one_byte_more_is_too_large() {
    let mut body = page(&[row("a", T + 1)], 1, None).body;
    body.resize(16 * 1024 * 1024, b' ');
    let batch = Host::new(&config()).poll(response(200, body.clone())).unwrap();
    assert_eq!(ids(&batch), ["a"]);
    body.push(b' ');
    let mut host = Host::new(&config());
    let batch = host.poll(response(200, body.clone())).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec!["reply_too_large"]));
    assert!(batch.more);
}

#[test]
fn a_body_that_outgrows_the_limit_when_it_is_mended_is_too_large() {
    let mut body = vec![0xff; 6 * 1024 * 1024];
    body.insert(0, b'"');
    let batch = Host::new(&config()).poll(response(200, body)).unwrap();
    assert!(codes(&batch.notices).contains(&"reply_too_large"), "{batch:?}");
}

#[test]
fn what_is_no_page_is_told_with_length_and_position_and_never_its_text() {
    let row = format!("{{\"id\":\"{BODY}\"}}");
    let deep = format!("{{\"{BODY}\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let deep_meta = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let many = vec![row.as_str(); 10_001].join(",");
    let whole = page_of_text(&row);
    let with_data = |data: &str| format!("{{\"x\":\"{BODY}\",\"data\":{data}}}");
    for body in [
        String::new(),
        " ".into(),
        format!("<html><h1>{BODY}</h1></html>"),
        BODY.into(),
        format!("\"{BODY}\""),
        format!("[{row}]"),
        "null".into(),
        "5".into(),
        format!("\u{feff}{whole}"),
        format!("{whole}{whole}"),
        format!("{whole},"),
        format!("{whole}\0"),
        whole[..whole.len() - 1].into(),
        whole.replace(BODY, &format!("{BODY}\n")),
        whole.replace(BODY, &format!("{BODY}\\x")),
        whole.replace("\"fail\":[]", "\"fail\":[],"),
        whole.replace("\"fail\":[]", "'fail':[]"),
        whole.replace("200", "0200"),
        with_data("{}"),
        with_data("null"),
        with_data("5"),
        with_data("[null]"),
        with_data("[{}]"),
        with_data("[{\"resultCount\":1}]"),
        with_data("[{\"impersonationLogs\":null}]"),
        with_data(&format!("[{{\"impersonationLogs\":{row}}}]")),
        page_of_text(&many),
        page_of_text(&deep),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
        format!("{{\"meta\":{deep_meta},\"data\":[]}}"),
        format!("{{\"meta\":{{\"x\":\"{}\"}},\"data\":[]}}", BODY.repeat(10_000)),
    ] {
        let shown: String = body.chars().take(60).collect();
        let reply = response(200, body.clone());
        let error = failed(Host::new(&config()).poll(reply), ErrorKind::Protocol);
        assert!(!format!("{error:?}").contains(BODY), "{error:?}");
        let (before, after) = error.message.split_once("at byte ").expect(&error.message);
        assert!(before.starts_with("the API's answer cannot be understood"), "{error:?}");
        let (at, length) = after.split_once(" of ").unwrap();
        assert_eq!(length.parse(), Ok(body.len()), "{shown}");
        assert!(at.parse::<usize>().unwrap() <= body.len(), "{shown}");
    }
    let error = failed(Host::new(&config()).poll(response(200, "{}")), ErrorKind::Protocol);
    assert!(error.message.contains("no data"), "{error:?}");
}

#[test]
fn a_page_of_ten_thousand_rows_is_read() {
    let rows: Vec<_> = (0..10_000).map(|n| row(&n.to_string(), T + n % HOUR)).collect();
    let batch = Host::new(&config()).poll(page(&rows, 10_000, None)).unwrap();
    assert_eq!(batch.events.len(), 10_000);
}

#[test]
fn a_page_that_cannot_be_understood_changes_nothing() {
    let rows = [row("a", T + 1), row("b", T + 2)];
    let good = page(&rows, 2, None);
    let mut host = Host::new(&config());
    for end in (0..good.body.len()).step_by(7) {
        failed(host.poll(response(200, &good.body[..end])), ErrorKind::Protocol);
    }
    assert_eq!(host.cursor, None);
    assert_eq!(ids(&host.poll(good).unwrap()), ["a", "b"]);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_told_and_the_row_keeps_its_identity() {
    for (bad, mended) in
        [(&b"\xff"[..], "\u{fffd}"), (b"\xe2\x82", "\u{fffd}"), (b"\xc3(", "\u{fffd}(")]
    {
        let text = page(&[row("a?", T + 1)], 1, None).body;
        let at = text.iter().position(|byte| *byte == b'?').unwrap();
        let body = [&text[..at], bad, &text[at + 1..]].concat();
        let mut host = Host::new(&config());
        let batch = host.poll(response(200, body.clone())).unwrap();
        assert_eq!(ids(&batch), [format!("a{mended}")]);
        assert_eq!(codes(&batch.notices), ["invalid_utf8"]);
        assert_eq!(batch.notices[0].level, Level::Warn);
        host.now += 60;
        let batch = host.poll(response(200, body)).unwrap();
        assert_eq!(ids(&batch), Vec::<&str>::new());
    }
}

#[test]
fn rows_that_are_not_as_documented_are_passed_on_with_a_notice_and_come_once() {
    let time = r#""eventTime":"2026-11-01T00:10:00+0000""#;
    let own = |rest: &str| format!(r#"{{"id":"own",{rest}}}"#);
    // The identities were computed with `printf %s "$row" | sha1sum`.
    for (row, id, is_timed) in [
        ("{}".to_owned(), "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f", false),
        (format!("{{{time}}}"), "cc486ad9f8f0a17cd53faa4aac6c41cb6b6dc8ae", true),
        (format!(r#"{{"id":5,{time}}}"#), "6714c2c1796553e52aeba7b2a874ce2f37b18bf4", true),
        (format!(r#"{{"id":"",{time}}}"#), "f767d231de7a53a3362998f63f41d50b30f2af5c", true),
        (format!(r#"{{"id":null,{time}}}"#), "93a80aec575b53411a7d5629930ed1dc6076761c", true),
        (format!(r#"{{"id":["x"],{time}}}"#), "228a6335c3cfe19c426f21f25bf21d16e258456e", true),
        (format!(r#"{{"id":"\ud800",{time}}}"#), "6c3f2168344f54ae769e6edf0ffa4639448d7ce9", true),
        (own(r#""eventTime":null"#), "own", false),
        (own(r#""eventTime":1793491800"#), "own", false),
        (own(r#""eventTime":"yesterday""#), "own", false),
        (own(r#""eventTime":"2026-02-29T00:00:00+0000""#), "own", false),
        (own(r#""eventTime":"1969-12-31T23:59:59+0000""#), "own", false),
        (own(r#""subject":"no time""#), "own", false),
    ] {
        let batch = odd(&row);
        assert_eq!((batch.events[0].id.as_str(), batch.events[0].body.as_str()), (id, &*row));
        assert_eq!(batch.events[0].time_unix_nanos.is_some(), is_timed, "{row}");
    }
    for (row, id) in [
        ("5", "ac3478d69a3c81fa62e60f5c3696165a4e5e6ac4"),
        (r#""text""#, "3ade2bd0c2a4121dbb3955aecc452ae62749c6e3"),
        ("null", "2be88ca4242c76e8253ac62474851065032d6833"),
        ("true", "5ffe533b830f08a0326348a9160afafc8ada44db"),
        ("[1,2]", "b874a9cb236fc88a636fad656a401e23b64300da"),
        (r#""\udc00""#, "17299ea76eae23366b771415cfbb06bc4a72f9ac"),
    ] {
        let batch = odd(row);
        assert_eq!(batch.events[0].id, id, "{row}");
        assert_eq!(batch.events[0].body, format!("{{\"row\":{row}}}"));
        assert_eq!(batch.events[0].time_unix_nanos, None, "{row}");
    }
}

/// The batch of a page with one odd row, which does not come again.
fn odd(row: &str) -> Batch {
    let mut host = Host::new(&config());
    let batch = host.poll(response(200, page_of_text(row))).unwrap();
    assert_eq!(batch.events.len(), 1, "{row}");
    assert_eq!(codes(&batch.notices), ["odd_rows"], "{row}");
    for _ in 0..13 {
        host.now += 60;
        let again = host.poll(response(200, page_of_text(row))).unwrap();
        assert_eq!((again.events.len(), codes(&again.notices)), (0, vec![]), "{row}");
    }
    batch
}

#[test]
fn a_lone_surrogate_in_a_member_that_is_not_looked_at_spoils_nothing() {
    let row = r#"{"id":"a","subject":"\ud83d","eventTime":"2026-11-01T00:10:00+0000"}"#;
    let batch = Host::new(&config()).poll(response(200, page_of_text(row))).unwrap();
    assert_eq!((ids(&batch), batch.events[0].body.as_str()), (vec!["a"], row));
}
