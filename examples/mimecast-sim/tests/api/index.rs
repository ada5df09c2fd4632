//! An index that lags behind.
//!
//! Seen to fail when: only one of the two bounds goes by the time of the index; the ledger goes by it;
//! a row shows before it is indexed.

use mimecast_sim::{
    LedgerQuery, Options, Paging, PagingMode, Running, ScriptedRow, WorldOptions, api_date,
};
use serde_json::json;

use crate::client::{NOW, ask, empty_world, last_day, read_all, with_page_size, world_of};

const LAG_SECS: u32 = 600;

fn lagging(options: Options) -> Options {
    Options { world: WorldOptions { index_lag_secs: LAG_SECS, ..options.world }, ..options }
}

fn found(sim: &Running, from: i64, to: i64) -> Vec<String> {
    ask(sim, &last_day(&json!({"from": api_date(from), "to": api_date(to)}))).ids()
}

#[test]
fn a_row_is_found_by_the_time_of_the_index() {
    let script = vec![ScriptedRow::new(r#"{"id": "x"}"#, NOW - 1400)];
    for mode in [PagingMode::Live, PagingMode::Snapshot] {
        let paging = Paging { mode, ..Paging::default() };
        let options = Options { script: script.clone(), paging, ..empty_world() };
        let sim = lagging(options).start().unwrap();
        assert_eq!(found(&sim, NOW - 800, NOW - 800), ["x"]);
        assert!(found(&sim, NOW - 799, NOW).is_empty());
        assert!(found(&sim, NOW - 9000, NOW - 801).is_empty());
    }
}

#[test]
fn a_row_shows_that_much_later_and_the_ledger_says_when() {
    let script = vec![
        ScriptedRow::new(r#"{"id": "x"}"#, NOW - 60),
        ScriptedRow::new(r#"{"id": "y"}"#, NOW - 60).visible_from(NOW),
    ];
    let sim = lagging(Options { script, ..empty_world() }).start().unwrap();
    let ledger = |query: &LedgerQuery| {
        let rows = sim.ledger(query);
        rows.map(|row| (row.event_secs, row.visible_secs)).collect::<Vec<_>>()
    };
    let all = LedgerQuery::default();
    let lag_secs = i64::from(LAG_SECS);
    assert!(ledger(&all).is_empty());
    sim.advance_secs(lag_secs - 61);
    assert!(ledger(&all).is_empty());
    sim.advance_secs(1);
    assert_eq!(ledger(&all), [(NOW - 60, NOW - 60 + lag_secs)]);
    sim.advance_secs(60);
    assert_eq!(ledger(&all).len(), 2);
    let by = LedgerQuery { visible_by: Some(NOW + lag_secs - 1), ..all.clone() };
    assert_eq!(ledger(&by).len(), 1);
    let by_event = LedgerQuery { from: Some(NOW - 60), to: Some(NOW - 60), ..all };
    assert_eq!(ledger(&by_event).len(), 2);
}

#[test]
fn generated_rows_are_the_same_only_later() {
    let sim = lagging(world_of(200)).start().unwrap();
    let before = sim.stats().rows_visible;
    assert!((100..200).contains(&before), "{before}: those of the last ten minutes are to come");
    let window = |lag_secs: i64| {
        let (from, to) = (api_date(NOW - 3600 + lag_secs), api_date(NOW + lag_secs));
        with_page_size(&last_day(&json!({"from": from, "to": to})), 70)
    };
    let in_time = read_all(&world_of(200).start().unwrap(), &window(0));
    sim.advance_secs(LAG_SECS.into());
    assert!(read_all(&sim, &window(LAG_SECS.into())) == in_time);
    assert_eq!(in_time.len(), 200);
}
