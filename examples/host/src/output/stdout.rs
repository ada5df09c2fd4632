//! Writes events to standard output, or any stream: one batch, one write (a very large one several).

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use super::{BATCH_BYTES_KEPT, Output, OutputError, PIECE_BYTES, append_line};
use crate::bindings::Event;
use crate::state::Mark;

/// An output that cannot take back what it wrote: a crash between a batch and its commit repeats
/// that batch.
pub struct StreamOutput<W> {
    stream: W,
    envelope: bool,
    batch: Vec<u8>,
    /// Whether the last write broke off, perhaps within a line.
    broken_off: bool,
}

impl StreamOutput<File> {
    /// Standard output, past the buffer of the standard library.
    pub fn stdout(envelope: bool) -> Result<Self, OutputError> {
        let stream = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| OutputError::io("standard output", &error))?;
        Ok(Self::new(stream.into(), envelope))
    }
}

impl<W: Write + Send> StreamOutput<W> {
    /// An output into this stream.
    pub fn new(stream: W, envelope: bool) -> Self {
        Self { stream, envelope, batch: Vec::new(), broken_off: false }
    }

    /// Writes what is ready of a batch.
    fn write_ready(&mut self) -> Result<(), OutputError> {
        let written = self.stream.write_all(&self.batch).and_then(|()| self.stream.flush());
        self.batch.clear();
        written.map_err(|error| OutputError::io("standard output", &error))
    }
}

impl<W: Write + Send> Output for StreamOutput<W> {
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
}
