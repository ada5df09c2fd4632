//! Every way together in which an API may depart from what is documented: how its listings end, how
//! they are sorted, what it counts, which time it tells, what cannot be read, how much a page
//! holds; how long a window and a listing may be. A small world of rows, collected by a host that
//! goes on for hours past it.
//!
//! Whatever the API does: what can be read comes once, in a bounded number of requests; no polls
//! follow each other without end; nothing is called caught up while something is missing; and what
//! cannot be read is told once and holds up nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../strange/collector.rs"]
mod collector;
#[path = "../fake/mod.rs"]
mod fake;
mod run;

use std::sync::LazyLock;

use fake::HOUR;
use fake::spread::spread;
use fake::world::{Count, Ending, Order};
use run::{Api, Clocks, Run};

static ALL: LazyLock<Vec<Run>> = LazyLock::new(|| {
    let mut apis = Vec::new();
    for ending in ENDINGS {
        for order in ORDERS {
            for count in COUNTS {
                for clocks in [Clocks::Right, Clocks::FutureRefused, Clocks::TwoNodes] {
                    for has_unreadable in [false, true] {
                        for page_size in [3, 500] {
                            let api = Api {
                                ending,
                                order,
                                count,
                                clocks,
                                has_unreadable,
                                page_size,
                                ..Api::RIGHT
                            };
                            apis.push(api);
                        }
                    }
                }
            }
        }
    }
    run_all("endings, orders, counts, clocks, unreadable rows, page sizes", &apis)
});

/// Windows that are too long to be answered, whether a poll before was.
static LENGTHS: LazyLock<Vec<Run>> = LazyLock::new(|| {
    let mut apis = Vec::new();
    for window_secs_max in [1, 2, 7, 60, 600, HOUR] {
        for ending in ENDINGS {
            for order in ORDERS {
                for has_cursor in [false, true] {
                    apis.push(Api {
                        ending,
                        order,
                        window_secs_max,
                        has_cursor,
                        page_size: 5,
                        ..Api::RIGHT
                    });
                }
            }
        }
    }
    run_all("windows that are not answered", &apis)
});

/// Listings that end early. The second with twelve rows has more than some of them show.
static CAPS: LazyLock<Vec<Run>> = LazyLock::new(|| {
    let mut apis = Vec::new();
    for listing_rows_max in [2, 5, 6, 11, 12, 13, 30] {
        for ending in ENDINGS {
            for order in ORDERS {
                for page_size in [3, 500] {
                    apis.push(Api { ending, order, page_size, listing_rows_max, ..Api::RIGHT });
                }
            }
        }
    }
    run_all("listings that end early", &apis)
});

fn run_all(what: &str, apis: &[Api]) -> Vec<Run> {
    let one = |index: u64| apis.get(usize::try_from(index).unwrap()).map(run::run);
    let runs = spread(one);
    let most = runs.iter().max_by_key(|run| run.requests).unwrap();
    println!("{what}: {} runs", runs.len());
    println!(
        "  the most requests to catch up at first: {} of {}",
        most.requests, most.requests_max
    );
    println!("    by {:?}", most.api);
    let most = runs.iter().max_by_key(|run| run.later_requests).unwrap();
    println!(
        "  in {} minutes after that: {} of {} by {:?}",
        run::LATER_SECS / 60,
        most.later_requests,
        most.later_requests_max,
        most.api
    );
    let most = runs.iter().map(|run| run.at_once_max).max().unwrap();
    println!("  the most polls without a wait: {most}");
    runs
}

#[track_caller]
fn none(runs: &[Run], what: impl Fn(&Run) -> Option<String>) {
    let fallen: Vec<_> =
        runs.iter().filter_map(|run| Some(format!("{}: {:?}", what(run)?, run.api))).collect();
    assert!(
        fallen.is_empty(),
        "{} of {}\n{}",
        fallen.len(),
        runs.len(),
        fallen[..fallen.len().min(12)].join("\n")
    );
}

fn all() -> impl Iterator<Item = &'static [Run]> {
    [&ALL[..], &LENGTHS[..], &CAPS[..]].into_iter()
}

fn unless(is_right: bool, what: impl Fn() -> String) -> Option<String> {
    (!is_right).then(what)
}

#[test]
fn whatever_can_be_read_is_delivered_and_no_row_twice() {
    for runs in all() {
        none(runs, |run| unless(run.missing.is_empty(), || format!("missing {:?}", run.missing)));
        none(runs, |run| unless(run.repeated.is_empty(), || format!("twice {:?}", run.repeated)));
    }
}

#[test]
fn the_number_of_requests_is_bounded_at_first_and_later() {
    for runs in all() {
        none(runs, |Run { requests, requests_max, .. }| {
            unless(requests <= requests_max, || format!("{requests} of {requests_max} at first"))
        });
        none(runs, |Run { later_requests: requests, later_requests_max: max, .. }| {
            unless(requests <= max, || format!("{requests} of {max} later"))
        });
    }
}

#[test]
fn no_polls_follow_each_other_without_end_an_error_or_a_wait() {
    for runs in all() {
        none(runs, |run| {
            let at_once = usize::try_from(run.at_once_max).unwrap();
            unless(at_once <= run.requests_max, || format!("{at_once} polls at once"))
        });
        none(runs, |run| unless(run.is_caught_up, || format!("no end: {:?}", run.errors.last())));
    }
}

#[test]
fn nothing_is_called_caught_up_while_a_row_that_the_api_shows_is_missing() {
    for runs in all() {
        none(runs, |run| unless(run.premature.is_empty(), || format!("{:?}", run.premature)));
    }
}

#[test]
fn what_cannot_be_read_or_is_withheld_is_told_once() {
    for runs in all() {
        none(runs, |run| {
            let told = run.codes.iter().filter(|code| **code == "row_unreadable").count();
            unless(told == usize::from(run.api.has_unreadable), || format!("told {told} times"))
        });
    }
    none(&CAPS, |run| {
        let told = run.codes.iter().filter(|code| **code == "rows_withheld").count();
        let is_told_once = if run.withheld == 0 { told == 0 } else { (1..=2).contains(&told) };
        unless(is_told_once, || format!("{} withheld, told {told} times", run.withheld))
    });
}

#[test]
fn a_state_that_lasts_is_told_once_an_hour() {
    for runs in all() {
        none(runs, |run| unless(run.nagging.is_empty(), || format!("{:?}", run.nagging)));
    }
}

#[test]
fn no_person_is_called_for_what_the_api_does() {
    for runs in all() {
        none(runs, |run| {
            let error = run.errors.iter().find(|error| error.needs_a_person());
            unless(error.is_none(), || format!("{error:?}"))
        });
    }
}

#[test]
fn the_watermark_follows() {
    for runs in all() {
        none(runs, |run| {
            unless(run.lag_secs <= run::LAG_SECS_MAX, || format!("{} s", run.lag_secs))
        });
    }
}

const ENDINGS: [Ending; 5] =
    [Ending::Clean, Ending::Empty, Ending::EmptySame, Ending::Round, Ending::LastAgain];
const ORDERS: [Order; 3] = [Order::AsAsked, Order::OldestFirst, Order::NewestFirst];
const COUNTS: [Count; 6] = [
    Count::Right,
    Count::Missing,
    Count::Is(0),
    Count::Is(1_000_000),
    Count::TooHighBy(3),
    Count::TooLowBy(2),
];
