//! What is made of `from` and `to`.
//!
//! Seen to fail when: a bound is a second off, a default is taken for what was asked, `from` is not
//! rounded, or is before its length is looked at.

use mimecast_sim::{Future, Options, Running, ScriptedRow, Window, api_date};
use serde_json::{Value, json};

use crate::client::{NOW, Reply, ask, empty_world, last_day, with_page_size, with_token};

/// A row at each of these seconds, named after it.
fn rows_at(window: Window, seconds: &[i64]) -> Running {
    let row = |&secs: &i64| ScriptedRow::new(json!({"id": secs.to_string()}).to_string(), secs);
    let script = seconds.iter().map(row).collect();
    Options { window, script, ..empty_world() }.start().unwrap()
}

fn window(from: i64, to: i64) -> Value {
    last_day(&json!({"from": api_date(from), "to": api_date(to)}))
}

fn outcome(reply: &Reply) -> (u16, String, Value) {
    let code = reply.code();
    (reply.status, code, reply.json()["fail"][0]["errors"][0]["field"].clone())
}

#[test]
fn a_window_that_is_too_long_times_out() {
    let sim = rows_at(Window { max_secs: Some(3600), ..Window::default() }, &[NOW - 10]);
    assert_eq!(ask(&sim, &window(NOW - 3600, NOW)).ids().len(), 1);
    let reply = ask(&sim, &window(NOW - 3601, NOW));
    assert_eq!((reply.status, reply.body.len()), (504, 0));
    assert_eq!(sim.stats().outcomes["status 504"], 1);
    let defaults = ask(&sim, &json!({}));
    assert_eq!(defaults.status, 504, "22 hours of this day are asked for");
}

#[test]
fn a_to_in_the_future_is_refused() {
    let future = Window { future: Future::Refused, ..Window::default() };
    let sim = rows_at(future, &[NOW - 10]);
    assert_eq!(ask(&sim, &window(NOW - 60, NOW)).ids().len(), 1);
    assert_eq!(ask(&sim, &json!({})).ids().len(), 1, "the default is now");
    let reply = ask(&sim, &window(NOW - 60, NOW + 1));
    assert_eq!(outcome(&reply), (400, "err_validation_invalid".to_owned(), json!("to")));
    assert!(reply.header("date").is_some());
    sim.advance_secs(1);
    assert_eq!(ask(&sim, &window(NOW - 60, NOW + 1)).ids().len(), 1);
}

#[test]
fn a_from_too_long_ago_is_refused_inside_200() {
    let oldest = Window { oldest_age_secs: Some(86_400), ..Window::default() };
    let sim = rows_at(oldest, &[NOW - 10]);
    assert_eq!(ask(&sim, &window(NOW - 86_400, NOW)).ids().len(), 1);
    let reply = ask(&sim, &window(NOW - 86_401, NOW));
    assert_eq!(outcome(&reply), (200, "err_validation_invalid".to_owned(), json!("from")));
    assert!(reply.text().contains("too far in the past"), "{}", reply.text());

    let sim = rows_at(Window { oldest_age_secs: Some(60), ..Window::default() }, &[NOW - 10]);
    assert_eq!(ask(&sim, &json!({})).ids().len(), 1, "nobody asked for the start of the day");
}

#[test]
fn from_is_rounded_down_and_brings_older_rows_along() {
    // 22:13:20 is 800 s into its hour.
    let seconds = [NOW - 801, NOW - 800, NOW - 400, NOW - 20, NOW - 19];
    let ids = |floor, from| {
        let window_of = Window { from_floor_secs: floor, ..Window::default() };
        let sim = rows_at(window_of, &seconds);
        let reply = ask(&sim, &window(from, NOW));
        assert_eq!(reply.result_count(), reply.ids().len() as u64);
        reply.ids().len()
    };
    assert_eq!(ids(Some(3600), NOW - 19), 4);
    assert_eq!(ids(Some(3600), NOW - 800), 4);
    assert_eq!(ids(Some(3600), NOW - 801), 5);
    assert_eq!(ids(Some(60), NOW - 19), 2, "22:13:01 is in the minute of 22:13:00");
    assert_eq!(ids(None, NOW - 19), 1);
}

#[test]
fn from_is_rounded_on_later_pages_too_and_after_its_length_was_looked_at() {
    let both = Window { from_floor_secs: Some(3600), max_secs: Some(60), ..Window::default() };
    let sim = rows_at(both, &[NOW - 800, NOW - 400, NOW - 20]);
    let body = with_page_size(&window(NOW - 60, NOW), 2);
    let first = ask(&sim, &body);
    let second = ask(&sim, &with_token(&body, &first.next().unwrap()));
    assert_eq!((first.ids().len(), second.ids().len()), (2, 1));
}
