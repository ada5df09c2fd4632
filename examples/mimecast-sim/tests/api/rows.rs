//! The generated rows: their shape, and how they appear.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimecast_sim::{LedgerQuery, LedgerRow, Options, Running, WorldOptions, parse_api_date};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::client::{NOW, ask, empty_world, id, last_day, read_all, world_of};

fn ledger(sim: &Running) -> Vec<LedgerRow> {
    sim.ledger(&LedgerQuery::default()).collect()
}

fn parsed(rows: &[LedgerRow]) -> Vec<Value> {
    rows.iter().map(|row| serde_json::from_str(&row.text).unwrap()).collect()
}

#[test]
fn rows_have_the_recorded_shape() {
    let sim = world_of(2000).start().unwrap();
    for row in parsed(&ledger(&sim)) {
        let fields: BTreeSet<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "id",
            "senderAddress",
            "recipientAddress",
            "subject",
            "definition",
            "hits",
            "identifiers",
            "action",
            "taggedExternal",
            "taggedMalicious",
            "senderIpAddress",
            "eventTime",
            "messageId",
            "impersonationResults",
        ];
        assert_eq!(fields, BTreeSet::from(expected));
        assert!(id(&row).starts_with("MTOKEN:eJ"), "{row}");
        assert!((150..=220).contains(&(id(&row).len() - "MTOKEN:".len())), "{row}");
        assert_eq!(row["hits"], row["identifiers"].as_array().unwrap().len());
        let message_id = row["messageId"].as_str().unwrap();
        assert!(message_id.starts_with('<') && message_id.ends_with('>'));
        let event_secs = parse_api_date(row["eventTime"].as_str().unwrap()).unwrap();
        assert!((NOW - 3600..=NOW).contains(&event_secs));
        let results = row["impersonationResults"].as_array().unwrap();
        assert!(results.iter().all(|result| result["impersonationDomainSource"].is_string()));
    }
}

#[test]
fn texts_come_with_quotes_backslashes_foreign_letters_and_escapes() {
    let sim = world_of(2000).start().unwrap();
    let rows = ledger(&sim);
    let any_text = |part: &str| rows.iter().any(|row| row.text.contains(part));
    for part in
        [r#"\""#, r"\\", r"\/", r"\t", r"\n", r"\u00fc", r"\ud83c\udf81", "\u{fc}", "\u{1f381}"]
    {
        assert!(any_text(part), "{part}");
    }
    assert!(rows.iter().all(|row| !row.text.contains('\n')));
}

#[test]
fn one_message_to_several_recipients_is_as_many_rows() {
    let sim = world_of(2000).start().unwrap();
    let mut messages: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in parsed(&ledger(&sim)) {
        messages.entry(row["messageId"].as_str().unwrap().to_owned()).or_default().push(row);
    }
    assert!(messages.values().filter(|rows| rows.len() > 1).count() > 100);
    for rows in messages.values() {
        let distinct =
            |field: &str| rows.iter().map(|row| row[field].to_string()).collect::<BTreeSet<_>>();
        assert_eq!(distinct("id").len(), rows.len());
        assert_eq!(distinct("recipientAddress").len(), rows.len());
        assert_eq!((distinct("eventTime").len(), distinct("subject").len()), (1, 1));
    }
}

#[test]
fn messages_share_seconds_as_often_as_they_are_told_to() {
    let seconds = |ties: f64| {
        let world = WorldOptions { ties, rows: 500, late_max_secs: 0, ..WorldOptions::default() };
        let sim = Options { world, ..empty_world() }.start().unwrap();
        let rows = parsed(&ledger(&sim));
        let count = |field: &str| {
            rows.iter().map(|row| row[field].to_string()).collect::<BTreeSet<_>>().len()
        };
        (count("messageId"), count("eventTime"))
    };
    let (messages, distinct) = seconds(0.0);
    assert!(distinct * 100 > messages * 95, "{distinct} seconds, {messages} messages");
    let (messages, distinct) = seconds(0.5);
    assert!(distinct * 100 < messages * 65, "{distinct} seconds, {messages} messages");
    assert_eq!(seconds(1.0).1, 1);
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_gives_others() {
    let texts = |seed| {
        let sim = Options { seed, ..world_of(300) }.start().unwrap();
        ledger(&sim).into_iter().map(|row| row.text).collect::<Vec<_>>()
    };
    assert!(texts(1) == texts(1));
    assert!(texts(1) != texts(2));
}

#[test]
fn the_rows_of_a_seed_are_what_they_always_were() {
    let world = WorldOptions { odd_rows: 20, live_rate: 60, ..WorldOptions::default() };
    let sim = Options { world, seed: 7, ..empty_world() }.start().unwrap();
    sim.advance_secs(1200);
    let mut hash = Sha1::new();
    for row in ledger(&sim) {
        hash.update(format!("{} {} {}\n", row.event_secs, row.visible_secs, row.text));
    }
    assert_eq!(STANDARD.encode(hash.finalize()), "LdLqQSkXD507DIZaxp6gZFOE5r8=");
}

#[test]
fn rows_appear_late_and_out_of_order_within_the_bound() {
    let world =
        WorldOptions { rows: 1000, span_secs: 1800, late_max_secs: 600, ..empty_world().world };
    let sim = Options { world, ..empty_world() }.start().unwrap();
    let before = sim.stats();
    assert!(before.rows_hidden > 10, "{before:?}");
    assert_eq!(before.rows_visible + before.rows_hidden, 1000);
    assert_eq!(ask(&sim, &last_day(&json!({}))).result_count(), before.rows_visible);

    sim.advance_secs(600);
    assert_eq!((sim.stats().rows_visible, sim.stats().rows_hidden), (1000, 0));
    assert_eq!(ask(&sim, &last_day(&json!({}))).result_count(), 1000);
    let rows = ledger(&sim);
    assert!(rows.iter().all(|row| (0..=600).contains(&(row.visible_secs - row.event_secs))));
    assert!(rows.windows(2).all(|pair| pair[0].event_secs <= pair[1].event_secs));
    let overtaken = rows.windows(2).filter(|pair| pair[0].visible_secs > pair[1].visible_secs);
    assert!(overtaken.count() > 100);
}

#[test]
fn late_rows_take_their_place_among_the_older_ones() {
    let world =
        WorldOptions { rows: 1000, span_secs: 60, late_max_secs: 600, ..empty_world().world };
    let sim = Options { world, ..empty_world() }.start().unwrap();
    for _ in 0..12 {
        sim.advance_secs(55);
        let rows = read_all(&sim, &last_day(&json!({})));
        let times: Vec<&str> = rows.iter().map(|row| row["eventTime"].as_str().unwrap()).collect();
        assert!(times.is_sorted());
    }
    assert_eq!(read_all(&sim, &last_day(&json!({}))).len(), 1000);
}

#[test]
fn rows_go_on_appearing_at_the_live_rate() {
    let world = WorldOptions { rows: 0, live_rate: 120, late_max_secs: 0, ..empty_world().world };
    let sim = Options { world, ..empty_world() }.start().unwrap();
    assert_eq!(sim.stats().rows_visible, 0);
    sim.advance_secs(600);
    let rows = ledger(&sim);
    // Whole messages appear at once, so the count is a little ahead of the rate.
    assert!((1200..1300).contains(&rows.len()), "{}", rows.len());
    assert!(rows.iter().all(|row| (NOW..=NOW + 600).contains(&row.event_secs)));
    assert_eq!(rows.iter().map(|row| &row.text).collect::<BTreeSet<_>>().len(), rows.len());
}

#[test]
fn what_was_seen_once_stays_when_the_clock_is_set_back() {
    let sim = world_of(100).start().unwrap();
    sim.advance_secs(-600);
    assert_eq!(sim.stats().rows_visible, 100);
}
