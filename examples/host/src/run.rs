//! The command `run`: judges the configuration, then runs its sources until they end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::budget::Budget;
use crate::component::{CallLimits, LinkedSource, Runtime};
use crate::config::{Config, SourceConfig};
use crate::delivery::Deliverer;
use crate::egress::AllowList;
use crate::fault::Fault;
use crate::http::{HttpClient, HttpLimits};
use crate::output;
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
    let mut signals = match Signals::watch() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    let prepared = tokio::select! {
        prepared = prepare(config, limits) => prepared,
        () = signals.next() => return Exit::Done,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(faults) => {
            for fault in &faults {
                tracing::error!("{fault}");
            }
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

/// A configuration without faults, and what was made of it on the way.
struct Prepared {
    config: Config,
    parts: Vec<(LinkedSource, HttpClient)>,
}

/// Judges everything that can be judged before anything is sent.
async fn prepare(path: &Path, limits: Limits) -> Result<Prepared, Vec<Fault>> {
    let config = Config::load(path, &|name| std::env::var_os(name))?;
    let runtime = Runtime::new(limits.call)
        .map_err(|error| vec![Fault::new("host", error.to_string(), "")])?;
    let mut faults = Vec::new();
    let mut compiled: BTreeMap<PathBuf, Option<LinkedSource>> = BTreeMap::new();
    let mut parts = Vec::new();
    for source in &config.sources {
        let name = format!("source {:?}: ", source.name);
        // A file that several sources name is compiled once.
        let file = source.component.canonicalize().unwrap_or_else(|_| source.component.clone());
        let linked = compiled.entry(file).or_insert_with(|| {
            let linked = runtime.load(&source.component).and_then(|found| found.link(&runtime));
            linked
                .map_err(|error| {
                    let message = format!("{}: {error}", source.component.display());
                    let remedy = "name a component of the contract pipeline:source";
                    faults.push(Fault::new(format!("{name}component"), message, remedy));
                })
                .ok()
        });
        let linked = linked.clone();
        let client = HttpClient::new(
            AllowList::new(source.allow.clone()),
            source.proxy.as_ref(),
            &source.roots,
            limits.http,
        )
        .map_err(|why| {
            let remedy = "install the machine's root certificates, or name a PEM file of them";
            faults.push(Fault::new(format!("{name}ca_file"), why, remedy));
        });
        if let Some(linked) = linked {
            faults.extend(validate(&linked, source).await);
            parts.extend(client.ok().map(|client| (linked, client)));
        }
    }
    if faults.is_empty() { Ok(Prepared { config, parts }) } else { Err(faults) }
}

/// What the component itself has to say of its configuration.
async fn validate(component: &LinkedSource, source: &SourceConfig) -> Vec<Fault> {
    let path = format!("source {:?}: config", source.name);
    let outcome = match component.instantiate(None).await {
        Ok(mut instance) => instance.validate(&source.config).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(found)) if found.is_empty() => {
            vec![Fault::new(path, "the component refuses it and does not say why", "")]
        }
        Ok(Err(found)) => found
            .iter()
            .take(FAULTS_MAX)
            .map(|diagnostic| {
                let clean = |text: &str| source.redactor.clean(text);
                let dot = if diagnostic.path.is_empty() || diagnostic.path.starts_with('[') {
                    ""
                } else {
                    "."
                };
                Fault::new(
                    format!("{path}{dot}{}", clean(&diagnostic.path)),
                    clean(&diagnostic.message),
                    clean(&diagnostic.remedy),
                )
            })
            .collect(),
        Err(failure) => vec![Fault::new(path, failure.to_string(), "name another component")],
    }
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

/// The signals that ask the host to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> std::io::Result<Self> {
        // Caught for ever: a limit on file sizes is then an error of the write, and not the end.
        drop(signal(SignalKind::from_raw(FILE_SIZE_SIGNAL))?);
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// `SIGXFSZ`, wherever this runs but on MIPS.
const FILE_SIZE_SIGNAL: i32 = 25;
const STOP_FOR_MAX: Duration = Duration::from_secs(4);
const FAULTS_MAX: usize = 100;
