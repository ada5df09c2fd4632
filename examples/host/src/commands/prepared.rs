//! A configuration that was judged as a whole, and what was made of it on the way: nothing is sent
//! yet, and neither state nor output is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::config::fault::Fault;
use crate::config::{Config, OutputConfig, SCHEMA_BYTES_MAX, SourceConfig};
use crate::egress::AllowList;
use crate::http::HttpClient;
use crate::limits::Limits;
use crate::sandbox::{CallFailure, ComponentError, LinkedSource, Runtime};

/// A configuration without faults, and what was made of it on the way.
pub(crate) struct Prepared {
    /// The state's file.
    pub(crate) state: PathBuf,
    pub(crate) output: OutputConfig,
    /// Each source, and what it runs with.
    pub(crate) sources: Vec<(SourceConfig, Part)>,
}

/// A source's component and its client; or why it cannot run, though its configuration has no fault.
pub(crate) type Part = Result<(LinkedSource, HttpClient), String>;

/// Why a configuration could not be made use of.
pub(crate) enum Unprepared {
    /// It has these faults.
    Faulty(Vec<Fault>),
    /// It could not be judged: the machine is short of something.
    Short(String),
}

impl Prepared {
    /// Judges everything that can be judged before anything is sent.
    pub(crate) async fn load(path: &Path, limits: Limits) -> Result<Self, Unprepared> {
        let config =
            Config::load(path, &|name| std::env::var_os(name)).map_err(Unprepared::Faulty)?;
        let runtime = Runtime::new(limits.call).map_err(|error| match error {
            ComponentError::Short(why) => Unprepared::Short(why),
            error => Unprepared::Faulty(vec![Fault::new("host", error.to_string(), "")]),
        })?;
        let mut compiled = compile(runtime, &config.sources).await;
        let (mut faults, mut short) = (Vec::new(), None);
        let mut sources = Vec::new();
        for mut source in config.sources {
            let name = format!("source {:?}: ", source.name);
            let file = file(&source);
            let linked = match compiled.get(&file) {
                Some(Ok(linked)) => Some(Ok(linked.clone())),
                Some(Err(error)) => {
                    let message = format!("{}: {error}", source.component.display());
                    match error {
                        ComponentError::TooSlow(_) => Some(Err(message)),
                        ComponentError::Short(_) => {
                            short.get_or_insert(format!("{name}component: {message}"));
                            None
                        }
                        ComponentError::Unusable(_) => {
                            let remedy = "name a component of the contract pipeline:source";
                            faults.push(Fault::new(format!("{name}component"), message, remedy));
                            // Told once, however many sources name it.
                            compiled.remove(&file);
                            None
                        }
                    }
                }
                None => None,
            };
            let client = HttpClient::new(
                AllowList::new(source.allow.clone(), source.allow_addresses.clone()),
                source.proxy.as_ref(),
                &source.roots,
                limits.http,
            )
            .map_err(|why| {
                let remedy = "install the machine's root certificates, or name a PEM file of them";
                faults.push(Fault::new(format!("{name}ca_file"), why, remedy));
            });
            match linked {
                Some(Ok(linked)) => {
                    match validate(&linked, &mut source).await {
                        Ok(found) => faults.extend(found),
                        Err(why) => {
                            short.get_or_insert(format!("{name}config: {why}"));
                        }
                    }
                    sources.extend(client.ok().map(|client| (source, Ok((linked, client)))));
                }
                Some(Err(why)) => sources.push((source, Err(why))),
                None => {}
            }
        }
        match short {
            _ if !faults.is_empty() => Err(Unprepared::Faulty(faults)),
            Some(why) => Err(Unprepared::Short(why)),
            None => Ok(Self { state: config.state, output: config.output, sources }),
        }
    }
}

/// Compiles each file that a source names, once, and several at a time.
async fn compile(
    runtime: Runtime,
    sources: &[SourceConfig],
) -> BTreeMap<PathBuf, Result<LinkedSource, ComponentError>> {
    let runtime = Arc::new(runtime);
    let mut under_way = JoinSet::new();
    let mut compiled = BTreeMap::new();
    for source in sources {
        let file = file(source);
        // What stands here stays if the task below breaks off.
        let broken_off = ComponentError::Unusable("it could not be loaded".to_owned());
        if compiled.insert(file.clone(), Err(broken_off)).is_none() {
            let runtime = Arc::clone(&runtime);
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

/// The file of a source's component, by the one name that all sources with it have.
fn file(source: &SourceConfig) -> PathBuf {
    source.component.canonicalize().unwrap_or_else(|_| source.component.clone())
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
        // Its secrets have to be known before it says anything of them.
        let schema = instance.describe().await?.config_schema;
        if schema.len() > SCHEMA_BYTES_MAX {
            let bytes = schema.len();
            return Err(CallFailure::Component(format!(
                "its schema has {bytes} bytes; at most {SCHEMA_BYTES_MAX} are allowed"
            )));
        }
        source.heed(&schema);
        instance.validate(&source.config).await
    };
    let faults = match outcome.await {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(found)) if found.is_empty() => {
            vec![Fault::new(path, "the component refuses it and does not say why", "")]
        }
        Ok(Err(found)) => {
            let told = found.iter().take(FAULTS_MAX).map(|diagnostic| {
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
            });
            let mut told: Vec<Fault> = told.collect();
            if let Some(more) = found.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
                let why = format!("the component finds {more} more faults: left out");
                told.push(Fault::new(path, why, "mend those before first"));
            }
            told
        }
        Err(CallFailure::Short(why)) => return Err(why),
        Err(CallFailure::Component(why)) => {
            let why = source.redactor.clean(&why);
            vec![Fault::new(path, why, "name another component")]
        }
    };
    Ok(faults)
}

const FAULTS_MAX: usize = 100;
