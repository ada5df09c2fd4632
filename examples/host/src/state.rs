//! Stores cursors, and what an output needs to begin where it was.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::output::remedy;
use crate::shortage::Shortage;

/// A cursor as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCursor {
    /// The component's text, as it came.
    pub cursor: String,
    /// Events delivered so far.
    pub events: u64,
    /// When it was stored, in milliseconds of Unix time.
    pub updated_ms: i64,
}

/// A cursor to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorChange {
    /// The source's name.
    pub source: String,
    /// The component's text, as it came.
    pub cursor: std::sync::Arc<str>,
    /// Events that were delivered with it.
    pub events: u64,
}

/// Where an output stands: its name, and a text of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The output's name.
    pub output: String,
    /// Whatever the output needs to know at its next start.
    pub text: String,
}

/// What keeps cursors. Whatever stands behind it must store a commit as a whole or not at all; which of
/// both came of one that failed, its error says.
pub trait State: Send {
    /// All cursors, by source.
    fn cursors(&self) -> Result<BTreeMap<String, StoredCursor>, StateError>;

    /// The mark of an output.
    fn mark(&self, output: &str) -> Result<Option<String>, StateError>;

    /// Stores cursors, and the output's mark with them, durably. May be asked again for the same.
    fn commit(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> Result<(), CommitError>;

    /// Forgets the cursor of a source. False if there was none.
    fn remove(&mut self, source: &str) -> Result<bool, StateError>;
}

/// Why the state cannot be read or written.
#[derive(Debug)]
pub struct StateError {
    path: PathBuf,
    why: String,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state file {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for StateError {}

/// Why a commit failed, and what the state holds now.
#[derive(Debug)]
pub enum CommitError {
    /// What it held before: what was to be acknowledged may be taken back.
    NotStored(StateError),
    /// One or the other: nothing may be taken back before that is known.
    Unknown(StateError),
}

impl CommitError {
    /// The error, whatever the state holds.
    pub fn into_state_error(self) -> StateError {
        match self {
            Self::NotStored(error) | Self::Unknown(error) => error,
        }
    }
}

/// State in an `SQLite` file.
pub struct SqliteState {
    path: PathBuf,
    connection: Connection,
    /// A commit failed, and what came of it is not known yet.
    is_open: bool,
}

impl SqliteState {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        // Made here, so that nobody else may read it; its companions follow its mode.
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        crate::output::private(&mut options);
        options.open(path).map_err(|error| StateError {
            path: path.to_owned(),
            why: format!("cannot be opened: {error}{}", remedy(&error)),
        })?;
        let state = Self::connect(path)?;
        // Before anything is changed: most programs leave the version at 0, as a new file has it.
        if !state.is_empty().map_err(|error| state.error(&error))? {
            state.check_version()?;
        }
        state.prepare().map_err(|error| state.error(&error))?;
        Ok(state)
    }

    /// Opens the file to read it beside a running host. None if there is no file yet.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, StateError> {
        if !path.exists() {
            return Ok(None);
        }
        // A reader that may not write leaves files behind that only a writer removes: SQLite itself
        // goes down to reading where the file cannot be written.
        let judged = |state: Self| state.check_version().map(|()| state);
        let opened = Self::connect(path).and_then(judged);
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if opened.is_ok() || Path::new(&log).exists() {
            return opened.map(Some);
        }
        // In a folder that cannot be written SQLite cannot make its log, and reads without one only
        // what it is told not to change. With no log there, no host runs, and all is in the file.
        let Ok(mut url) = path.canonicalize().and_then(|path| {
            url::Url::from_file_path(path).map_err(|()| std::io::ErrorKind::InvalidInput.into())
        }) else {
            return opened.map(Some);
        };
        url.set_query(Some("immutable=1"));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let unchanging = Self::connect_with(path, Path::new(url.as_str()), flags).and_then(judged);
        // The first error says what is wrong where this does not help either.
        unchanging.or(opened).map(Some)
    }

    fn connect(path: &Path) -> Result<Self, StateError> {
        Self::connect_with(path, path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn connect_with(path: &Path, opened: &Path, flags: OpenFlags) -> Result<Self, StateError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(opened, flags)
            .map_err(|error| StateError { path: path.to_owned(), why: told(&error) })?;
        let state = Self { path: path.to_owned(), connection, is_open: false };
        state.connection.busy_timeout(BUSY_FOR_MAX).map_err(|error| state.error(&error))?;
        Ok(state)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        // Where the file system cannot do it, SQLite stays with its older journal: as safe.
        self.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.pragma_update_and_check(
            None,
            "journal_size_limit",
            JOURNAL_BYTES_MAX,
            |_| Ok(()),
        )?;
        if self.is_empty()? {
            self.connection.execute_batch(SCHEMA)?;
        }
        Ok(())
    }

    /// Whether there is nothing in the file yet.
    fn is_empty(&self) -> rusqlite::Result<bool> {
        self.connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
    }

    fn version(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "user_version", |row| row.get(0))
    }

    fn check_version(&self) -> Result<(), StateError> {
        let version = self.version().map_err(|error| self.error(&error))?;
        let application: i64 = self
            .connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|error| self.error(&error))?;
        let why = if application != APPLICATION_ID {
            "belongs to another program; give [state] a path of its own".to_owned()
        } else if version > VERSION {
            format!("was written by a newer source-host (version {version}); use that one")
        } else {
            return Ok(());
        };
        Err(StateError { path: self.path.clone(), why })
    }

    /// Whether the file holds this, as whoever opens it next will find it: a commit that is reported as
    /// failed can stand in SQLite's log all the same, and counts when that is read again.
    fn was_stored(
        &mut self,
        changes: &[CursorChange],
        mark: Option<&Mark>,
    ) -> Result<bool, StateError> {
        self.is_open = true;
        // The log is read again once the last connection is closed.
        self.connection = Connection::open_in_memory().map_err(|error| self.error(&error))?;
        self.connection = Self::connect(&self.path)?.connection;
        self.check_version()?;
        self.prepare().map_err(|error| self.error(&error))?;
        let stored = self.cursors()?;
        let holds_mark = match mark {
            Some(mark) => self.mark(&mark.output)?.as_ref() == Some(&mark.text),
            None => true,
        };
        self.is_open = false;
        Ok(holds_mark
            && changes.iter().all(|change| {
                stored.get(&change.source).is_some_and(|stored| *stored.cursor == *change.cursor)
            }))
    }

    fn error(&self, error: &rusqlite::Error) -> StateError {
        StateError { path: self.path.clone(), why: told(error) }
    }

    fn read_cursors(&self) -> rusqlite::Result<BTreeMap<String, StoredCursor>> {
        let mut statement =
            self.connection.prepare("SELECT source, cursor, events, updated_ms FROM cursor")?;
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

    fn store(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> rusqlite::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let transaction = self.connection.transaction()?;
        for change in changes {
            let events = i64::try_from(change.events).unwrap_or(i64::MAX);
            transaction.prepare(STORE_CURSOR)?.execute((
                &change.source,
                &*change.cursor,
                events,
                now_ms,
            ))?;
        }
        if let Some(mark) = mark {
            transaction.execute(STORE_MARK, (&mark.output, &mark.text))?;
        }
        transaction.commit()
    }
}

impl State for SqliteState {
    fn cursors(&self) -> Result<BTreeMap<String, StoredCursor>, StateError> {
        self.read_cursors().map_err(|error| self.error(&error))
    }

    fn mark(&self, output: &str) -> Result<Option<String>, StateError> {
        self.connection
            .query_row("SELECT mark FROM output WHERE name = ?1", [output], |row| row.get(0))
            .optional()
            .map_err(|error| self.error(&error))
    }

    fn commit(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> Result<(), CommitError> {
        if self.is_open && self.was_stored(changes, mark).map_err(CommitError::Unknown)? {
            return Ok(());
        }
        let Err(error) = self.store(changes, mark) else { return Ok(()) };
        let error = self.error(&error);
        match self.was_stored(changes, mark) {
            Ok(true) => {
                tracing::warn!("a commit is stored, though it was reported as failed: {error}");
                Ok(())
            }
            Ok(false) => Err(CommitError::NotStored(error)),
            Err(_) => Err(CommitError::Unknown(error)),
        }
    }

    fn remove(&mut self, source: &str) -> Result<bool, StateError> {
        self.connection
            .execute("DELETE FROM cursor WHERE source = ?1", [source])
            .map(|removed| removed > 0)
            .map_err(|error| self.error(&error))
    }
}

/// The right to change a state. It ends with the process, however that ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock of a state file. The error says who has it.
    pub fn take(state: &Path) -> Result<Self, StateError> {
        let mut path = state.as_os_str().to_owned();
        // Not the state file itself: SQLite's own locks would end with the first handle closed.
        path.push(".lock");
        let path = PathBuf::from(path);
        let error = |why: String| StateError { path: state.to_owned(), why };
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false);
        crate::output::private(&mut options);
        let mut file = options.open(&path).map_err(|cause| {
            let remedy = remedy(&cause);
            error(format!("its lock {} cannot be opened: {cause}{remedy}", path.display()))
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only said to help: the lock is what counts.
                let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut holder);
                let holder = holder.trim();
                let known = !holder.is_empty() && holder.bytes().all(|b| b.is_ascii_digit());
                let holder =
                    if known { format!("process {holder}") } else { "another process".into() };
                return Err(error(format!(
                    "is in use by {holder}; stop that one first, or give this one a state of its own"
                )));
            }
            Err(TryLockError::Error(cause)) => {
                return Err(error(format!("cannot be locked: {cause}")));
            }
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|cause| {
            error(format!("its lock cannot be written: {cause}{}", remedy(&cause)))
        })?;
        Ok(Self { _file: file })
    }
}

/// The database's errors in words, with what to do about the common ones.
fn told(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; make room on the disk",
        // SQLite does not tell that this is why.
        Some(ErrorCode::CannotOpen) if let Some(shortage) = Shortage::of_files() => {
            return format!("{error}; {}", shortage.remedy());
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "; the host must be able to write the file and its folder"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "; see whether the disk is sound and has room, and whether the size of files is limited"
        }
        Some(ErrorCode::NotADatabase) => "; give [state] a path of its own",
        Some(ErrorCode::DatabaseCorrupt) => "; restore it from a copy",
        _ => "",
    };
    format!("{error}{remedy}")
}

const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE cursor (
        source TEXT PRIMARY KEY,
        cursor TEXT NOT NULL,
        events INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE output (name TEXT PRIMARY KEY, mark TEXT NOT NULL) STRICT;
    PRAGMA application_id = 1936681075;
    PRAGMA user_version = 1;
    COMMIT;
";
const STORE_CURSOR: &str = "
    INSERT INTO cursor (source, cursor, events, updated_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (source) DO UPDATE SET
        cursor = excluded.cursor,
        events = events + excluded.events,
        updated_ms = excluded.updated_ms
";
const STORE_MARK: &str = "
    INSERT INTO output (name, mark) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET mark = excluded.mark
";
const VERSION: i64 = 1;
/// The ASCII of `sohs`: tells a state from other programs' databases.
const APPLICATION_ID: i64 = 1_936_681_075;
const BUSY_FOR_MAX: Duration = Duration::from_secs(5);
const JOURNAL_BYTES_MAX: i64 = 16 << 20;
