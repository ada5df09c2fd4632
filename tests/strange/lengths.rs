//! Windows that are too long to be answered: by their length, by the rows in them, or by the bytes.

use mimecast_ttp_source::HttpError;

use crate::collector::Collector;
use crate::fake::world::{Order, Row, World};
use crate::fake::{DAY, HOUR, T, config, response};

/// A row each ten minutes for ten days.
fn days_of_rows() -> World {
    let rows = (0..1_440).map(|n| Row::new(n, T + n * 600, T + n * 600));
    World { window_secs_max: HOUR, ..World::of(rows) }
}

/// How many of the requests from one on were not answered.
fn unanswered(collector: &Collector, from: usize) -> usize {
    let asked = &collector.host.asked[from..];
    asked.iter().filter(|asked| asked.to - asked.from > collector.world.window_secs_max).count()
}

fn longest(collector: &Collector, from: usize) -> i64 {
    let asked = &collector.host.asked[from..];
    asked
        .iter()
        .filter(|asked| !asked.asks_newest())
        .map(|asked| asked.to - asked.from)
        .max()
        .unwrap()
}

#[test]
fn a_first_poll_that_is_not_answered_asks_for_a_second_at_once() {
    for has_start in [true, false] {
        let mut config = config();
        if !has_start {
            config.as_object_mut().unwrap().remove("start");
        }
        let mut collector = Collector::configured(days_of_rows(), &config).at(T + DAY);
        assert!(!collector.poll());
        assert_eq!(collector.failures(), [""; 0], "start {has_start}");
        let first = collector.host.asked.len();
        assert!(first <= 2, "{first} requests in the first poll");
        // Windows of half an hour at least, and some tries of longer ones.
        let requests = collector.catch_up(24 * 2 + 12);
        assert_eq!(collector.missing().len(), 0, "{requests}");
        assert!(unanswered(&collector, 0) <= 6, "{}", unanswered(&collector, 0));
    }
}

#[test]
fn windows_that_are_not_answered_are_halved_and_grow_again_once_they_are() {
    for answer in [502, 503, 504, 0] {
        let mut collector = Collector::new(days_of_rows());
        collector.twist = Box::new(move |_, mut response| {
            if answer == 0 && response.status == 504 {
                return Err(HttpError::Timeout("30 s".to_owned()));
            }
            response.status = if response.status == 504 { answer } else { response.status };
            Ok(response)
        });
        collector.catch_up(10);
        collector.pause(3 * DAY);
        let before = collector.host.asked.len();
        collector.catch_up(3 * 24 * 2 + DESCENT_REQUESTS_MAX);
        collector.has_each_row_once();
        collector.told_once_an_hour("unanswered");
        let told = collector.notices("unanswered")[0].message.clone();
        assert!(told.contains("less is asked for at once"), "{told}");
        let failures = unanswered(&collector, before);
        assert!(failures <= DESCENT_REQUESTS_MAX, "{failures}");
        // It asks for its newest row in vain once or twice, and then without.
        let newest = collector.host.asked[before..].iter().filter(|asked| asked.asks_newest());
        assert!(newest.count() <= 2);
        // Mended: within a day that is found out, and windows are as long as ever.
        collector.world.window_secs_max = i64::MAX;
        collector.live(DAY + HOUR);
        collector.pause(3 * DAY);
        let before = collector.host.asked.len();
        collector.catch_up(30);
        assert_eq!(longest(&collector, before), DAY, "{answer}");
        collector.has_each_row_once();
    }
}

#[test]
fn a_way_of_very_many_short_windows_is_a_reason_to_try_longer_ones() {
    let mut collector = Collector::new(World { window_secs_max: 8, ..days_of_rows() }).at(T + 60);
    collector.live(12 * HOUR);
    // Of an outage no more is left than what was learnt in it, hours before it would be tried again.
    collector.world.window_secs_max = i64::MAX;
    collector.pause(4 * HOUR);
    collector.catch_up(40);
    assert_eq!(collector.missing(), [""; 0]);
}

#[test]
fn longer_windows_are_tried_on_a_long_way_too_and_not_only_where_it_begins() {
    let mut collector = Collector::new(World { window_secs_max: 8, ..days_of_rows() }).at(T + 60);
    collector.live(12 * HOUR);
    collector.pause(12 * HOUR);
    let mut polls = 0;
    while !collector.poll() {
        collector.pause(1);
        polls += 1;
        if polls == 100 {
            collector.world.window_secs_max = i64::MAX;
        }
        assert!(polls <= 1_000, "{polls} polls");
    }
    collector.live(HOUR);
    assert_eq!(collector.missing(), [""; 0]);
}

#[test]
fn an_api_that_never_answers_long_windows_costs_few_failures_a_day() {
    // Quiet: all of the last twelve hours is read at each poll.
    let rows = (0..20).map(|n| Row::new(n, T + n * 60, T));
    let world = World { window_secs_max: HOUR, ..World::of(rows) };
    let mut collector = Collector::new(world);
    for day in 0..2 {
        let before = collector.host.asked.len();
        collector.live(DAY);
        let failures = unanswered(&collector, before);
        assert!(failures <= if day == 0 { 80 } else { 16 }, "{failures} on day {day}");
        // Windows of half an hour at least, thirteen hours of them each minute.
        let requests = collector.host.asked.len() - before;
        assert!(requests <= 26 * 24 * 60, "{requests} on day {day}");
    }
    collector.has_each_row_once();
    collector.told_once_an_hour("unanswered");
}

#[test]
fn one_answer_that_does_not_come_makes_no_window_shorter() {
    let rows = (0..20).map(|n| Row::new(n, T + n * 60, T));
    let mut collector = Collector::new(World::of(rows)).at(T + DAY);
    collector.catch_up(3);
    for answer in 0..10 {
        let mut answers = 0;
        collector.twist = Box::new(move |_, right| {
            answers += 1;
            Ok(if answers == 1 { response(504, "") } else { right })
        });
        let before = collector.host.asked.len();
        collector.catch_up(3);
        assert_eq!(collector.errors.len(), answer + 1);
        assert_eq!(longest(&collector, before), longest(&collector, before + 1));
    }
    let message = &collector.errors[0].message;
    assert!(message.contains("if it goes on, less is asked for at once"), "{message}");
    assert_eq!(collector.codes(), [""; 0]);
}

#[test]
fn an_outage_of_hours_is_told_each_time_and_costs_neither_rows_nor_trust_in_length_for_long() {
    let mut collector = Collector::new(World { window_secs_max: i64::MAX, ..days_of_rows() });
    collector.catch_up(10);
    collector.twist = Box::new(|_, _| Ok(response(503, "")));
    for _ in 0..120 {
        collector.poll();
    }
    assert!(collector.errors.len() > 50, "the outage is hidden: {:?}", collector.codes());
    collector.twist = Box::new(|_, answer| Ok(answer));
    collector.live(6 * HOUR);
    collector.has_each_row_once();
    collector.pause(2 * DAY);
    let before = collector.host.asked.len();
    collector.catch_up(40);
    assert_eq!(longest(&collector, before), DAY);
    collector.has_each_row_once();
}

#[test]
fn an_outage_of_an_api_that_does_not_answer_long_windows_makes_none_of_them_tiny() {
    let mut collector = Collector::new(days_of_rows());
    collector.catch_up(10);
    collector.pause(3 * DAY);
    collector.live(12 * HOUR);
    // It is known for long how much is answered; then nothing is, for an hour.
    let right = std::mem::replace(&mut collector.twist, Box::new(|_, _| Ok(response(503, ""))));
    collector.live(HOUR);
    collector.twist = right;
    collector.live(HOUR);
    collector.pause(DAY);
    let before = collector.host.asked.len();
    collector.catch_up(24 * 2 + DESCENT_REQUESTS_MAX);
    assert!(longest(&collector, before) >= HOUR / 2, "{}", longest(&collector, before));
    collector.has_each_row_once();
}

/// The host takes no answer that is longer than this.
fn with_reply_bytes_max(mut collector: Collector, bytes_max: usize) -> Collector {
    collector.twist = Box::new(move |_, answer| {
        let is_long = answer.body.len() > bytes_max;
        if is_long {
            Err(HttpError::TooLarge(format!("more than {bytes_max} bytes")))
        } else {
            Ok(answer)
        }
    });
    collector
}

#[test]
fn pages_that_are_larger_than_an_answer_may_be_are_asked_for_in_shorter_windows() {
    let rows = (0..2_000).map(|n| Row::new(n, T + n, T));
    let mut collector = with_reply_bytes_max(Collector::new(World::of(rows)), 10_000);
    // Some 150 rows fit.
    collector.catch_up(2_000 / 150 * 6);
    collector.has_each_row_once();
    assert_eq!((collector.codes(), collector.failures()), (vec!["reply_too_large"], vec![]));
}

#[test]
fn a_row_that_is_larger_than_an_answer_may_be_holds_up_no_other() {
    for order in [Order::AsAsked, Order::OldestFirst, Order::NewestFirst] {
        for place in [0, 6, 11] {
            let around = (0..100).map(|n| Row::new(n, T + n * 36, T));
            let second = (0..12).map(|n| {
                let row = Row::new(format!("near-{n}"), T + 1_810, T);
                let text = row.text.replace("near", &"x".repeat(20_000));
                if n == place { Row { text, event: Some(String::new()), ..row } } else { row }
            });
            let world = World { order, ..World::of(around.chain(second)) };
            let mut collector = with_reply_bytes_max(Collector::new(world), 10_000);
            collector.catch_up(200);
            let newer = |text: &&&str| !text.contains("near-");
            assert_eq!(collector.missing().iter().filter(newer).count(), 0, "{order:?} {place}");
            let told = collector.notices("rows_withheld");
            let seconds: Vec<_> = told.iter().map(|told| told.message[11..31].to_owned()).collect();
            // Where it gave no row at all, the second before cannot be told from it.
            let two = ["2026-11-01T00:30:09Z", "2026-11-01T00:30:10Z"];
            assert!(seconds == two || seconds == two[1..], "{seconds:?}");
            // In its own second, what comes before it from either end.
            let near = if order == Order::AsAsked { 0 } else { 11 };
            assert!(collector.missing().len() <= near, "{:?}", collector.missing());
            collector.live(14 * HOUR);
            assert_eq!(collector.notices("rows_withheld").len(), seconds.len(), "once each");
            assert!(collector.host.last().from > T + 1_810, "the watermark stays behind");
            collector.has_no_row_twice();
        }
    }
}

/// From a day to less than an hour in five halves; each is asked for more often than the one
/// before, until twice as much time has passed: two to seven times.
const DESCENT_REQUESTS_MAX: usize = 35;

#[test]
fn a_second_that_was_not_answered_for_a_while_is_not_read_row_by_row_with_tokens_that_die() {
    let mut collector = Collector::new(World::of((0..1_200).map(|n| Row::new(n, T + 600, T))));
    let (mut is_row_by_row, mut tokens) = (false, 0);
    collector.twist = Box::new(move |asked, answer| {
        is_row_by_row |= asked.body["meta"]["pagination"]["pageSize"] == 1 && asked.to <= T + 601;
        let holds_all = (asked.from..=asked.to).contains(&(T + 600));
        if holds_all && !is_row_by_row {
            return Ok(response(504, ""));
        }
        tokens += u32::from(asked.token.is_some());
        Ok(if asked.token.is_some() && tokens % 20 == 0 { response(400, "") } else { answer })
    });
    let mut requests = 0;
    while !collector.poll() {
        collector.pause(1);
        requests += 1;
        assert!(requests < 400, "{} missing", collector.missing().len());
    }
    collector.has_each_row_once();
}
