//! Writes events to a file, each of them once: over crashes and power loss too.
//!
//! The file's length is stored with the cursors in one transaction. What lies beyond it at a start
//! was written by a run that did not come to its commit, and is cut. So that this never cuts into a
//! file that is not the one it was, hashes of its beginning and of its end are stored too: unlike an
//! inode they survive a copy or a restore. The file is never made longer than by writing events.

mod mark;
mod refusal;

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::bindings::Event;
use crate::machine::disk::{self, FileId};
use crate::output::file::mark::{Ends, FileMark};
use crate::output::file::refusal::{REMEDY, foreign, io_error, refused};
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
        let error = |error| io_error(path, &error);
        let damaged = || {
            refused(path, "the state's record of it is damaged", "restore the state from a copy")
        };
        let stored = mark.map(|text| FileMark::parse(text).ok_or_else(damaged)).transpose()?;
        let is_gone = FileId::at(path).map_err(error)?.is_none();
        if is_gone && stored.as_ref().is_some_and(|stored| stored.length > 0) {
            return Err(refused(path, "it is gone, and events were delivered to it", REMEDY));
        }
        let (mut file, metadata) = open_alone(path)?;
        disk::warn_if_open_to_all("the output file", path, &metadata);
        let found = file.metadata().map_err(error)?.len();
        let length = delivered(&mut file, path, found, stored.as_ref())?;
        if length == 0 {
            // It may be new.
            disk::sync_folder(path).map_err(error)?;
        }
        if found > length {
            tracing::warn!(
                file = path.display().to_string(),
                bytes = found - length,
                "cut what the last run had not committed"
            );
            file.set_len(length).and_then(|()| file.sync_all()).map_err(error)?;
        }
        let written = Ends::read(&mut file, length).map_err(error)?;
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

/// Opens or makes a file that no other process writes to.
fn open_alone(path: &Path) -> Result<(File, Metadata), OutputError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let opened = disk::open(path, &mut options).map_err(|error| io_error(path, &error))?;
    match opened.0.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => Err(refused(
            path,
            "another process writes to it",
            "stop that one, or give [output] another path",
        )),
        Err(TryLockError::Error(error)) => Err(io_error(path, &error)),
    }
}

/// How much of the bytes found in a file was delivered to it, if it is the one that the state knows.
fn delivered(
    file: &mut File,
    path: &Path,
    found: u64,
    stored: Option<&FileMark>,
) -> Result<u64, OutputError> {
    match stored {
        Some(stored) => {
            stored.check(file, found, path)?;
            Ok(stored.length)
        }
        None if found == 0 => Ok(0),
        // Carried on, it would be cut by the state it belongs to; and a state that was lost would
        // repeat all that is in it.
        None => Err(refused(
            path,
            &format!("it holds {found} bytes that this state has no record of"),
            "move it away, give [output] another path, or bring back the state that belongs to it",
        )),
    }
}
