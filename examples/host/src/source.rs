//! Runs one source: polls, delivers, waits, and says so.

pub(crate) mod budget;
pub(crate) mod failure;
pub(crate) mod journal;
pub(crate) mod judged;
#[cfg(test)]
mod model;
pub(crate) mod poller;

use std::sync::Arc;
use std::time::Duration;

use source_contract::wait::{self, Backoff, PATIENCE, Pace, Polled, SHORT_MAX};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bindings::{Notice, PollError, Quota};
use crate::ledger::{Entry, Ledger, LedgerError, Outcome};
use crate::source::budget::Budget;
use crate::source::failure::kind;
use crate::source::journal::{Delivered, Journal};
use crate::source::poller::Poller;

/// One source, ready to run.
pub(crate) struct Source<P> {
    /// Its name.
    pub(crate) name: String,
    /// What gives its batches.
    pub(crate) poller: P,
    /// The quota that it may share with others.
    pub(crate) budget: Arc<Budget>,
    /// Where its batches go.
    pub(crate) ledger: Arc<dyn Ledger>,
}

/// How a source came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was caught up, and that was all it was to do.
    CaughtUp,
    /// It was told to stop.
    Stopped,
    /// Waiting cannot mend what is wrong; it was told in the log.
    Failed,
    /// No batch can be delivered any more, of whatever source; it was told in the log.
    Undeliverable,
}

impl<P: Poller> Source<P> {
    /// Polls until it is told to stop: or, if that is wished, until it is caught up or cannot go on.
    /// `journal` tells of it, without its secrets.
    pub(crate) async fn run(
        self,
        journal: Journal,
        until_caught_up: bool,
        stop: watch::Receiver<bool>,
    ) -> Ending {
        let mut run = Run {
            source: self,
            journal,
            until_caught_up,
            stop,
            poll_waits: Backoff::default(),
            failures: 0,
            without_batch_since: None,
            unknown: None,
            ledger_waits: Backoff::default(),
            unstored: 0,
            pace: Pace::default(),
        };
        loop {
            if let Err(ending) = run.step().await {
                return ending;
            }
        }
    }
}

/// A source that runs.
struct Run<P> {
    source: Source<P>,
    journal: Journal,
    until_caught_up: bool,
    stop: watch::Receiver<bool>,
    poll_waits: Backoff,
    /// Polls since the last batch that failed; to be throttled is no failure.
    failures: u32,
    /// When the first poll since the last batch gave none.
    without_batch_since: Option<Instant>,
    /// A batch of which nobody knows yet whether it is stored.
    unknown: Option<Given>,
    ledger_waits: Backoff,
    /// Batches since the last that is stored: that came too late, or of which nobody knew.
    unstored: u32,
    pace: Pace,
}

impl<P: Poller> Run<P> {
    /// One poll, its delivery, and the wait after it.
    async fn step(&mut self) -> Result<(), Ending> {
        let budget = Arc::clone(&self.source.budget);
        self.unless_stopped(budget.wait()).await?;
        let ledger = Arc::clone(&self.source.ledger);
        let name = self.source.name.clone();
        let loaded = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return Err(Ending::Stopped),
            loaded = self.journal.meanwhile(ledger.load(&name)) => loaded,
        };
        let from = match loaded {
            Ok(position) => position,
            Err(error) => return self.not_stored(&error).await,
        };
        // A cursor may be the one that was there before.
        let is_stored = |given: &Given| {
            from.cursor.as_ref() == Some(&given.cursor) && from.version != given.before
        };
        if let Some(given) = self.unknown.take().filter(is_stored) {
            self.stored(given);
        }
        let cursor = from.cursor.clone();
        let poll = self.source.poller.poll(cursor.as_deref());
        let polled = tokio::select! {
            biased;
            // The poll in hand is dropped: it has acknowledged nothing.
            () = stopped(&mut self.stop) => return Err(Ending::Stopped),
            polled = self.journal.meanwhile(poll) => polled,
        };
        let (batch, place) = match polled {
            Ok(polled) => polled,
            Err(error) => return self.without_batch(error).await,
        };
        let polled = Polled {
            events: batch.events.len(),
            same_cursor: cursor.as_deref() == Some(batch.cursor.as_str()),
            more: batch.more,
            next_poll_ms: batch.next_poll_ms,
        };
        let more = batch.more;
        let given = Given {
            summary: Delivered::of(&batch),
            cursor: batch.cursor.into(),
            before: from.version,
            notices: batch.notices,
            quota: batch.quota,
        };
        let entry = Entry {
            source: self.source.name.clone(),
            from,
            events: batch.events,
            cursor: Arc::clone(&given.cursor),
            complete_until: batch.progress.map(|progress| progress.complete_until),
            more,
        };
        let outcome = self.journal.meanwhile(ledger.commit(entry)).await;
        drop(place);
        match outcome {
            Outcome::Committed => self.stored(given),
            Outcome::Stale => return self.stale().await,
            Outcome::Failed(error) => return self.not_stored(&error).await,
            Outcome::Unknown(why) => {
                self.unknown = Some(given);
                return self.perhaps_stored(why).await;
            }
        }
        if self.until_caught_up && !more {
            return Err(Ending::CaughtUp);
        }
        let wait = self.pace.next(polled);
        self.journal.tell_before(wait);
        self.unless_stopped(tokio::time::sleep(wait)).await
    }

    /// Waits after a poll without a batch; or ends the source, if it was only to catch up and cannot.
    async fn without_batch(&mut self, error: PollError) -> Result<(), Ending> {
        self.hold_if_spent(error.quota.as_ref());
        let hint = error.retry_after_ms.map(Duration::from_millis);
        if let Some(hint) = hint {
            self.source.budget.hold(hint);
        }
        let kind = kind(error.kind);
        self.failures = self.failures.saturating_add(kind.is_failure().into());
        let since = *self.without_batch_since.get_or_insert_with(Instant::now);
        let wait = self.poll_waits.next(kind.wait_max(), hint, chance());
        let is_last = self.until_caught_up
            && (kind.ends_catching_up(self.failures) || since.elapsed() >= PATIENCE);
        let wait = if is_last { Err(Ending::Failed) } else { Ok(wait) };
        self.journal.without_batch(&error, wait.as_ref().ok().copied());
        self.unless_stopped(tokio::time::sleep(wait?)).await
    }

    /// Takes note of a batch that is stored.
    fn stored(&mut self, given: Given) {
        self.poll_waits.reset();
        (self.failures, self.without_batch_since) = (0, None);
        self.ledger_waits.reset();
        self.unstored = 0;
        self.hold_if_spent(given.quota.as_ref());
        self.journal.batch(given.summary);
        self.journal.notices(&given.notices);
    }

    /// Waits after a batch that could not be stored: the old position stands.
    async fn not_stored(&mut self, error: &LedgerError) -> Result<(), Ending> {
        let wait = match error {
            LedgerError::Closed(_) | LedgerError::Ended => Err(Ending::Undeliverable),
            LedgerError::Failed(_) if self.until_caught_up => Err(Ending::Failed),
            LedgerError::Failed(_) => Ok(self.ledger_waits.next(SHORT_MAX, None, chance())),
        };
        self.journal.not_stored(error, wait.as_ref().ok().copied());
        self.unless_stopped(tokio::time::sleep(wait?)).await
    }

    /// Waits after a batch of which nobody knows whether it is stored: where the source stands is asked next.
    async fn perhaps_stored(&mut self, why: String) -> Result<(), Ending> {
        let Some(wait) = self.wait_unstored() else {
            return self.not_stored(&LedgerError::Failed(why)).await;
        };
        self.journal.perhaps_stored(&why, wait);
        self.unless_stopped(tokio::time::sleep(wait)).await
    }

    /// Waits after a batch that came too late: somebody else runs this source, and goes on with it.
    async fn stale(&mut self) -> Result<(), Ending> {
        let wait = self.wait_unstored();
        self.journal.stale(wait);
        self.unless_stopped(tokio::time::sleep(wait.ok_or(Ending::Failed)?)).await
    }

    /// The wait before the ledger is asked where the source stands. One that is only to catch up does not ask for
    /// ever.
    fn wait_unstored(&mut self) -> Option<Duration> {
        if self.until_caught_up && self.unstored >= UNSTORED_MAX {
            return None;
        }
        self.unstored = self.unstored.saturating_add(1);
        Some(self.ledger_waits.next(SHORT_MAX, None, chance()))
    }

    fn hold_if_spent(&self, quota: Option<&Quota>) {
        if let Some(quota) = quota.filter(|quota| quota.remaining == 0) {
            self.source.budget.hold(Duration::from_millis(quota.reset_ms));
        }
    }

    async fn unless_stopped(&mut self, wait: impl Future<Output = ()>) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Ending::Stopped),
            () = self.journal.meanwhile(wait) => Ok(()),
        }
    }
}

/// What is to be told of a batch once it is stored.
struct Given {
    cursor: Arc<str>,
    /// The version of the position that it was polled from.
    before: u64,
    summary: Delivered,
    notices: Vec<Notice>,
    quota: Option<Quota>,
}

/// Batches that came too late or that nobody knows of, one after the other, that a source bears which is only to
/// catch up.
const UNSTORED_MAX: u32 = 10;

/// Returns when the host is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left to run for.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A number from 0 to 1, by chance.
pub(crate) fn chance() -> f64 {
    wait::chance(getrandom::u32().ok())
}
