//! The command `run`: checks the configuration, then runs its sources until they end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use source_contract::wait::{Backoff, SHORT_MAX};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::commands::exit::Exit;
use crate::commands::prepared::{Part, Prepared, Unprepared};
use crate::config::fault;
use crate::config::{SourceConfig, Store};
use crate::ledger::Ledger;
use crate::ledger::opening::{self, Unopened};
use crate::limits::Limits;
use crate::machine::process;
use crate::machine::signals::Signals;
use crate::source::budget::Budget;
use crate::source::journal::Journal;
use crate::source::{Ending, Source, chance};

/// Runs the sources of a configuration file.
pub async fn run(config: &Path, until_caught_up: bool, limits: Limits) -> Exit {
    let mut signals = match Signals::watch_in_service() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    let begun = tokio::select! {
        begun = begin(config, until_caught_up, limits) => begun,
        () = signals.next() => return Exit::Done,
    };
    let (prepared, ledger) = match begun {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sources = prepared.sources.len(),
        output = prepared.store.to_string(),
        "host begins"
    );
    serve(prepared, ledger, until_caught_up, signals).await
}

/// Checks the configuration, takes the state, and opens the output where it was left. In service it
/// waits until the machine has what that takes.
async fn begin(
    config: &Path,
    until_caught_up: bool,
    limits: Limits,
) -> Result<(Prepared, Arc<dyn Ledger>), Exit> {
    let mut waits = Backoff::default();
    loop {
        let why = match Prepared::load(config, limits).await {
            Ok(prepared) => {
                process::open_files(prepared.sources.len());
                match open(&prepared.store).await {
                    Ok(ledger) => return Ok((prepared, ledger)),
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
        if until_caught_up {
            tracing::error!("{why}");
            return Err(Exit::Failed);
        }
        let wait = waits.next(SHORT_MAX, None, chance());
        let wait_ms = wait.as_millis();
        tracing::error!(wait_ms, "the host cannot begin yet: {why}");
        tokio::time::sleep(wait).await;
    }
}

async fn open(store: &Store) -> Result<Arc<dyn Ledger>, Unopened> {
    match store {
        Store::Local { state, output } => opening::open_local(state, output).await,
        Store::Nats(config) => {
            let (_, ledger) = opening::open_nats(config).await?;
            Ok(Arc::new(ledger))
        }
    }
}

/// Runs all sources, each on its own, until the last has ended or the host is told to stop.
async fn serve(
    prepared: Prepared,
    ledger: Arc<dyn Ledger>,
    until_caught_up: bool,
    mut signals: Signals,
) -> Exit {
    let (stop, stopped) = watch::channel(false);
    let (mut sources, left_out) = start(prepared.sources, &ledger, until_caught_up, &stopped);
    let outcome = attend(&mut sources, left_out, &mut signals).await;
    if !sources.is_empty() {
        tracing::info!("stopping");
    }
    // Sources drop what they poll; only a batch that is being written is waited for.
    stop.send_replace(true);
    end(sources, ledger, outcome).await
}

/// Starts all sources that can run. Gives how many cannot, too.
fn start(
    prepared: Vec<(SourceConfig, Part)>,
    ledger: &Arc<dyn Ledger>,
    until_caught_up: bool,
    stopped: &watch::Receiver<bool>,
) -> (JoinSet<Ending>, usize) {
    let mut budgets: BTreeMap<String, Arc<Budget>> = BTreeMap::new();
    let mut sources = JoinSet::new();
    let mut left_out = 0;
    for (source, part) in prepared {
        let (component, client) = match part {
            Ok(part) => part,
            Err(why) => {
                tracing::error!(source = source.name, "source ended, the others run: {why}");
                left_out += 1;
                continue;
            }
        };
        let budget = source.budget.map(|name| Arc::clone(budgets.entry(name).or_default()));
        let journal = Journal::new(source.name.clone(), source.redactor);
        let source = Source {
            name: source.name,
            component,
            client: Arc::new(client),
            config: source.config,
            budget: budget.unwrap_or_default(),
            ledger: Arc::clone(ledger),
        };
        sources.spawn(source.run(journal, until_caught_up, stopped.clone()));
    }
    (sources, left_out)
}

/// What came of the sources.
struct Outcome {
    exit: Exit,
    /// That nothing can be delivered any more was told.
    is_undeliverable: bool,
}

/// Waits until all sources have ended, until nothing can be delivered, or until a signal.
async fn attend(sources: &mut JoinSet<Ending>, left_out: usize, signals: &mut Signals) -> Outcome {
    let mut exit = Exit::Done;
    loop {
        let ended = tokio::select! {
            ended = sources.join_next() => ended,
            () = signals.next() => break,
        };
        match ended {
            None if left_out > 0 => {
                exit = Exit::Failed;
                break;
            }
            None => break,
            Some(Ok(Ending::CaughtUp | Ending::Stopped)) => {}
            Some(Ok(Ending::Failed)) => exit = Exit::Failed,
            Some(Ok(Ending::Undeliverable)) => {
                return Outcome { exit: Exit::Failed, is_undeliverable: true };
            }
            Some(Err(error)) => {
                tracing::error!("a source broke off: {error}");
                exit = Exit::Failed;
            }
        }
    }
    Outcome { exit, is_undeliverable: false }
}

/// Waits for what is being written, and has it stored.
async fn end(mut sources: JoinSet<Ending>, ledger: Arc<dyn Ledger>, outcome: Outcome) -> Exit {
    let stored = async {
        while sources.join_next().await.is_some() {}
        ledger.close().await
    };
    match tokio::time::timeout(STOP_FOR_MAX, stored).await {
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
