//! Rows that cannot be read.
//!
//! Seen to fail when: a kind is left out or can be read after all, an unreadable row is in the ledger,
//! a raw character reaches it, a pretty page drops one; quotes that are left open spoil the row beside;
//! a filter does not know what is in a row that can be read.

use std::collections::BTreeSet;

use mimecast_sim::{
    Filters, Layout, LedgerPart, LedgerQuery, LedgerRow, Options, Running, Search, SearchField,
    Style, WorldOptions,
};
use serde_json::{Value, json};

use crate::client::{NOW, ask, get, last_day, world_of};

fn world_with(broken_rows: u32, layout: Layout) -> Running {
    let options = world_of(100);
    let world = WorldOptions { broken_rows, ..options.world };
    Options { world, style: Style { layout, ..Style::default() }, ..options }.start().unwrap()
}

fn ledger(sim: &Running, part: LedgerPart) -> Vec<LedgerRow> {
    sim.ledger(&LedgerQuery { part, ..LedgerQuery::default() }).collect()
}

fn is_broken(row: &LedgerRow) -> bool {
    row.text.contains("<broken.")
}

#[test]
fn broken_rows_come_in_every_kind() {
    let sim = world_with(5, Layout::Compact);
    let page = ask(&sim, &last_day(&json!({})));
    assert!(serde_json::from_slice::<Value>(&page.body).is_err());
    for part in [
        "Invoice\toverdue",
        "Invoice\noverdue",
        r#""hits":NaN"#,
        r#""The "urgent" invoice""#,
        &"[".repeat(129),
    ] {
        assert_eq!(page.text().matches(part).count().min(1), 1, "{part}");
    }
    let unreadable = ledger(&sim, LedgerPart::Unreadable);
    assert_eq!(unreadable.len(), 3);
    for row in unreadable {
        assert!(serde_json::from_str::<Value>(&row.text).is_err(), "{}", row.text);
        assert!(page.text().contains(&row.text));
    }
}

#[test]
fn the_ledger_has_those_that_can_be_read_and_escapes_what_is_raw() {
    for layout in [Layout::Compact, Layout::Pretty] {
        let sim = world_with(5, layout);
        let rows: Vec<_> =
            ledger(&sim, LedgerPart::Readable).into_iter().filter(is_broken).collect();
        let subjects: Vec<Value> = rows
            .iter()
            .map(|row| serde_json::from_str::<Value>(&row.text).unwrap()["subject"].take())
            .collect();
        assert_eq!(subjects, ["Invoice\toverdue", "Invoice\noverdue"]);
        assert!(rows[0].text.contains(r"Invoice\toverdue"));
        let page = ask(&sim, &last_day(&json!({}))).text().to_owned();
        assert!(page.contains("Invoice\toverdue") && page.contains("Invoice\noverdue"));
    }
}

#[test]
fn what_comes_beside_a_broken_row_is_left_whole() {
    for layout in [Layout::Compact, Layout::Pretty] {
        let sim = world_with(20, layout);
        let page = ask(&sim, &last_day(&json!({}))).text().replace('\n', "");
        let rows = ledger(&sim, LedgerPart::Readable);
        assert_eq!(rows.len(), 108);
        for row in rows.iter().filter(|row| !is_broken(row)) {
            assert!(page.contains(&row.text), "{}", row.text);
        }
    }
}

#[test]
fn broken_rows_are_counted_spread_and_leave_the_others_as_they_are() {
    let sim = world_with(50, Layout::Compact);
    let page = ask(&sim, &last_day(&json!({})));
    assert!(page.text().contains(r#""resultCount":150,"#));
    assert_eq!(sim.stats().rows_visible, 150);
    let unreadable = ledger(&sim, LedgerPart::Unreadable);
    assert_eq!(unreadable.len(), 30);
    assert!(unreadable[29].event_secs - unreadable[0].event_secs > 3200);
    assert!(unreadable.iter().all(|row| (NOW - 3600..=NOW).contains(&row.event_secs)));
    let texts: BTreeSet<_> = unreadable.iter().map(|row| &row.text).collect();
    assert_eq!(texts.len(), 30);

    let mut others = ledger(&sim, LedgerPart::Readable);
    others.retain(|row| !is_broken(row));
    assert!(others == ledger(&world_with(0, Layout::Compact), LedgerPart::Readable));
}

#[test]
fn a_filter_knows_what_is_in_a_row_that_can_be_read() {
    let sim = world_with(5, Layout::Compact);
    let search = Search { field: SearchField::Subject, query: "Invoice\toverdue".to_owned() };
    let filters = Filters { search: Some(search), ..Filters::default() };
    let query = LedgerQuery { filters, ..LedgerQuery::default() };
    assert_eq!(sim.ledger(&query).len(), 1);
}

#[test]
fn unreadable_rows_are_told_over_http_when_asked_for() {
    let sim = world_with(5, Layout::Compact);
    let lines =
        |parameters: &str| get(&sim, &format!("/sim/ledger{parameters}")).text().lines().count();
    assert_eq!((lines(""), lines("?unreadable=false"), lines("?unreadable=true")), (102, 102, 3));
    assert_eq!(get(&sim, "/sim/ledger?unreadable=1").status, 400);
}
