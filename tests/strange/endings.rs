//! Listings that do not end with a page that names no next one.

use serde_json::json;

use crate::collector::Collector;
use crate::fake::world::{Count, Ending, Order, Row, World};
use crate::fake::{DAY, HOUR, Host, T, codes, config, ids, no_rows, page, response, row};

/// 1,300 rows of an hour: three pages. One more a minute for six hours.
fn stream() -> World {
    let past = (0..1_300).map(|n| Row::new(n, T + n * 2, T + n * 2));
    let later = (1_300..1_660).map(|n| (n, T + HOUR + (n - 1_300) * 60));
    World::of(past.chain(later.map(|(n, second)| Row::new(n, second, second))))
}

#[test]
fn an_empty_page_that_names_a_next_ends_a_listing_if_all_is_there_and_else_two_requests_later() {
    for ending in [Ending::Empty, Ending::EmptySame] {
        for (count, more) in
            [(Count::Right, 0), (Count::Missing, 2), (Count::Is(0), 2), (Count::TooLowBy(2), 2)]
        {
            let mut clean = Collector::new(World { count, ..stream() });
            let pages = clean.catch_up(3);
            let mut collector = Collector::new(World { count, ending, ..stream() });
            // No count has fitted yet: three empty pages in a row are the end.
            assert_eq!(collector.catch_up(10), pages + 3, "{ending:?} {count:?}");
            assert_eq!(collector.codes(), ["listing_ends_empty"]);
            collector.has_each_row_once();
            assert_eq!(collector.premature, [""; 0]);
            // A minute later: the rows of the overlap, and empty pages after them.
            let begun = collector.host.now;
            collector.catch_up(pages + 1 + more);
            for _ in 0..30 {
                collector.catch_up(2 + more);
            }
            assert_eq!(collector.codes(), ["listing_ends_empty"], "{ending:?} {count:?}");
            collector.live(5 * HOUR);
            collector.told_once_an_hour("listing_ends_empty");
            collector.has_each_row_once();
            assert!(collector.errors.is_empty(), "{:?}", collector.errors);
            let asked = collector.host.last();
            assert!(asked.from >= begun && asked.token.is_some(), "the watermark stays behind");
        }
    }
}

#[test]
fn an_empty_page_may_have_no_block_at_all() {
    let empty = |n: u32| {
        let next = format!("t{n}");
        let meta = json!({"status": 200, "pagination": {"pageSize": 500, "next": next}});
        response(200, json!({"meta": meta, "data": [], "fail": []}))
    };
    let rows = [row("a", T + 1), row("b", T + 2)];
    for (count, empty_pages) in [(Some(2), 1), (None, 3)] {
        let mut host = Host::new(&config());
        host.poll(page(&rows[..1], count.map(|_| 1), None)).unwrap();
        host.now += 60;
        assert_eq!(ids(&host.poll(page(&rows, count, Some("t0"))).unwrap()), ["b"]);
        for n in 1..empty_pages {
            assert!(host.poll(empty(n)).unwrap().more, "{n}");
        }
        let last = host.poll(empty(empty_pages)).unwrap();
        assert_eq!((last.more, codes(&last.notices)), (false, vec!["listing_ends_empty"]));
    }
}

/// A whim of a page and a count that is too low can agree by chance.
#[test]
fn a_count_that_has_not_fitted_yet_or_was_too_low_since_does_not_make_an_empty_page_the_end() {
    let mut host = Host::new(&config());
    let rows: Vec<_> = ["a", "b", "c", "d"].map(|id| row(id, T + 1)).into();
    for (early, count, late) in [(&[][..], 0, &rows[0]), (&rows[..3], 3, &rows[3])] {
        assert!(host.poll(page(early, count, Some("t0"))).unwrap().more);
        assert!(host.poll(page(&[], count, Some("t1"))).unwrap().more);
        let batch = host.poll(page(std::slice::from_ref(late), count, None)).unwrap();
        assert_eq!((batch.events.len(), batch.more), (1, false));
        host.now += 60;
        // One that fits, and one that is too low.
        host.poll(page(&rows[..1], 1, None)).unwrap();
        host.poll(page(&rows[..2], 1, None)).unwrap();
    }
}

#[test]
fn empty_pages_do_not_end_a_listing_while_the_count_tells_of_more_rows_than_came() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 2, Some("t0"))).unwrap();
    for n in 1..=3 {
        assert!(host.poll(page(&[], 0, Some(&format!("t{n}")))).unwrap().more, "{n}");
    }
    // Half of it again, from its first page.
    host.skip_newest();
    assert_eq!((host.next().from, host.next().token), (T, None));
    assert!(host.next().to <= T + HOUR / 2, "{:?}", host.next());
}

#[test]
fn one_empty_page_between_others_ends_nothing() {
    for count in [Some(3), None] {
        let mut host = Host::new(&config());
        host.poll(page(&[row("a", T + 1)], count, Some("t0"))).unwrap();
        assert!(host.poll(page(&[], count, Some("t1"))).unwrap().more);
        let batch = host.poll(page(&[row("b", T + 2)], count, Some("t2"))).unwrap();
        assert_eq!(ids(&batch), ["b"]);
        assert!(host.poll(page(&[], count, Some("t3"))).unwrap().more);
        let batch = host.poll(page(&[row("c", T + 3)], count, None)).unwrap();
        assert_eq!((ids(&batch), batch.more), (vec!["c"], false));
        assert!(batch.notices.is_empty(), "{:?}", batch.notices);
    }
}

/// One page that names itself, or comes once more, may be a whim: what comes after it would be lost.
#[test]
fn a_page_that_comes_once_more_ends_nothing_and_one_that_comes_thrice_more_does() {
    for (token, last_token) in [("t0", "t0"), ("t1", "t2")] {
        for is_learnt in [false, true] {
            let mut host = Host::new(&config());
            if is_learnt {
                while host.poll(page(&[row("z", T)], None, Some("round"))).unwrap().more {}
                host.now += 60;
            }
            let a = [row("a", T + 1)];
            host.poll(page(&a, None, Some("t0"))).unwrap();
            assert!(host.poll(page(&a, None, Some(token))).unwrap().more);
            let batch = host.poll(page(&[row("b", T + 2)], None, Some(last_token))).unwrap();
            assert_eq!((ids(&batch), batch.more), (vec!["b"], true));
            let window = (host.next().from, host.next().to);
            for _ in 0..2 {
                host.poll(page(&[row("b", T + 2)], None, Some(last_token))).unwrap();
                assert_eq!((host.next().from, host.next().to), window);
            }
            let batch = host.poll(page(&[row("b", T + 2)], None, Some(last_token))).unwrap();
            assert_eq!(batch.more, !is_learnt);
            host.skip_newest();
            assert_eq!(host.next().token, None);
        }
    }
}

/// 2,500 rows of one second and nothing else, in five pages whose tokens go round.
fn second_of_rows(ending: Ending, order: Order, count: Count) -> World {
    let rows = (0..2_500).map(|n| Row::new(n, T + 600, T + 600));
    World { order, count, ending, ..World::of(rows) }
}

#[test]
fn pages_that_go_round_end_in_a_bounded_number_of_requests_and_in_fewer_once_that_is_known() {
    for ending in [Ending::Round, Ending::LastAgain] {
        for order in [Order::AsAsked, Order::OldestFirst, Order::NewestFirst] {
            for count in [Count::Missing, Count::Is(0), Count::Right] {
                let about = format!("{ending:?} {order:?} {count:?}");
                let mut collector = Collector::new(second_of_rows(ending, order, count));
                let first = collector.catch_up(ROUND_REQUESTS_MAX);
                collector.has_each_row_once();
                assert_eq!(collector.premature, [""; 0], "{about}");
                collector.told_once_an_hour("listing_goes_round");
                let again = collector.catch_up(ROUND_REQUESTS_MAX);
                assert!(again <= first.min(ROUND_AGAIN_MAX), "{first}, then {again}: {about}");
                collector.live(70 * 60);
                collector.has_each_row_once();
                assert!(collector.errors.is_empty(), "{:?}", collector.errors);
                collector.told_once_an_hour("listing_goes_round");
            }
        }
    }
}

#[test]
fn tokens_that_are_the_same_each_time_round_end_alike() {
    // A, B, C, A, ... each a page of 500 rows of one second.
    for count in [None, Some(0), Some(2_500)] {
        let mut host = Host::new(&config());
        let mut events = std::collections::BTreeSet::new();
        let (mut more, mut told) = (true, Vec::new());
        while more {
            let batch = host
                .poll_with(|asked| {
                    let holds = (asked.from..=asked.to).contains(&(T + 600));
                    let place = asked.token.as_deref().map_or(0, |token| token.parse().unwrap());
                    let rows = place * 500..(place + 1) * 500;
                    let rows: Vec<_> = rows.map(|n: i64| row(&n.to_string(), T + 600)).collect();
                    let next = ((place + 1) % 5).to_string();
                    Ok(if holds { page(&rows, count, Some(&next)) } else { no_rows() })
                })
                .unwrap();
            for event in &batch.events {
                assert!(events.insert(event.id.clone()), "{} twice", event.id);
            }
            told.extend(codes(&batch.notices).into_iter().map(str::to_owned));
            more = batch.more;
            assert!(host.asked.len() <= ROUND_REQUESTS_MAX, "it goes round");
        }
        assert_eq!((events.len(), told.len()), (2_500, 1), "{count:?}: {told:?}");
    }
}

#[test]
fn a_backfill_of_days_from_an_api_whose_pages_go_round_comes_to_its_end() {
    for ending in [Ending::Round, Ending::LastAgain, Ending::Empty, Ending::EmptySame] {
        for count in [Count::Right, Count::Missing] {
            let rows = (0..5_000).map(|n| Row::new(n, T + n * 50, T));
            let world = World { count, ending, ..World::of(rows) };
            let mut collector = Collector::new(world).at(T + 3 * DAY);
            collector.catch_up(ROUND_REQUESTS_MAX);
            collector.has_each_row_once();
            for code in collector.codes() {
                collector.told_once_an_hour(code);
            }
            assert!(collector.errors.is_empty(), "{:?}", collector.errors);
        }
    }
}

/// Down from an hour to a second, each step three times round five pages, and both ways there.
const ROUND_REQUESTS_MAX: usize = 400;
/// Twice round and three pages more tell that nothing new comes, in the one window that has rows.
const ROUND_AGAIN_MAX: usize = 20;
