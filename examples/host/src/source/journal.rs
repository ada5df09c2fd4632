//! What the log tells of one source, and no more of it than a log can take.

pub(crate) mod alike;
mod counters;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use source_contract::redact::Redactor;
use tokio::time::Instant;

use crate::bindings::{Batch, Level, Notice, PollError};
use crate::ledger::LedgerError;
use crate::source::failure::kind;
use crate::source::journal::alike::Alike;
use crate::source::journal::counters::Counters;
use crate::timestamp::rfc3339;

/// Tells of a source in the log, without its secrets. Polls may follow each other at once: their
/// batches are summed, and their notices counted.
pub(crate) struct Journal {
    source: String,
    redactor: Redactor,
    alike: Arc<Alike>,
    /// Batches that were not told yet.
    untold: Option<Delivered>,
    /// When the next batch is told at once.
    batches_from: Instant,
    /// Notices that came within a second, and when that began.
    notices: usize,
    notices_since: Instant,
}

impl Journal {
    pub(crate) fn new(source: String, redactor: Redactor, alike: Arc<Alike>) -> Self {
        let now = Instant::now();
        Self {
            source,
            redactor,
            alike,
            untold: None,
            batches_from: now,
            notices: 0,
            notices_since: now,
        }
    }

    /// Tells of a batch that was delivered: at once, or with those that follow within a second.
    pub(crate) fn batch(&mut self, batch: Delivered) {
        self.untold = Some(match self.untold.take() {
            Some(before) => before.and(batch),
            None => batch,
        });
        if Instant::now() >= self.batches_from {
            self.tell();
        }
    }

    /// Tells what was not told yet: before a wait, or before something that it led to.
    pub(crate) fn tell(&mut self) {
        if let Some(untold) = self.untold.take() {
            untold.log(&self.source, &self.redactor);
            self.batches_from = Instant::now() + BATCHES_FOR;
        }
    }

    /// The same, if this wait takes longer than it would be put off.
    pub(crate) fn tell_before(&mut self, wait: Duration) {
        if Instant::now() + wait >= self.batches_from {
            self.tell();
        }
    }

    /// Does what is to be done, and meanwhile tells what becomes due.
    pub(crate) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let due = self.batches_from;
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep_until(due), if self.untold.is_some() => self.tell(),
            }
        }
    }

    /// Tells of a poll that gave no batch, and of the wait before the next; without one, the source ends.
    pub(crate) fn without_batch(&mut self, error: &PollError, wait: Option<Duration>) {
        self.tell();
        self.notices(&error.notices);
        let (source, requests) = (self.source.as_str(), error.stats.requests);
        let kind = kind(error.kind);
        let (is_failure, needs_person) = (kind.is_failure(), kind.needs_person());
        let (kind, what) = (kind.name(), if is_failure { "poll failed" } else { "throttled" });
        let ended = if wait.is_none() { ", source ended" } else { "" };
        let code = self.redactor.clean(&error.code);
        let what = format!("{what}{ended}: {}", self.redactor.clean(&error.message));
        let counters = Counters::of(&error.stats).told(&self.redactor);
        let wait_ms = wait.map(|wait| wait.as_millis());
        if needs_person || wait.is_none() {
            tracing::error!(source, kind, code, requests, counters, wait_ms, "{what}");
        } else if is_failure {
            tracing::warn!(source, kind, code, requests, counters, wait_ms, "{what}");
        } else {
            tracing::info!(source, kind, code, requests, counters, wait_ms, "{what}");
        }
    }

    /// Tells of a batch that could not be stored, and of the wait before it is polled again; without
    /// one, the source ends.
    pub(crate) fn not_stored(&mut self, error: &LedgerError, wait: Option<Duration>) {
        self.tell();
        let source = self.source.as_str();
        match (error, wait.map(|wait| wait.as_millis())) {
            (LedgerError::Closed(why), _) => {
                tracing::error!(source, "output closed, host ends: {why}");
            }
            (LedgerError::Ended, _) => tracing::error!(source, "host ends: {error}"),
            (LedgerError::Failed(why), None) => {
                tracing::error!(source, "batch not stored, source ended: {why}");
            }
            (LedgerError::Failed(why), Some(wait_ms)) => {
                let left_out = self.alike.news(source, tracing::Level::ERROR, why);
                let Some(left_out) = left_out else { return };
                let left_out = (left_out > 0).then_some(left_out);
                tracing::error!(
                    source,
                    wait_ms,
                    left_out,
                    "batch not stored, position kept: {why}"
                );
            }
        }
    }

    /// Tells of a batch of which nobody knows whether it is stored, and of the wait before that is asked.
    pub(crate) fn perhaps_stored(&mut self, why: &str, wait: Duration) {
        self.tell();
        let (source, wait_ms) = (self.source.as_str(), wait.as_millis());
        let left_out = self.alike.news(source, tracing::Level::WARN, why);
        let Some(left_out) = left_out else { return };
        let left_out = (left_out > 0).then_some(left_out);
        tracing::warn!(
            source,
            wait_ms,
            left_out,
            "whether the batch is stored is asked next: {why}"
        );
    }

    /// Tells of a batch that was stored by somebody else before, and of the wait before the next poll; without
    /// one, the source ends.
    pub(crate) fn stale(&mut self, wait: Option<Duration>) {
        self.tell();
        let source = self.source.as_str();
        let Some(wait_ms) = wait.map(|wait| wait.as_millis()) else {
            tracing::error!(
                source,
                "source ended: somebody else runs it, and was first to store each time"
            );
            return;
        };
        tracing::info!(
            source,
            wait_ms,
            "batch thrown away: what it was polled from no longer stands"
        );
    }

    /// Logs notices, and no more of them than a log can take.
    pub(crate) fn notices(&mut self, notices: &[Notice]) {
        let source = self.source.as_str();
        if self.notices_since.elapsed() >= NOTICES_FOR {
            (self.notices, self.notices_since) = (0, Instant::now());
        }
        for notice in notices {
            self.notices += 1;
            if self.notices > NOTICES_MAX {
                if self.notices == NOTICES_MAX + 1 {
                    tracing::warn!(source, "more than {NOTICES_MAX} notices a second: left out");
                }
                return;
            }
            let code = self.redactor.clean(&notice.code);
            let message = self.redactor.clean(&notice.message);
            match notice.level {
                Level::Info => tracing::info!(source, code, "{message}"),
                Level::Warn => tracing::warn!(source, code, "{message}"),
            }
        }
    }
}

impl Drop for Journal {
    /// However a source ends, nothing is left untold.
    fn drop(&mut self) {
        self.tell();
    }
}

/// What the log says of batches that follow each other.
pub(crate) struct Delivered {
    events: u64,
    duplicates: u64,
    rows: u64,
    requests: u64,
    batches: u64,
    more: bool,
    complete_until: Option<String>,
    newest: Option<String>,
    counters: Counters,
}

impl Delivered {
    pub(crate) fn of(batch: &Batch) -> Self {
        let progress = batch.progress.as_ref();
        Self {
            events: u64::try_from(batch.events.len()).unwrap_or(u64::MAX),
            duplicates: batch.stats.duplicates.into(),
            rows: batch.stats.rows.into(),
            requests: batch.stats.requests.into(),
            batches: 1,
            more: batch.more,
            complete_until: progress.and_then(|progress| rfc3339(progress.complete_until)),
            newest: progress.and_then(|progress| progress.newest).and_then(rfc3339),
            counters: Counters::of(&batch.stats),
        }
    }

    /// These and the next one.
    fn and(self, next: Self) -> Self {
        Self {
            events: self.events.saturating_add(next.events),
            duplicates: self.duplicates.saturating_add(next.duplicates),
            rows: self.rows.saturating_add(next.rows),
            requests: self.requests.saturating_add(next.requests),
            batches: self.batches.saturating_add(next.batches),
            counters: self.counters.and(next.counters),
            ..next
        }
    }

    fn log(&self, source: &str, redactor: &Redactor) {
        let Self { events, duplicates, rows, requests, batches, more, .. } = self;
        let Self { complete_until, newest, .. } = self;
        let counters = self.counters.told(redactor);
        tracing::info!(
            source,
            events,
            duplicates,
            rows,
            requests,
            batches,
            more,
            complete_until,
            newest,
            counters,
            "batch"
        );
    }
}

/// Batches of a source that are told in one line come within this time.
const BATCHES_FOR: Duration = Duration::from_secs(1);
/// Notices of one source that are logged in this time.
const NOTICES_MAX: usize = 32;
const NOTICES_FOR: Duration = Duration::from_secs(1);
