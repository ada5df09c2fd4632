//! A configuration that was checked as a whole, and what was made of it on the way: nothing is sent
//! yet, and neither state nor output is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use source_contract::kind::check_kinds;
use source_contract::redact::Redactor;
use tokio::task::JoinSet;

use crate::bindings::{Diagnostic, Metadata};
use crate::config::digest;
use crate::config::fault::Fault;
use crate::config::{Config, SourceConfig, Store};
use crate::egress::AllowList;
use crate::http::{ClientError, HttpClient};
use crate::limits::{HttpLimits, Limits};
use crate::sandbox::{CallFailure, ComponentError, Instance, LinkedSource, Runtime};

/// A configuration without faults, and what was made of it on the way.
pub(crate) struct Prepared {
    /// Where events and cursors go.
    pub(crate) store: Store,
    /// What stands for the configuration among workers; empty of one for this machine alone.
    pub(crate) digest: String,
    /// Each source, and what it runs with.
    pub(crate) sources: Vec<(SourceConfig, Part)>,
}

/// A source's component; or why it cannot run, though its configuration has no fault.
pub(crate) type Part = Result<LinkedSource, String>;

/// Why a configuration could not be made use of.
pub(crate) enum Unprepared {
    /// It has these faults.
    Faulty(Vec<Fault>),
    /// It could not be checked: the machine is short of something.
    Short(String),
}

impl Prepared {
    /// Checks everything that can be checked before anything is sent.
    pub(crate) async fn load(path: &Path, limits: Limits) -> Result<Self, Unprepared> {
        let config =
            Config::load(path, &|name| std::env::var_os(name)).map_err(Unprepared::Faulty)?;
        let runtime = Runtime::new(limits.call).map_err(|error| match error {
            ComponentError::Short(why) => Unprepared::Short(why),
            error => Unprepared::Faulty(vec![Fault::new("host", error.to_string(), ENGINE_REMEDY)]),
        })?;
        let digest = digest(&config).await;
        let files: Vec<PathBuf> = config.sources.iter().map(file).collect();
        let compiled = compile(runtime, &files).await;
        let (mut faults, mut short) = (Vec::new(), None);
        // Files whose fault is reported: once, however many sources name one.
        let mut reported = BTreeSet::new();
        let mut sources = Vec::new();
        for (mut source, file) in config.sources.into_iter().zip(&files) {
            let name = format!("source {:?}: ", source.name);
            let linked = match &compiled[file] {
                Ok(linked) => Some(Ok(linked.clone())),
                Err(error) => {
                    let message = format!("{}: {error}", source.component.display());
                    match error {
                        ComponentError::TooSlow(_) => Some(Err(message)),
                        ComponentError::Short(_) => {
                            short.get_or_insert(format!("{name}component: {message}"));
                            None
                        }
                        ComponentError::Unusable(_) => {
                            if reported.insert(file) {
                                let path = format!("{name}component");
                                faults.push(Fault::new(path, message, COMPONENT_REMEDY));
                            }
                            None
                        }
                    }
                }
            };
            // Made to see its faults. A source has one as long as it runs: a worker runs few of many.
            let client = client(&source, limits.http).map_err(|fault| faults.push(fault));
            match linked {
                Some(Ok(linked)) => {
                    match validate(&linked, &mut source).await {
                        Ok(found) => faults.extend(found),
                        Err(why) => {
                            short.get_or_insert(format!("{name}config: {why}"));
                        }
                    }
                    sources.extend(client.ok().map(|_| (source, Ok(linked))));
                }
                Some(Err(why)) => sources.push((source, Err(why))),
                None => {}
            }
        }
        match short {
            _ if !faults.is_empty() => Err(Unprepared::Faulty(faults)),
            Some(why) => Err(Unprepared::Short(why)),
            None => Ok(Self { store: config.store, digest, sources }),
        }
    }
}

/// What stands for a configuration among workers, if it is for any.
async fn digest(config: &Config) -> String {
    let Store::Nats(ledger) = &config.store else { return String::new() };
    let lease = ledger.lease;
    let sources: Vec<_> = config
        .sources
        .iter()
        .map(|source| (source.name.clone(), source.digest, source.component.clone()))
        .collect();
    let digest = move || {
        let sources = sources.iter();
        let sources = sources.map(|(name, digest, file)| (name.as_str(), *digest, file.as_path()));
        digest::of_all(lease, sources)
    };
    // On a thread of its own: it reads files.
    tokio::task::spawn_blocking(digest).await.unwrap_or_default()
}

/// Compiles each of these files once, and several at a time.
async fn compile(
    runtime: Runtime,
    files: &[PathBuf],
) -> BTreeMap<PathBuf, Result<LinkedSource, ComponentError>> {
    let runtime = Arc::new(runtime);
    let mut under_way = JoinSet::new();
    let mut compiled = BTreeMap::new();
    for file in files {
        // What stands here stays if the task below breaks off.
        let broken_off = ComponentError::Unusable("it could not be loaded".to_owned());
        if compiled.insert(file.clone(), Err(broken_off)).is_none() {
            let (runtime, file) = (Arc::clone(&runtime), file.clone());
            under_way.spawn(async move {
                let linked = runtime.load(&file).await.and_then(|found| found.link(&runtime));
                (file, linked)
            });
        }
    }
    while let Some(joined) = under_way.join_next().await {
        compiled.extend(joined);
    }
    compiled
}

/// A source's way to the network.
pub(crate) fn client(source: &SourceConfig, limits: HttpLimits) -> Result<HttpClient, Fault> {
    let allow = AllowList::new(source.allow.clone(), source.allow_addresses.clone());
    HttpClient::new(allow, source.proxy.as_ref(), &source.roots, limits)
        .map_err(|error| fault_of_client(&format!("source {:?}: ", source.name), error))
}

/// The file of a source's component, by the one name that all sources with it have.
fn file(source: &SourceConfig) -> PathBuf {
    source.component.canonicalize().unwrap_or_else(|_| source.component.clone())
}

/// Why there is no client for a source, under the key that can mend it.
fn fault_of_client(name: &str, error: ClientError) -> Fault {
    let (key, why, remedy) = match error {
        ClientError::Roots(why) => {
            let remedy = "install the machine's root certificates, or name a PEM file of them";
            ("ca_file", why, remedy)
        }
        ClientError::Proxy => ("proxy", "cannot be used".to_owned(), "write http://host:port"),
        ClientError::Other(why) => (
            "HTTP",
            format!("no client could be made: {why}"),
            "report this: it is the host's fault",
        ),
    };
    Fault::new(format!("{name}{key}"), why, remedy)
}

/// What the component itself has to say of its configuration. The error says what the machine is short
/// of to ask it.
async fn validate(
    component: &LinkedSource,
    source: &mut SourceConfig,
) -> Result<Vec<Fault>, String> {
    let path = format!("source {:?}: config", source.name);
    let outcome = async {
        let mut instance = component.instantiate(None).await?;
        heed(&mut instance, source).await?;
        instance.validate(&source.config).await
    };
    match outcome.await {
        Ok(Ok(())) => Ok(Vec::new()),
        Ok(Err(found)) if found.is_empty() => {
            let why = "the component refuses it and does not say why";
            Ok(vec![Fault::new(path, why, SCHEMA_REMEDY)])
        }
        Ok(Err(found)) => Ok(diagnosed(&path, &found, &source.redactor)),
        Err(CallFailure::Short(why)) => Err(why),
        Err(CallFailure::Component(why)) => {
            let why = source.redactor.clean(&why);
            Ok(vec![Fault::new(path, why, "name another component")])
        }
    }
}

/// Learns from the component's schema which values are secret, before it says anything of them; and
/// whether the kinds of its events are such.
async fn heed(instance: &mut Instance, source: &mut SourceConfig) -> Result<(), CallFailure> {
    let Metadata { config_schema, kinds, .. } = instance.describe().await?;
    source.heed(&config_schema).map_err(CallFailure::Component)?;
    check_kinds(kinds.iter().map(String::as_str)).map_err(CallFailure::Component)
}

/// What a component found, as faults below this path: no more of them than a person reads.
fn diagnosed(path: &str, found: &[Diagnostic], redactor: &Redactor) -> Vec<Fault> {
    let clean = |text: &str| redactor.clean(text);
    let fault = |found: &Diagnostic| {
        let joint = if found.path.is_empty() || found.path.starts_with('[') { "" } else { "." };
        Fault::new(
            format!("{path}{joint}{}", clean(&found.path)),
            clean(&found.message),
            clean(&found.remedy),
        )
    };
    let mut faults: Vec<Fault> = found.iter().take(FAULTS_MAX).map(fault).collect();
    if let Some(more) = found.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
        let why = format!("the component finds {more} more faults: left out");
        faults.push(Fault::new(path, why, "mend those before first"));
    }
    faults
}

const FAULTS_MAX: usize = 100;
const ENGINE_REMEDY: &str = "run the host on a machine that Wasmtime compiles for";
const COMPONENT_REMEDY: &str = "name a component of the contract polling-source:contract";
const SCHEMA_REMEDY: &str = "hold it against the schema that `source-host inspect` prints";
