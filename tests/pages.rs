//! What a page may hold: rows as documented and rows that are not, rows that cannot be read, no rows,
//! too many, bytes that are no text, and texts that are no page.
#![allow(clippy::unwrap_used)]

mod fake;

use fake::{
    HOUR, Host, T, api_date, codes, config, config_with, failed, ids, page, page_of_text, response,
    row,
};
use mimecast_ttp_source::{Batch, ErrorKind, Level};
use serde_json::{Value, json};

/// Stands where the API's words are of no use to anybody: no output may hold it.
const BODY: &str = "body-of-the-reply";
const FORMATS: [&str; 4] = ["raw", "ecs", "ocsf_detection_finding", "ocsf_email_activity"];

#[test]
fn an_event_is_the_row_as_it_came_with_its_id_and_its_time() {
    let text = "{ \"eventTime\":\"2026-11-01T00:10:00+0000\",\r\n\t\"n\": 1.50,\n\"new\":[{\"id\":0}],\
        \"subject\":\"Gr\u{fc}\u{df}e \\u00e9 \\n \u{2028}\", \"id\" : \"a\\/b\" }";
    let batch = Host::new(&config()).poll(response(200, page_of_text(text))).unwrap();
    let event = &batch.events[0];
    assert_eq!(event.id, format!("a/b@{}", T + 600));
    assert_eq!(event.time_unix_nanos, Some(u64::try_from(T + 600).unwrap() * 1_000_000_000));
    assert_eq!(event.body, text.replace(['\r', '\n'], ""));
    assert_eq!(batch.notices, []);
}

#[test]
fn an_event_is_known_by_its_rows_id_and_time_however_they_are_written() {
    let longest = "x".repeat(4 * 1_024 - 32);
    for (id, time, known_by) in [
        ("a", "2026-11-01T00:10:00+0000", "a@1793491800"),
        ("a", "2026-11-01T02:10:00+02:00", "a@1793491800"),
        ("a", "2026-11-01T00:10:00.5Z", "a@1793491800.500000000"),
        ("a", "2026-11-01T00:10:00.000000001Z", "a@1793491800.000000001"),
        ("a", "2026-11-01T00:10:00.000Z", "a@1793491800"),
        ("a@5", "1970-01-01T00:00:00Z", "a@5@0"),
        ("a", "yesterday", "a"),
        (&longest, "9999-12-31T23:59:59.5Z", &format!("{longest}@253402300799.500000000")),
    ] {
        let rows = [json!({"id": id, "eventTime": time})];
        let batch = Host::new(&config()).poll(page(&rows, 1, None)).unwrap();
        assert_eq!(batch.events[0].id, known_by, "{time}");
        assert!(batch.events[0].id.len() <= 4 * 1_024);
    }
}

#[test]
fn one_id_at_two_times_is_two_rows_and_at_one_time_is_one_row() {
    let mut host = Host::new(&config());
    let later = json!({"id": "a", "eventTime": api_date(T + 1), "subject": "changed since"});
    let batch = host.poll(page(&[row("a", T + 1), row("a", T + 2), later], 2, None)).unwrap();
    let known_by: Vec<_> = batch.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(known_by, [format!("a@{}", T + 1), format!("a@{}", T + 2)]);
    assert_eq!(batch.stats.duplicates, 1);
    host.now += 60;
    let rows = [row("a", T + 1), row("a", T + 2), row("a", T + 3)];
    let batch = host.poll(page(&rows, 3, None)).unwrap();
    assert_eq!(batch.events.len(), 1);
    assert_eq!(batch.events[0].id, format!("a@{}", T + 3));
}

#[test]
fn control_characters_in_a_row_come_escaped_in_every_format() {
    for control in '\0'..' ' {
        let row = |control: &str| {
            format!(
                concat!(
                    r#"{{"id":"a{0}","eventTime":"2026-11-01T00:10:00+0000","#,
                    r#""senderAddress":"a@b.example","subject":"x{0}y\\{0}","new":["{0}"]}}"#
                ),
                control
            )
        };
        let escaped = match control {
            '\t' => "\\t".to_owned(),
            control => format!("\\u{:04x}", u32::from(control)),
        };
        for (format, keep_original) in FORMATS.into_iter().flat_map(|f| [(f, false), (f, true)]) {
            let config = config_with(json!({"format": format, "keep_original": keep_original}));
            let mut host = Host::new(&config);
            let reply = || response(200, page_of_text(&row(&control.to_string())));
            let batch = host.poll(reply()).unwrap();
            assert_eq!(
                (ids(&batch), codes(&batch.notices)),
                (vec![&*format!("a{control}")], vec![])
            );
            let body = &batch.events[0].body;
            assert!(!body.contains(char::is_control), "{format}: {body:?}");
            let event: Value = serde_json::from_str(body).expect(body);
            let (subject, original) = match format {
                "ecs" => ("/email/subject", "/event/original"),
                "ocsf_detection_finding" => ("/evidences/0/email/subject", "/raw_data"),
                "ocsf_email_activity" => ("/email/subject", "/raw_data"),
                _ => ("/subject", "/none"),
            };
            assert_eq!(event.pointer(subject), Some(&json!(format!("x{control}y\\{control}"))));
            if format == "raw" {
                assert_eq!(*body, row(&escaped));
            } else if keep_original {
                assert_eq!(event.pointer(original), Some(&json!(row(&escaped))), "{format}");
            }
            host.now += 60;
            assert_eq!(host.poll(reply()).unwrap().events, []);
        }
    }
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
        format!("{whole}{whole}"),
        format!("{whole},"),
        format!("{whole}\0"),
        whole[..whole.len() - 1].into(),
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
        with_data(&deep),
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
        let (length, remedy) = length.split_once(": ").unwrap_or((length, ""));
        assert_eq!(length.parse(), Ok(body.len()), "{shown}");
        assert_eq!(remedy.contains("it is a web page"), body.starts_with('<'), "{shown}");
        assert!(at.parse::<usize>().unwrap() <= body.len(), "{shown}");
    }
    let error = failed(Host::new(&config()).poll(response(200, "{}")), ErrorKind::Protocol);
    assert!(error.message.contains("no data"), "{error:?}");
}

#[test]
fn a_byte_order_mark_before_a_page_is_stepped_over() {
    let body = ["\u{feff}".as_bytes(), &page(&[row("a", T + 1)], 1, None).body].concat();
    let batch = Host::new(&config()).poll(response(200, body.clone())).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["a"], vec![]));
    // One is none of the page's bytes; a second one is no page.
    let body = ["\u{feff}".as_bytes(), &body].concat();
    let error = failed(Host::new(&config()).poll(response(200, body)), ErrorKind::Protocol);
    assert!(error.message.contains("at byte 0 of"), "{error:?}");
}

/// What can stand where a row should and cannot be read.
fn unreadable_rows() -> Vec<String> {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let with = |rest: &str| format!(r#"{{"id":"bad","subject":"{BODY}",{rest}}}"#);
    vec![
        with(r#""hits":NaN"#),
        with(r#""hits":01"#),
        with(r#""hits":"#),
        with(r#""hits":1,"#),
        with("'hits':1"),
        with("hits:1"),
        with(r#""hits" 1"#),
        with(r#""messageId":"a\qb""#),
        with(r#""messageId":"a\u12"b""#),
        with(r#""messageId":"a " b""#),
        with(r#""messageId":""a"","hits":1"#),
        with(&format!(r#""new":{deep}"#)),
        with(&format!(r#""new":[{{"a":{deep}}}]"#)),
        format!(r#"{{"id":"bad" "subject":"{BODY}"}}"#),
        format!(r#"{{"subject":"{BODY}"#) + r#"\x","eventTime":"2026-11-01T00:10:00+0000"}"#,
        BODY.to_owned(),
        "nul".to_owned(),
    ]
}

/// As the API writes its rows: their members in one order.
fn readable_row(id: &str) -> String {
    format!(r#"{{"id":"{id}","eventTime":"2026-11-01T00:10:00+0000","new":[{{"x":1}},{{"x":2}}]}}"#)
}

#[test]
fn a_row_that_cannot_be_read_is_told_once_and_spoils_no_other() {
    let good = ["a", "b"].map(readable_row);
    for bad in unreadable_rows() {
        for place in 0..3 {
            for format in FORMATS {
                let mut rows = good.to_vec();
                rows.insert(place, bad.clone());
                let body = page_of_text(&rows.join(","));
                let body = body.replace(r#""resultCount":1"#, r#""resultCount":3"#);
                let mut host = Host::new(&config_with(json!({"format": format})));
                let batch = host.poll(response(200, body.clone())).unwrap();
                assert_eq!(ids(&batch), ["a", "b"], "{bad}");
                assert_eq!(codes(&batch.notices), ["row_unreadable"], "{bad}");
                assert_eq!(batch.notices[0].level, Level::Warn);
                let told = &batch.notices[0].message;
                assert!(told.contains(&format!("row {} of its page", place + 1)), "{told}");
                assert!(told.contains("1 rows cannot be read"), "{bad}: {told}");
                assert!(told.contains(&format!("{} bytes", bad.len())), "{bad}: {told}");
                assert!(!batch.more && !format!("{batch:?}").contains(BODY), "{batch:?}");
                for _ in 0..13 {
                    host.now += 60;
                    let again = host.poll(response(200, body.clone())).unwrap();
                    assert_eq!((again.events.len(), again.notices.len()), (0, 0), "{bad}");
                    assert!(!format!("{again:?}").contains(BODY), "{again:?}");
                }
            }
        }
    }
}

#[test]
fn each_row_that_cannot_be_read_is_told_when_it_is_shown_first() {
    let all = unreadable_rows();
    let mut host = Host::new(&config());
    for (count, bad) in all.iter().enumerate() {
        // One after the other, each behind a row that can be read.
        let readable = |n: usize| readable_row(&n.to_string());
        let rows: Vec<_> = (0..=count).flat_map(|n| [readable(n), all[n].clone()]).collect();
        let body = page_of_text(&rows.join(","));
        let count_told = format!(r#""resultCount":{}"#, rows.len());
        let batch =
            host.poll(response(200, body.replace(r#""resultCount":1"#, &count_told))).unwrap();
        assert_eq!(
            (ids(&batch), codes(&batch.notices)),
            (vec![&*count.to_string()], vec!["row_unreadable"])
        );
        let told = &batch.notices[0].message;
        assert!(told.contains(&format!("row {} of its page", 2 * count + 2)), "{bad}: {told}");
        host.now += 60;
    }
}

#[test]
fn a_page_of_nothing_but_a_row_that_cannot_be_read_is_read_to_its_end() {
    for bad in unreadable_rows() {
        let mut host = Host::new(&config());
        let batch = host.poll(response(200, page_of_text(&bad))).unwrap();
        assert_eq!((ids(&batch), batch.more), (vec![], false), "{bad}");
        assert_eq!(codes(&batch.notices), ["row_unreadable"], "{bad}");
        let batch = host.poll(page(&[row("a", T + 600)], 2, Some("t"))).unwrap();
        assert_eq!(ids(&batch), ["a"]);
    }
}

#[test]
fn a_row_that_seems_to_end_within_hides_no_other() {
    let good = ["a", "b"].map(readable_row);
    // Quotes that are not escaped, with what ends a row between them; or what ends the list of rows.
    for (subject, ends_list) in [
        (r#""},""#, false),
        (r#""},{""#, false),
        (r#"","x":"}"},""#, false),
        (r#""}],""#, true),
        (r#""}]},""#, true),
    ] {
        for place in 0..3 {
            let bad = format!(r#"{{"id":"bad","subject":"{subject}","definition":"{BODY}"}}"#);
            let mut rows = good.to_vec();
            rows.insert(place, bad);
            let outcome = Host::new(&config()).poll(response(200, page_of_text(&rows.join(","))));
            match outcome {
                Ok(batch) => {
                    let found = ids(&batch);
                    let all = ["a", "b"].iter().all(|id| found.contains(id));
                    assert!(all && codes(&batch.notices).contains(&"row_unreadable"), "{batch:?}");
                }
                Err(error) => assert!(ends_list && error.code == "not_understood", "{error:?}"),
            }
        }
    }
}

#[test]
fn a_page_that_was_cut_is_an_error_whatever_it_holds() {
    let good = ["a", "b"].map(readable_row);
    // One that is nested too deep can be cut where its brackets close as those of a page do.
    let is_like_a_page = |bad: &String| bad.contains(r#"[{"a":[["#);
    for bad in unreadable_rows().into_iter().filter(|bad| !is_like_a_page(bad)) {
        let body = page_of_text(&[&*good[0], &bad, &good[1]].join(","));
        for end in 0..body.len() {
            let Some(cut) = body.get(..end) else { continue };
            let outcome = Host::new(&config()).poll(response(200, cut));
            let error = failed(outcome, ErrorKind::Protocol);
            assert!(!format!("{error:?}").contains(BODY), "{error:?}");
        }
    }
}

#[test]
fn a_row_whose_values_are_nested_128_levels_deep_is_an_event_and_a_deeper_one_is_not() {
    for (open, close, levels) in [("[", "]", 1), (r#"{"x":"#, "}", 1), (r#"[{"x":"#, "}]", 2)] {
        for format in FORMATS {
            let config = config_with(json!({"format": format}));
            let poll = |times: usize| {
                let (open, close) = (open.repeat(times), close.repeat(times));
                let row = format!(
                    r#"{{"id":"a","eventTime":"2026-11-01T00:10:00+0000","new":{open}1{close}}}"#
                );
                Host::new(&config).poll(response(200, page_of_text(&row))).unwrap()
            };
            let batch = poll(128 / levels);
            assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["a"], vec![]), "{open}");
            let batch = poll(128 / levels + 1);
            let told = (ids(&batch), codes(&batch.notices));
            assert_eq!(told, (vec![], vec!["row_unreadable"]), "{open}");
        }
    }
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
fn bytes_that_are_not_utf8_are_replaced_and_told_hourly_and_the_row_keeps_its_identity() {
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
        for (secs_later, told) in [(60, vec![]), (HOUR, vec!["invalid_utf8"]), (60, vec![])] {
            host.now += secs_later;
            let batch = host.poll(response(200, body.clone())).unwrap();
            assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], told));
        }
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
