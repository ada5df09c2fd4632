//! Counts that tell of more rows than a listing gives.

use serde_json::json;

use crate::collector::Collector;
use crate::fake::world::{Count, Order, Row, World};
use crate::fake::{DAY, HOUR, T, config_with};

/// So many rows of an hour.
fn hour_of_rows(rows: i64) -> impl Iterator<Item = Row> {
    (0..rows).map(move |n| Row::new(n, T + n * HOUR / rows, T))
}

/// A second with 250 rows among others, all of them from before a quiet day.
fn crowded_second() -> Vec<Row> {
    let others = (0..60).map(|n| Row::new(format!("other-{n}"), T + n * 60, T));
    let crowd = (0..250).map(|n| Row::new(n, T + 1_830, T));
    others.chain(crowd).collect()
}

#[test]
fn listings_that_end_early_are_read_in_halves_until_all_rows_came_that_were_counted() {
    for order in [Order::AsAsked, Order::OldestFirst, Order::NewestFirst] {
        let world = World { order, listing_rows_max: 1_000, ..World::of(hour_of_rows(3_000)) };
        let mut collector = Collector::new(world);
        collector.catch_up(HALVES_REQUESTS_MAX);
        collector.has_each_row_once();
        // The count was right, and is relied on the next time, too.
        let next = (0..3_000).map(|n| {
            let second = T + HOUR + n * HOUR / 3_000;
            Row::new(format!("next-{n}"), second, second)
        });
        collector.world.rows.extend(next);
        collector.pause(HOUR);
        collector.catch_up(HALVES_REQUESTS_MAX + 3);
        collector.has_each_row_once();
        assert_eq!((collector.codes(), collector.failures()), (vec![], vec![]), "{order:?}");
        assert_eq!(collector.premature, [""; 0]);
    }
}

#[test]
fn what_a_second_withholds_is_read_from_its_other_end_and_the_rest_is_told_once() {
    for (order, listing_rows_max, missing) in [
        (Order::AsAsked, 150, 0),
        (Order::AsAsked, 100, 50),
        (Order::OldestFirst, 100, 150),
        (Order::NewestFirst, 150, 100),
    ] {
        let world = World { order, listing_rows_max, ..World::of(crowded_second()) };
        let mut collector = Collector::new(world);
        // Down to a second: each of 12 halves takes a page, those in between one each.
        collector.catch_up(60);
        assert_eq!(collector.missing().len(), missing, "{order:?} {listing_rows_max}");
        let told = |collector: &Collector| -> Vec<String> {
            let told = collector.notices("rows_withheld");
            told.iter().map(|told| told.message.clone()).collect()
        };
        let first = told(&collector);
        assert_eq!(first.len(), usize::from(missing > 0), "{first:?}");
        if let Some(message) = first.first() {
            // A window of the second before ends with it, and may be the one that is told.
            let is_named = ["00:30:29Z", "00:30:30Z"].iter().any(|at| message.contains(at));
            let what = format!("counts {missing} rows more than it gives");
            assert!(is_named && message.contains(&what), "{message}");
        }
        // For as long as the second lies above the watermark, and it is read again.
        collector.live(14 * HOUR);
        assert_eq!(told(&collector), first, "once");
        assert!(collector.host.last().from > T + 1_830, "the watermark stays behind");
        assert!(collector.errors.is_empty(), "{:?}", collector.errors);
        collector.has_no_row_twice();
    }
}

#[test]
fn rows_that_a_second_withheld_for_a_while_come_when_they_are_shown() {
    let world =
        World { order: Order::OldestFirst, listing_rows_max: 100, ..World::of(crowded_second()) };
    let mut collector = Collector::new(world);
    collector.catch_up(60);
    assert_eq!(collector.missing().len(), 150);
    collector.world.listing_rows_max = usize::MAX;
    collector.live(HOUR);
    collector.has_each_row_once();
}

/// What `count` costs more than a right one, in the first hours and in the last.
fn cost_of(count: Count) -> (usize, usize, Collector) {
    let rows = (0..3_000).map(|n| Row::new(n, T + n * 60, T + n * 60));
    let world = World::of(rows);
    let mut right = Collector::new(world.clone());
    let mut wrong = Collector::new(World { count, ..world });
    let early = wrong.live(6 * HOUR) - right.live(6 * HOUR);
    wrong.live(12 * HOUR);
    right.live(12 * HOUR);
    let late = wrong.live(12 * HOUR) - right.live(12 * HOUR);
    (early, late, wrong)
}

#[test]
fn a_count_that_is_always_too_high_costs_a_bounded_number_of_requests_and_then_none() {
    for count in [Count::TooHighBy(1), Count::TooHighBy(3), Count::Is(1_000_000)] {
        let (early, late, collector) = cost_of(count);
        assert!(early <= MISTRUST_REQUESTS_MAX, "{early}: {count:?}");
        assert_eq!(late, 0, "{count:?}");
        collector.has_each_row_once();
        collector.told_once_an_hour("count_mismatch");
        assert!(collector.notices("rows_withheld").len() <= 3, "{:?}", collector.told);
        assert!(collector.errors.is_empty(), "{:?}", collector.errors);
    }
}

#[test]
fn a_count_that_is_too_low_or_missing_costs_no_row() {
    for count in [Count::TooLowBy(2), Count::Is(0), Count::Missing] {
        let (early, late, collector) = cost_of(count);
        assert_eq!((early, late), (0, 0), "{count:?}");
        collector.has_each_row_once();
        assert_eq!(collector.codes(), [""; 0], "{count:?}");
    }
}

#[test]
fn trust_in_the_count_comes_back_when_it_has_fitted_five_windows() {
    for (fits, is_trusted) in [(4, false), (5, true)] {
        let rows = (0..60).map(|n| Row::new(n, T + n * 60, T));
        let world = World { count: Count::TooHighBy(1), ..World::of(rows) };
        let mut collector = Collector::new(world);
        collector.live(HOUR);
        collector.told_once_an_hour("count_mismatch");
        collector.world.count = Count::Right;
        for _ in 0..fits {
            collector.catch_up(1);
        }
        // A minute that has more rows than a listing gives.
        let second = collector.host.now - 30;
        let burst = (0..800).map(|n| Row::new(format!("burst-{n}"), second + n % 20, second));
        collector.world.rows.extend(burst);
        collector.world.listing_rows_max = 500;
        collector.catch_up(60);
        assert_eq!(collector.missing().is_empty(), is_trusted, "{fits} fits");
    }
}

#[test]
fn a_day_long_backfill_with_wrong_counts_ends_and_has_each_row_once() {
    for count in [Count::TooHighBy(3), Count::TooLowBy(2), Count::Is(0), Count::Is(1_000_000)] {
        for order in [Order::AsAsked, Order::NewestFirst] {
            let rows = (0..4_000).map(|n| Row::new(n, T + n * 60, T));
            let world = World { order, count, ..World::of(rows) };
            let config = config_with(json!({"page_size": 100}));
            let mut collector = Collector::configured(world, &config).at(T + 3 * DAY);
            collector.catch_up(4_000 / 100 * 2 + MISTRUST_REQUESTS_MAX);
            collector.has_each_row_once();
            assert!(collector.errors.is_empty(), "{:?}", collector.errors);
        }
    }
}

/// Windows that grow until they have more than a thousand rows, and are halved then: eight of them,
/// and for each two pages in vain and two for good; the newest row is asked for once.
const HALVES_REQUESTS_MAX: usize = 8 * 4 + 3;
/// Thirty windows that are read again for nothing, and the way down to seconds and back.
const MISTRUST_REQUESTS_MAX: usize = 150;
