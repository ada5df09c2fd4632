//! Bugs that public collectors of these logs have had, one test each: what happened to them, and
//! what holds here instead.
//!
//! Mutants that it kills, in the order of the tests: a watermark that follows each page, or the
//! clock; windows that begin a second late; a key of the time; a token that outlives its window;
//! a malformed page that is an error, its token kept; a failure inside 200 taken for a page; an
//! error taken for a page without rows; a list of seen rows that knows none; a reset in seconds; a
//! page held back until its window is drained; pages without rows or pagination refused; a window
//! that ends at the clock; a fingerprint of the keys; `meta.status` not looked at; a refused token
//! that is an error; a cursor that is new at the end of a pass only; a window cut under its token.
#![allow(clippy::unwrap_used)]

mod fake;

use std::collections::BTreeMap;

use fake::{
    Api, DAY, HOUR, Host, Reply, T, WithHeader as _, codes, config, config_with, failed, ids,
    no_rows, numbered, own_ids, page, response, row,
};
use mimecast_ttp_source::{Batch, ErrorKind, HttpError, Response};
use serde_json::{Value, json};

/// A poll that the API answers well.
fn polled(host: &mut Host, api: &Api) -> Batch {
    let now = host.now;
    host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap()
}

/// None is lost and none comes twice.
#[track_caller]
fn assert_each_once(mut events: Vec<String>, count: usize) {
    assert_eq!(events.len(), count);
    events.sort();
    events.dedup();
    assert_eq!(events.len(), count, "some came twice");
}

fn one_hour() -> Api {
    Api { page_size: 100, ..numbered(0..1_000, |n| T + n * 3) }
}

fn unknown_token() -> Response {
    let error = json!({"code": "err_page_token", "message": "no", "retryable": false});
    response(400, json!({"meta": {"status": 400}, "fail": [{"errors": [error]}]}))
}

/// Theirs read the newest page first and wrote the cursor after it: a crash lost the older pages.
#[test]
fn a_crash_after_the_newest_page_loses_no_older_one() {
    let api = Api { is_newest_first: true, ..one_hour() };
    for pages in 1..10 {
        let (mut host, mut delivered) = (Host::new(&config()), Vec::new());
        for _ in 0..pages {
            let batch = polled(&mut host, &api);
            assert_eq!(batch.progress.complete_until.unix_secs(), T);
            assert_eq!(host.last().body["data"][0]["oldestFirst"], json!(true));
            delivered.extend(own_ids(&batch));
        }
        let mut host = host.restarted(&config());
        host.now += 2 * HOUR;
        delivered.extend(host.collect(&api));
        assert_each_once(delivered, 1_000);
    }
}

/// Theirs set the cursor to "now" when an answer was empty: rows that came late were lost.
#[test]
fn an_empty_answer_does_not_move_the_cursor_to_now_and_late_rows_come() {
    let mut host = Host::new(&config());
    for _ in 0..60 {
        assert_eq!(host.poll(no_rows()).unwrap().progress.complete_until.unix_secs(), T);
        host.now += 60;
    }
    assert_eq!(host.collect(&Api::of([("a".into(), T + 1_000)])), ["a"]);
    for _ in 0..600 {
        host.now += 60;
        assert_eq!(host.poll(no_rows()).unwrap().progress.complete_until.unix_secs(), T + 100);
    }
    let late = [("a".into(), T + 1_000), ("late".into(), T + 100)];
    assert_eq!(host.collect(&Api::of(late)), ["late"]);
}

/// Theirs went on one second after the newest row: other rows of its second were lost.
#[test]
fn a_row_that_comes_later_in_the_second_of_the_newest_is_not_passed_over() {
    for overlap_secs in [0, 900] {
        let mut host = Host::new(&config_with(json!({"overlap_secs": overlap_secs})));
        assert_eq!(host.collect(&Api::of([("a".into(), T + 1_000)])), ["a"]);
        host.now += 60;
        assert_eq!(host.next().from, T + 1_000 - overlap_secs);
        let rows = [("a".into(), T + 1_000), ("b".into(), T + 1_000)];
        assert_eq!(host.collect(&Api::of(rows)), ["b"]);
    }
}

/// Theirs knew a row by its messageId and time: other recipients' rows were dropped.
#[test]
fn the_recipients_of_one_message_are_as_many_events() {
    for has_id in [true, false] {
        let recipients: Vec<Value> = (0..3)
            .map(|n| {
                let mut row = row(&format!("MTOKEN:{n}"), T + 5);
                row["messageId"] = json!("<one@example>");
                row["recipientAddress"] = json!(format!("{n}@example"));
                if !has_id {
                    row.as_object_mut().unwrap().remove("id");
                }
                row
            })
            .collect();
        let mut host = Host::new(&config());
        let batch = host.poll(page(&recipients, 3, None)).unwrap();
        let bodies: Vec<Value> =
            batch.events.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect();
        assert_eq!(bodies, recipients);
        assert_eq!(host.poll(page(&recipients, 3, None)).unwrap().events, []);
    }
}

/// Theirs sent the last token of one window with the request for the next.
#[test]
fn a_new_window_has_no_token() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 900})));
    host.skip_newest();
    host.poll(page(&[row("a", T + 1)], 2, Some("t"))).unwrap();
    host.poll(page(&[row("b", T + 2)], 2, None)).unwrap();
    let next = host.next();
    assert_eq!((next.from, next.token), (T + 900, None));
}

/// Theirs tried the token of a malformed page again and again, for days.
#[test]
fn a_token_that_leads_to_a_malformed_page_is_told_of_and_left_behind() {
    let mut host = Host::new(&config());
    let (mut given, mut sent) = (0, BTreeMap::<String, u32>::new());
    let (mut from, mut told, mut left_behind) = (T, Vec::new(), 0);
    let mut delivered = Vec::new();
    for _ in 0..DAY / 60 {
        let outcome = host.poll_with(|asked| {
            if let Some(token) = &asked.token {
                *sent.entry(token.clone()).or_default() += 1;
                return Ok(response(200, "<html>"));
            }
            given += 1;
            Ok(page(&[row("a", T + 1)], 2, Some(&format!("t{given}"))))
        });
        let batch = outcome.unwrap();
        delivered.extend(own_ids(&batch));
        assert_eq!(batch.progress.complete_until.unix_secs(), T);
        for code in codes(&batch.notices) {
            assert!(host.last().token.is_some(), "{batch:?}");
            match code {
                "page_token_refused" => told.push(host.now),
                // Second by second, and no faster.
                "rows_withheld" => left_behind += 1,
                _ => panic!("{batch:?}"),
            }
        }
        // One that follows a second that was told of may be left behind with it.
        assert!((from..=T + 2 * left_behind).contains(&host.next().from));
        from = host.next().from;
        host.now += 60;
    }
    assert_eq!(delivered, ["a"]);
    // No token was tried twice. It was told of at once, and then hourly.
    assert!(sent.len() > 600 && sent.values().all(|times| *times == 1), "{sent:?}");
    assert!(told[0] == T + HOUR + 60 && (20..=24).contains(&told.len()), "{told:?}");
    assert!((10..100).contains(&left_behind) && from > T, "{left_behind}");
    // And it was not for good: the next pass reads all of it again.
    host.now += HOUR;
    let api = Api::of([("a".into(), T + 1), ("b".into(), T + 2)]);
    assert_eq!(host.collect(&api), Vec::<String>::new());
    assert_eq!(host.collect(&api), ["b"]);
}

/// Theirs read `fail` inside HTTP 200 as an empty page.
#[test]
fn a_failure_inside_http_200_is_an_error_with_its_code() {
    for data in [json!([]), json!([{"resultCount": 0, "impersonationLogs": []}])] {
        let error = json!({"code": "err_validation_null", "message": "no", "retryable": false});
        let body = json!({"meta": {"status": 200}, "data": data, "fail": [{"errors": [error]}]});
        let mut host = Host::new(&config());
        let error = failed(host.poll(response(200, body)), ErrorKind::Protocol);
        assert!(error.message.contains("err_validation_null"), "{error:?}");
        assert_eq!(ids(&host.poll(page(&[row("a", T + 1)], 1, None)).unwrap()), ["a"]);
    }
}

/// Theirs ended the loop at any error and moved the cursor to now all the same.
#[test]
fn a_failure_moves_no_watermark_and_collection_goes_on() {
    let error = json!({"error": {"message": "no"}});
    let mut replies: Vec<(Reply, bool)> = vec![
        (Err(HttpError::Timeout("t".into())), true),
        (Err(HttpError::Denied("d".into())), false),
        (Ok(response(200, "<html>")), true),
        (Ok(response(200, error)), false),
    ];
    let statuses = [302, 400, 401, 403, 404, 405, 409, 418, 429, 500, 502, 503, 509];
    replies
        .extend(statuses.map(|status| {
            (Ok(response(status, json!({"data": []}))), matches!(status, 502 | 503))
        }));
    for (reply, may_be_too_much) in replies {
        let mut host = Host::new(&config());
        host.collect(&Api::of([("a".into(), T + 1_000)]));
        // In time at first, then late.
        for secs_later in [60, HOUR, HOUR, HOUR, HOUR] {
            host.now += secs_later;
            let outcome = host.poll(reply.clone());
            if let (Ok(batch), true, HOUR) = (&outcome, may_be_too_much, secs_later) {
                assert_eq!((ids(batch), codes(&batch.notices)), (vec![], vec!["unanswered"]));
                assert_eq!(batch.progress.complete_until.unix_secs(), T + 100);
            } else {
                assert!(outcome.is_err(), "{reply:?}: {outcome:?}");
            }
            assert_eq!((host.next().from, host.next().token), (T + 100, None));
        }
        let rows = [("a".into(), T + 1_000), ("b".into(), T + 1_001)];
        assert_eq!(host.collect(&Api::of(rows)), ["b"]);
    }
}

/// Theirs gave the last event anew at every poll while nothing new came.
#[test]
fn with_nothing_new_no_event_comes_again() {
    for counts in [true, false] {
        let api = Api { counts, ..one_hour() };
        let mut host = Host::new(&config());
        assert_eq!(host.collect(&api).len(), 1_000);
        for _ in 0..25 {
            host.now += 60;
            assert_eq!(host.collect(&api), Vec::<String>::new());
        }
    }
}

/// Theirs read the reset in seconds or not at all, and called themselves without end on 429.
#[test]
fn a_429_is_one_request_and_a_bounded_wait_of_the_resets_milliseconds() {
    for (reset, wait_ms) in [("1500", 1_500), ("7", 7), ("86400000", 900_000)] {
        let mut host = Host::new(&config());
        for polls in 1..=20 {
            let reply = response(429, "").header_of("X-RateLimit-Reset", reset);
            let error = failed(host.poll(reply), ErrorKind::Throttled);
            assert_eq!(error.retry_after_ms, Some(wait_ms));
            assert_eq!((error.stats.requests, host.asked.len()), (1, polls));
        }
    }
}

/// Theirs held all pages in memory before the first was delivered.
#[test]
fn each_page_is_delivered_before_the_next_is_asked_for() {
    let mut host = Host::new(&config());
    for pages in 1..=10 {
        let batch = polled(&mut host, &one_hour());
        assert_eq!((batch.events.len(), host.asked.len()), (100, pages));
        assert_eq!(batch.more, pages < 10);
    }
}

/// Theirs crashed at `data: []`, or where `pagination` was missing.
#[test]
fn no_data_is_an_empty_page_and_no_pagination_the_last_one() {
    let rows = json!([{"resultCount": 1, "impersonationLogs": [row("a", T + 1)]}]);
    for (data, events) in [(json!([]), vec![]), (rows, vec!["a"])] {
        for meta in [
            json!({"status": 200}),
            json!({"status": 200, "pagination": null}),
            json!({"status": 200, "pagination": {}}),
            json!({"status": 200, "pagination": {"pageSize": 500}}),
            json!({}),
        ] {
            let mut host = Host::new(&config());
            let body = json!({"meta": meta, "data": data, "fail": []});
            let batch = host.poll(response(200, body)).unwrap();
            assert_eq!((ids(&batch), batch.more, batch.notices.len()), (events.clone(), false, 0));
            assert_eq!(host.next().token, None);
        }
    }
}

/// Theirs let the window slide on with the clock while a token of the old one was in use.
#[test]
fn a_window_stays_for_as_long_as_its_token_is_in_use() {
    let mut host = Host::new(&config());
    let (window, mut delivered) = ((T, host.now), Vec::new());
    for _ in 0..10 {
        delivered.extend(own_ids(&polled(&mut host, &one_hour())));
        assert_eq!((host.last().from, host.last().to), window);
        host.now += 1_199;
    }
    assert_each_once(delivered, 1_000);
}

/// Theirs kept the position under the keys: new keys, or API 2.0 for 1.0, and it was lost.
#[test]
fn rotated_keys_keep_the_position() {
    let mut rotated = config_with(json!({"base_url": "https://api.services.example"}));
    for key in ["access_key", "app_id", "app_key"] {
        rotated["auth"][key] = json!("rotated");
    }
    rotated["auth"]["secret_key"] = json!("cm90YXRlZA==");
    let first = || page(&[row("a", T + 1)], 2, Some("t"));
    let mut host = Host::new(&config());
    host.poll(first()).unwrap();
    failed(host.poll(response(418, "")), ErrorKind::Auth);
    let before = host.next();
    host.reconfigure(&rotated);
    let after = host.next();
    assert_eq!((after.token.as_deref(), &after.body), (Some("t"), &before.body));
    assert_eq!(after.request.header("x-mc-app-id"), Some("rotated"));
    let mut other = Host::new(&rotated);
    other.poll(first()).unwrap();
    assert_eq!(other.cursor, host.cursor, "the cursor knows nothing of credentials");
    let batch = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 2, None)).unwrap();
    assert_eq!((ids(&batch), batch.more, batch.notices.len()), (vec!["b"], false, 0));
}

/// Theirs took `meta.status` 500 inside HTTP 200 for the last page: 18,400 of 20,000 rows lost.
#[test]
fn a_status_500_inside_http_200_is_not_the_end_of_the_pages() {
    let down = || response(200, json!({"meta": {"status": 500}, "data": [], "fail": []}));
    let (mut host, mut delivered) = (Host::new(&config()), Vec::new());
    for _ in 0..10 {
        let before = host.next().body;
        failed(host.poll(down()), ErrorKind::Transient);
        assert_eq!(host.next().body, before);
        delivered.extend(own_ids(&polled(&mut host, &one_hour())));
    }
    assert_each_once(delivered, 1_000);
}

/// Theirs stored a token that had died: stuck at every run until a person reset the state.
#[test]
fn a_dead_token_in_the_stored_cursor_is_dropped_and_no_row_is_repeated() {
    for secs_later in [0, 30, 1_200, 1_201, DAY] {
        let (mut host, mut delivered) = (Host::new(&config()), Vec::new());
        for _ in 0..3 {
            delivered.extend(own_ids(&polled(&mut host, &one_hour())));
        }
        let dead = host.next().token;
        assert!(dead.is_some());
        let mut host = host.restarted(&config());
        host.now += secs_later;
        if secs_later <= 1_200 {
            let batch = host.poll(unknown_token()).unwrap();
            assert_eq!(codes(&batch.notices), ["page_token_refused"]);
            assert_eq!(host.last().token, dead);
        }
        assert_eq!((host.next().from, host.next().token), (T, None));
        delivered.extend(host.collect(&one_hour()));
        assert_each_once(delivered, 1_000);
    }
}

/// Theirs wrote the cursor once, at the end: ten kills gave 200,000 events twice.
#[test]
fn ten_kills_repeat_a_page_each_at_most_and_lose_nothing() {
    for (pages_between, secs_down) in [(0, 0), (1, 0), (2, 0), (5, 0), (0, 1_201), (3, 1_201)] {
        for is_stored in [true, false] {
            let (mut host, mut delivered) = (Host::new(&config()), Vec::new());
            for _ in 0..10 {
                for _ in 0..pages_between {
                    delivered.extend(own_ids(&polled(&mut host, &one_hour())));
                }
                let stored = host.cursor.clone();
                delivered.extend(own_ids(&polled(&mut host, &one_hour())));
                if !is_stored {
                    host.cursor = stored;
                }
                host = host.restarted(&config());
                host.now += secs_down;
            }
            delivered.extend(host.collect(&one_hour()));
            let repeated = if is_stored { 0 } else { 10 * 100 };
            assert!(delivered.len() <= 1_000 + repeated, "{pages_between}: {}", delivered.len());
            delivered.sort();
            delivered.dedup();
            assert_eq!(delivered.len(), 1_000, "{pages_between} {secs_down} {is_stored}");
        }
    }
}

/// Theirs, once restarted, sent the old window's token with the next window: its rows were skipped.
#[test]
fn after_a_restart_a_token_is_sent_with_its_own_window_or_not_at_all() {
    let config = config_with(json!({"window_max_secs": 900}));
    for secs_down in [1, 300, 1_200, 1_201, 2 * HOUR] {
        let (mut host, mut delivered) = (Host::new(&config), Vec::new());
        let mut window = None;
        for polls in 0.. {
            assert!(polls < 100, "it never catches up");
            host = host.restarted(&config);
            host.now += secs_down;
            // The API refuses, by a panic, a token of another window.
            let batch = polled(&mut host, &one_hour());
            let asked = host.last();
            let last_window = window.replace((asked.from, asked.to));
            assert!(asked.token.is_none() || window == last_window, "{asked:?}");
            let more = batch.more;
            delivered.extend(own_ids(&batch));
            if !more {
                break;
            }
        }
        assert_each_once(delivered, 1_000);
    }
}
