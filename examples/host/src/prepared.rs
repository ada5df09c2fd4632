//! A configuration that was judged as a whole, and what was made of it on the way: nothing is sent
//! yet, and neither state nor output is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::component::{LinkedSource, Runtime};
use crate::config::{Config, SourceConfig};
use crate::egress::AllowList;
use crate::fault::Fault;
use crate::http::HttpClient;
use crate::run::Limits;

/// A configuration without faults, and what was made of it on the way.
pub(crate) struct Prepared {
    /// The configuration.
    pub(crate) config: Config,
    /// Of each source its component and its client, in the same order.
    pub(crate) parts: Vec<(LinkedSource, HttpClient)>,
}

impl Prepared {
    /// Judges everything that can be judged before anything is sent.
    pub(crate) async fn load(path: &Path, limits: Limits) -> Result<Self, Vec<Fault>> {
        let mut config = Config::load(path, &|name| std::env::var_os(name))?;
        let runtime = Runtime::new(limits.call)
            .map_err(|error| vec![Fault::new("host", error.to_string(), "")])?;
        let mut faults = Vec::new();
        let mut compiled: BTreeMap<PathBuf, Option<LinkedSource>> = BTreeMap::new();
        let mut parts = Vec::new();
        for source in &mut config.sources {
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
        if faults.is_empty() { Ok(Self { config, parts }) } else { Err(faults) }
    }
}

/// What the component itself has to say of its configuration.
async fn validate(component: &LinkedSource, source: &mut SourceConfig) -> Vec<Fault> {
    let path = format!("source {:?}: config", source.name);
    let outcome = async {
        let mut instance = component.instantiate(None).await?;
        // Its secrets have to be known before it says anything of them.
        source.heed(&instance.describe().await?.config_schema);
        instance.validate(&source.config).await
    };
    match outcome.await {
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
        Err(failure) => {
            let why = source.redactor.clean(&failure.to_string());
            vec![Fault::new(path, why, "name another component")]
        }
    }
}

const FAULTS_MAX: usize = 100;
