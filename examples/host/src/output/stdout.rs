//! Writes events to standard output, or any stream: one batch, one write.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use super::{Output, OutputError, append_line};
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
        for event in events {
            append_line(&mut self.batch, source, event, self.envelope);
        }
        let written = self.stream.write_all(&self.batch).and_then(|()| self.stream.flush());
        self.broken_off = written.is_err();
        // One large batch is no reason to hold its memory for ever.
        self.batch.shrink_to(BATCH_BYTES_KEPT);
        written.map_err(|error| OutputError::io("standard output", &error))
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

const BATCH_BYTES_KEPT: usize = 1 << 20;
