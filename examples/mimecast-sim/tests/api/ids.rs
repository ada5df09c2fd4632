//! Ids that do not name one row.
//!
//! Seen to fail when: rows of one second share an id, or no row does; an answer has the ids of the one
//! before, or the ledger those of an answer.

use std::collections::{BTreeMap, BTreeSet};

use mimecast_sim::{Ids, LedgerQuery, Options, Running, Style, WorldOptions};
use serde_json::{Value, json};

use crate::client::{ask, id, last_day, read_all, world_of};

fn with(ids: Ids) -> Running {
    let options = world_of(400);
    let world = WorldOptions { ties: 0.4, odd_rows: 10, ..options.world };
    let style = Style { ids, ..Style::default() };
    Options { style, world, ..options }.start().unwrap()
}

fn ledger(sim: &Running) -> Vec<Value> {
    let rows = sim.ledger(&LedgerQuery::default());
    rows.map(|row| serde_json::from_str(&row.text).unwrap()).collect()
}

fn without_ids(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("id");
    }
    rows
}

#[test]
fn rows_of_other_seconds_can_share_an_id() {
    let sim = with(Ids::Shared);
    let rows = ledger(&sim);
    assert!(rows == read_all(&sim, &last_day(&json!({}))));
    let mut times: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.get("id").is_some()) {
        times.entry(id(row)).or_default().push(row["eventTime"].to_string());
    }
    let shared: Vec<_> = times.values().filter(|times| times.len() > 1).collect();
    // 400 rows are some 230 messages, 0.4 of which are of the second of the one before.
    assert!((8..=24).contains(&shared.len()), "{}", shared.len());
    assert!(shared.iter().all(|times| times.len() == 2 && times[0] != times[1]), "{shared:?}");
    assert!(without_ids(rows) == without_ids(ledger(&with(Ids::Unique))));
}

#[test]
fn ids_can_be_made_anew_for_each_answer() {
    let sim = with(Ids::Fresh);
    let answers = [(); 3].map(|()| ask(&sim, &last_day(&json!({}))).rows());
    let generated = |rows: &[Value]| -> BTreeSet<String> {
        let is_odd = |row: &&Value| row["messageId"].as_str().unwrap().starts_with("<odd.");
        rows.iter().filter(|row| !is_odd(row)).map(id).collect()
    };
    let told = ledger(&sim);
    let sets = [&answers[0], &answers[1], &answers[2], &told].map(|rows| generated(rows));
    assert!(sets.iter().all(|ids| ids.len() == 400));
    assert_eq!(sets.iter().flatten().collect::<BTreeSet<_>>().len(), 1600);
    for rows in answers {
        assert!(without_ids(rows) == without_ids(told.clone()));
    }
    assert!(told == ledger(&with(Ids::Unique)));
}
