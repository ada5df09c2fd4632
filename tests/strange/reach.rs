//! Windows that hold rows from before they begin: `from` is rounded down, or rows are found by
//! another time than their own.

use crate::collector::Collector;
use crate::fake::world::{Count, Order, Row, World};
use crate::fake::{DAY, HOUR, T, config_with};
use serde_json::json;

/// A row in some four minutes for three days and an hour.
fn steady() -> impl Iterator<Item = Row> {
    (0..1_110).map(|n| Row::new(n, T + n * 237, T + n * 237))
}

#[test]
fn a_from_that_is_rounded_down_repeats_no_row_in_three_days() {
    for unit_secs in [60, HOUR, DAY] {
        for count in [Count::Right, Count::Missing] {
            let world = World { from_unit_secs: unit_secs, count, ..World::of(steady()) };
            let config = config_with(json!({"overlap_secs": 900, "poll_interval_secs": 60}));
            let mut collector = Collector::configured(world, &config);
            let requests = collector.live(3 * DAY);
            collector.has_each_row_once();
            assert_eq!(collector.premature, [""; 0], "{unit_secs}");
            assert!(collector.errors.is_empty(), "{:?}", collector.errors);
            // A page or two a poll: what lies before the window is at most a day.
            assert!(requests <= 2 * 3 * 24 * 60, "{requests} of {unit_secs} s");
            if unit_secs > 60 {
                collector.told_once_an_hour("older_rows");
            }
            let cursor = collector.host.cursor.as_ref().unwrap();
            assert!(cursor.len() < 16 * 1_400 + 1_000, "{} bytes", cursor.len());
        }
    }
}

#[test]
fn a_backfill_from_an_api_that_rounds_repeats_no_row() {
    for unit_secs in [60, HOUR, DAY] {
        for order in [Order::AsAsked, Order::NewestFirst] {
            let rows = (0..12_000).map(|n| Row::new(n, T + n * 21, T));
            let world = World { from_unit_secs: unit_secs, order, ..World::of(rows) };
            let config = config_with(json!({"window_max_secs": 6 * HOUR}));
            let mut collector = Collector::configured(world, &config).at(T + 3 * DAY);
            // Each window reads its rows, and up to a day of them that it did not ask for.
            collector.catch_up(24 + 12_000 / 500 + 15 * (12_000 / 3 / 500 + 2));
            collector.has_each_row_once();
        }
    }
}

#[test]
fn what_is_remembered_for_an_api_that_rounds_is_let_go_once_it_cannot_come_again() {
    let rows = (0..20_000).map(|n| Row::new(n, T + n * 9, T + n * 9));
    let cursor_bytes = |unit_secs| {
        let world = World { from_unit_secs: unit_secs, ..World::of(rows.clone()) };
        let mut collector = Collector::new(world).at(T + 50 * HOUR);
        collector.catch_up(2_000);
        collector.live(30 * 60);
        collector.has_each_row_once();
        collector.host.cursor.unwrap().len()
    };
    // 100 rows of the overlap, and 400 of each hour: at least those of one and at most of two.
    let (exact, by_the_hour) = (cursor_bytes(1), cursor_bytes(HOUR));
    assert!(exact < 16 * 1_100 + 1_000, "{exact}");
    assert!((16 * 400..16 * 1_400 + 1_000).contains(&by_the_hour), "{by_the_hour}");
}

/// 2,900 rows of two days; every fifth is found two hours late, by the time of that.
fn found_late() -> World {
    let rows = (0..2_900).map(|n| {
        let second = T + n * 60;
        Row::new(n, second, second + if n % 5 == 0 { 2 * HOUR } else { 0 })
    });
    World { is_found_by_visible: true, ..World::of(rows) }
}

#[test]
fn rows_that_are_found_by_another_time_come_once_at_the_end_of_a_backfill() {
    for order in [Order::AsAsked, Order::OldestFirst, Order::NewestFirst] {
        let world = World { order, ..found_late() };
        let mut collector = Collector::new(world).at(T + 2 * DAY + HOUR / 2);
        collector.catch_up(60);
        collector.live(4 * HOUR);
        collector.has_each_row_once();
        assert_eq!(collector.missing_of_any_time(), 0);
        assert!(collector.errors.is_empty(), "{:?}", collector.errors);
    }
}

#[test]
fn rows_that_are_found_by_another_time_come_once_in_live_polling() {
    let mut collector = Collector::new(found_late());
    let requests = collector.live(2 * DAY + 3 * HOUR);
    collector.has_each_row_once();
    assert_eq!(collector.missing_of_any_time(), 0);
    assert!(requests <= 2 * 51 * 60, "{requests}");
}
