//! Writes events to a file, each of them once: over crashes and power loss too.
//!
//! The file's length is stored with the cursors in one transaction. What lies beyond it at a start
//! was written by a run that did not come to its commit, and is cut. So that this never cuts into a
//! file that is not the one it was, the hash of its beginning is stored too: unlike an inode it
//! survives a copy or a restore.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{BATCH_BYTES_KEPT, Output, OutputError, PIECE_BYTES, append_line, private};
use crate::bindings::Event;
use crate::state::Mark;

/// An output into one file.
pub struct FileOutput {
    name: String,
    path: PathBuf,
    file: File,
    envelope: bool,
    batch: Vec<u8>,
    /// The first bytes of the file: as many as the hash covers at most.
    head: Vec<u8>,
    /// Length with all that was written.
    length: u64,
    /// Length at the last sync.
    synced: u64,
    /// Length that is stored with the cursors.
    committed: u64,
    /// What lies beyond the committed length could not be cut yet.
    needs_cut: bool,
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
        let was_there = path.exists();
        if !was_there && stored.as_ref().is_some_and(|stored| stored.length > 0) {
            return Err(refused(path, "it is gone, and events were delivered to it", REMEDY));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let mut file = options.open(path).map_err(|error| io_error(path, &error))?;
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
        if !was_there {
            sync_folder(path).map_err(|error| io_error(path, &error))?;
        }
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
        if found > length {
            tracing::warn!(
                file = %path.display(),
                bytes = found - length,
                "cut what the last run had not committed"
            );
            file.set_len(length)
                .and_then(|()| file.sync_all())
                .map_err(|error| io_error(path, &error))?;
        }
        let head = read_at(&mut file, 0, length.min(HEAD_BYTES_MAX))
            .map_err(|error| io_error(path, &error))?;
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            file,
            envelope,
            batch: Vec::new(),
            head,
            length,
            synced: length,
            committed: length,
            needs_cut: false,
        })
    }

    /// Whether the path still leads to the open file, and nobody else changed that. A file that was
    /// renamed or removed would take events to where nobody looks for them.
    fn check(&self) -> Result<(), OutputError> {
        let open = self.file.metadata().map_err(|error| io_error(&self.path, &error))?;
        match std::fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (open.dev(), open.ino()) => {}
            Ok(_) => {
                let why = "another file was put in its place while the host runs";
                return Err(refused(&self.path, why, REMEDY));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let why = "it was moved away or removed while the host runs";
                return Err(refused(&self.path, why, REMEDY));
            }
            Err(error) => return Err(io_error(&self.path, &error)),
        }
        if open.len() != self.length && !self.needs_cut {
            return Err(refused(&self.path, "someone else changed its length", REMEDY));
        }
        Ok(())
    }

    /// Writes what is ready of a batch.
    fn append(&mut self) -> Result<(), OutputError> {
        let error = |error| io_error(&self.path, &error);
        if self.needs_cut {
            self.file.set_len(self.committed).map_err(error)?;
            self.needs_cut = false;
        }
        self.file.write_all(&self.batch).map_err(error)?;
        self.length += self.batch.len() as u64;
        let missing = usize::try_from(HEAD_BYTES_MAX).unwrap_or(0).saturating_sub(self.head.len());
        self.head.extend_from_slice(&self.batch[..self.batch.len().min(missing)]);
        self.batch.clear();
        Ok(())
    }
}

impl Output for FileOutput {
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
        if self.synced != self.length {
            self.file.sync_data().map_err(|error| io_error(&self.path, &error))?;
            self.synced = self.length;
        }
        self.check()?;
        let mark = FileMark { length: self.length, head: hash(&self.head) };
        Ok(Some(Mark { output: self.name.clone(), text: mark.to_text() }))
    }

    fn committed(&mut self) {
        self.committed = self.synced;
    }

    fn roll_back(&mut self) -> bool {
        self.length = self.committed;
        self.synced = self.committed;
        self.head.truncate(usize::try_from(self.committed).unwrap_or(usize::MAX));
        self.needs_cut = self.file.set_len(self.committed).is_err();
        true
    }

    fn may_group(&self) -> bool {
        true
    }
}

/// What is stored of a file: how long it was, and how it began.
#[derive(Debug, PartialEq, Eq)]
struct FileMark {
    length: u64,
    head: String,
}

impl FileMark {
    fn parse(text: &str) -> Option<Self> {
        let (length, head) = text.split_once(' ')?;
        Some(Self { length: length.parse().ok()?, head: head.to_owned() })
    }

    fn to_text(&self) -> String {
        format!("{} {}", self.length, self.head)
    }

    /// Whether a file of this length is the one that the mark was made of.
    fn check(&self, file: &mut File, found: u64, path: &Path) -> Result<(), OutputError> {
        if found < self.length {
            let why = format!(
                "it holds {found} bytes, but {} were delivered to it: it was cut or replaced",
                self.length
            );
            return Err(refused(path, &why, REMEDY));
        }
        let head = read_at(file, 0, self.length.min(HEAD_BYTES_MAX));
        let head = head.map_err(|error| io_error(path, &error))?;
        let ends = ends_a_line(file, self.length).map_err(|error| io_error(path, &error))?;
        if hash(&head) != self.head || !ends {
            return Err(refused(path, "it is another file than the one that was written", REMEDY));
        }
        Ok(())
    }
}

/// Whether the first `length` bytes end with a line break, or are none.
fn ends_a_line(file: &mut File, length: u64) -> std::io::Result<bool> {
    match length.checked_sub(1) {
        Some(last) => Ok(read_at(file, last, 1)? == b"\n"),
        None => Ok(true),
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

/// A new file's name is as durable as the file only when its folder is synced.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn io_error(path: &Path, error: &std::io::Error) -> OutputError {
    OutputError::io(&format!("output file {}", path.display()), error)
}

fn refused(path: &Path, why: &str, remedy: &str) -> OutputError {
    OutputError::Failed(format!("output file {}: {why}; {remedy}", path.display()))
}

const REMEDY: &str =
    "put the file back as it was, or give [output] another path to begin a new one";
const HEAD_BYTES_MAX: u64 = 4096;
