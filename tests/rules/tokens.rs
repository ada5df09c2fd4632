//! Page tokens that die, lie or grow old, and counts that do not fit.

use mimecast_ttp_source::{ErrorKind, Response};
use serde_json::{Value, json};

use crate::fake::{
    Api, Asked, DAY, HOUR, Host, T, codes, config, config_with, failed, ids, no_rows, numbered,
    page, response, row,
};

/// A host with the token `t` of a page with the row `a`.
fn with_token() -> Host {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 700, Some("t"))).unwrap();
    host
}

#[test]
fn an_api_whose_tokens_are_all_dead_is_collected_all_the_same() {
    let api = numbered(0..9_000, |n| T + n * 48);
    let mut host = Host::new(&config());
    host.now = T + 5 * DAY;
    let mut events = Vec::new();
    loop {
        let now = host.now;
        let batch = host
            .poll_with(|asked| match asked.token {
                Some(_) => Ok(response(400, "")),
                None => Ok(api.answer(asked, now)),
            })
            .unwrap();
        let token_died = host.last().token.is_some();
        if token_died {
            let (was, is) = (host.last(), host.next());
            assert_eq!((is.from, &is.token), (was.from, &None));
            let half = ((was.to - was.from) / 2).max(1);
            assert!(is.to - is.from == half || is.asks_newest(), "{was:?} {is:?}");
        }
        events.extend(batch.events.into_iter().map(|event| event.id));
        if !batch.more {
            break;
        }
    }
    assert_eq!(events.len(), 9_000);
    events.sort();
    events.dedup();
    assert_eq!(events.len(), 9_000);
}

/// An API that always gives the same row and a new token, and honours none.
fn honours_no_token(asked: &Asked) -> Response {
    match asked.token {
        Some(_) => response(400, ""),
        None => page(&[row("a", asked.from)], 700, Some("dead")),
    }
}

#[test]
fn ten_refusals_without_a_new_row_are_borne_and_then_told() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 86_400})));
    host.now = T + DAY;
    let mut refusals = 0;
    let error = loop {
        let cursor = host.cursor.clone();
        match host.poll_with(|asked| Ok(honours_no_token(asked))) {
            Ok(batch) => refusals += usize::from(!batch.notices.is_empty()),
            Err(error) => {
                assert_eq!(host.cursor, cursor);
                break error;
            }
        }
    };
    assert_eq!(refusals, 10);
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("page token"), "{error:?}");
}

#[test]
fn a_new_row_makes_the_refusals_count_from_none() {
    let mut host = Host::new(&config());
    host.now = T + 20 * DAY;
    host.skip_newest();
    for n in 0..15 {
        let fresh = row(&format!("fresh-{n}"), T);
        let batch = host.poll(page(&[fresh], 700, Some("dead"))).unwrap();
        assert_eq!(batch.events.len(), 1);
        assert_eq!(codes(&host.poll(response(400, "")).unwrap().notices), ["page_token_refused"]);
    }
}

#[test]
fn a_drained_window_makes_the_refusals_count_from_none() {
    let mut host = Host::new(&config());
    host.now = T + 20 * DAY;
    host.skip_newest();
    for _ in 0..3 {
        for _ in 0..6 {
            host.poll(page(&[row("a", T)], None, Some("dead"))).unwrap();
            host.poll(response(400, "")).unwrap();
        }
        host.poll(page(&[row("a", T)], None, None)).unwrap();
    }
}

#[test]
fn after_too_many_refusals_a_token_grows_old_and_collection_goes_on() {
    let mut host = Host::new(&config());
    while host.poll_with(|asked| Ok(honours_no_token(asked))).is_ok() {}
    assert!(host.next().token.is_some());
    host.now += 900;
    let next = host.next();
    assert_eq!((next.from, next.token), (T, None));
    assert_eq!(ids(&host.poll(page(&[row("b", T)], 1, None)).unwrap()), ["b"]);
}

#[test]
fn tokens_in_a_circle_come_to_an_end() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 2, Some("t0"))).unwrap();
    for n in 1.. {
        let reply = page(&[row("a", T + 1)], 2, Some(["t0", "t1"][n % 2]));
        if !host.poll(reply).unwrap().notices.is_empty() {
            break;
        }
        assert!(n < 2_000, "it goes round and round");
    }
    assert_eq!(host.next().token, None);
}

#[test]
fn as_many_pages_as_twice_the_count_and_three_more_are_taken_and_not_a_row_beyond() {
    let mut host = Host::new(&config_with(json!({"page_size": 10})));
    // Two rows announced, pages of ten: 2 * 2 + 3 * 10 rows.
    for n in 1..=34 {
        let batch = host.poll(page(&[row("a", T + 1)], 2, Some(&format!("t{n}")))).unwrap();
        assert_eq!(batch.notices, [], "{n}");
    }
    let batch = host.poll(page(&[row("a", T + 1)], 2, Some("t35"))).unwrap();
    assert_eq!(codes(&batch.notices), ["page_token_refused"]);
}

#[test]
fn empty_pages_that_always_promise_another_come_to_an_end() {
    for count in [Some(0), Some(1_000), None] {
        let mut host = Host::new(&config());
        for n in 0.. {
            let batch = host.poll(page(&[], count, Some(&format!("t{n}")))).unwrap();
            if !batch.notices.is_empty() {
                assert_eq!(codes(&batch.notices), ["page_token_refused"]);
                break;
            }
            assert!(n < 20, "it never ends");
        }
    }
}

#[test]
fn pages_of_new_rows_without_end_are_all_delivered() {
    // An API whose count is far too low.
    let mut host = Host::new(&config());
    let mut events = 0;
    for n in 0..40 {
        let rows: Vec<Value> = (0..500).map(|m| row(&format!("{n}-{m}"), T + n)).collect();
        events += host.poll(page(&rows, 4_000, Some(&format!("t{n}")))).unwrap().events.len();
    }
    assert!(events >= 8_000, "{events}");
    assert_eq!(host.asked.iter().map(|asked| asked.from).max(), Some(T));
}

#[test]
fn a_token_is_sent_for_ten_minutes_and_not_if_it_comes_from_the_future() {
    let mut host = with_token();
    let received = host.now;
    let to = host.next().to;
    for (age_secs, is_sent) in [(0, true), (600, true), (601, false), (-1, false), (DAY, false)] {
        host.now = received + age_secs;
        let next = host.next();
        assert_eq!(next.token.is_some(), is_sent, "{age_secs} s");
        assert_eq!(next.from, T, "{age_secs} s");
        assert!(next.to == to || !is_sent && next.to < to, "{age_secs} s: {next:?}");
    }
    let batch = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 2, None)).unwrap();
    assert_eq!(ids(&batch), ["b"]);
}

#[test]
fn a_token_may_hold_anything_that_a_string_can() {
    for token in ["\"\\\n\u{0}\u{1f600}", " ", "null", &"x".repeat(10_000)] {
        let mut host = Host::new(&config());
        host.poll(page(&[row("a", T + 1)], 2, Some(token))).unwrap();
        assert_eq!(host.next().token.as_deref(), Some(token));
    }
}

#[test]
fn a_window_that_gave_fewer_rows_than_announced_is_read_once_more() {
    let mut host = Host::new(&config());
    let short = || page(&[row("a", T + 1)], 2, None);
    let first = host.poll(short()).unwrap();
    assert!(first.more && first.notices.is_empty(), "{first:?}");
    assert_eq!(first.progress.complete_until.unix_secs(), T);
    let again = host.next();
    assert_eq!((again.from, again.to, again.token), (T, T + HOUR, None));
    let both = page(&[row("a", T + 1), row("b", T + 2)], 2, None);
    let second = host.poll(both).unwrap();
    assert_eq!((ids(&second), second.more, second.notices.len()), (vec!["b"], false, 0));
    // The check is still on.
    host.now += 60;
    assert!(host.poll(page(&[row("c", T + 3)], 4, None)).unwrap().more);
}

#[test]
fn a_second_reading_that_gives_new_rows_keeps_the_count_in_trust() {
    let mut host = Host::new(&config());
    assert!(host.poll(page(&[row("a", T + 1)], 3, None)).unwrap().more);
    let second = host.poll(page(&[row("b", T + 2)], 3, None)).unwrap();
    assert_eq!((ids(&second), second.more, second.notices.len()), (vec!["b"], false, 0));
    host.now += 60;
    assert!(host.poll(page(&[], 3, None)).unwrap().more, "two rows of three");
}

#[test]
fn a_count_that_never_fits_is_told_once_and_then_left_alone() {
    let mut host = Host::new(&config());
    let short = || page(&[row("a", T + 1)], 2, None);
    assert!(host.poll(short()).unwrap().more);
    let second = host.poll(short()).unwrap();
    assert_eq!((codes(&second.notices), second.more), (vec!["count_mismatch"], false));
    for _ in 0..13 {
        host.now += 60;
        let later = host.poll(short()).unwrap();
        assert!(!later.more && later.notices.is_empty(), "{later:?}");
    }
}

#[test]
fn rows_that_the_pages_repeat_do_not_make_up_for_rows_that_are_missing() {
    let mut host = Host::new(&config());
    let twice = page(&[row("a", T + 1), row("a", T + 1)], 2, None);
    assert!(host.poll(twice).unwrap().more, "one row of two");
}

#[test]
fn after_an_error_the_same_token_is_sent_again() {
    let mut host = with_token();
    failed(host.poll(response(500, "")), ErrorKind::Transient);
    assert_eq!(host.next().token.as_deref(), Some("t"));
    assert_eq!(host.poll(no_rows()).unwrap().events, []);
}

#[test]
fn live_pages_that_shift_between_requests_repeat_no_row() {
    // A late row near the front pushes rows from one page to the next.
    let mut host = Host::new(&config());
    let mut api = Api { page_size: 100, ..numbered(0..1_000, |n| T + n) };
    let mut events = Vec::new();
    for n in 0.. {
        let now = host.now;
        let batch = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        events.extend(batch.events.into_iter().map(|event| event.id));
        if !batch.more {
            break;
        }
        if n < 8 {
            api.rows.push((format!("late-{n}"), T + n));
        }
    }
    assert_eq!(events.len(), 1_008);
    events.sort();
    events.dedup();
    assert_eq!(events.len(), 1_008);
}

#[test]
fn a_count_that_is_far_too_low_does_not_stop_a_second_of_many_pages() {
    let mut host = Host::new(&config_with(json!({"page_size": 5})));
    host.now = T + 1;
    for n in 0..40 {
        let rows: Vec<_> = (n * 5..n * 5 + 5).map(|id| row(&format!("{id}"), T)).collect();
        let next = format!("t{n}");
        let batch = host.poll(page(&rows, 0, Some(next.as_str()).filter(|_| n < 39))).unwrap();
        assert_eq!((batch.events.len(), codes(&batch.notices).len()), (5, 0), "page {n}");
    }
}
