//! The command `run`: checks the configuration, then runs its sources until they end.

mod supervisor;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use source_contract::wait::{Backoff, SHORT_MAX};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::commands::exit::Exit;
use crate::commands::prepared::{Prepared, Unprepared};
use crate::commands::run::supervisor::{Ended, Supervisor};
use crate::config::Store;
use crate::config::fault;
use crate::ledger::Ledger;
use crate::ledger::opening::{self, Unopened};
use crate::limits::{HttpLimits, Limits};
use crate::machine::process;
use crate::machine::signals::Signals;
use crate::source::{Ending, chance};
use crate::workers::shards::Assignment;
use crate::workers::{Introduction, Worker, any_id};

/// How the sources are to run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Until each has caught up, or cannot go on.
    pub until_caught_up: bool,
    /// All of them, whatever other workers run: to try what keeps workers apart.
    pub all_shards: bool,
}

impl Manner {
    /// Until each has caught up, as one worker among others.
    pub const CATCHING_UP: Self = Self { until_caught_up: true, all_shards: false };
}

/// Runs the sources of a configuration file.
pub async fn run(config: &Path, manner: Manner, limits: Limits) -> Exit {
    let mut signals = match Signals::watch_in_service() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    let begun = tokio::select! {
        begun = begin(config, manner, limits) => begun,
        () = signals.next() => return Exit::Done,
    };
    let (prepared, opened) = match begun {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sources = prepared.sources.len(),
        output = prepared.store.to_string(),
        "host begins"
    );
    serve(prepared, opened, manner.until_caught_up, limits.http, signals).await
}

/// What the sources of this host write to, and which of them it runs.
struct Opened {
    ledger: Arc<dyn Ledger>,
    /// This host among others, if it shares the ledger with any.
    worker: Option<Worker>,
    assigned: watch::Receiver<Assignment>,
    /// Kept as long as the host runs: of a ledger of its own nothing else changes what it runs.
    _alone: Option<watch::Sender<Assignment>>,
}

/// Checks the configuration, takes the state, and opens the output where it was left; or comes to the other
/// workers. In service it waits until the machine has what that takes.
async fn begin(config: &Path, manner: Manner, limits: Limits) -> Result<(Prepared, Opened), Exit> {
    let id = any_id();
    let mut waits = Backoff::default();
    loop {
        let why = match Prepared::load(config, limits).await {
            Ok(prepared) => {
                process::open_files(prepared.sources.len());
                match open(&prepared, &id, manner.all_shards).await {
                    Ok(opened) => return Ok((prepared, opened)),
                    Err(Unopened::Never(why)) => {
                        for why in why {
                            tracing::error!("{why}");
                        }
                        return Err(Exit::Failed);
                    }
                    Err(Unopened::Later(why)) => why,
                }
            }
            Err(Unprepared::Faulty(faults)) => {
                fault::log(&faults);
                return Err(Exit::Misconfigured);
            }
            Err(Unprepared::Short(why)) => why,
        };
        if manner.until_caught_up {
            tracing::error!("{why}");
            return Err(Exit::Failed);
        }
        let wait = waits.next(SHORT_MAX, None, chance());
        let wait_ms = wait.as_millis();
        tracing::error!(wait_ms, "the host cannot begin yet: {why}");
        tokio::time::sleep(wait).await;
    }
}

async fn open(prepared: &Prepared, id: &str, all_shards: bool) -> Result<Opened, Unopened> {
    match &prepared.store {
        Store::Local { state, output } => {
            let ledger = opening::open_local(state, output).await?;
            let (alone, assigned) = watch::channel(Assignment::All);
            Ok(Opened { ledger, worker: None, assigned, _alone: Some(alone) })
        }
        Store::Nats(config) => {
            let (connection, ledger) = opening::open_nats(config).await?;
            let introduction = Introduction {
                id: id.to_owned(),
                config: prepared.digest.clone(),
                sources: prepared.sources.len(),
                all: all_shards,
            };
            let (worker, assigned) = Worker::join(connection, config, introduction).await?;
            let ledger = Arc::new(ledger);
            Ok(Opened { ledger, worker: Some(worker), assigned, _alone: None })
        }
    }
}

/// Runs the sources, each on its own, until the last has ended or the host is told to stop.
async fn serve(
    prepared: Prepared,
    opened: Opened,
    until_caught_up: bool,
    limits: HttpLimits,
    mut signals: Signals,
) -> Exit {
    let Opened { ledger, mut worker, mut assigned, _alone } = opened;
    let holds = worker.as_ref().map(|worker| worker.holds.clone());
    let (mut supervisor, shared) =
        Supervisor::new(prepared.sources, Arc::clone(&ledger), holds, limits, until_caught_up);
    if let Some(worker) = &mut worker {
        worker.heed(shared);
    }
    let attended = Attended { until_caught_up, is_alone: worker.is_none() };
    let outcome = attended.attend(&mut supervisor, &mut assigned, &mut signals).await;
    if !supervisor.is_idle() {
        tracing::info!("stopping");
    }
    // Sources drop what they poll; only a batch that is being written is waited for.
    end(supervisor, worker, ledger, outcome).await
}

/// What came of the sources.
struct Outcome {
    exit: Exit,
    /// That nothing can be delivered any more was told.
    is_undeliverable: bool,
}

/// What decides when there is nothing left to wait for.
#[derive(Clone, Copy)]
struct Attended {
    until_caught_up: bool,
    is_alone: bool,
}

impl Attended {
    /// Runs what is assigned until all sources have ended, until nothing can be delivered, or until a signal.
    async fn attend(
        self,
        supervisor: &mut Supervisor,
        assigned: &mut watch::Receiver<Assignment>,
        signals: &mut Signals,
    ) -> Outcome {
        let mut exit = Exit::Done;
        assigned.mark_changed();
        loop {
            let ended = tokio::select! {
                biased;
                () = signals.next() => break,
                changed = assigned.changed() => {
                    if changed.is_err() {
                        tracing::error!("this host is no worker any more: its sources stop");
                        exit = Exit::Failed;
                        break;
                    }
                    let assignment = assigned.borrow_and_update().clone();
                    supervisor.reconcile(assignment);
                    None
                }
                ended = supervisor.ended(), if !supervisor.is_idle() => ended,
            };
            match ended {
                Some(Ok(Ending::Undeliverable)) => {
                    return Outcome { exit: Exit::Failed, is_undeliverable: true };
                }
                ended if !is_good(ended.as_ref()) => exit = Exit::Failed,
                _ => {}
            }
            if !supervisor.is_idle() {
                continue;
            }
            match supervisor.assignment() {
                // Others collect its sources by now, or nobody can: there is nothing to wait for.
                Assignment::None if self.until_caught_up => {
                    exit = Exit::Failed;
                    break;
                }
                assignment if !assignment.is_settled() => {}
                // In service sources may come from others at any time.
                _ if !self.is_alone && !self.until_caught_up => {}
                _ if supervisor.left_out() > 0 => {
                    exit = Exit::Failed;
                    break;
                }
                _ => break,
            }
        }
        Outcome { exit, is_undeliverable: false }
    }
}

/// Whether a source, if one ended, did what it was to do.
fn is_good(ended: Option<&Ended>) -> bool {
    match ended {
        None | Some(Ok(Ending::CaughtUp | Ending::Stopped)) => true,
        Some(Ok(Ending::Failed | Ending::Undeliverable)) => false,
        Some(Err(error)) => {
            tracing::error!("a source broke off: {error}");
            false
        }
    }
}

/// Waits for what is being written, and has it stored. Then others may have its sources.
async fn end(
    mut supervisor: Supervisor,
    worker: Option<Worker>,
    ledger: Arc<dyn Ledger>,
    outcome: Outcome,
) -> Exit {
    let until = Instant::now() + STOP_FOR_MAX;
    let stopped = timeout_at(until, supervisor.stop()).await;
    let is_alone = worker.is_none();
    let closed = async {
        if let Some(worker) = worker {
            worker.leave().await;
        }
        ledger.close().await
    };
    // Who leaves others spares them a lease.
    let closed = match stopped {
        Ok(()) => timeout_at(until, closed).await,
        Err(late) if is_alone => Err(late),
        Err(late) => timeout(LEAVE_FOR_MAX, closed).await.and(Err(late)),
    };
    match closed {
        Ok(Ok(())) => outcome.exit,
        Ok(Err(_)) if outcome.is_undeliverable => outcome.exit,
        Ok(Err(error)) => {
            tracing::error!("the last batches could not be stored, position kept: {error}");
            Exit::Failed
        }
        Err(_) => {
            tracing::warn!("the end waits no longer: what is not stored yet will come again");
            outcome.exit
        }
    }
}

/// What a reader or a disk that is stuck may hold up the end. Who stops a host kills it after ten
/// seconds, commonly: a good end comes before that.
const STOP_FOR_MAX: Duration = Duration::from_secs(4);
/// What it may be held up beyond that to leave other workers.
const LEAVE_FOR_MAX: Duration = Duration::from_secs(1);
