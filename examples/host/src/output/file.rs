//! Writes events to a file, each of them once: over crashes and power loss too.
//!
//! The file's length is stored with the cursors in one transaction. What lies beyond it at a start
//! was written by a run that did not come to its commit, and is cut. So that this never cuts into a
//! file that is not the one it was, hashes of its beginning and of its end are stored too: unlike an
//! inode they survive a copy or a restore. The file is never made longer than by writing events.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::bindings::Event;
use crate::machine::disk::{self, FileId};
use crate::output::{BATCH_BYTES_KEPT, Output, OutputError, PIECE_BYTES, append_line};
use crate::state::Mark;

/// An output into one file.
pub struct FileOutput {
    name: String,
    path: PathBuf,
    file: File,
    id: FileId,
    envelope: bool,
    batch: Vec<u8>,
    /// What was written, committed or not.
    written: Ends,
    /// Length at the last sync.
    synced: u64,
    /// What is stored with the cursors.
    committed: Ends,
    /// As far as bytes of this host can lie in the file: beyond what was written if a write failed
    /// half-way, or what is taken back could not be cut yet.
    reach: u64,
}

impl FileOutput {
    /// Opens or makes the file. `mark` is what was stored of it, if anything.
    pub fn open(
        name: &str,
        path: &Path,
        envelope: bool,
        mark: Option<&str>,
    ) -> Result<Self, OutputError> {
        let stored = match mark {
            Some(text) => Some(FileMark::parse(text).ok_or_else(|| {
                refused(
                    path,
                    "the state's record of it is damaged",
                    "restore the state from a copy",
                )
            })?),
            None => None,
        };
        let is_gone = FileId::at(path).map_err(|error| io_error(path, &error))?.is_none();
        if is_gone && stored.as_ref().is_some_and(|stored| stored.length > 0) {
            return Err(refused(path, "it is gone, and events were delivered to it", REMEDY));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let (mut file, metadata) =
            disk::open(path, &mut options).map_err(|error| io_error(path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(refused(
                    path,
                    "another process writes to it",
                    "stop that one, or give [output] another path",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(io_error(path, &error)),
        }
        disk::warn_if_open_to_all("the output file", path, &metadata);
        let found = file.metadata().map_err(|error| io_error(path, &error))?.len();
        let length = if let Some(stored) = stored {
            stored.check(&mut file, found, path)?;
            stored.length
        } else if found == 0 {
            0
        } else {
            // Carried on, it would be cut by the state it belongs to; and a state that was lost
            // would repeat all that is in it.
            return Err(refused(
                path,
                &format!("it holds {found} bytes that this state has no record of"),
                "move it away, give [output] another path, or bring back the state that belongs to it",
            ));
        };
        if length == 0 {
            // It may be new.
            disk::sync_folder(path).map_err(|error| io_error(path, &error))?;
        }
        if found > length {
            tracing::warn!(
                file = path.display().to_string(),
                bytes = found - length,
                "cut what the last run had not committed"
            );
            file.set_len(length)
                .and_then(|()| file.sync_all())
                .map_err(|error| io_error(path, &error))?;
        }
        let written = Ends::read(&mut file, length).map_err(|error| io_error(path, &error))?;
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            file,
            id: FileId::of(&metadata),
            envelope,
            batch: Vec::new(),
            committed: written.clone(),
            written,
            synced: length,
            reach: length,
        })
    }

    /// Cuts what is taken back. What others wrote behind it, or cut, is left as it is.
    fn cut(&mut self) -> Result<(), OutputError> {
        let error = |error| io_error(&self.path, &error);
        let found = self.file.metadata().map_err(error)?.len();
        let length = self.written.length;
        if found > length && found <= self.reach {
            self.file.set_len(length).map_err(error)?;
        }
        if found <= self.reach {
            self.reach = length;
        }
        Ok(())
    }

    /// Writes what is ready of a batch.
    fn append(&mut self) -> Result<(), OutputError> {
        self.reach = self.written.length + self.batch.len() as u64;
        self.file.write_all(&self.batch).map_err(|error| io_error(&self.path, &error))?;
        self.written.append(&self.batch);
        self.batch.clear();
        Ok(())
    }

    fn mark(&self, is_closed: bool) -> Mark {
        let mark = FileMark::of(&self.written, is_closed);
        Mark { output: self.name.clone(), text: mark.to_text() }
    }
}

impl Output for FileOutput {
    /// Whether the path still leads to the open file, and nobody else changed that. A file that was
    /// renamed or removed would take events to where nobody looks for them.
    fn check(&mut self) -> Result<(), OutputError> {
        self.id.check(&self.path).map_err(|why| refused(&self.path, &why, REMEDY))?;
        if self.reach != self.written.length {
            self.cut()?;
        }
        let found = self.file.metadata().map_err(|error| io_error(&self.path, &error))?.len();
        let length = self.written.length;
        if found < length {
            let why = format!("another program cut it: it has {found} of {length} bytes");
            return Err(refused(&self.path, &why, REMEDY));
        }
        if found > length {
            return Err(foreign(&self.path, found, length));
        }
        Ok(())
    }

    fn write(&mut self, source: &str, events: &[Event]) -> Result<(), OutputError> {
        if events.is_empty() {
            return Ok(());
        }
        self.check()?;
        self.batch.clear();
        for event in events {
            append_line(&mut self.batch, source, event, self.envelope);
            if self.batch.len() >= PIECE_BYTES {
                self.append()?;
            }
        }
        self.append()?;
        self.batch.shrink_to(BATCH_BYTES_KEPT);
        Ok(())
    }

    fn sync(&mut self) -> Result<Option<Mark>, OutputError> {
        if self.synced != self.written.length {
            self.file.sync_data().map_err(|error| io_error(&self.path, &error))?;
            self.synced = self.written.length;
        }
        self.check()?;
        Ok(Some(self.mark(false)))
    }

    fn committed(&mut self) {
        self.committed = self.written.clone();
    }

    fn roll_back(&mut self) -> bool {
        self.reach = self.reach.max(self.written.length);
        self.written = self.committed.clone();
        self.synced = self.committed.length;
        // If not now, before the next batch.
        if let Err(error) = self.cut() {
            tracing::warn!("what is taken back is cut later: {error}");
        }
        true
    }

    /// A good end is one that leaves nothing of this host behind what is committed. What others left
    /// there is no reason not to note it: else the next start would take it for its own, and cut it.
    fn close(&mut self) -> Option<Mark> {
        let is_end = self.written.length == self.committed.length
            // Synced, or a power cut could bring back what was taken back.
            && self.cut().is_ok_and(|()| self.file.sync_all().is_ok());
        is_end.then(|| self.mark(true))
    }

    fn may_group(&self) -> bool {
        true
    }
}

/// How long a file is, and how it begins and ends.
#[derive(Clone)]
struct Ends {
    length: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Ends {
    /// Those of the first `length` bytes of a file.
    fn read(file: &mut File, length: u64) -> std::io::Result<Self> {
        let part = length.min(END_BYTES as u64);
        let (head, tail) = (read_at(file, 0, part)?, read_at(file, length - part, part)?);
        Ok(Self { length, head, tail })
    }

    fn append(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let missing = END_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(END_BYTES)..]);
        self.tail.drain(..self.tail.len().saturating_sub(END_BYTES));
    }
}

/// What is stored of a file.
#[derive(Debug, PartialEq, Eq)]
struct FileMark {
    length: u64,
    head: String,
    tail: String,
    /// The host came to a good end: nothing of it lies beyond.
    is_closed: bool,
}

impl FileMark {
    fn of(ends: &Ends, is_closed: bool) -> Self {
        Self { length: ends.length, head: hash(&ends.head), tail: hash(&ends.tail), is_closed }
    }

    fn parse(text: &str) -> Option<Self> {
        let [length, head, tail, end] = *text.split(' ').collect::<Vec<_>>() else { return None };
        let is_closed = [OPEN, CLOSED].iter().position(|&word| word == end)? == 1;
        let (head, tail) = (head.to_owned(), tail.to_owned());
        Some(Self { length: length.parse().ok()?, head, tail, is_closed })
    }

    fn to_text(&self) -> String {
        let end = if self.is_closed { CLOSED } else { OPEN };
        format!("{} {} {} {end}", self.length, self.head, self.tail)
    }

    /// Whether a file of this length is the one that the mark was made of.
    fn check(&self, file: &mut File, found: u64, path: &Path) -> Result<(), OutputError> {
        let length = self.length;
        if found < length {
            let why = format!(
                "it holds {found} bytes, but {length} were delivered to it: it was cut or replaced"
            );
            return Err(refused(path, &why, REMEDY));
        }
        let ends = Ends::read(file, length).map_err(|error| io_error(path, &error))?;
        let now = Self::of(&ends, self.is_closed);
        if now != *self {
            return Err(refused(path, "it is another file than the one that was written", REMEDY));
        }
        if found > length && self.is_closed {
            return Err(foreign(path, found, length));
        }
        Ok(())
    }
}

fn read_at(file: &mut File, from: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn io_error(path: &Path, error: &std::io::Error) -> OutputError {
    OutputError::io(&format!("output file {}", path.display()), error)
}

fn refused(path: &Path, why: &str, remedy: &str) -> OutputError {
    OutputError::Failed(format!("output file {}: {why}; {remedy}", path.display()))
}

/// There is more in the file than this host wrote. It could be anything: it is not for the host to cut.
fn foreign(path: &Path, found: u64, length: u64) -> OutputError {
    let why =
        format!("another program wrote to it: it has {found} bytes, of which {length} are events");
    let remedy = format!(
        "move what lies behind those away (`truncate -s {length}` cuts it), or give [output] another \
         path to begin a new one"
    );
    refused(path, &why, &remedy)
}

const REMEDY: &str =
    "put the file back as it was, or give [output] another path to begin a new one";
/// Bytes at either end of a file that its mark stands for.
const END_BYTES: usize = 4096;
/// What the mark says while a host writes, and for ever after one that came to no good end.
const OPEN: &str = "open";
const CLOSED: &str = "closed";
