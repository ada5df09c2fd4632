//! Clocks that disagree: the host's, and those of the API's nodes.

use mimecast_ttp_source::{ErrorKind, HttpError};
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::fake::world::{Row, World};
use crate::fake::{
    DAY, HOUR, Host, T, WithHeader as _, config, config_with, failed, no_rows, page, response, row,
};

/// A row a minute for two days.
fn stream() -> World {
    World::of((0..2_880).map(|n| Row::new(n, T + n * 60, T + n * 60)))
}

fn without_start() -> Value {
    let mut config = config();
    config.as_object_mut().unwrap().remove("start");
    config
}

#[test]
fn an_end_ahead_of_the_apis_clock_that_is_refused_is_mended_in_the_same_poll() {
    for ahead_secs in [1, 2, 5, 61, HOUR] {
        for refusal in ["400", "fail"] {
            let mut collector = Collector::new(World { refuses_future: true, ..stream() });
            collector.api_ahead_secs = -ahead_secs;
            collector.pause(ahead_secs);
            collector.twist = Box::new(move |_, mut answer| {
                let is_inside_200 = refusal == "fail" && answer.status == 400;
                answer.status = if is_inside_200 { 200 } else { answer.status };
                Ok(answer)
            });
            let first = collector.catch_up(6);
            assert_eq!(collector.failures(), [""; 0], "{ahead_secs} {refusal}");
            collector.has_each_row_once();
            // From then on it is asked by the API's clock, and nothing is refused.
            let requests = collector.live(4 * HOUR);
            let polls = 4 * 60 + 2;
            assert!(requests <= polls, "{first}, then {requests} of {ahead_secs} s, {refusal}");
            collector.has_each_row_once();
            assert_eq!(collector.premature, [""; 0]);
            assert_eq!(collector.codes().len(), usize::from(ahead_secs > 60));
        }
    }
}

#[test]
fn one_node_of_several_with_a_wrong_clock_stops_nothing_and_makes_nothing_up() {
    for (percent, skew_secs) in [(0, HOUR), (0, -HOUR), (10, HOUR), (10, -HOUR), (10, 300)] {
        for skew_max_secs in [900, i64::MAX] {
            let about = format!("{percent} % by {skew_secs} s, signed within {skew_max_secs}");
            let other_node = Some((percent, skew_secs));
            let world = World { skew_max_secs, other_node, ..stream() };
            let mut collector = Collector::new(world);
            collector.live(12 * HOUR);
            // What comes last may wait for the next answer.
            collector.world.other_node = None;
            collector.live(5 * 60);
            collector.has_each_row_once();
            // Two answers in a row that agree are believed, even if they come from the node that is
            // off: of nodes at random that is one in a hundred. It passes with the next answer.
            let may_agree = percent > 0 && skew_secs < 0;
            let grave = collector.errors.iter().find(|error| {
                error.kind != ErrorKind::Transient && !(may_agree && error.code == "cursor_ahead")
            });
            assert!(grave.is_none(), "{about}: {grave:?}");
            let failures = collector.errors.len();
            assert!(failures <= 12 * 60 / 20, "{about}: {failures}");
            assert!(collector.host.next().signed.abs_diff(collector.host.now) < 2, "{about}");
        }
    }
}

#[test]
fn a_jump_that_one_answer_tells_is_believed_when_a_second_in_a_row_agrees() {
    for skew_secs in [61, -61, HOUR, -DAY] {
        let mut host = Host::new(&config());
        host.now = T + 2 * DAY;
        let offset = |host: &mut Host, skew_secs: i64| {
            host.now += 60;
            let _ = host.poll(no_rows().dated(host.now + skew_secs));
            host.next().signed - host.now
        };
        for _ in 0..3 {
            assert_eq!(offset(&mut host, 0), 0);
            assert_eq!(offset(&mut host, skew_secs), 0, "one look");
        }
        assert_eq!(offset(&mut host, skew_secs + 1), skew_secs + 1, "the second");
    }
}

#[test]
fn nothing_is_called_caught_up_while_the_clock_is_in_doubt() {
    let mut host = Host::new(&config());
    host.now = T + HOUR;
    assert!(host.poll(no_rows().dated(host.now - HOUR / 2)).unwrap().more);
    assert!(!host.poll(no_rows().dated(host.now)).unwrap().more);
}

#[test]
fn a_cursor_is_ahead_of_the_api_only_when_two_answers_say_so() {
    let mut host = Host::new(&config());
    host.now = T + 10 * HOUR;
    let row = crate::fake::row("a", T + 9 * HOUR);
    host.poll(crate::fake::page(&[row], 1, None).dated(host.now)).unwrap();
    host.now += 60;
    let early = || no_rows().dated(T + HOUR);
    host.poll(early()).unwrap();
    let error = failed(host.poll(early()), ErrorKind::Cursor);
    assert_eq!(error.code, "cursor_ahead");
    // And it is as it was when the clock is.
    assert!(!host.poll(no_rows().dated(host.now)).unwrap().more);
}

#[test]
fn a_start_is_ahead_of_the_api_only_when_two_clocks_say_so() {
    let config = config_with(json!({"start": "2026-11-03T00:00:00Z"}));
    // The host's and the API's.
    let mut host = Host::new(&config);
    let error = failed(host.poll(no_rows().dated(host.now)), ErrorKind::Config);
    assert_eq!(error.code, "start_ahead");
    // The API's alone, once and again.
    let mut host = Host::new(&config);
    host.now = T + 3 * DAY;
    host.poll(no_rows().dated(T)).unwrap();
    let error = failed(host.poll(no_rows().dated(T)), ErrorKind::Cursor);
    assert!(error.message.contains("ahead of the API's clock"), "{error:?}");
    assert!(error.message.contains("`start`"), "{error:?}");
}

#[test]
fn a_first_poll_without_a_start_begins_a_day_before_the_apis_present_whatever_the_hosts_clock() {
    for host_ahead_secs in [0, 600, -600, 40 * DAY, -40 * DAY] {
        for refuses_future in [false, true] {
            let world = World { refuses_future, skew_max_secs: 900, ..stream() };
            let mut collector = Collector::configured(world, &without_start());
            collector.api_ahead_secs = -host_ahead_secs;
            collector.host.now = T + 2 * DAY + host_ahead_secs;
            collector.catch_up(12);
            let begin = T + DAY;
            let older = collector.missing().len();
            let due = usize::try_from(DAY / 60).unwrap();
            assert!(
                older.abs_diff(due) <= 1,
                "{older} of {due}, {host_ahead_secs} {refuses_future}"
            );
            assert!(collector.host.last().from >= begin - 2);
            assert_eq!(collector.failures(), [""; 0], "{host_ahead_secs} {refuses_future}");
        }
    }
}

#[test]
fn a_first_poll_without_a_start_waits_for_two_answers_that_agree() {
    for skew_secs in [HOUR, -HOUR, 30 * DAY, -30 * DAY] {
        let other_node = Some((0, skew_secs));
        let world = World { other_node, ..stream() };
        let mut collector = Collector::configured(world, &without_start());
        collector.host.now = T + 2 * DAY;
        collector.live(600);
        let older = collector.missing().len();
        assert!(older.abs_diff(1_440) <= 15, "{older} before the start, {skew_secs}");
        let is_passing = |code: &&str| *code == "clocks_differ";
        assert!(collector.failures().iter().all(is_passing), "{:?}", collector.errors);
    }
}

/// Signed within a quarter of an hour or at any time, whichever node comes first, and less asked for
/// on the way; and a host whose own clock bears none of them out.
#[test]
fn a_first_poll_of_nodes_that_answer_in_turn_comes_to_begin_though_they_refuse_each_others_time() {
    for is_second_first in [false, true] {
        for (window_secs_max, skew_max_secs, ahead_secs) in
            [(HOUR, 900, 0), (i64::MAX, 900, 0), (i64::MAX, i64::MAX, 81)]
        {
            let other_node = Some((0, HOUR));
            let world = World { skew_max_secs, window_secs_max, other_node, ..stream() };
            let mut collector = Collector::configured(world, &without_start());
            collector.api_ahead_secs = ahead_secs;
            collector.host.now = T + 2 * DAY;
            if is_second_first {
                collector.world.window_secs_max = 0;
                collector.poll();
                collector.world.window_secs_max = window_secs_max;
            }
            collector.live(600);
            let about = format!("{is_second_first} {window_secs_max} {ahead_secs}");
            assert!(collector.host.cursor.is_some(), "{about}: {:?}", collector.errors.last());
        }
    }
}

/// No clock fits the host's; nor, once that is set right, what was known of the API's.
#[test]
fn nodes_that_answer_in_turn_are_understood_whatever_the_hosts_clock_and_after_it_was_set_right() {
    for off_secs in [3 * HOUR, -3 * HOUR, 40 * DAY] {
        for polls in 0..2 {
            let world = World { other_node: Some((0, HOUR)), skew_max_secs: 900, ..stream() };
            let mut collector = Collector::new(world).at(T + DAY + off_secs);
            collector.api_ahead_secs = -off_secs;
            collector.live(HOUR);
            for _ in 0..polls {
                collector.poll();
            }
            collector.host.now -= off_secs;
            collector.api_ahead_secs = 0;
            collector.live(HOUR);
            let failures: Vec<_> = collector.errors.iter().map(|error| error.code).collect();
            assert!(failures.len() <= 3, "{off_secs} {polls}: {failures:?}");
            assert_eq!(collector.missing(), [""; 0]);
        }
    }
}

#[test]
fn a_node_that_is_a_month_behind_does_not_hold_the_watermark_back() {
    let world = World { other_node: Some((0, -30 * DAY)), ..stream() };
    let mut collector = Collector::new(world).at(T + HOUR);
    for hour in 0..46 {
        collector.live(HOUR);
        let asked = collector.host.last();
        // What comes with an answer of that node moves nothing by itself: as in a quiet stream.
        assert!(asked.to - asked.from <= 12 * HOUR, "{} s at {hour}", asked.to - asked.from);
    }
    collector.has_no_row_twice();
}

/// With a host whose clock is far ahead, the node that is ahead by an hour is no proof that the hour
/// has passed.
#[test]
fn rows_that_come_while_a_node_is_ahead_of_them_are_not_given_up() {
    let config = config_with(json!({"overlap_secs": 0, "quiet_max_secs": 1}));
    for skew_max_secs in [900, i64::MAX] {
        let world = World { other_node: Some((0, HOUR)), skew_max_secs, ..stream() };
        let mut collector = Collector::configured(world, &config).at(T + HOUR + 40 * DAY);
        collector.api_ahead_secs = -40 * DAY;
        collector.live(12 * HOUR);
        assert_eq!(collector.missing_by(collector.api_now() - HOUR), [""; 0], "{skew_max_secs}");
    }
}

#[test]
fn an_answer_without_a_date_leaves_clocks_alone() {
    let mut collector = Collector::new(World { is_dated: false, ..stream() });
    collector.live(12 * HOUR);
    collector.has_each_row_once();
    assert_eq!((collector.codes(), collector.failures()), (vec![], vec![]));
    let refused = failed(Host::new(&config()).poll(response(400, "")), ErrorKind::Protocol);
    assert_eq!(refused.stats.requests, 1);
}

#[test]
fn a_start_by_a_clock_that_answers_deny_is_not_kept_whatever_else_is_wrong_with_them() {
    for too_large in [true, false] {
        let mut host = Host::new(&without_start());
        let (ahead, mut answers) = (40 * DAY, 0);
        host.now += ahead;
        // The second of two answers tells no time.
        let error = host.poll_with(|asked| {
            answers += 1;
            match answers {
                1 => Ok(no_rows().dated(T + DAY)),
                _ if too_large => Err(HttpError::TooLarge("20 MB".into())),
                _ => Ok(page(&[row("a", asked.from + 1)], 1, None)),
            }
        });
        let error = failed(error, ErrorKind::Transient);
        assert_eq!(error.code, "clocks_differ", "{}", error.message);
        assert_eq!(host.cursor, None);
    }
}
