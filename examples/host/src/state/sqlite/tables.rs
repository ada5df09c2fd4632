//! What is in the file: cursors, and the marks of outputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use crate::state::StoredCursor;
use crate::state::sqlite::error::DatabaseError;

/// What a state holds.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) cursors: BTreeMap<String, Arc<str>>,
    pub(super) marks: BTreeMap<String, String>,
}

/// Makes the tables of a state that holds nothing.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    let marks = format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    );
    connection.execute_batch(&(SCHEMA.to_owned() + &marks))
}

impl Held {
    /// What a file holds.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let stored = cursors(connection)?.into_iter();
        let mut marks = connection.prepare("SELECT name, mark FROM output")?;
        let marks = marks.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            cursors: stored.map(|(source, stored)| (source, stored.cursor)).collect(),
            marks: marks.collect::<rusqlite::Result<_>>()?,
        })
    }

    /// Writes all of it, over what is there.
    pub(super) fn store(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for (source, cursor) in &self.cursors {
            store_cursor(transaction, source, cursor, 0)?;
        }
        self.marks.iter().try_for_each(|(output, text)| store_mark(transaction, output, text))
    }
}

/// Writes a cursor, and adds to its source's events.
pub(super) fn store_cursor(
    transaction: &Transaction<'_>,
    source: &str,
    cursor: &str,
    events: u64,
) -> rusqlite::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let events = i64::try_from(events).unwrap_or(i64::MAX);
    let mut statement = transaction.prepare(
        "INSERT INTO cursor (source, cursor, events, updated_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (source) DO UPDATE SET
             cursor = excluded.cursor,
             events = events + excluded.events,
             updated_ms = excluded.updated_ms",
    )?;
    statement.execute((source, cursor, events, now_ms)).map(drop)
}

/// Writes where an output stands.
pub(super) fn store_mark(
    transaction: &Transaction<'_>,
    output: &str,
    text: &str,
) -> rusqlite::Result<()> {
    let statement = "INSERT INTO output (name, mark) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET mark = excluded.mark";
    transaction.execute(statement, (output, text)).map(drop)
}

/// Whether the file is a state that this host can read.
pub(super) fn check_version(connection: &Connection) -> Result<(), DatabaseError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        return Err("belongs to another program; give [state] a path of its own".to_owned().into());
    }
    if version > VERSION {
        let why = format!("was written by a newer source-host (version {version}); use that one");
        return Err(why.into());
    }
    Ok(())
}

/// Forgets a cursor.
pub(super) fn remove_cursor(transaction: &Transaction<'_>, source: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM cursor WHERE source = ?1", [source]).map(drop)
}

/// Where an output stands.
pub(super) fn mark(connection: &Connection, output: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT mark FROM output WHERE name = ?1", [output], |row| row.get(0))
        .optional()
}

/// All cursors, by source.
pub(super) fn cursors(connection: &Connection) -> rusqlite::Result<BTreeMap<String, StoredCursor>> {
    let mut statement =
        connection.prepare("SELECT source, cursor, events, updated_ms FROM cursor")?;
    let rows = statement.query_map((), |row| {
        let events: i64 = row.get(2)?;
        let stored = StoredCursor {
            cursor: row.get(1)?,
            events: u64::try_from(events).unwrap_or(0),
            updated_ms: row.get(3)?,
        };
        Ok((row.get(0)?, stored))
    })?;
    rows.collect()
}

/// What `make` ends with stands apart: its numbers are read, too.
const SCHEMA: &str = "
    PRAGMA journal_mode = memory;
    PRAGMA synchronous = full;
    BEGIN;
    CREATE TABLE cursor (
        source TEXT PRIMARY KEY,
        cursor TEXT NOT NULL,
        events INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE output (name TEXT PRIMARY KEY, mark TEXT NOT NULL) STRICT;
";
const VERSION: i64 = 1;
/// The ASCII of `sohs`: tells a state from other programs' databases.
const APPLICATION_ID: i64 = 1_936_681_075;
