//! State in an `SQLite` file.

mod error;
mod tables;

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction};

use crate::machine::disk::{self, FileId, beside, remedy};
use crate::state::sqlite::error::{DatabaseError, LOCKED};
use crate::state::sqlite::tables::Held;
use crate::state::{CommitError, CursorChange, Mark, State, StateError, StoredCursor, lock};

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

impl SqliteState {
    /// Opens the file to change it, or makes it: only where there is none. One that is there and holds
    /// nothing was emptied by something else.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (lock, found) = match disk::open(path, OpenOptions::new().read(true).write(true)) {
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
        check_form(path, &found)?;
        disk::warn_if_open_to_all("the state", path, &found);
        let mut state = Self {
            path: path.to_owned(),
            connection: connect(path, WRITABLE).map_err(|error| error.at(path))?,
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
        match disk::open(path, OpenOptions::new().read(true)) {
            Ok((_, found)) => check_form(path, &found)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(path, &error)),
        }
        // A reader that may not write leaves files behind that only a writer removes: SQLite itself
        // goes down to reading where the file cannot be written.
        let read = |opened: &Path, flags: OpenFlags| {
            let connection = connect(opened, flags)?;
            tables::check_version(&connection)?;
            Ok::<_, DatabaseError>(tables::cursors(&connection)?)
        };
        let found = read(path, WRITABLE).map_err(|error| error.at(path));
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
        // The first error says what is wrong where this does not help either.
        read(Path::new(url.as_str()), flags).or(found).map(Some)
    }

    /// Sets a fresh connection up, and tells what the file holds.
    fn begin(&mut self) -> Result<Held, DatabaseError> {
        tables::check_version(&self.connection)?;
        // Where the file system cannot do it, SQLite stays with its older journal: as safe.
        self.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        let limit = JOURNAL_BYTES_MAX;
        self.connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
        let held = Held::read(&self.connection)?;
        self.beside = self.find_beside();
        // What a failed sync left behind, of this host or the one before, may be in memory only, however
        // well it reads. Copied into the file, and synced there, it is as durable as it looks.
        let is_busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
        if is_busy {
            return Err(LOCKED.to_owned().into());
        }
        Ok(held)
    }

    /// Opens the file anew, as whoever comes next would, and tells what it holds: a commit that is
    /// reported as failed can stand in `SQLite`'s log all the same, and counts when that is read again.
    /// `SQLite` also writes into a log that was removed; what is in there it takes over when it closes.
    fn reopen(&mut self) -> Result<Held, DatabaseError> {
        self.check_file()?;
        self.connection = Connection::open_in_memory()?;
        self.connection = connect(&self.path, WRITABLE)?;
        self.begin()
    }

    fn check_file(&self) -> Result<(), DatabaseError> {
        self.id.check(&self.path).map_err(|why| format!("{why}; {PUT_BACK}").into())
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
            // What was lost is not forgotten until it stands there again.
            self.is_known = !has_lost;
        }
        let not_stored = |error: DatabaseError| CommitError::NotStored(error.at(&path));
        self.check_file().map_err(not_stored)?;
        let transaction = self.connection.transaction().map_err(|e| not_stored(e.into()))?;
        if has_lost {
            let path = path.display();
            tracing::warn!("state file {path} had lost what was stored last: it is stored again");
            self.held.store(&transaction).map_err(|error| not_stored(error.into()))?;
        }
        write(&transaction).map_err(|error| not_stored(error.into()))?;
        if let Err(error) = transaction.commit() {
            let error = DatabaseError::from(error).at(&path);
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
        tables::cursors(&self.connection).map_err(|error| DatabaseError::from(error).at(&self.path))
    }

    fn mark(&self, output: &str) -> Result<Option<String>, StateError> {
        tables::mark(&self.connection, output)
            .map_err(|error| DatabaseError::from(error).at(&self.path))
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
                tables::store_cursor(transaction, &change.source, &change.cursor, change.events)?;
            }
            mark.map_or(Ok(()), |mark| tables::store_mark(transaction, &mark.output, &mark.text))
        })
    }

    fn remove(&mut self, source: &str) -> Result<bool, StateError> {
        let mut wanted = self.held.clone();
        if wanted.cursors.remove(source).is_none() {
            return Ok(false);
        }
        let removed = self.store(wanted, |transaction| tables::remove_cursor(transaction, source));
        Ok(removed.map(|()| true)?)
    }
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
        let (file, found) = disk::open(&new, options.read(true).write(true)).map_err(error)?;
        lock::take(&file).map_err(|why| StateError::new(&new, why))?;
        Ok((file, found))
    };
    let (mut file, mut found) = locked(OpenOptions::new().create(true))?;
    if found.len() > 0 {
        // One that a crash left: nobody has its lock.
        std::fs::remove_file(&new).map_err(error)?;
        (file, found) = locked(OpenOptions::new().create_new(true))?;
    }
    if path.exists() {
        // Before the lock was taken: it would be replaced under whoever has it now.
        std::fs::remove_file(&new).map_err(error)?;
        return Err(StateError::new(path, "was made by another host a moment ago; start again"));
    }
    let made = connect(&new, WRITABLE).map_err(|error| error.at(&new))?;
    tables::make(&made).map_err(|error| DatabaseError::from(error).at(&new))?;
    made.close().map_err(|(_, error)| DatabaseError::from(error).at(&new))?;
    FileId::of(&found).check(&new).map_err(|why| StateError::new(&new, why))?;
    std::fs::rename(&new, path)
        .and_then(|()| disk::sync_folder(path))
        .and_then(|()| file.metadata())
        .map(|found| (file, found))
        .map_err(|error| unusable(path, &error))
}

/// Whether a file can be a state, before anything is made of it.
fn check_form(path: &Path, found: &Metadata) -> Result<(), StateError> {
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

fn connect(opened: &Path, flags: OpenFlags) -> Result<Connection, DatabaseError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(opened, flags)?;
    connection.busy_timeout(BUSY_FOR_MAX)?;
    Ok(connection)
}

fn unusable(path: &Path, error: &io::Error) -> StateError {
    StateError::new(path, format!("cannot be opened: {error}{}", remedy(error)))
}

const WRITABLE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;
const PUT_BACK: &str =
    "put it back, or stop the host: what is delivered from now on could not be remembered";
/// The end waits for it twice, and no longer than four seconds.
const BUSY_FOR_MAX: Duration = Duration::from_millis(1_500);
/// What `SQLite`'s log may keep of the disk once all of it is in the file.
const JOURNAL_BYTES_MAX: i64 = 16 << 20;
