//! Rows with something odd about them.
//!
//! Seen to fail when: a kind is left out, two rows share an id or a message id, they take their
//! place or a message from the others, they are not spread, they show before their time.

use std::collections::BTreeSet;

use mimecast_sim::{LedgerQuery, LedgerRow, Options, Running, WorldOptions};
use serde_json::{Value, json};

use crate::client::{NOW, ask, last_day, world_of};

fn world_with(odd_rows: u32) -> Running {
    let options = world_of(300);
    let world = WorldOptions { odd_rows, live_rate: 60, ..options.world };
    Options { world, ..options }.start().unwrap()
}

fn texts(sim: &Running) -> Vec<String> {
    sim.ledger(&LedgerQuery::default()).map(|row| row.text).collect()
}

/// The rows that are there because odd ones were asked for.
fn odd(odd_rows: u32) -> Vec<LedgerRow> {
    let others: BTreeSet<String> = texts(&world_with(0)).into_iter().collect();
    let rows = world_with(odd_rows).ledger(&LedgerQuery::default());
    rows.filter(|row| !others.contains(&row.text)).collect()
}

#[test]
fn odd_rows_come_in_every_kind() {
    let rows: Vec<Value> =
        odd(10).iter().map(|row| serde_json::from_str(&row.text).unwrap()).collect();
    assert_eq!(rows.len(), 10);
    let is_one = |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        assert_eq!(rows.iter().filter(|row| is_so(row)).count(), 1, "{what}");
    };
    is_one("no id", &|row| row.get("id").is_none());
    is_one("no IP address", &|row| {
        let ip = row["senderIpAddress"].as_str();
        ip.is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err())
    });
    is_one("an action that is not known", &|row| row["action"] == "quarantine_and_notify");
    is_one("a display name", &|row| row["senderAddress"] == r#""Doe, Jane" <jane@example.com>"#);
    is_one("several addresses", &|row| {
        row["recipientAddress"].as_str().unwrap().matches('@').count() == 2
    });
    is_one("an empty subject", &|row| row["subject"] == "");
    is_one("foreign letters", &|row| {
        ["subject", "definition"]
            .iter()
            .all(|name| row[name].as_str().is_some_and(|text| !text.is_ascii()))
    });
    is_one("fields that are not known", &|row| row["riskScore"] == 87.5);
    is_one("null", &|row| row.get("subject") == Some(&Value::Null));
    is_one("another type", &|row| row["hits"].is_string() && row["identifiers"].is_string());
}

#[test]
fn odd_rows_are_all_different_and_spread_over_the_past() {
    let rows = odd(200);
    let parsed = rows.iter().map(|row| serde_json::from_str::<Value>(&row.text).unwrap());
    let (ids, message_ids): (BTreeSet<_>, BTreeSet<_>) =
        parsed.map(|row| (row["id"].to_string(), row["messageId"].to_string())).unzip();
    assert_eq!((ids.len(), message_ids.len()), (181, 200), "a tenth has no id");
    assert!(rows.iter().all(|row| (NOW - 3600..=NOW).contains(&row.event_secs)));
    assert!(rows.iter().all(|row| row.visible_secs == row.event_secs));
    assert!(rows.last().unwrap().event_secs - rows[0].event_secs > 3500);
}

#[test]
fn odd_rows_leave_the_others_as_they_are() {
    let later = |odd_rows| {
        let sim = world_with(odd_rows);
        sim.advance_secs(600);
        texts(&sim)
    };
    let with: BTreeSet<String> = later(50).into_iter().collect();
    let without = later(0);
    assert!(without.len() > 800, "{}", without.len());
    assert!(without.iter().all(|text| with.contains(text)));
    assert_eq!(with.len(), without.len() + 50);
}

#[test]
fn a_page_holds_odd_rows_as_the_ledger_has_them() {
    let sim = world_with(50);
    let reply = ask(&sim, &last_day(&json!({})));
    assert!(reply.text().contains(&format!("[{}]", texts(&sim).join(","))));
}
