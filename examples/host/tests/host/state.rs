//! What a state holds when something is lost, locked or refused beneath it.
//!
//! Fails when: what was lost is forgotten after one attempt to store it again; a start goes on from what
//! only stands in the log of a host that was killed; a state that is locked makes the end wait too long.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use source_host::state::sqlite::SqliteState;
use source_host::state::{CommitError, CursorChange, State as _};

use crate::bench::{Bench, Source, acme, wait_for};
use crate::server::{Server, reply};

fn change(source: &str, cursor: &str) -> CursorChange {
    CursorChange { source: source.into(), cursor: cursor.into(), events: 1 }
}

fn cursor(state: &SqliteState, source: &str) -> Option<Arc<str>> {
    Some(Arc::clone(&state.cursors().unwrap().get(source)?.cursor))
}

/// Does something to the file of a state that no host has.
fn alter(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
}

#[test]
fn what_a_state_lost_is_stored_again_however_often_that_fails() {
    let bench = Bench::new();
    let path = bench.path("state.db");
    let mut state = SqliteState::open(&path).unwrap();
    state.commit(&[change("a", "a0"), change("b", "b0")], None).unwrap();
    drop(state);
    // An older copy, which takes no cursor of one of both.
    let stop = "CREATE TRIGGER stop BEFORE INSERT ON cursor WHEN NEW.source = 'b' \
                BEGIN SELECT RAISE(FAIL, 'scripted'); END";
    alter(&path, stop);
    let older = std::fs::read(&path).unwrap();
    alter(&path, "DROP TRIGGER stop");
    let mut state = SqliteState::open(&path).unwrap();
    state.commit(&[change("a", "a1"), change("b", "b1")], None).unwrap();
    drop(state);
    let mut state = SqliteState::open(&path).unwrap();
    std::fs::write(&path, older).unwrap();
    std::fs::remove_file(bench.path("state.db-wal")).unwrap();
    for _ in 0..3 {
        let outcome = state.commit(&[change("a", "a2")], None);
        assert!(matches!(outcome, Err(CommitError::NotStored(_))), "{outcome:?}");
        assert_eq!(cursor(&state, "a").as_deref(), Some("a0"), "one without the other");
    }
    alter(&path, "DROP TRIGGER stop");
    state.commit(&[change("a", "a2")], None).unwrap();
    assert_eq!(cursor(&state, "a").as_deref(), Some("a2"));
    assert_eq!(cursor(&state, "b").as_deref(), Some("b1"));
}

#[test]
fn a_start_goes_on_from_what_is_in_the_file_and_not_in_the_log_of_the_host_before() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let running = bench.start();
    wait_for("a cursor", || bench.host(&["cursor", "show", "acme"]).code() == Some(0));
    running.signal("KILL");
    running.end();
    let whole = |name: &str| {
        std::fs::copy(bench.path("state.db"), bench.path(name)).unwrap();
        SqliteState::read(&bench.path(name)).unwrap().unwrap().contains_key("acme")
    };
    assert!(!whole("before.db"), "it is in the log alone");
    let _state = SqliteState::open(&bench.path("state.db")).unwrap();
    assert!(whole("after.db"));
}

#[test]
fn a_state_that_is_locked_at_the_end_is_told_as_that() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{}\"", server.url());
    let source = Source { name: "acme", keys: &keys, config: &config };
    let bench = Bench::with_output("type = \"file\"\npath = \"out.ndjson\"", &[source]);
    let running = bench.start();
    let written = || std::fs::read_to_string(bench.path("out.ndjson")).unwrap_or_default();
    wait_for("events", || written().lines().count() > 3);
    let connection = Connection::open(bench.path("state.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    running.signal("TERM");
    running.until("is locked");
    let (code, took) = running.end();
    let log = bench.read("stderr");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(!log.contains("the end waits no longer"), "{log}");
}
