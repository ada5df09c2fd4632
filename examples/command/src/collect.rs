//! The loop: poll, write, store the cursor, wait.

use std::io::{self, Write};
use std::time::Duration;

use crate::batch;
use crate::bindings::{Batch, ErrorKind, PollError, Stats};
use crate::log::Log;
use crate::source::Source;
use crate::state::State;
use crate::wait::{self, Backoff, Waits};

/// All that a collection needs.
pub(crate) struct Collector<S, O, L, W> {
    pub(crate) source: S,
    /// Holds secrets.
    pub(crate) config: String,
    pub(crate) state: State,
    /// Where events go.
    pub(crate) output: O,
    pub(crate) log: Log<L>,
    pub(crate) waits: W,
    pub(crate) until_caught_up: bool,
}

/// Why collection ends.
enum End {
    CaughtUp,
    /// It was told.
    Failed,
}

/// Why a batch is not delivered: what went wrong, and with what.
enum Undelivered {
    Output(String),
    State(String),
}

impl<S: Source, O: Write, L: Write, W: Waits> Collector<S, O, L, W> {
    /// Collects until the end. Whether all went well.
    pub(crate) fn run(mut self) -> bool {
        match self.collect() {
            End::CaughtUp => true,
            End::Failed => false,
        }
    }

    fn collect(&mut self) -> End {
        let mut cursor = match self.begin() {
            Ok(cursor) => cursor,
            Err(why) => {
                self.log.error("state", &why);
                return End::Failed;
            }
        };
        let (mut polls, mut deliveries) = (Backoff::default(), Backoff::default());
        let (mut errors, mut empty) = (0_u32, 0_u32);
        loop {
            let wait = match self.poll(cursor.as_deref()) {
                Err(error) => {
                    errors += 1;
                    match self.failed(&error, errors, &mut polls) {
                        Ok(wait) => wait,
                        Err(end) => return end,
                    }
                }
                Ok((batch, lines)) => match self.deliver(&batch, &lines) {
                    Err(why) => match self.undelivered(why, &mut deliveries) {
                        Ok(wait) => wait,
                        Err(end) => return end,
                    },
                    Ok(()) => {
                        self.log.batch(&batch);
                        self.log.notices(&batch.notices);
                        if self.until_caught_up && !batch.more {
                            return End::CaughtUp;
                        }
                        polls.reset();
                        deliveries.reset();
                        errors = 0;
                        empty = if batch.events.is_empty() { empty.saturating_add(1) } else { 0 };
                        let moved =
                            !batch.events.is_empty() || cursor.as_ref() != Some(&batch.cursor);
                        cursor = Some(batch.cursor);
                        wait::after_batch(batch.more, moved, empty, batch.next_poll_ms)
                    }
                },
            };
            if !wait.is_zero() {
                self.waits.sleep(wait);
            }
        }
    }

    /// The cursor to begin with.
    fn begin(&mut self) -> Result<Option<String>, String> {
        let cursor = self.state.cursor()?;
        if self.state.is_interrupted() {
            // The last line may have no end. What follows it must not become a part of it.
            self.write(b"\n").map_err(|why| format!("stdout cannot be written: {why}"))?;
            self.state.forget_interruption()?;
        }
        Ok(cursor)
    }

    /// One page, and its lines. What breaks the contract is an error of it.
    fn poll(&mut self, cursor: Option<&str>) -> Result<(Batch, Vec<u8>), PollError> {
        let batch = self.source.poll(&self.config, cursor)?;
        let lines = batch::lines(&batch).map_err(|message| PollError {
            kind: ErrorKind::Protocol,
            code: "broken_contract".to_owned(),
            message,
            retry_after_ms: None,
            notices: Vec::new(),
            stats: Stats { requests: 0, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0 },
            quota: None,
        })?;
        Ok((batch, lines))
    }

    fn deliver(&mut self, batch: &Batch, lines: &[u8]) -> Result<(), Undelivered> {
        self.state.prepare(&batch.cursor).map_err(Undelivered::State)?;
        if !lines.is_empty() {
            self.write(lines).map_err(|error| Undelivered::Output(error.to_string()))?;
        }
        self.state.commit().map_err(Undelivered::State)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.output.flush()
    }

    /// Tells of a failed poll. The wait after it, unless waiting is of no use.
    fn failed(
        &mut self,
        error: &PollError,
        errors: u32,
        backoff: &mut Backoff,
    ) -> Result<Duration, End> {
        self.log.notices(&error.notices);
        let (kind, hopeless) = match error.kind {
            ErrorKind::Transient => ("transient", errors >= ERRORS_MAX),
            ErrorKind::Protocol => ("protocol", errors >= ERRORS_MAX),
            ErrorKind::Auth => ("auth", true),
            ErrorKind::Config => ("config", true),
            ErrorKind::Cursor => ("cursor", true),
        };
        let code = format!("{kind} {}", error.code);
        if self.until_caught_up && hopeless {
            self.log.error(&code, &format!("{} (ended, position kept)", error.message));
            return Err(End::Failed);
        }
        let hint = error.retry_after_ms.map(Duration::from_millis);
        let wait = backoff.next(wait::cap(error.kind), hint, self.waits.chance());
        let message = format!("{} (next try in {} ms)", error.message, wait.as_millis());
        match error.kind {
            ErrorKind::Transient | ErrorKind::Protocol => self.log.warn(&code, &message),
            ErrorKind::Auth | ErrorKind::Config | ErrorKind::Cursor => {
                self.log.error(&code, &message);
            }
        }
        Ok(wait)
    }

    /// Tells of a batch that is not delivered: the old cursor stands.
    fn undelivered(&mut self, why: Undelivered, backoff: &mut Backoff) -> Result<Duration, End> {
        match why {
            Undelivered::Output(why) => {
                self.log.error("stdout", &format!("it cannot be written: {why} (ended)"));
                Err(End::Failed)
            }
            Undelivered::State(why) if self.until_caught_up => {
                self.log.error("state", &format!("{why} (ended, position kept)"));
                Err(End::Failed)
            }
            Undelivered::State(why) => {
                let wait = backoff.next(wait::SHORT, None, self.waits.chance());
                let wait_ms = wait.as_millis();
                self.log.error("state", &format!("{why} (next try in {wait_ms} ms)"));
                Ok(wait)
            }
        }
    }
}

/// Transient and protocol errors in a row that end what is only to catch up.
const ERRORS_MAX: u32 = 10;
