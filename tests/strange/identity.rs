//! What makes a row the one that it is: its `id` and its time.

use serde_json::{Value, json};

use crate::collector::Collector;
use crate::fake::world::{Row, World};
use crate::fake::{HOUR, Host, T, api_date, config, ids, page, response};

fn row(id: &str, second: i64, subject: &str) -> Value {
    json!({"id": id, "subject": subject, "eventTime": api_date(second)})
}

#[test]
fn one_id_with_two_times_is_two_events_with_two_ids() {
    let mut host = Host::new(&config());
    let rows = [row("a", T + 1, "x"), row("a", T + 2, "x"), row("b", T + 2, "x")];
    let batch = host.poll(page(&rows, 3, None)).unwrap();
    assert_eq!((ids(&batch), batch.more), (vec!["a", "a", "b"], false));
    let mut of_host: Vec<_> = batch.events.iter().map(|event| event.id.as_str()).collect();
    of_host.sort_unstable();
    of_host.dedup();
    assert_eq!(of_host.len(), 3, "a host tells events by their ids: {of_host:?}");
    host.now += 60;
    assert_eq!(host.poll(page(&rows, 3, None)).unwrap().events, []);
}

#[test]
fn one_id_with_one_time_is_one_event_whatever_else_differs() {
    let mut host = Host::new(&config());
    let rows = [row("a", T + 1, "as it was"), row("a", T + 1, "as it is")];
    assert_eq!(host.poll(page(&rows, 1, None)).unwrap().events.len(), 1);
    host.now += 60;
    let again = [row("a", T + 1, "changed since")];
    assert_eq!(host.poll(page(&again, 1, None)).unwrap().events, []);
    // The same moment, written in another way.
    host.now += 60;
    let elsewhere = json!({"id": "a", "eventTime": "2026-11-01T01:00:01+0100"});
    assert_eq!(host.poll(page(&[elsewhere], 1, None)).unwrap().events, []);
}

/// Every answer gives its rows other ids.
fn with_new_ids(mut collector: Collector) -> Collector {
    let mut answers = 0;
    collector.twist = Box::new(move |_, mut answer| {
        answers += 1;
        let text = String::from_utf8(answer.body).unwrap();
        answer.body = text.replace(r#""id":""#, &format!(r#""id":"{answers}-"#)).into_bytes();
        Ok(answer)
    });
    collector
}

#[test]
fn ids_that_are_made_anew_for_each_answer_are_told_once_an_hour_and_hold_up_nothing() {
    let rows = (0..140).map(|n| Row::new(n, T + n * 120, T + n * 120));
    let mut collector = with_new_ids(Collector::new(World::of(rows)));
    collector.catch_up(1);
    assert_eq!(collector.codes(), [""; 0], "nothing was read twice so far");
    let requests = collector.live(4 * HOUR);
    collector.told_once_an_hour("ids_change");
    assert_eq!(collector.notices("ids_change").len(), 4);
    assert!(requests <= 2 * 240, "{requests}");
    assert!(collector.errors.is_empty(), "{:?}", collector.errors);
    // Whatever comes again, each row comes.
    let came = |n: i64| collector.events.keys().any(|event| event.contains(&format!("-{n}\"")));
    assert!((0..140).all(came));
}

#[test]
fn rows_that_come_late_are_not_taken_for_rows_under_other_ids() {
    // Half of them 14 minutes late, in no order; most polls find some among known ones.
    let rows = (0..2_000).map(|n| Row::new(n, T + n * 9, T + n * 9 + n * 7 % 2 * 840));
    let mut collector = Collector::new(World::of(rows)).at(T + 60);
    collector.live(6 * HOUR);
    collector.has_each_row_once();
    assert_eq!(collector.codes(), [""; 0]);
}

#[test]
fn rows_without_an_id_are_told_apart_by_all_of_their_bytes() {
    let mut host = Host::new(&config());
    let rows = [
        json!({"eventTime": api_date(T + 1), "n": 1}),
        json!({"eventTime": api_date(T + 1), "n": 2}),
    ];
    assert_eq!(host.poll(page(&rows, 2, None)).unwrap().events.len(), 2);
    host.now += 60;
    let body = json!({"meta": {"status": 200}, "fail": [],
        "data": [{"resultCount": 2, "impersonationLogs": rows}]});
    assert_eq!(host.poll(response(200, body)).unwrap().events, []);
}

fn without_id(subject: &str) -> Value {
    json!({"eventTime": api_date(T + 1), "subject": subject})
}

/// The ends of the ids of a batch's events: past the hash.
fn ordinals(batch: &mimecast_ttp_source::Batch) -> Vec<&str> {
    batch.events.iter().map(|event| &event.id[40..]).collect()
}

#[test]
fn rows_without_an_id_that_are_alike_are_as_many_as_one_page_shows() {
    let mut host = Host::new(&config());
    let rows = |count| vec![without_id("a"); count];
    let before = host.cursor.clone();
    let first = host.poll(page(&rows(2), 2, None)).unwrap();
    assert_eq!(ordinals(&first), ["", "-2"]);
    // A host that crashed is given the same once more.
    host.cursor = before;
    assert_eq!(host.poll(page(&rows(2), 2, None)).unwrap().events, first.events);
    for (count, new) in [(2, vec![]), (1, vec![]), (3, vec!["-3"]), (2, vec![]), (3, vec![])] {
        host.now += 60;
        let batch = host.poll(page(&rows(count), count, None)).unwrap();
        assert_eq!((ordinals(&batch), batch.more), (new, false), "{count}");
    }
}

#[test]
fn pages_of_rows_without_an_id_that_come_again_give_nothing_and_end() {
    let mut host = Host::new(&config());
    host.now = T + 10;
    let rows = ["a", "b", "c"].map(without_id);
    let mut events = 0;
    for polls in 0.. {
        assert!(polls < 60, "no end");
        let batch = host.poll(page(&rows, None, Some(&format!("round {polls}")))).unwrap();
        events += batch.events.len();
        if !batch.more {
            break;
        }
    }
    assert_eq!(events, 3);
}

#[test]
fn rows_that_are_alike_come_each_once_if_a_page_shows_those_of_a_second() {
    for page_size in [6, 7, 13, 500] {
        let alike = (0..60).map(|n| {
            let second = T + n / 6;
            let text = format!(r#"{{"eventTime":"{}"}}"#, api_date(second));
            Row { text, ..Row::new(n, second, second) }
        });
        let world = World { page_size, ..World::of(alike) };
        let mut collector = Collector::new(world);
        collector.catch_up(200);
        collector.live(HOUR);
        let events: usize = collector.events.values().map(|times| *times as usize).sum();
        assert_eq!(events, 60, "{page_size}");
        assert!(collector.errors.is_empty(), "{:?}", collector.errors);
    }
}

#[test]
fn rows_that_are_alike_beyond_what_a_page_shows_are_told_as_withheld() {
    let row =
        |n| Row { text: format!(r#"{{"eventTime":"{}"}}"#, api_date(T)), ..Row::new(n, T, T) };
    let world = World { page_size: 4, ..World::of((0..6).map(row)) };
    let mut collector = Collector::new(world);
    collector.catch_up(200);
    collector.live(HOUR);
    let events: usize = collector.events.values().map(|times| *times as usize).sum();
    assert_eq!(events, 4);
    assert_eq!(collector.notices("rows_withheld").len(), 1);
    assert!(collector.errors.is_empty(), "{:?}", collector.errors);
}
