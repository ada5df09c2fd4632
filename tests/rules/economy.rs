//! Polls that find nothing new, and what they cost.

use serde_json::json;

use crate::fake::{Api, HOUR, Host, T, config, config_with, ids, numbered, page, row};

/// 3,000 rows, all within the overlap: six pages.
fn burst() -> Api {
    numbered(0..3_000, |n| T + 3_000 + n / 10)
}

/// A host that has them all.
fn caught_up() -> Host {
    let mut host = Host::new(&config());
    assert_eq!(host.collect(&burst()).len(), 3_000);
    host
}

/// Polls until caught up, a minute later: how many requests it took, and the new ids.
fn minute_later(host: &mut Host, api: &Api) -> (usize, Vec<String>) {
    host.now += 60;
    let before = host.asked.len();
    let ids = host.collect(api);
    (host.asked.len() - before, ids)
}

#[test]
fn a_poll_that_finds_nothing_new_costs_one_request_at_most_ten_times_in_a_row() {
    let mut host = caught_up();
    for round in 0..3 {
        for poll in 0..10 {
            let (requests, ids) = minute_later(&mut host, &burst());
            assert_eq!((requests, ids.len()), (1, 0), "round {round}, poll {poll}");
        }
        let (requests, ids) = minute_later(&mut host, &burst());
        assert_eq!((requests, ids.len()), (6, 0), "round {round}");
    }
}

#[test]
fn the_whole_way_is_asked_for_as_one_though_windows_had_to_be_cut() {
    let api = numbered(0..12_000, |n| T + 3_000 + n / 20);
    let mut host = Host::new(&config());
    assert_eq!(host.collect(&api).len(), 12_000);
    let windows = host.asked.iter().filter(|asked| asked.token.is_none()).count();
    assert!(windows > 3, "{windows}");
    assert_eq!(minute_later(&mut host, &api), (1, Vec::new()));
}

#[test]
fn the_full_reading_goes_in_short_windows_where_those_had_to_be_cut() {
    let api = numbered(0..12_000, |n| T + 3_000 + n / 20);
    let mut host = Host::new(&config());
    host.collect(&api);
    for poll in 0..10 {
        assert_eq!(host.next().to, host.now, "{poll}");
        assert_eq!(minute_later(&mut host, &api), (1, Vec::new()), "{poll}");
    }
    host.skip_newest();
    assert!(host.next().to < host.now, "{:?}", host.next());
}

#[test]
fn the_watermark_stays_while_polls_are_cut_short() {
    let mut host = caught_up();
    let watermark = host.next().from;
    for _ in 0..10 {
        minute_later(&mut host, &burst());
        assert_eq!(host.next().from, watermark);
    }
}

#[test]
fn a_late_row_behind_an_equal_count_is_found_by_the_full_reading() {
    let mut host = caught_up();
    let mut api = burst();
    // Far from the first page, one row goes and another comes late.
    api.rows[2_500].0 = "late".into();
    let mut found = Vec::new();
    for _ in 0..11 {
        found.extend(minute_later(&mut host, &api).1);
    }
    assert_eq!(found, ["late"]);
}

#[test]
fn a_new_row_on_the_first_page_is_found_at_once_behind_an_equal_count() {
    let mut host = caught_up();
    let mut api = burst();
    api.rows[3].0 = "late".into();
    assert_eq!(minute_later(&mut host, &api).1, ["late"]);
}

#[test]
fn a_new_row_on_a_later_page_is_found_at_once_by_the_count() {
    let mut host = caught_up();
    let mut api = burst();
    api.rows.push(("new".into(), T + HOUR + 30));
    assert_eq!(minute_later(&mut host, &api).1, ["new"]);
}

#[test]
fn a_poll_with_new_rows_begins_the_ten_anew() {
    let mut host = caught_up();
    let mut api = burst();
    for _ in 0..9 {
        minute_later(&mut host, &api);
    }
    api.rows.push(("new".into(), T + HOUR + 300));
    assert_eq!(minute_later(&mut host, &api).1, ["new"]);
    for poll in 0..10 {
        assert_eq!(minute_later(&mut host, &api).0, 1, "{poll}");
    }
}

#[test]
fn without_counts_every_poll_reads_all() {
    let mut host = Host::new(&config());
    let api = Api { counts: false, ..burst() };
    assert_eq!(host.collect(&api).len(), 3_000);
    for _ in 0..3 {
        let (requests, ids) = minute_later(&mut host, &api);
        assert_eq!((requests, ids.len()), (6, 0));
    }
}

#[test]
fn a_way_longer_than_a_window_is_not_asked_for_as_one() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 900})));
    host.collect(&burst());
    host.now += 900;
    for asked in &host.asked {
        assert!(asked.to - asked.from <= 900, "{asked:?}");
    }
    // A first page of known rows ends nothing while the window is not the whole way.
    host.skip_newest();
    let next = host.next();
    assert!(next.to < host.now, "{next:?}");
}

#[test]
fn known_rows_on_a_first_page_do_not_hide_new_ones_on_the_next() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 3_000)], 1, None)).unwrap();
    host.now += 60;
    let batch = host.poll(page(&[row("a", T + 3_000)], 2, Some("t"))).unwrap();
    assert!(batch.more && batch.events.is_empty());
    assert_eq!(ids(&host.poll(page(&[row("b", T + 3_001)], 2, None)).unwrap()), ["b"]);
}
