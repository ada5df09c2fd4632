//! State in an `SQLite` file.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use super::{CommitError, CursorChange, Mark, State, StateError, StoredCursor, lock};
use crate::ground::{self, FileId};
use crate::output::remedy;
use crate::shortage::Shortage;

/// State in an `SQLite` file, which no other process may change meanwhile.
pub struct SqliteState {
    path: PathBuf,
    connection: Connection,
    /// What it held when that was last known.
    held: Held,
    /// False from a failed commit on until the file was asked what came of it.
    is_known: bool,
    /// The files that `SQLite` has beside it.
    beside: [Option<FileId>; 2],
    id: FileId,
    /// Keeps the lock. Declared last, so that it is closed last: that would end `SQLite`'s own locks.
    _lock: File,
}

/// What a state holds.
#[derive(Clone, Default, PartialEq, Eq)]
struct Held {
    cursors: BTreeMap<String, Arc<str>>,
    marks: BTreeMap<String, String>,
}

impl SqliteState {
    /// Opens the file to change it, or makes it: only where there is none. One that is there and holds
    /// nothing was emptied by something else.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (lock, found) = match ground::open(path, OpenOptions::new().read(true).write(true)) {
            Ok((file, found)) => {
                lock::take(&file).map_err(|why| StateError::new(path, why))?;
                (file, found)
            }
            Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
                let why = "is a link that leads nowhere; remove it, or put back what it led to";
                return Err(StateError::new(path, why));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(unusable(path, &error)),
        };
        judge(path, &found)?;
        ground::warn_if_open_to_all("the state", path, &found);
        let mut state = Self {
            path: path.to_owned(),
            connection: connect(path)?,
            held: Held::default(),
            is_known: true,
            beside: [None; 2],
            id: FileId::of(&found),
            _lock: lock,
        };
        state.held = state.begin().map_err(|error| error.at(path))?;
        state.check()?;
        Ok(state)
    }

    /// The cursors of a file beside a running host. None if there is no file yet.
    pub fn read(path: &Path) -> Result<Option<BTreeMap<String, StoredCursor>>, StateError> {
        match ground::open(path, OpenOptions::new().read(true)) {
            Ok((_, found)) => judge(path, &found)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(path, &error)),
        }
        // A reader that may not write leaves files behind that only a writer removes: SQLite itself
        // goes down to reading where the file cannot be written.
        let read = |connection: Connection| {
            check_version(&connection).and_then(|()| Ok(cursors(&connection)?))
        };
        let found = connect(path).and_then(|connection| read(connection).map_err(|e| e.at(path)));
        if found.is_ok() || beside(path, "-wal").exists() {
            return found.map(Some);
        }
        // In a folder that cannot be written SQLite cannot make its log, and reads without one only
        // what it is told not to change. With no log there, no host runs, and all is in the file.
        let Ok(mut url) = path.canonicalize().and_then(|path| {
            url::Url::from_file_path(path).map_err(|()| ErrorKind::InvalidInput.into())
        }) else {
            return found.map(Some);
        };
        url.set_query(Some("immutable=1"));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let unchanging = connect_with(path, Path::new(url.as_str()), flags)
            .and_then(|connection| read(connection).map_err(|error| error.at(path)));
        // The first error says what is wrong where this does not help either.
        unchanging.or(found).map(Some)
    }

    /// Sets a fresh connection up, and tells what the file holds.
    fn begin(&mut self) -> Result<Held, Fault> {
        check_version(&self.connection)?;
        // Where the file system cannot do it, SQLite stays with its older journal: as safe.
        self.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        let limit = JOURNAL_BYTES_MAX;
        self.connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
        let held = Held::read(&self.connection)?;
        self.beside = self.find_beside();
        Ok(held)
    }

    /// Opens the file anew, as whoever comes next would, and tells what it holds: a commit that is
    /// reported as failed can stand in `SQLite`'s log all the same, and counts when that is read again.
    /// `SQLite` also writes into a log that was removed; what is in there it takes over when it closes.
    fn reopen(&mut self) -> Result<Held, Fault> {
        self.check_file()?;
        self.connection = Connection::open_in_memory()?;
        self.connection = connect_to(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let held = self.begin()?;
        // What a failed sync left behind may be in memory only, however well it reads. Copied into
        // the file, and synced there, it is as durable as it looks.
        let is_busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
        if is_busy {
            return Err("another process reads it for too long; end that one".to_owned().into());
        }
        Ok(held)
    }

    fn check_file(&self) -> Result<(), Fault> {
        self.id.check(&self.path).map_err(|why| Fault(format!("{why}; {PUT_BACK}")))
    }

    fn find_beside(&self) -> [Option<FileId>; 2] {
        // One that cannot be looked at is one that was not there.
        ["-wal", "-shm"].map(|end| FileId::at(&beside(&self.path, end)).ok().flatten())
    }

    /// Writes in one transaction what makes the state hold `wanted`.
    fn store(
        &mut self,
        wanted: Held,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), CommitError> {
        let path = self.path.clone();
        let mut has_lost = false;
        if !self.is_known || self.beside != self.find_beside() {
            self.is_known = false;
            let found = self.reopen().map_err(|error| CommitError::Unknown(error.at(&path)))?;
            if found == wanted {
                (self.held, self.is_known) = (wanted, true);
                return Ok(());
            }
            has_lost = found != self.held;
            self.is_known = true;
        }
        let not_stored = |error: Fault| CommitError::NotStored(error.at(&path));
        self.check_file().map_err(not_stored)?;
        let transaction = self.connection.transaction().map_err(|e| not_stored(e.into()))?;
        if has_lost {
            let path = path.display();
            tracing::warn!("state file {path} had lost what was stored last: it is stored again");
            self.held.store(&transaction).map_err(|error| not_stored(error.into()))?;
        }
        write(&transaction).map_err(|error| not_stored(error.into()))?;
        if let Err(error) = transaction.commit() {
            let error = Fault::from(error).at(&path);
            self.is_known = false;
            match self.reopen() {
                Ok(found) if found == wanted => {
                    tracing::warn!("stored, though the commit was reported as failed: {error}");
                }
                Ok(found) if found == self.held => {
                    self.is_known = true;
                    return Err(CommitError::NotStored(error));
                }
                _ => return Err(CommitError::Unknown(error)),
            }
        }
        (self.held, self.is_known) = (wanted, true);
        Ok(())
    }
}

impl State for SqliteState {
    fn cursors(&self) -> Result<BTreeMap<String, StoredCursor>, StateError> {
        cursors(&self.connection).map_err(|error| Fault::from(error).at(&self.path))
    }

    fn mark(&self, output: &str) -> Result<Option<String>, StateError> {
        self.connection
            .query_row("SELECT mark FROM output WHERE name = ?1", [output], |row| row.get(0))
            .optional()
            .map_err(|error| Fault::from(error).at(&self.path))
    }

    fn check(&self) -> Result<(), StateError> {
        self.check_file().map_err(|error| error.at(&self.path))
    }

    fn commit(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> Result<(), CommitError> {
        let mut wanted = self.held.clone();
        for change in changes {
            wanted.cursors.insert(change.source.clone(), Arc::clone(&change.cursor));
        }
        if let Some(mark) = mark {
            wanted.marks.insert(mark.output.clone(), mark.text.clone());
        }
        self.store(wanted, |transaction| {
            for change in changes {
                store_cursor(transaction, &change.source, &change.cursor, change.events)?;
            }
            mark.map_or(Ok(()), |mark| store_mark(transaction, &mark.output, &mark.text))
        })
    }

    fn remove(&mut self, source: &str) -> Result<bool, StateError> {
        let mut wanted = self.held.clone();
        if wanted.cursors.remove(source).is_none() {
            return Ok(false);
        }
        let removed = self.store(wanted, |transaction| {
            transaction.execute("DELETE FROM cursor WHERE source = ?1", [source]).map(drop)
        });
        Ok(removed.map(|()| true)?)
    }
}

impl Held {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let stored = cursors(connection)?.into_iter();
        let mut marks = connection.prepare("SELECT name, mark FROM output")?;
        let marks = marks.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            cursors: stored.map(|(source, stored)| (source, stored.cursor)).collect(),
            marks: marks.collect::<rusqlite::Result<_>>()?,
        })
    }

    fn store(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for (source, cursor) in &self.cursors {
            store_cursor(transaction, source, cursor, 0)?;
        }
        self.marks.iter().try_for_each(|(output, text)| store_mark(transaction, output, text))
    }
}

fn store_cursor(
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

fn store_mark(transaction: &Transaction<'_>, output: &str, text: &str) -> rusqlite::Result<()> {
    let statement = "INSERT INTO output (name, mark) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET mark = excluded.mark";
    transaction.execute(statement, (output, text)).map(drop)
}

/// Makes a state that holds nothing, and its lock. It appears under its name only when it is whole:
/// whatever is cut short leaves no file that holds nothing.
fn make(path: &Path) -> Result<(File, Metadata), StateError> {
    if let Some(log) = ["-wal", "-journal"].map(|end| beside(path, end)).iter().find(|l| l.exists())
    {
        // SQLite would take it for the log of the new one.
        let why = format!(
            "is gone, and its log {} is there; bring back the state that it belongs to, or remove \
             the log too to begin anew, when everything comes again",
            log.display()
        );
        return Err(StateError::new(path, why));
    }
    let new = beside(path, "-new");
    let error = |error: io::Error| unusable(&new, &error);
    let locked = |options: &mut OpenOptions| -> Result<_, StateError> {
        let (file, found) = ground::open(&new, options.read(true).write(true)).map_err(error)?;
        lock::take(&file).map_err(|why| StateError::new(&new, why))?;
        Ok((file, found))
    };
    let (mut file, mut found) = locked(OpenOptions::new().create(true))?;
    if found.len() > 0 {
        // One that a crash left: nobody has its lock.
        std::fs::remove_file(&new).map_err(error)?;
        (file, found) = locked(OpenOptions::new().create_new(true))?;
    }
    let made = connect(&new)?;
    made.execute_batch(SCHEMA).map_err(|error| Fault::from(error).at(&new))?;
    made.close().map_err(|(_, error)| Fault::from(error).at(&new))?;
    FileId::of(&found).check(&new).map_err(|why| StateError::new(&new, why))?;
    std::fs::rename(&new, path)
        .and_then(|()| ground::sync_folder(path))
        .and_then(|()| file.metadata())
        .map(|found| (file, found))
        .map_err(|error| unusable(path, &error))
}

/// Whether a file can be a state, before anything is made of it.
fn judge(path: &Path, found: &Metadata) -> Result<(), StateError> {
    let why = if found.len() == 0 {
        "is empty: a power cut, or a copy that broke off, may have emptied it; bring it back from a \
         copy, or remove it to begin anew, when everything comes again"
            .to_owned()
    } else if found.nlink() > 1 {
        format!(
            "has {} names (hard links), and SQLite has a log of its own for each; remove the others",
            found.nlink()
        )
    } else {
        return Ok(());
    };
    Err(StateError::new(path, why))
}

fn connect(path: &Path) -> Result<Connection, StateError> {
    connect_with(path, path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn connect_with(path: &Path, opened: &Path, flags: OpenFlags) -> Result<Connection, StateError> {
    connect_to(opened, flags).map_err(|error| Fault::from(error).at(path))
}

fn connect_to(opened: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(opened, flags)?;
    connection.busy_timeout(BUSY_FOR_MAX)?;
    Ok(connection)
}

fn check_version(connection: &Connection) -> Result<(), Fault> {
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

fn cursors(connection: &Connection) -> rusqlite::Result<BTreeMap<String, StoredCursor>> {
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

/// A file beside the state. `SQLite` follows links to the state, and puts its own beside where they lead.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut beside = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    beside.push(end);
    beside.into()
}

fn unusable(path: &Path, error: &io::Error) -> StateError {
    StateError::new(path, format!("cannot be opened: {error}{}", remedy(error)))
}

/// What is wrong with a state whose path is told elsewhere.
struct Fault(String);

impl Fault {
    fn at(self, path: &Path) -> StateError {
        StateError::new(path, self.0)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self(told(&error))
    }
}

/// The database's errors in words, with what to do about the common ones.
fn told(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let remedy = match error.sqlite_error_code() {
        // SQLite does not tell that this is why.
        Some(ErrorCode::CannotOpen) if let Some(shortage) = Shortage::of_files() => {
            return format!("{error}; {}", shortage.remedy());
        }
        Some(ErrorCode::DiskFull) => "; make room on the disk",
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
    PRAGMA application_id = 1936681075;
    PRAGMA user_version = 1;
    COMMIT;
";
const PUT_BACK: &str =
    "put it back, or stop the host: what is delivered from now on could not be remembered";
const VERSION: i64 = 1;
/// The ASCII of `sohs`: tells a state from other programs' databases.
const APPLICATION_ID: i64 = 1_936_681_075;
const BUSY_FOR_MAX: Duration = Duration::from_secs(5);
const JOURNAL_BYTES_MAX: i64 = 16 << 20;
