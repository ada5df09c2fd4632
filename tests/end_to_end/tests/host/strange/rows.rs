//! Rows that cannot be read, come from elsewhere, or bear odd ids.

use std::collections::BTreeSet;

use end_to_end::collector::Collector;
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    ClockStart, Ids, LedgerPart, LedgerQuery, Options, Style, Window, WorldOptions, parse_api_date,
};
use serde_json::Value;

use super::{
    assert_requests, assert_told, collected_from, everything, notices, now_secs, push, world,
};

#[test]
fn rows_that_cannot_be_read_are_told_and_all_others_come() {
    let world = WorldOptions { broken_rows: 10, span_secs: 3_000, ..world(200) };
    for (format, original) in [("raw", ""), ("ecs", "/event/original")] {
        let api = Options { world: world.clone(), ..Options::default() }.start().unwrap();
        let settings = format!("format = \"{format}\"\nkeep_original = true");
        let collector = Collector::new(&format!("broken-{format}"), &api, &settings);
        let run = collector.catch_up();
        assert_eq!(notices(&run), ["row_unreadable"], "{}", run.stderr);
        let unreadable = LedgerQuery { part: LedgerPart::Unreadable, ..LedgerQuery::default() };
        assert_told(&run, &[&format!("{} rows cannot be read", ledger(&api, &unreadable).len())]);
        let mut rows = String::new();
        for line in collector.events().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let row = event.pointer(original).and_then(Value::as_str).unwrap_or(line);
            // A line break can be written in two ways.
            rows += &row.replace("\\u000a", "\\n");
            rows.push('\n');
        }
        assert_each_once(&rows, &everything(&api));
        assert_requests(&api, 10);
    }
}

#[test]
fn rows_from_before_the_window_come_once() {
    let window = Window { from_floor_secs: Some(3_600), ..Window::default() };
    let world = WorldOptions { span_secs: 3 * 3_600, ..world(1_000) };
    let api = Options { window, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("floor", &api, "overlap_secs = 7200");
    let mut told = Vec::new();
    for _ in 0..6 {
        let run = collected_from(&api, &collector);
        told.extend(notices(&run).into_iter().map(str::to_owned));
        push(&api, 100, |number| 10 + number);
    }
    assert!(told.iter().all(|code| code == "older_rows") && told.len() <= 1, "{told:?}");
    assert_requests(&api, 80);
}

#[test]
fn rows_that_are_found_by_the_time_of_a_late_index_come_once() {
    let world = WorldOptions { index_lag_secs: 7_200, span_secs: 14_400, ..world(6_000) };
    let clock = ClockStart::Stopped { unix_secs: now_secs() };
    let api = Options { world, clock, ..Options::default() }.start().unwrap();
    let collector = Collector::new("index", &api, "");
    let begun = everything(&api).len();
    let mut told = Vec::new();
    for _ in 0..6 {
        let run = collected_from(&api, &collector);
        told.extend(notices(&run).into_iter().map(str::to_owned));
        api.advance_secs(40);
    }
    assert!(everything(&api).len() > begun + 50, "no rows appeared");
    assert_eq!(told, ["older_rows"]);
    assert_requests(&api, 120);
}

#[test]
fn rows_that_share_an_id_are_events_with_ids_of_their_own() {
    let style = Style { ids: Ids::Shared, ..Style::default() };
    let api = Options { style, world: world(1_000), ..Options::default() }.start().unwrap();
    let collector = Collector::new("shared", &api, "");
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);

    let enveloped = Collector::new("shared-enveloped", &api, "").with_envelope();
    enveloped.catch_up();
    let (mut ids, mut own_ids) = (BTreeSet::new(), BTreeSet::new());
    for line in enveloped.events().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let row = ["id", "eventTime"].map(|name| event["event"][name].as_str().unwrap().to_owned());
        let unix_secs = parse_api_date(&row[1]).unwrap();
        assert_eq!(event["id"], format!("{}@{unix_secs}", row[0]));
        assert!(ids.insert(event["id"].to_string()), "twice: {line}");
        own_ids.insert(row[0].clone());
    }
    assert_eq!(ids.len(), 1_000);
    assert!(own_ids.len() < 990, "{} ids: none is shared", own_ids.len());
}

#[test]
fn ids_that_each_answer_makes_anew_are_told_once_and_no_row_is_lost() {
    let style = Style { ids: Ids::Fresh, ..Style::default() };
    let world = WorldOptions { span_secs: 600, ..world(100) };
    let api = Options { style, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("fresh", &api, "");
    let told: Vec<String> = (0..3).map(|_| collector.catch_up().stderr).collect();
    assert_eq!(told.concat().matches("code=\"ids_change\"").count(), 1, "{}", told.concat());
    let without_id = |row: &str| row.split_once(",\"").unwrap().1.to_owned();
    let events = collector.events();
    let events: BTreeSet<String> = events.lines().map(without_id).collect();
    let rows: BTreeSet<String> = everything(&api).iter().map(|row| without_id(row)).collect();
    assert_eq!(events, rows);
}
