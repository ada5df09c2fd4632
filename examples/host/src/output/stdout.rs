//! Writes events to standard output: one batch, one write (a very large one several).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::bindings::Event;
use crate::machine::stdio::write_patiently;
use crate::output::{BATCH_BYTES_KEPT, Output, OutputError, PIECE_BYTES, append_line};
use crate::state::Mark;

/// What is to be stored before the first batch.
pub(crate) fn begun() -> Mark {
    Mark { output: NAME.to_owned(), text: BEGUN.to_owned() }
}

/// An output that cannot take back what it wrote: a crash between a batch and its commit repeats
/// that batch.
pub(crate) struct StdoutOutput {
    stream: File,
    envelope: bool,
    batch: Vec<u8>,
    /// Whether the last write broke off, perhaps within a line: of this host or the one before.
    broken_off: bool,
}

impl StdoutOutput {
    /// Opens it past the buffer of the standard library. `mark` is what was stored last.
    pub(crate) fn open(envelope: bool, mark: Option<&str>) -> Result<Self, OutputError> {
        let error = |error: io::Error| OutputError::io("standard output", &error);
        let stream = io::stdout().as_fd().try_clone_to_owned().map_err(error)?;
        let stream = File::from(stream);
        let found = stream.metadata().map_err(error)?;
        let flags = fcntl(&stream, FcntlArg::F_GETFL).map_err(|cause| error(cause.into()))?;
        let leads_nowhere = found.file_type().is_char_device()
            && std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == found.rdev());
        let why = if leads_nowhere {
            // One that was closed is opened so before the program begins.
            "is closed, or leads to /dev/null: events would be remembered as delivered, and be gone; \
             lead it to a reader or a file, or set type = \"blackhole\" if that is meant"
        } else if OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE == OFlag::O_RDONLY {
            "is open to be read only; lead it to a reader or a file"
        } else {
            let broken_off = mark == Some(BEGUN);
            return Ok(Self { stream, envelope, batch: Vec::new(), broken_off });
        };
        Err(OutputError::Failed(format!("standard output {why}")))
    }

    /// Writes what is ready of a batch.
    fn write_ready(&mut self) -> Result<(), OutputError> {
        let written =
            write_patiently(&mut self.stream, &self.batch).and_then(|()| self.stream.flush());
        self.batch.clear();
        written.map_err(|error| OutputError::io("standard output", &error))
    }
}

impl Output for StdoutOutput {
    fn check(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn write(&mut self, source: &str, events: &[Event]) -> Result<(), OutputError> {
        if events.is_empty() {
            return Ok(());
        }
        self.batch.clear();
        if self.broken_off {
            // The next event begins on a line of its own.
            self.batch.push(b'\n');
        }
        // It stays so until all of it is written.
        self.broken_off = true;
        for event in events {
            append_line(&mut self.batch, source, event, self.envelope);
            if self.batch.len() >= PIECE_BYTES {
                self.write_ready()?;
            }
        }
        self.write_ready()?;
        self.broken_off = false;
        // One large batch is no reason to hold its memory for ever.
        self.batch.shrink_to(BATCH_BYTES_KEPT);
        Ok(())
    }

    fn sync(&mut self) -> Result<Option<Mark>, OutputError> {
        Ok(None)
    }

    fn committed(&mut self) {}

    fn roll_back(&mut self) -> bool {
        false
    }

    fn may_group(&self) -> bool {
        false
    }

    fn close(&mut self) -> Option<Mark> {
        let text = if self.broken_off { BEGUN } else { WHOLE };
        Some(Mark { output: NAME.to_owned(), text: text.to_owned() })
    }
}

/// The name of its mark: no file has one that ends so.
pub(crate) const NAME: &str = "stdout/";
/// What the mark says while a host writes, and for ever after one that came to no good end.
const BEGUN: &str = "begun";
const WHOLE: &str = "whole";
