//! What passes for evidence and is none: rows that are known for another reason, counts that only some
//! pages tell, one odd row, one odd answer.

use serde_json::json;

use crate::collector::Collector;
use crate::fake::world::{Count, Ending, Order, Row, World, failure};
use crate::fake::{
    DAY, HOUR, Host, T, WithHeader as _, config, config_with, no_rows, page, response, row,
};

fn with_body(answer: &mut mimecast_ttp_source::Response, mend: impl FnOnce(String) -> String) {
    let body = std::mem::take(&mut answer.body);
    answer.body = mend(String::from_utf8(body).unwrap()).into_bytes();
}

#[test]
fn rows_of_the_second_that_a_window_ends_with_make_up_for_none_where_that_is_left_out() {
    for is_to_inclusive in [true, false] {
        let spread = (0..150).map(|n| Row::new(n, T + n * 12, T));
        let at_half = (0..60).map(|n| Row::new(format!("half-{n}"), T + HOUR / 2, T));
        let mut collector = Collector::new(World {
            is_to_inclusive,
            order: Order::NewestFirst,
            listing_rows_max: 100,
            ..World::of(spread.chain(at_half))
        });
        collector.catch_up(200);
        collector.live(14 * HOUR);
        collector.has_each_row_once();
    }
}

#[test]
fn rows_of_other_filters_make_up_for_none() {
    let second = |n: i64| T + 600 + n;
    let good = (0..500).map(|n| Row::new(format!("good-{n}"), second(n), T));
    let bad = (0..920).map(|n| {
        let (second, visible) = if n < 800 {
            (second(n / 2), T)
        } else {
            (T + HOUR + (n - 800) * 60, T + HOUR + (n - 800) * 60)
        };
        Row { is_malicious: true, ..Row::new(format!("bad-{n}"), second, visible) }
    });
    let world = World { listing_rows_max: 300, ..World::of(good.chain(bad)) };
    let only = |malicious: bool| config_with(json!({"filters": {"tagged_malicious": malicious}}));
    let mut collector = Collector::configured(world, &only(false));
    collector.catch_up(100);
    collector.host.reconfigure(&only(true));
    collector.pause(60);
    collector.catch_up(100);
    collector.live(2 * HOUR);
    let missing = collector.missing();
    assert!(missing.iter().all(|text| text.contains("good-")), "{missing:?}");
    // The old filters again: none of theirs comes again.
    collector.host.reconfigure(&only(false));
    collector.live(HOUR);
    collector.has_no_row_twice();
}

#[test]
fn a_count_of_the_first_page_holds_for_those_that_tell_none() {
    let rows = (0..3_000).map(|n| Row::new(n, T + n * HOUR / 3_000, T));
    let mut collector = Collector::new(World { listing_rows_max: 1_000, ..World::of(rows) });
    collector.twist = Box::new(|asked, mut answer| {
        if asked.token.is_some() {
            with_body(&mut answer, |body| {
                let (start, rest) = body.split_once("\"resultCount\":").unwrap();
                [start, rest.split_once(',').unwrap().1].concat()
            });
        }
        Ok(answer)
    });
    collector.catch_up(200);
    collector.has_each_row_once();
}

#[test]
fn a_page_token_that_stays_the_same_and_leads_on_ends_nothing() {
    for count in [Some(()), None] {
        let mut host = Host::new(&config());
        // 3,000 rows in one second, and 500 in as many.
        let second = |n: usize| T + if n < 3_000 { 600 } else { i64::try_from(n).unwrap() };
        let (mut place, mut events, mut polls) = (0, 0, 0);
        loop {
            let batch = host.poll_with(|asked| {
                let mut found: Vec<_> = (0..3_500)
                    .filter(|n| (asked.from..=asked.to).contains(&second(*n)))
                    .map(|n| row(&n.to_string(), second(n)))
                    .collect();
                if asked.body["data"][0]["oldestFirst"] == false {
                    found.reverse();
                }
                let size = asked.body["meta"]["pagination"]["pageSize"].as_u64().unwrap();
                let start = if asked.token.is_some() { place } else { 0 };
                place = found.len().min(start + usize::try_from(size).unwrap());
                let next = (place < found.len()).then_some("session");
                Ok(page(&found[start..place], count.map(|()| found.len()), next))
            });
            let batch = batch.unwrap();
            events += batch.events.len();
            polls += 1;
            assert!(polls < 100);
            if !batch.more {
                break;
            }
        }
        assert_eq!(events, 3_500, "{count:?}");
    }
}

#[test]
fn a_huge_count_does_not_make_pages_that_go_round_go_round_for_longer() {
    for count in [1_000_000, 10_000_000_000] {
        let rows = (0..2_500).map(|n| Row::new(n, T, T));
        let world = World { count: Count::Is(count), ending: Ending::Round, ..World::of(rows) };
        let mut collector = Collector::new(world);
        collector.catch_up(100);
        collector.has_each_row_once();
    }
}

#[test]
fn counts_without_bounds_are_added_up_within_bounds() {
    let mut host = Host::new(&config());
    host.now = T + 10;
    for _ in 0..100 {
        let batch = host.poll_with(|asked| {
            let is_crowded = |second: i64| [T + 2, T + 7].contains(&second);
            let rows: Vec<_> = (asked.from..asked.to)
                .filter(|_| asked.to - asked.from == 1)
                .map(|second| row(&second.to_string(), second))
                .collect();
            let mut answer = page(&rows, 7, None);
            let count = if (asked.from..asked.to).any(is_crowded) {
                u64::MAX.to_string()
            } else {
                rows.len().to_string()
            };
            with_body(&mut answer, |body| {
                body.replace("\"resultCount\":7", &format!("\"resultCount\":{count}"))
            });
            Ok(answer)
        });
        if !batch.unwrap().more {
            host.now += 60;
        }
    }
}

#[test]
fn a_time_that_was_in_doubt_holds_up_nothing_once_no_answer_tells_any() {
    let mut host = Host::new(&config());
    assert!(host.poll(no_rows().dated(host.now - HOUR / 2)).unwrap().more);
    assert!(!host.poll(no_rows()).unwrap().more);
}

/// 6,000 rows an hour for a day and more, of which one answer shows another that is older.
#[test]
fn one_row_that_is_older_than_asked_for_is_no_reason_to_remember_all_for_longer() {
    for older_secs in [30 * DAY, 20 * HOUR] {
        let rows = (0..180_000).map(|n| Row::new(n, T + n * 6 / 10, T + n * 6 / 10));
        let mut collector = Collector::new(World::of(rows)).at(T + HOUR);
        collector.catch_up(100);
        let mut was_shown = false;
        collector.twist = Box::new(move |asked, mut answer| {
            if !std::mem::replace(&mut was_shown, true) {
                let old = row("old", asked.from - older_secs);
                let rows = "\"impersonationLogs\":[";
                with_body(&mut answer, |body| body.replacen(rows, &format!("{rows}{old},"), 1));
            }
            Ok(answer)
        });
        collector.live(20 * HOUR);
        assert!(collector.repeated().is_empty());
        let cursor_bytes = collector.host.cursor.as_ref().unwrap().len();
        assert!(cursor_bytes < 100_000, "{cursor_bytes} bytes, {older_secs}");
    }
}

#[test]
fn rows_that_are_new_each_time_hold_up_a_second_of_refused_tokens_for_a_bounded_time() {
    let mut host = Host::new(&config());
    let mut serial = 0;
    for polls in 0.. {
        let outcome = host.poll_with(|asked| {
            if asked.token.is_some() {
                return Ok(failure(200, "err_page_token"));
            }
            if !(asked.from..=asked.to).contains(&(T + 600)) {
                return Ok(no_rows());
            }
            let rows: Vec<_> =
                (serial..serial + 500).map(|n: u32| row(&n.to_string(), T + 600)).collect();
            serial += 500;
            Ok(page(&rows, 800, Some(&format!("t{serial}"))))
        });
        match outcome {
            Ok(batch) if !batch.more => break,
            Ok(_) => {}
            Err(_) => host.now += 60,
        }
        assert!(polls < 600, "{serial} events");
    }
}

#[test]
fn a_second_of_pages_whose_tokens_are_always_old_is_left_behind_and_told() {
    let mut collector = Collector::new(World::of((0..1_500).map(|n| Row::new(n, T + 600, T))));
    let mut polls = 0;
    while !collector.poll() {
        collector.pause(25 * 60);
        polls += 1;
        assert!(polls < 100);
    }
    assert_eq!(collector.codes(), ["rows_withheld"]);
    assert_eq!(collector.missing().len(), 500);
}

#[test]
fn rows_of_unknown_time_that_pages_repeat_make_up_for_none() {
    let mut host = Host::new(&config());
    let odd = [json!({"id": "a", "eventTime": "?"}), json!({"id": "b", "eventTime": "?"})];
    host.poll(page(&odd, 4, Some("t"))).unwrap();
    host.poll(failure(200, "err_page_token")).unwrap();
    host.skip_newest();
    host.poll(page(&odd, 4, Some("t"))).unwrap();
    let from = host.next().from;
    host.poll(page(&odd, 4, None)).unwrap();
    assert_eq!(host.next().from, from, "two of four are missing");
}

#[test]
fn ids_that_are_steady_are_not_told_to_change_where_a_listing_ends_early() {
    let rows = [T + 1_830, T + 1_831]
        .into_iter()
        .flat_map(|second| (0..250).map(move |n| Row::new(format!("{second}-{n}"), second, T)));
    let mut collector = Collector::new(World { listing_rows_max: 100, ..World::of(rows) });
    collector.catch_up(200);
    assert!(collector.notices("ids_change").is_empty());
}

/// Of a second that goes on on the next page, known rows may be there.
#[test]
fn rows_that_come_late_into_a_second_are_not_taken_for_known_ones_under_other_ids() {
    let mut host = Host::new(&config());
    let rows = |ids: [&str; 3]| ids.map(|id| row(id, T + 1));
    host.poll(page(&rows(["a", "b", "c"]), None, None)).unwrap();
    host.now += 60;
    let batch = host.poll(page(&rows(["d", "e", "f"]), None, Some("t"))).unwrap();
    assert_eq!((batch.events.len(), batch.notices), (3, vec![]));
}

/// Rows of which each makes the next one unreadable: as many readings of the page.
#[test]
fn a_page_of_nothing_but_rows_that_cannot_be_read_is_given_up_after_so_many() {
    for (rows, other_bytes, is_page) in
        [(200, 0, true), (4_000, 0, false), (200, 1 << 20, false), (2, 1 << 20, true)]
    {
        let other = format!(r#"{{"x":"{}"}}"#, "x".repeat(other_bytes));
        let bad = vec!["{},x"; rows].join(",");
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{other},{bad}]}}]}}"#);
        let mut host = Host::new(&config());
        let outcome = host.poll_with(|_| Ok(response(200, body.clone())));
        let is_read = outcome.is_ok_and(|batch| !batch.events.is_empty());
        assert_eq!(is_read, is_page, "{rows} {other_bytes}");
    }
}
