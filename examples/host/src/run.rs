//! The command `run`: judges the configuration, then runs its sources until they end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::budget::Budget;
use crate::component::CallLimits;
use crate::config::Config;
use crate::delivery::Deliverer;
use crate::fault;
use crate::http::HttpLimits;
use crate::output;
use crate::prepared::Prepared;
use crate::signals::Signals;
use crate::source::{Ending, Source};
use crate::state::{SqliteState, StateLock};

/// How a command came to its end; its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// Something failed while running, and was told.
    Failed,
    /// The configuration cannot be used.
    Misconfigured,
}

/// What each call of a component, and each of its requests, may cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// One call.
    pub call: CallLimits,
    /// One request.
    pub http: HttpLimits,
}

/// Runs the sources of a configuration file.
pub async fn run(config: &Path, until_caught_up: bool, limits: Limits) -> Exit {
    let mut signals = match Signals::watch_in_service() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    let prepared = tokio::select! {
        prepared = Prepared::load(config, limits) => prepared,
        () = signals.next() => return Exit::Done,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(faults) => {
            fault::log(&faults);
            return Exit::Misconfigured;
        }
    };
    // Held to the end of this function: nobody else may change the state meanwhile.
    let (_lock, deliverer) = match begin(&prepared.config) {
        Ok(begun) => begun,
        Err(why) => {
            tracing::error!("{why}");
            return Exit::Failed;
        }
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sources = prepared.parts.len(),
        output = %prepared.config.output.target,
        "host begins"
    );
    serve(prepared, deliverer, until_caught_up, signals).await
}

/// Takes the state, and opens the output where it was left.
fn begin(config: &Config) -> Result<(StateLock, Deliverer), Box<dyn std::error::Error>> {
    let lock = StateLock::take(&config.state)?;
    let mut state = SqliteState::open(&config.state)?;
    let output = output::open(&config.output, &mut state)?;
    let deliverer = Deliverer::start(output, Box::new(state))?;
    Ok((lock, deliverer))
}

/// Runs all sources, each on its own, until the last has ended or the host is told to stop.
async fn serve(
    prepared: Prepared,
    deliverer: Deliverer,
    until_caught_up: bool,
    mut signals: Signals,
) -> Exit {
    let (stop, stopped) = watch::channel(false);
    let mut budgets: BTreeMap<String, Arc<Budget>> = BTreeMap::new();
    let mut sources = JoinSet::new();
    for (source, (component, client)) in prepared.config.sources.into_iter().zip(prepared.parts) {
        let budget = source.budget.map(|name| Arc::clone(budgets.entry(name).or_default()));
        let source = Source {
            name: source.name,
            component,
            client: Arc::new(client),
            config: source.config,
            redactor: source.redactor,
            budget: budget.unwrap_or_default(),
            deliverer: deliverer.clone(),
        };
        sources.spawn(source.run(until_caught_up, stopped.clone()));
    }
    let mut exit = Exit::Done;
    loop {
        let ended = tokio::select! {
            ended = sources.join_next() => ended,
            () = signals.next() => break,
        };
        match ended {
            None => break,
            Some(Ok(Ending::CaughtUp | Ending::Stopped)) => {}
            Some(Ok(Ending::Failed)) => exit = Exit::Failed,
            Some(Ok(Ending::OutputClosed)) => {
                exit = Exit::Failed;
                break;
            }
            Some(Err(error)) => {
                tracing::error!("a source broke off: {error}");
                exit = Exit::Failed;
            }
        }
    }
    if !sources.is_empty() {
        tracing::info!("stopping");
    }
    // Sources drop what they poll; only a batch that is being written is waited for.
    stop.send_replace(true);
    let ending = async {
        while sources.join_next().await.is_some() {}
        deliverer.close().await
    };
    match tokio::time::timeout(STOP_FOR_MAX, ending).await {
        Ok(Ok(())) => exit,
        // Nobody reads: that was told.
        Ok(Err(_)) if exit == Exit::Failed => exit,
        Ok(Err(error)) => {
            tracing::error!("the last batches could not be stored, position kept: {error}");
            Exit::Failed
        }
        Err(_) => {
            tracing::warn!("the output does not take the last batch: it will come again");
            exit
        }
    }
}

const STOP_FOR_MAX: Duration = Duration::from_secs(4);
