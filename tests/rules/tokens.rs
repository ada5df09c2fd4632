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
fn dead_tokens_halve_a_window_to_a_second_and_are_then_an_error_for_a_quarter_of_an_hour() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 86_400})));
    host.now = T + DAY;
    let (mut told, mut refusals) = (0, 0);
    let error = loop {
        let cursor = host.cursor.clone();
        match host.poll_with(|asked| Ok(honours_no_token(asked))) {
            Ok(batch) => {
                told += batch.notices.len();
                refusals += usize::from(host.last().token.is_some());
            }
            Err(error) => {
                assert_eq!(host.cursor, cursor);
                break error;
            }
        }
    };
    // Told once, though it went on.
    assert_eq!((told, refusals), (1, 24));
    assert_eq!((error.kind, error.code), (ErrorKind::Protocol, "page_token_refused"));
    assert_eq!(host.next().to - host.next().from, 1);
}

#[test]
fn a_new_row_makes_the_refusals_count_from_none() {
    let mut host = Host::new(&config());
    host.now = T + 1;
    for n in 0..40 {
        let fresh = row(&format!("fresh-{n}"), T);
        let batch = host.poll(page(&[fresh], 700, Some("dead"))).unwrap();
        assert_eq!(batch.events.len(), 1);
        host.poll(response(400, "")).unwrap();
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
fn a_second_whose_tokens_are_all_dead_is_left_behind_after_a_quarter_of_an_hour() {
    let mut host = Host::new(&config());
    while host.poll_with(|asked| Ok(honours_no_token(asked))).is_ok() {}
    for _ in 0..14 {
        host.now += 60;
        failed(host.poll_with(|asked| Ok(honours_no_token(asked))), ErrorKind::Protocol);
    }
    host.now += 60;
    let batch = host.poll_with(|asked| Ok(honours_no_token(asked))).unwrap();
    assert_eq!(codes(&batch.notices), ["rows_withheld"]);
    let next = host.next();
    assert_eq!((next.from, next.token), (T + 1, None));
    assert_eq!(ids(&host.poll(page(&[row("b", T + 1)], 1, None)).unwrap()), ["b"]);
}

#[test]
fn tokens_in_a_circle_come_to_an_end() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 2, Some("t0"))).unwrap();
    let mut requests = 1;
    // Without counts that agree, only a second that goes round from both ends is taken for read.
    loop {
        let reply = page(&[row("a", T + 1)], None, Some(["t0", "t1"][requests % 2]));
        requests += 1;
        assert!(requests < 300, "it goes round and round");
        if !host.poll(reply).unwrap().more {
            break;
        }
    }
    host.now += 60;
    // By now that is known.
    let mut n = 0;
    while host.poll(page(&[row("a", T + 1)], None, Some(["t0", "t1"][n % 2]))).unwrap().more {
        n += 1;
        assert!(n < 20, "it is known by now");
    }
}

#[test]
fn as_many_rows_as_twice_those_known_and_three_pages_are_taken_and_not_one_beyond() {
    let mut host = Host::new(&config_with(json!({"page_size": 10})));
    let to = host.now;
    // Two rows, whatever is announced, and pages of one: 2 * 2 + 3 rows.
    let in_turn = |n: usize| [row(["a", "b"][n % 2], T + 1)];
    for n in 1..=7 {
        host.poll(page(&in_turn(n), 1_000, Some(&format!("t{n}")))).unwrap();
        assert_eq!((host.next().from, host.next().to), (T, to), "{n}");
    }
    host.poll(page(&in_turn(8), 1_000, Some("t8"))).unwrap();
    host.skip_newest();
    let next = host.next();
    assert_eq!((next.from, next.to, next.token), (T, T + (to - T) / 2, None));
}

#[test]
fn empty_pages_that_always_promise_another_are_the_end() {
    for count in [Some(0), None] {
        let mut host = Host::new(&config());
        for codes_told in [vec!["listing_ends_empty"], vec![], vec![]] {
            for n in 1..=3 {
                let batch = host.poll(page(&[], count, Some(&format!("t{n}")))).unwrap();
                assert_eq!(batch.more, n < 3, "{n}");
                if n == 3 {
                    assert_eq!(codes(&batch.notices), codes_told);
                }
            }
            host.now += 60;
        }
    }
}

#[test]
fn an_empty_page_in_the_middle_of_a_listing_is_not_its_end() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], None, Some("t1"))).unwrap();
    host.poll(page(&[], None, Some("t2"))).unwrap();
    let batch = host.poll(page(&[row("b", T + 2)], None, None)).unwrap();
    assert_eq!((ids(&batch), batch.more, batch.notices.len()), (vec!["b"], false, 0));
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
fn a_token_is_sent_for_twenty_minutes_and_not_if_it_comes_from_the_future() {
    let mut host = with_token();
    let received = host.now;
    let to = host.next().to;
    for (age_secs, is_sent) in [(0, true), (1_200, true), (1_201, false), (-1, false), (DAY, false)]
    {
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
fn a_window_that_gave_fewer_rows_than_counted_is_halved_and_read_again() {
    let mut host = Host::new(&config());
    let first = host.poll(page(&[row("a", T + 1)], 2, None)).unwrap();
    assert!(first.more && first.notices.is_empty(), "{first:?}");
    assert_eq!(first.progress.complete_until.unix_secs(), T);
    host.skip_newest();
    let again = host.next();
    assert_eq!((again.from, again.to, again.token), (T, T + HOUR / 2, None));
    // All of its rows: the other one is in the other half.
    host.poll(page(&[row("a", T + 1)], 1, None)).unwrap();
    assert_eq!(host.next().from, T + HOUR / 2);
    let last = host.poll(page(&[row("b", T + HOUR - 1)], 1, None)).unwrap();
    assert_eq!((ids(&last), last.more, last.notices.len()), (vec!["b"], false, 0));
}

/// Answers with a count that is always so much too high.
fn too_high(api: &Api, asked: &Asked, now: i64, by: i64) -> Response {
    let mut reply = api.answer(asked, now);
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
    let count = body["data"][0]["resultCount"].as_i64().unwrap();
    body["data"][0]["resultCount"] = json!(count + by);
    reply.body = body.to_string().into_bytes();
    reply
}

#[test]
fn a_count_that_never_fits_costs_so_many_requests_and_is_then_left_alone_until_it_fits() {
    let mut host = Host::new(&config());
    let api = numbered(0..60, |n| T + n * 60);
    let mut told = Vec::new();
    let mut collect = |host: &mut Host, by: i64| {
        let before = host.asked.len();
        let mut events = 0;
        loop {
            let now = host.now;
            let batch = host.poll_with(|asked| Ok(too_high(&api, asked, now, by))).unwrap();
            told.extend(batch.notices.iter().map(|notice| notice.code));
            events += batch.events.len();
            if !batch.more {
                return (host.asked.len() - before, events);
            }
        }
    };
    let (requests, events) = collect(&mut host, 3);
    assert_eq!(events, 60);
    assert!(requests < 150, "{requests}");
    for _ in 0..5 {
        host.now += 60;
        let (requests, events) = collect(&mut host, 3);
        assert_eq!((requests, events), (1, 0));
    }
    // Five times it fits, and is believed again: what is missing is looked for.
    for _ in 0..5 {
        host.now += 60;
        assert_eq!(collect(&mut host, 0), (1, 0));
    }
    host.now += 60;
    assert!(collect(&mut host, 3).0 > 1);
    assert_eq!(told.iter().filter(|code| **code == "count_mismatch").count(), 1, "{told:?}");
    assert!(told.iter().filter(|code| **code == "rows_withheld").count() <= 6, "{told:?}");
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
