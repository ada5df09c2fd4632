//! What the command `workers` finds.

use serde::Serialize;

use crate::ledger::nats::cursor::Stored;
use crate::timestamp::rfc3339;

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Found {
    /// The ledger's stream.
    pub(super) stream: String,
    /// Those who are there, by name.
    pub(super) workers: Vec<FoundWorker>,
    /// Those of the configuration at hand and of the stream, by name.
    pub(super) sources: Vec<FoundSource>,
}

/// A worker that is there.
#[derive(Serialize)]
pub(super) struct FoundWorker {
    /// Its name.
    pub(super) worker: String,
    /// When it came: RFC 3339.
    pub(super) since: String,
    /// That of its host.
    pub(super) version: String,
    /// Whether its configuration is the one at hand.
    pub(super) same_config: bool,
    /// How many sources that has.
    pub(super) sources: usize,
    /// How many of the sources below are its own.
    pub(super) runs: usize,
    /// How many shards are its own.
    pub(super) shards: usize,
}

/// A source of the configuration at hand, or of the ledger.
#[derive(Default, Serialize)]
pub(super) struct FoundSource {
    /// Its name.
    pub(super) source: String,
    /// The worker of its shard.
    pub(super) owner: Option<String>,
    /// Whether it is in the configuration at hand.
    pub(super) configured: bool,
    /// Whether the worker of its shard has the configuration at hand.
    pub(super) owner_same_config: Option<bool>,
    /// When a batch was last stored: RFC 3339.
    pub(super) committed: Option<String>,
    /// Who stored it: a worker, or `cursor set` or `cursor reset`.
    pub(super) committed_by: Option<String>,
    /// How many are stored of it, over all time.
    pub(super) events: u64,
    /// Up to when everything was collected with that batch, if the source says: RFC 3339.
    pub(super) complete_until: Option<String>,
    /// How long ago that is. A poll that finds nothing new stores no batch, so it grows for a quiet source, too.
    pub(super) lag_ms: Option<u64>,
    /// Why nothing is known of it.
    pub(super) fault: Option<String>,
}

impl FoundSource {
    /// Adds what is stored.
    pub(super) fn add(&mut self, stored: Stored, now_ns: u64) {
        (self.committed, self.committed_by) = (Some(stored.at), Some(stored.worker));
        self.events = stored.events;
        self.complete_until = stored.complete_until.and_then(rfc3339);
        let lag_ns = stored.complete_until.map(|until| now_ns.saturating_sub(until));
        self.lag_ms = lag_ns.map(|lag_ns| lag_ns / 1_000_000);
    }
}
