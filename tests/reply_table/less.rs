//! What is too much to ask for at once: a reply that is too large, or none.

use mimecast_ttp_source::{ErrorKind, HttpError, Level};
use serde_json::json;

use crate::fake::{
    DAY, Given, HOUR, Host, T, WithHeader as _, codes, config, config_with, failed, ids, page,
    response, row,
};
use crate::{BODY, assert_told, checked, html, no_answers, with_token, without_token};

#[test]
fn a_page_that_is_too_large_is_asked_for_again_in_half_the_window_down_to_a_second() {
    let mut host = without_token();
    let mut secs = host.next().to - host.next().from;
    let mut told = vec!["reply_too_large"];
    while secs > 1 {
        let batch = host.poll(too_large()).unwrap();
        assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0);
        // Told once, and again after an hour.
        assert_eq!(codes(&batch.notices), std::mem::take(&mut told));
        host.skip_newest();
        let next = host.next();
        assert_eq!((next.from, next.to, next.token), (T, T + secs / 2, None));
        secs /= 2;
    }
    host.now += HOUR;
    let batch = host.poll(too_large()).unwrap();
    assert_eq!(codes(&batch.notices), ["reply_too_large"]);
    let since = "so since 2026-11-01T01:00:00Z";
    assert!(batch.notices[0].message.contains(since), "{batch:?}");
}

fn too_large() -> Given {
    Given::from(HttpError::TooLarge("more than 16 MiB".into()))
}

#[test]
fn a_second_that_is_too_large_is_read_row_by_row_from_both_ends_and_the_rest_left_behind() {
    let mut host = without_token();
    let way = |host: &Host| {
        let next = host.next();
        let size = next.body["meta"]["pagination"]["pageSize"].as_u64();
        let is_oldest_first = next.body["data"][0]["oldestFirst"].as_bool();
        (next.from, next.to, size.unwrap(), is_oldest_first.unwrap(), next.token)
    };
    while host.next().to - host.next().from > 1 {
        host.poll(too_large()).unwrap();
        host.skip_newest();
    }
    // The same again, before it is taken for more than a whim.
    for _ in 0..4 {
        assert_eq!(way(&host), (T, T + 1, 500, true, None));
        host.poll(too_large()).unwrap();
    }
    for (is_oldest_first, rows) in [(true, ["a", "b"]), (false, ["e", "d"])] {
        assert_eq!(way(&host), (T, T + 1, 1, is_oldest_first, None));
        for id in rows {
            let batch = host.poll(page(&[row(id, T)], 5, Some(id))).unwrap();
            assert_eq!((ids(&batch), batch.more), (vec![id], true));
            assert_eq!(way(&host), (T, T + 1, 1, is_oldest_first, Some(id.to_owned())));
        }
        let (before, mut polls) = (way(&host), 0);
        let batch = loop {
            let batch = host.poll(too_large()).unwrap();
            assert_eq!((ids(&batch), batch.more), (vec![], true));
            polls += 1;
            if way(&host) != before {
                break batch;
            }
            // The same row again, but not for ever.
            assert!(batch.notices.is_empty() && polls < 10, "{batch:?}");
        };
        let told = if is_oldest_first { vec![] } else { vec!["rows_withheld"] };
        assert_eq!(codes(&batch.notices), told);
        if let [notice] = &*batch.notices {
            assert!(notice.message.contains("the second 2026-11-01T00:00:00Z is left behind"));
            assert_eq!(notice.level, Level::Warn);
        }
    }
    // It goes on behind it, as usual.
    let next = host.next();
    assert_eq!((next.from, next.token), (T + 1, None));
    assert_eq!(next.body["meta"]["pagination"]["pageSize"], 500);
    assert_eq!(ids(&host.poll(page(&[row("f", T + 1)], 1, None)).unwrap()), ["f"]);
}

#[test]
fn a_second_whose_rows_are_alike_one_by_one_is_read_from_the_other_end_too() {
    let mut host = without_token();
    while host.next().body["meta"]["pagination"]["pageSize"] != 1 {
        host.poll(too_large()).unwrap();
        host.skip_newest();
    }
    let alike = json!({"eventTime": "2026-11-01T00:00:00+0000"});
    let mut token = 0..;
    let mut take = |row| {
        let token = token.next().unwrap().to_string();
        let batch = host.poll(page(&[row], 7, Some(&token))).unwrap();
        let is_oldest_first = host.next().body["data"][0]["oldestFirst"].as_bool().unwrap();
        (batch.events.len(), is_oldest_first)
    };
    // The same page again and again: that may be a listing that goes round.
    assert_eq!([1, 2, 3].map(|_| take(alike.clone())), [(1, true), (0, true), (0, true)]);
    assert_eq!(take(alike.clone()), (0, false));
    for id in ["g", "f", "e"] {
        assert_eq!(take(row(id, T)), (1, false));
    }
}

#[test]
fn a_poll_that_failed_for_a_day_goes_on_where_it_stood() {
    let mut host = with_token();
    failed(host.poll(response(503, html())), ErrorKind::Transient);
    host.now += DAY;
    let batch = host.poll(response(503, html())).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec!["unanswered"]));
    assert_eq!(batch.progress.complete_until.unix_secs(), T);
    let mut twin = Host::new(&config_with(json!({"poll_interval_secs": 5})));
    twin.cursor.clone_from(&host.cursor);
    twin.now = host.now;
    assert_eq!(twin.next().body, host.next().body);
    assert_eq!((host.next().from, host.next().token), (T, None));
    let rows = [row("a", T + 1), row("b", T + 2)];
    assert_eq!(ids(&host.poll(page(&rows, 2, None)).unwrap()), ["b"]);
}

#[test]
fn a_first_question_that_is_too_much_is_asked_for_less_in_the_same_poll() {
    let (too_much, others) = no_answers();
    let host = || {
        let mut host = Host::new(&config());
        host.now = T + 5 * HOUR;
        host
    };
    let spans = [5 * HOUR, 1].map(|secs| (T, T + secs));
    for reply in too_much {
        let told = format!("{reply:?}");
        let mut failing = host();
        let error = failing.poll(reply.clone()).expect_err(&told);
        assert_eq!(error.stats.requests, 2, "{told}");
        let asked: Vec<_> = failing.asked.iter().map(|asked| (asked.from, asked.to)).collect();
        assert_eq!(asked, spans, "{told}");
        let timeout_ms: u32 = failing.asked.iter().map(|asked| asked.request.timeout_ms).sum();
        assert!(timeout_ms <= 90_000, "{told}");
        assert_told(&told, &error);
        let (mut host, mut requests) = (host(), 0);
        let outcome = host.poll_with(|_| {
            requests += 1;
            if requests > 1 { Ok(page(&[row("a", T)], 1, None)) } else { reply.clone() }
        });
        let batch = outcome.expect(&told);
        assert_eq!((ids(&batch), batch.stats.requests), (vec!["a"], 2), "{told}");
        // It goes on from there, and asks for no more than is answered.
        let next = host.next();
        assert!(
            batch.more && next.from == T + 1 && next.to - (T + 1) < 5 * HOUR,
            "{told}: {next:?}"
        );
    }
    for reply in others {
        let error = host().poll(reply.clone()).expect_err("no answer");
        assert_eq!(error.stats.requests, 1, "{reply:?}");
        assert_eq!(checked(&reply).expect_err("no answer").stats.requests, 1, "{reply:?}");
    }
}

#[test]
fn what_is_not_answered_again_is_asked_for_by_halves_and_all_else_stays_an_error() {
    let (too_much, others) = no_answers();
    let host = || {
        let mut host = Host::new(&config());
        assert_eq!(ids(&host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap()), ["a"]);
        host.now += HOUR;
        // So that no question is late at first.
        assert_eq!(host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap().next_poll_ms, 60_000);
        host.now += 60;
        host
    };
    for reply in too_much {
        let told = format!("{reply:?}");
        let mut host = host();
        let before = host.next();
        let error = host.poll(reply.clone()).expect_err(&told);
        assert_eq!((error.stats.requests, host.next().body), (1, before.body), "{told}");
        assert_told(&told, &error);
        assert!(error.message.contains("if it goes on, less is asked for"), "{error:?}");
        assert_eq!(error.notices, [], "{told}");
        host.now += 30;
        let (from, secs) = (host.next().from, host.next().to - host.next().from);
        let batch = host.poll(reply.clone()).expect(&told);
        assert_eq!((ids(&batch), batch.more, batch.stats.requests), (vec![], true, 1), "{told}");
        assert_eq!(codes(&batch.notices), ["unanswered"], "{told}");
        assert!(!format!("{batch:?}").contains(BODY), "{batch:?}");
        let next = host.next();
        assert_eq!((next.from, next.to, next.token), (from, from + secs / 2, None), "{told}");
        // The same once more: less again, and no more is said of it.
        host.now += 30;
        let batch = host.poll(reply).expect(&told);
        assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec![]), "{told}");
        assert_eq!((host.next().from, host.next().to), (from, from + secs / 4), "{told}");
        let rows = [row("a", T + 1_000), row("b", from + 1)];
        let batch = host.poll(page(&rows, 2, None)).unwrap();
        assert_eq!((ids(&batch), batch.more), (vec!["b"], true), "{told}");
        assert_eq!(host.next().from, from + secs / 4, "{told}");
    }
    for reply in others {
        let mut host = host();
        for _ in 0..3 {
            let before = host.next();
            let error = host.poll(reply.clone()).expect_err("no answer");
            assert_eq!((host.next().from, error.stats.requests), (before.from, 1), "{reply:?}");
            assert_eq!(error.notices, [], "{reply:?}");
            host.now += HOUR;
        }
    }
}

#[test]
fn what_is_asked_for_by_halves_waits_as_long_as_the_api_says() {
    let mut host = without_token();
    host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap();
    host.now += HOUR;
    let batch = host.poll(response(503, "").header_of("Retry-After", "40")).unwrap();
    assert_eq!((codes(&batch.notices), batch.next_poll_ms), (vec!["unanswered"], 40_000));
    // A question in time, in vain, is an error again.
    host.now += 40;
    failed(host.poll(response(503, "")), ErrorKind::Transient);
}
