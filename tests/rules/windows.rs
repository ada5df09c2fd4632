//! What is asked for, and how far the watermark follows. // I2

use mimecast_ttp_source::HttpError;
use serde_json::json;

use crate::fake::{
    Api, DAY, HOUR, Host, T, WithHeader as _, codes, config, config_with, http_date, ids, no_rows,
    numbered, page, response, row,
};

#[test]
fn every_request_names_both_ends_in_whole_seconds_and_asks_for_the_oldest_first() {
    let mut host = Host::new(&config_with(json!({"page_size": 50})));
    host.collect(&numbered(0..120, |n| T + n));
    assert!(!host.asked.is_empty());
    for asked in &host.asked {
        // That the seconds are whole was seen when the dates were read.
        assert!(asked.from < asked.to, "{asked:?}");
        let data = asked.body["data"][0].as_object().unwrap();
        assert_eq!(data.len(), 3, "{data:?}");
        assert_eq!(data["oldestFirst"], json!(true));
        assert_eq!(asked.body["meta"]["pagination"]["pageSize"], json!(50));
        assert_eq!(asked.request.url, "https://api.example/api/ttp/impersonation/get-logs");
        assert_eq!(asked.request.header("content-type"), Some("application/json"));
    }
}

#[test]
fn every_filter_is_sent_with_every_page() {
    let filters = json!({"tagged_malicious": false, "search_field": "subject", "query": "in\"v",
        "identifiers": ["a", "b"], "actions": ["hold"]});
    let mut host = Host::new(&config_with(json!({"filters": filters})));
    host.poll(page(&[row("a", T + 1)], 2, Some("t"))).unwrap();
    host.poll(page(&[row("b", T + 2)], 2, None)).unwrap();
    for asked in &host.asked {
        let mut data = asked.body["data"][0].clone();
        for key in ["from", "to", "oldestFirst"] {
            assert!(data.as_object_mut().unwrap().remove(key).is_some());
        }
        assert_eq!(
            data,
            json!({"taggedMalicious": false, "searchField": "subject", "query": "in\"v",
                "identifiers": ["a", "b"], "actions": ["hold"]})
        );
    }
}

#[test]
fn without_a_start_collection_begins_a_day_before_the_first_poll() {
    let mut config = config();
    config.as_object_mut().unwrap().remove("start");
    let host = Host::new(&config);
    assert_eq!(host.next().from, host.now - DAY);
}

#[test]
fn windows_follow_one_another_at_the_second_where_the_last_ended() {
    for api in [Api::of([]), numbered(0..900, |n| T + n * 480)] {
        let mut host = Host::new(&config_with(json!({"window_max_secs": 7_000})));
        host.now = T + 5 * DAY + 17;
        assert_eq!(host.collect(&api).len(), api.rows.len());
        assert!(host.asked[0].asks_newest());
        host.asked.remove(0);
        assert_eq!(host.asked[0].from, T);
        assert_eq!(host.last().to, host.now);
        assert!(host.asked.len() > 60);
        for pair in host.asked.windows(2) {
            let is_same_window = (pair[0].from, pair[0].to) == (pair[1].from, pair[1].to);
            assert!(pair[1].from == pair[0].to || is_same_window, "{pair:?}");
            assert!(pair[1].to - pair[1].from <= 7_000, "{pair:?}");
        }
    }
}

#[test]
fn the_end_of_a_pass_stays_while_the_clock_goes_on() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 3 * HOUR;
    let planned = host.now;
    loop {
        host.now += 40;
        let batch = host.poll(no_rows()).unwrap();
        assert!(host.last().to <= planned + 40, "{:?}", host.last());
        if !batch.more {
            break;
        }
    }
    assert_eq!(host.last().to, planned + 40);
}

#[test]
fn the_watermark_follows_the_newest_row_less_the_overlap_once_the_window_is_drained() {
    let mut host = Host::new(&config());
    let first = host.poll(page(&[row("a", T + 3_000)], 2, Some("t"))).unwrap();
    assert_eq!(first.progress.complete_until.unix_secs(), T);
    let last = host.poll(page(&[row("b", T + 2_000)], 2, None)).unwrap();
    assert_eq!(last.progress.complete_until.unix_secs(), T + 3_000 - 900);
    assert_eq!(last.progress.target.unix_secs(), T + HOUR);
    assert_eq!(host.next().from, T + 3_000 - 900);
}

#[test]
fn the_watermark_stays_in_a_quiet_stream_until_quiet_max_has_passed() {
    let mut host = Host::new(&config_with(json!({"quiet_max_secs": 7_200})));
    for (hours, complete_until) in [(1, T), (2, T), (3, T + HOUR), (30, T + 28 * HOUR)] {
        host.now = T + hours * HOUR;
        host.collect(&Api::of([]));
        assert_eq!(host.next().from, complete_until, "after {hours} h");
    }
}

#[test]
fn no_row_that_is_ahead_of_the_clocks_moves_the_watermark() {
    for (row_at, api_clock, complete_until) in [
        (T + 2 * HOUR, Some(T + HOUR), T),
        (T + 2 * HOUR, None, T),
        (T + 1_800, Some(T + 1_000), T),
        (T + 1_800, Some(T + 2_000), T + 900),
    ] {
        let mut host = Host::new(&config());
        let reply = page(&[row("a", row_at)], 1, None);
        let reply = match api_clock {
            Some(at) => reply.dated(at),
            None => reply,
        };
        let batch = host.poll(reply).unwrap();
        assert_eq!(ids(&batch), ["a"]);
        assert_eq!(batch.progress.complete_until.unix_secs(), complete_until, "{row_at}");
    }
}

#[test]
fn the_watermark_never_goes_back() {
    let mut host = Host::new(&config());
    host.collect(&numbered(0..1, |_| T + 3_000));
    let watermark = host.next().from;
    assert_eq!(watermark, T + 2_100);
    host.reconfigure(&config_with(json!({"overlap_secs": 3_000})));
    for now in [T + 2 * HOUR, T + HOUR, T + 2 * HOUR] {
        host.now = now;
        let batch = host.poll(page(&[row("row-0", T + 3_000)], 2, None)).unwrap();
        assert_eq!(batch.progress.complete_until.unix_secs(), watermark);
        assert!(host.next().from >= watermark);
    }
}

#[test]
fn an_hour_of_silence_of_the_apis_index_loses_no_row() {
    let mut host = Host::new(&config());
    let shown = |n: i64| T + n * 10;
    host.collect(&numbered(0..360, shown));
    for _ in 0..60 {
        host.now += 60;
        assert_eq!(host.collect(&numbered(0..360, shown)), Vec::<String>::new());
    }
    assert_eq!(host.collect(&numbered(0..720, shown)).len(), 360);
}

#[test]
fn a_row_comes_once_however_many_pages_and_polls_show_it() {
    let mut host = Host::new(&config());
    let batch = host
        .poll(page(&[row("a", T + 1), row("a", T + 1), row("b", T + 2)], 4, Some("t")))
        .unwrap();
    assert_eq!((ids(&batch), batch.stats.duplicates), (vec!["a", "b"], 1));
    let mut changed = row("a", T + 1);
    changed["hits"] = json!(9);
    let batch = host.poll(page(&[row("b", T + 2), changed], 2, None)).unwrap();
    assert_eq!((ids(&batch), batch.stats.duplicates), (vec![], 2));
    // Of another time it is another row.
    host.now += 60;
    let batch = host.poll(page(&[row("a", T + 9)], 3, None)).unwrap();
    assert_eq!((ids(&batch), batch.stats.duplicates), (vec!["a"], 0));
}

#[test]
fn an_api_that_begins_a_minute_early_repeats_no_row() {
    let mut host = Host::new(&config());
    let rows = [row("a", T + 2_100), row("b", T + 3_060)];
    assert_eq!(host.poll(page(&rows, 2, None)).unwrap().events.len(), 2);
    assert_eq!(host.next().from, T + 2_160);
    assert_eq!(ids(&host.poll(page(&rows, 2, None)).unwrap()), Vec::<&str>::new());
}

#[test]
fn a_window_of_too_many_rows_is_cut_before_anything_is_delivered() {
    let mut host = Host::new(&config());
    let rows = [row("a", T + 1)];
    let batch = host.poll(page(&rows, 36_000, Some("t"))).unwrap();
    assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0);
    host.skip_newest();
    let next = host.next();
    // 5,000 rows lie in 500 s, if they are spread evenly: four fifths of that.
    assert_eq!((next.from, next.to, next.token), (T, T + 400, None));
    assert_eq!(ids(&host.poll(page(&rows, 5_000, Some("t"))).unwrap()), ["a"]);
}

#[test]
fn a_window_is_not_cut_if_it_is_one_page_or_one_second() {
    let batch = Host::new(&config()).poll(page(&[row("a", T + 1)], 36_000, None)).unwrap();
    assert_eq!(ids(&batch), ["a"]);
    let mut host = Host::new(&config());
    host.now = T + 1;
    let batch = host.poll(page(&[row("a", T)], 36_000, Some("t"))).unwrap();
    assert_eq!(ids(&batch), ["a"]);
}

#[test]
fn a_dense_stream_is_collected_in_short_windows_with_and_without_counts() {
    for counts in [true, false] {
        let api = Api { counts, ..numbered(0..40_000, |n| T + n / 12) };
        let mut host = Host::new(&config());
        let mut ids = host.collect(&api);
        assert_eq!(ids.len(), 40_000, "counts {counts}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40_000, "counts {counts}");
        let tokens = host.asked.iter().filter(|asked| asked.token.is_some()).count();
        assert!(host.asked.len() < 200 && tokens > 60, "{} {tokens}", host.asked.len());
    }
}

#[test]
fn a_window_of_too_many_rows_is_halved_under_way_if_the_api_does_not_count() {
    let mut host = Host::new(&config());
    let reply = |n: i64| {
        let rows: Vec<_> = (n * 500..n * 500 + 500).map(|m| row(&m.to_string(), T)).collect();
        page(&rows, None, Some(&format!("t{n}")))
    };
    for n in 0..10 {
        assert_eq!(host.poll(reply(n)).unwrap().events.len(), 500);
    }
    let eleventh = host.poll(reply(10)).unwrap();
    assert!(eleventh.events.is_empty() && eleventh.more, "{eleventh:?}");
    host.skip_newest();
    let next = host.next();
    assert_eq!((next.from, next.to, next.token), (T, T + HOUR / 2, None));
    assert_eq!(host.poll(reply(0)).unwrap().stats.duplicates, 500);
    assert_eq!(host.poll(reply(10)).unwrap().events.len(), 500);
}

#[test]
fn windows_grow_again_where_rows_are_few() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 86_400})));
    host.now = T + 20 * DAY;
    let ids = host.collect(&numbered(0..20_000, |n| T + n / 10));
    assert_eq!(ids.len(), 20_000);
    let longest = host.asked.iter().map(|asked| asked.to - asked.from).max();
    assert_eq!(longest, Some(DAY));
    assert!(host.asked.len() < 150, "{}", host.asked.len());
}

#[test]
fn the_next_window_is_twice_as_long_below_a_quarter_of_the_rows_that_one_may_have() {
    for (rows, hours) in [(1_249, 24), (1_250, 12)] {
        let mut host = Host::new(&config());
        host.now = T + 10 * DAY;
        host.poll(HttpError::TooLarge("20 MiB".into())).unwrap();
        let rows: Vec<_> = (0..rows).map(|n| row(&n.to_string(), T + n)).collect();
        host.poll(page(&rows, None, None)).unwrap();
        assert_eq!(host.next().to - host.next().from, hours * HOUR);
    }
}

#[test]
fn rows_that_come_late_within_the_overlap_are_found() {
    let mut host = Host::new(&config());
    host.collect(&numbered(0..100, |n| T + n * 36));
    host.now += 60;
    let mut api = numbered(0..100, |n| T + n * 36);
    api.rows.push(("late".into(), T + 99 * 36 - 899));
    assert_eq!(host.collect(&api), ["late"]);
}

#[test]
fn a_row_whose_time_is_unreadable_does_not_move_the_watermark() {
    let mut host = Host::new(&config());
    let odd = json!({"id": "odd", "eventTime": "soon"});
    let batch = host.poll(page(&[odd], 1, None)).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["odd"], vec!["odd_rows"]));
    assert_eq!(batch.progress.complete_until.unix_secs(), T);
}

#[test]
fn the_wait_is_the_interval_once_caught_up_and_none_before_unless_the_quota_is_spent() {
    let host = || Host::new(&config_with(json!({"poll_interval_secs": 5})));
    let quota = |response: mimecast_ttp_source::Response, remaining: &str, reset: &str| {
        response.header_of("X-RateLimit-Remaining", remaining).header_of("X-RateLimit-Reset", reset)
    };
    let more = || page(&[row("a", T + 1)], 2, Some("t"));
    for (reply, is_more, wait_ms) in [
        (no_rows(), false, 5_000),
        (more(), true, 0),
        (quota(no_rows(), "1", "60000"), false, 5_000),
        (quota(more(), "1", "60000"), true, 0),
        (quota(no_rows(), "0", "60000"), false, 60_000),
        (quota(no_rows(), "0", "4000"), false, 5_000),
        (quota(more(), "0", "60000"), true, 60_000),
        (quota(more(), "0", "999999999999"), true, 900_000),
        (quota(more(), "0", "x"), true, 0),
        (more().header_of("Retry-After", "60"), true, 0),
    ] {
        let batch = host().poll(reply).unwrap();
        assert_eq!((batch.more, batch.next_poll_ms), (is_more, wait_ms), "{batch:?}");
    }
}

#[test]
fn stats_are_those_of_one_poll() {
    let mut host = Host::new(&config());
    let reply = page(&[row("a", T + 1)], 1, None);
    let received = u64::try_from(reply.body.len()).unwrap();
    for duplicates in [0, 1] {
        let batch = host.poll(reply.clone()).unwrap();
        let sent = u64::try_from(host.last().request.body.len()).unwrap();
        assert_eq!((batch.stats.requests, batch.stats.rows), (1, 1));
        assert_eq!((batch.stats.sent_bytes, batch.stats.received_bytes), (sent, received));
        assert_eq!(batch.stats.duplicates, duplicates);
    }
}

#[test]
fn dates_that_are_none_are_as_if_the_api_sent_none() {
    for date in ["", "yesterday", "Sun, 32 Nov 2026 00:00:00 GMT", &http_date(T)[..20]] {
        let mut host = Host::new(&config());
        let batch = host.poll(response(200, no_rows().body).header_of("Date", date)).unwrap();
        assert!(!batch.more && batch.notices.is_empty(), "{date}: {batch:?}");
    }
}
