//! Whole histories, collected poll by poll from an API that keeps all its licences: rows that come
//! late, tokens that die, either page order, wrong clocks. Whatever the world, no row is lost and
//! none comes twice. The worlds are those in which simpler cursors fail.
//!
//! Mutants of `src/position/pass.rs` that it kills: a watermark that follows the window's end, or the newest row
//! without the overlap, or the host's clock alone; economy passes without end; a next window that
//! begins a second later; keys forgotten above the watermark.
#![allow(clippy::unwrap_used)]

mod fake;

use std::collections::BTreeMap;

use fake::dice::Dice;
use fake::world::{Count, Order, Row, Server, World};
use fake::{DAY, HOUR, T, poll_once, with};
use mimecast_ttp_source::{Config, ErrorKind, Moment, Second};
use serde_json::json;

#[test]
fn a_quiet_stream_costs_one_request_a_poll() {
    let world = world([(T, T), (T + 85_505, T + 85_505)]);
    let tally = collect(&world, RIGHT, T - 100, T + 10, 90_000);
    assert_eq!(tally.polls, tally.requests);
    assert!(tally.caught_up >= tally.polls - 5, "{tally:?}");
}

#[test]
fn a_burst_in_the_overlap_is_read_once() {
    let burst = (0..15_000).map(|i| (T + i * 600 / 15_000, T + i * 600 / 15_000));
    let later = (0..50).map(|i| (T + 700 + i, T + 700 + i));
    let tally = collect(&world(burst.chain(later)), RIGHT, T - HOUR, T + 800, 2 * HOUR);
    assert!(tally.requests < 700, "{tally:?}");
}

#[test]
fn a_dense_backfill_keeps_its_list_of_keys_short() {
    for a_second in [1, 5, 20] {
        let rows = (0..6 * HOUR * a_second).map(|i| (T + i / a_second, 0));
        let tally = collect(&world(rows), RIGHT, T, T + 10 * DAY, 2 * HOUR);
        assert!(tally.cursor_bytes_max < 16 * 6_000 + 1_000, "{a_second} a second: {tally:?}");
    }
}

#[test]
fn rows_that_the_api_shows_only_hours_later_are_not_lost() {
    let before = (0..HOUR * 5).map(|i| (T + i / 5, T + i / 5));
    let hidden = (0..6 * HOUR).map(|i| (T + HOUR + i, T + 7 * HOUR));
    collect(&world(before.chain(hidden)), RIGHT, T, T, 9 * HOUR);
}

#[test]
fn dying_tokens_cost_requests_and_no_rows() {
    let mut dice = Dice::new(3);
    let rows: Vec<_> = (0..15_000).map(|_| (T - dice.below(3 * DAY - 30) - 30, 0)).collect();
    for (is_newest_first, is_live) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = World {
            order: if is_newest_first { Order::NewestFirst } else { Order::AsAsked },
            is_live,
            token_deaths_percent: 30,
            page_size: 200,
            ..world(rows.clone())
        };
        collect(&world, RIGHT, T - 3 * DAY - 60, T, 4_000);
    }
}

#[test]
fn late_rows_within_the_overlap_are_not_lost() {
    let mut dice = Dice::new(4);
    let rows: Vec<_> = (0..6_000)
        .map(|_| {
            let time = T + dice.below(12_000);
            let late = if dice.below(100) < 40 { 1 + dice.below(880) } else { 0 };
            (time, time + late)
        })
        .collect();
    for (is_newest_first, is_live) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = World {
            order: if is_newest_first { Order::NewestFirst } else { Order::AsAsked },
            is_live,
            token_deaths_percent: 5,
            page_size: 50,
            ..world(rows.clone())
        };
        collect(&world, RIGHT, T - 100, T, 14_000);
    }
}

#[test]
fn a_host_clock_that_is_wrong_for_a_while_loses_nothing() {
    let rows: Vec<_> = (0..200).map(|i| (T + i * 60, T + i * 60)).collect();
    for (wrong_by, wrong_for) in [(365 * DAY, 600), (-HOUR, 600), (HOUR, 600), (-365 * DAY, 600)] {
        let clock = |now| if now < T + wrong_for { now + wrong_by } else { now };
        collect(&world(rows.clone()), clock, T - 100, T, 200 * 60 + HOUR);
    }
}

#[test]
fn a_host_clock_that_is_always_wrong_loses_nothing() {
    let rows: Vec<_> = (0..200).map(|i| (T + i * 60, T + i * 60)).collect();
    for wrong_by in [-HOUR, HOUR, -365 * DAY, 365 * DAY] {
        collect(&world(rows.clone()), |now| now + wrong_by, T - 100, T, 200 * 60 + HOUR);
    }
}

#[test]
fn rows_between_seconds_and_an_exclusive_upper_bound_lose_nothing() {
    for is_to_inclusive in [true, false] {
        let rows = (0..50_000u32)
            .map(|i| Row::new(i, T + i64::from(i / 5), 0).with_nanos(i % 5 * 200_000_000));
        let world = World { is_to_inclusive, ..World::of(rows) };
        collect(&world, RIGHT, T, T + 10 * DAY, HOUR);
    }
}

#[test]
fn seven_thousand_rows_of_one_second_are_all_read() {
    let world = World { token_deaths_percent: 2, ..world((0..7_000).map(|_| (T, T))) };
    collect(&world, RIGHT, T - 100, T + 10, HOUR);
}

#[test]
fn a_count_that_is_missing_or_wrong_loses_nothing() {
    for count in [Count::Missing, Count::Is(0), Count::Is(1_000_000), Count::TooHighBy(3)] {
        let mut dice = Dice::new(5);
        let rows = (0..20_000).map(|_| {
            let time = T + dice.below(20_000);
            (time, time + dice.below(300))
        });
        let world = World { count, ..world(rows) };
        collect(&world, RIGHT, T - 100, T + 10_000, 14_000);
    }
}

#[test]
fn an_api_that_dates_nothing_loses_nothing() {
    let rows = (0..600).map(|i| (T + i * 20, T + i * 20 + i % 7 * 100));
    let world = World { is_dated: false, ..world(rows) };
    collect(&world, RIGHT, T - 100, T, 14_000);
}

/// Rows by the second of each and the one from when on it is visible.
fn world(rows: impl IntoIterator<Item = (i64, i64)>) -> World {
    let rows = rows.into_iter().enumerate();
    World::of(rows.map(|(number, (second, visible))| Row::new(number, second, visible)))
}

/// A host clock that is right.
const RIGHT: fn(i64) -> i64 = |now| now;

#[derive(Debug, Default)]
struct Tally {
    polls: u32,
    requests: u32,
    caught_up: u32,
    cursor_bytes_max: usize,
}

/// Polls from `now` on for so long, at once while there is more and each minute otherwise, then
/// compares what was delivered with what should have been.
fn collect(world: &World, clock: impl Fn(i64) -> i64, start: i64, now: i64, secs: i64) -> Tally {
    let config = with("start", json!(Second::new(start).to_string()));
    let config = Config::parse(&config.to_string()).unwrap();
    let (mut tally, mut server) = (Tally::default(), Server::new(1));
    let mut delivered = BTreeMap::<String, u32>::new();
    let mut cursor: Option<String> = None;
    let mut watermark = Second::new(i64::MIN);
    // Tenths of a second: a poll that has more costs one.
    let mut tenths = now * 10;
    while tenths < (now + secs) * 10 {
        tally.polls += 1;
        assert!(tally.polls < 100_000, "the passes do not end: {tally:?}");
        let now = tenths / 10;
        let host_tenths = u64::try_from(clock(now) * 10 + tenths % 10).unwrap();
        let mut random = [0; 16];
        random[..4].copy_from_slice(&tally.polls.to_be_bytes());
        let at = Moment { unix_nanos: host_tenths * 100_000_000, random };
        let outcome = poll_once(&config, cursor.as_deref(), at, |asked| {
            (Ok(server.answer(world, &asked, now)), at)
        });
        let batch = match outcome {
            Ok(batch) => batch,
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Transient, "{error:?}");
                tenths += 10;
                continue;
            }
        };
        assert!(batch.progress.complete_until >= watermark, "the watermark went back");
        watermark = batch.progress.complete_until;
        for event in batch.events {
            *delivered.entry(event.body).or_default() += 1;
        }
        tally.cursor_bytes_max = tally.cursor_bytes_max.max(batch.cursor.len());
        cursor = Some(batch.cursor);
        tally.caught_up += u32::from(!batch.more);
        tenths += if batch.more { 1 } else { 600 };
    }
    tally.requests = server.requests;
    let twice: Vec<_> = delivered.iter().filter(|(_, times)| **times > 1).take(3).collect();
    assert!(twice.is_empty(), "rows came twice: {twice:?}, {tally:?}");
    let due_by = now + secs - 120;
    let due = world.rows.iter().filter(|row| row.visible <= due_by && row.second <= due_by);
    let lost: Vec<_> = due.filter(|row| !delivered.contains_key(&row.text)).collect();
    assert!(lost.is_empty(), "{} rows lost, {:?}..., {tally:?}", lost.len(), lost[0]);
    tally
}
