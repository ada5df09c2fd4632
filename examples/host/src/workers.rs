//! Many workers on one ledger: who is there, who runs which source, and what they tell each other.
//!
//! Each worker keeps a key in a bucket beside the ledger's stream, which the servers forget when it is not written
//! for a lease. Who sees the same keys divides the shards of sources alike, so nobody has to decide. All of that
//! saves requests and nothing else: two workers on one source are kept apart by the ledger itself.

pub(crate) mod holds;
pub(crate) mod members;
mod roster;
#[cfg(test)]
mod server;
pub(crate) mod shards;
mod standing;
mod telling;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::NatsConfig;
use crate::ledger::nats::connection::Connection;
use crate::ledger::opening::Unopened;
use crate::timestamp::rfc3339;
use crate::workers::holds::{Holds, Named};
use crate::workers::members::Member;
use crate::workers::roster::{Place, Roster};
use crate::workers::shards::Assignment;

/// This process among the workers, until it leaves them.
pub(crate) struct Worker {
    /// The waits that the workers share.
    pub(crate) holds: Holds,
    every: Duration,
    leave: watch::Sender<bool>,
    roster: JoinHandle<()>,
    /// What goes on beside it, and ends with it.
    aside: JoinSet<()>,
}

/// What a worker says of itself at the start.
pub(crate) struct Introduction {
    /// What tells it from another one of the same name: the same as long as the process runs.
    pub(crate) id: String,
    /// What stands for its configuration.
    pub(crate) config: String,
    /// How many sources that has.
    pub(crate) sources: usize,
    /// Whether it runs all of them, whatever others run.
    pub(crate) all: bool,
}

impl Worker {
    /// Comes to the other workers. Gives what it is to run, too.
    pub(crate) async fn join(
        connection: Connection,
        config: &NatsConfig,
        introduction: Introduction,
    ) -> Result<(Self, watch::Receiver<Assignment>), Unopened> {
        let Introduction { id, config: digest, sources, all } = introduction;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = rfc3339(now.as_secs().saturating_mul(1_000_000_000)).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let own = Member { id, config: digest, version, since, sources };
        let place = Place {
            connection: connection.clone(),
            stream: config.stream.clone(),
            worker: config.worker.clone(),
            lease: config.lease,
        };
        let every = place.every();
        let (roster, assigned) = Roster::join(place, own, all).await?;
        let (leave, left) = watch::channel(false);
        let roster = tokio::spawn(roster.run(left));
        let (holds, writing) = Holds::new(connection, &config.stream);
        let mut aside = JoinSet::new();
        aside.spawn(writing);
        Ok((Self { holds, every, leave, roster, aside }, assigned))
    }

    /// Heeds what other workers wrote of these budgets, again and again.
    pub(crate) fn heed(&mut self, budgets: Vec<Named>) {
        if !budgets.is_empty() {
            self.aside.spawn(self.holds.clone().keep_heeding(budgets, self.every));
        }
    }

    /// Leaves the others, who need not wait for a lease then. Its sources have stopped before.
    pub(crate) async fn leave(mut self) {
        self.aside.shutdown().await;
        self.leave.send_replace(true);
        if tokio::time::timeout(LEAVE_FOR_MAX, &mut self.roster).await.is_err() {
            self.roster.abort();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.roster.abort();
    }
}

/// What tells this process from any other one.
pub(crate) fn any_id() -> String {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = (u64::from(std::process::id()) << 32).to_be_bytes();
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}

const LEAVE_FOR_MAX: Duration = Duration::from_secs(1);
