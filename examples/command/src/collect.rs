//! The loop: poll, write, store the cursor, wait.

use std::io::{self, Write};
use std::time::Duration;

use source_contract::error_kind;
use source_contract::wait::{self, Backoff, PATIENCE, Pace, Polled};

use crate::batch;
use crate::bindings::{Batch, ErrorKind, PollError};
use crate::log::Log;
use crate::source::Source;
use crate::state::State;
use crate::waits::Waits;

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

/// Why a batch is not delivered, or its cursor not stored: what went wrong, and with what.
enum Undelivered {
    Output(String),
    State(String),
}

/// Where collection stands.
#[derive(Default)]
struct Run {
    cursor: Option<String>,
    /// Polls without a batch, and failed deliveries, in a row.
    polls: Backoff,
    deliveries: Backoff,
    /// Polls without a batch that failed; to be told to wait is no failure.
    failures: u32,
    /// How long they were waited after.
    waited: Duration,
    pace: Pace,
}

impl<S: Source, O: Write, L: Write, W: Waits> Collector<S, O, L, W> {
    /// Collects until the end. Whether all went well.
    pub(crate) fn run(mut self) -> bool {
        let mut run = Run::default();
        match self.begin() {
            Ok(cursor) => run.cursor = cursor,
            Err(why) => {
                self.log.error("state", &why);
                return false;
            }
        }
        loop {
            match self.step(&mut run) {
                Ok(wait) if wait.is_zero() => {}
                Ok(wait) => self.waits.sleep(wait),
                Err(End::CaughtUp) => return true,
                Err(End::Failed) => return false,
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

    /// One poll, and what follows from it. Gives the wait before the next.
    fn step(&mut self, run: &mut Run) -> Result<Duration, End> {
        let (batch, lines) = match self.poll(run.cursor.as_deref()) {
            Ok(polled) => polled,
            Err(error) => return self.without_batch(&error, run),
        };
        if let Err(why) = self.give_out(&batch, &lines) {
            return self.undelivered(why, &mut run.deliveries);
        }
        let mut stored = self.state.commit();
        // What is out must not go out again: its cursor alone is tried again.
        while let Err(why) = stored {
            let wait = self.undelivered(Undelivered::State(why), &mut run.deliveries)?;
            self.waits.sleep(wait);
            stored = self.state.prepare(&batch.cursor).and_then(|()| self.state.commit());
        }
        self.log.batch(&batch);
        self.log.notices(&batch.notices);
        if self.until_caught_up && !batch.more {
            return Err(End::CaughtUp);
        }
        let wait = run.pace.next(Polled {
            events: batch.events.len(),
            same_cursor: run.cursor.as_ref() == Some(&batch.cursor),
            more: batch.more,
            next_poll_ms: batch.next_poll_ms,
        });
        *run = Run { cursor: Some(batch.cursor), pace: run.pace, ..Run::default() };
        Ok(wait)
    }

    /// One page, and its lines. What breaks the contract is an error of it.
    fn poll(&mut self, cursor: Option<&str>) -> Result<(Batch, Vec<u8>), Box<PollError>> {
        match self.source.poll(&self.config, cursor) {
            Ok(batch) => match batch::lines(&batch) {
                Ok(lines) => Ok((batch, lines)),
                Err(why) => Err(Box::new(component_failed(why))),
            },
            Err(error) => Err(match batch::check_error(&error) {
                Ok(()) => error,
                Err(why) => Box::new(component_failed(why)),
            }),
        }
    }

    /// Writes the events out, with their cursor ready beside the old one.
    fn give_out(&mut self, batch: &Batch, lines: &[u8]) -> Result<(), Undelivered> {
        self.state.prepare(&batch.cursor).map_err(Undelivered::State)?;
        if !lines.is_empty() {
            self.write(lines).map_err(|error| Undelivered::Output(error.to_string()))?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)?;
        self.output.flush()
    }

    /// Tells why there is no batch. The wait after it, unless waiting is of no use.
    fn without_batch(&mut self, error: &PollError, run: &mut Run) -> Result<Duration, End> {
        self.log.notices(&error.notices);
        let kind = kind(error.kind);
        let hint = error.retry_after_ms.map(Duration::from_millis);
        let wait = run.polls.next(kind.wait_max(), hint, self.waits.chance());
        run.waited += wait;
        run.failures += u32::from(kind.is_failure());
        let is_last = kind.ends_catching_up(run.failures) || run.waited >= PATIENCE;
        let code = format!("{} {}", kind.name(), self.log.clean(&error.code));
        let message = self.log.clean(&error.message);
        let requests = format!("requests={}", error.stats.requests);
        let counters = self.log.counters(&error.stats);
        let counted = [requests].into_iter().chain(counters).collect::<Vec<_>>().join(" ");
        if self.until_caught_up && is_last {
            self.log.error(&code, &format!("{message} (ended, position kept) {counted}"));
            return Err(End::Failed);
        }
        let message = format!("{message} (next try in {} ms) {counted}", wait.as_millis());
        if kind.needs_person() {
            self.log.error(&code, &message);
        } else if kind.is_failure() {
            self.log.warn(&code, &message);
        } else {
            self.log.info(&code, &message);
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
                let wait = backoff.next(wait::SHORT_MAX, None, self.waits.chance());
                let wait_ms = wait.as_millis();
                self.log.error("state", &format!("{why} (next try in {wait_ms} ms)"));
                Ok(wait)
            }
        }
    }
}

/// What breaks the contract, as an error of it.
fn component_failed(message: String) -> PollError {
    PollError {
        kind: ErrorKind::Protocol,
        code: error_kind::COMPONENT_FAILED.to_owned(),
        message,
        retry_after_ms: None,
        notices: Vec::new(),
        stats: batch::no_stats(),
        quota: None,
    }
}

/// A kind of error, as the rules of all hosts have it.
fn kind(kind: ErrorKind) -> error_kind::ErrorKind {
    match kind {
        ErrorKind::Transient => error_kind::ErrorKind::Transient,
        ErrorKind::Throttled => error_kind::ErrorKind::Throttled,
        ErrorKind::Auth => error_kind::ErrorKind::Auth,
        ErrorKind::Config => error_kind::ErrorKind::Config,
        ErrorKind::Cursor => error_kind::ErrorKind::Cursor,
        ErrorKind::Protocol => error_kind::ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests;
