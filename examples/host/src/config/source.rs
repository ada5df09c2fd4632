//! A section `[[source]]`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use source_contract::environment::Lookup;
use source_contract::redact::Redactor;
use source_contract::schema;
use url::Url;

use crate::config::digest::Digest;
use crate::config::fault::Fault;
use crate::config::files::Files;
use crate::config::section::Section;
use crate::config::values;
use crate::egress::{AddressRange, Origin};

/// One source.
pub(crate) struct SourceConfig {
    /// Its name: in logs, and as the key of its cursor.
    pub(crate) name: String,
    /// The component's file.
    pub(crate) component: PathBuf,
    /// What it may reach.
    pub(crate) allow: Vec<Origin>,
    /// The addresses that names may lead to beside public ones.
    pub(crate) allow_addresses: Vec<AddressRange>,
    /// Sources of the same budget share their waits.
    pub(crate) budget: Option<String>,
    /// The proxy that its requests go through.
    pub(crate) proxy: Option<Url>,
    /// Roots that it trusts beside those of the machine.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// The component's configuration, as JSON. Holds secrets.
    pub(crate) config: String,
    /// Knows the secrets of this source.
    pub(crate) redactor: Redactor,
    /// What stands for its section, as it is in the file.
    pub(crate) digest: Digest,
}

impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceConfig")
            .field("name", &self.name)
            .field("component", &self.component)
            .field("allow", &self.allow)
            .field("allow_addresses", &self.allow_addresses)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl SourceConfig {
    /// Reads a section `[[source]]`.
    pub(super) fn read(
        mut section: Section,
        folder: &Path,
        environment: Lookup<'_>,
        names: &mut BTreeSet<String>,
        files: &mut Files,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let before = faults.len();
        let mut secrets = Vec::new();
        let digest = section.digest(DIGEST_WITHOUT);
        let name = name(&mut section, names, faults);
        let component = component(&mut section, folder, files, faults);
        let allow = entries(
            &mut section,
            "allow",
            Origin::parse,
            "write scheme://host or scheme://host:port, with https or http",
            faults,
        );
        let allow_addresses = entries(
            &mut section,
            "allow_addresses",
            AddressRange::parse,
            "name a range of addresses that are not public, such as 198.18.0.0/15, or one of them",
            faults,
        );
        let budget = section.text("budget", faults);
        let proxy = proxy(&mut section, environment, &mut secrets, faults);
        if proxy.is_some() && !allow_addresses.is_empty() {
            faults.push(section.fault(
                "allow_addresses",
                "has no effect beside `proxy`, which resolves names itself",
                "leave it out",
            ));
        }
        let roots = roots(&mut section, folder, files, faults);
        let config = section.table("config", faults).unwrap_or_default();
        let path = section.path("config");
        let config = values::to_json(config, &path, environment, &mut secrets, faults);
        section.finish(faults);
        if faults.len() > before {
            return None;
        }
        Some(Self {
            name: name?,
            component: component?,
            allow,
            allow_addresses,
            budget,
            proxy,
            roots,
            config,
            redactor: Redactor::new(secrets),
            digest,
        })
    }

    /// Takes what the component's own schema marks as secret for secret. A schema that cannot be read
    /// marks nothing; one that is too large is an error.
    pub(crate) fn heed(&mut self, schema: &str) -> Result<(), String> {
        self.redactor.add(schema::secrets(schema, &self.config)?);
        Ok(())
    }
}

/// What is needed of a source to have its component say what a cursor means.
pub(crate) struct SourceOutline {
    /// Its name.
    pub(crate) name: String,
    /// The component's file, if one is named.
    pub(crate) component: Option<PathBuf>,
    /// The component's configuration as JSON, as far as it is at hand.
    pub(crate) config: String,
    /// Knows the secrets that are at hand.
    pub(crate) redactor: Redactor,
    /// What stands for its section, as it is in the file.
    pub(crate) digest: Digest,
}

impl SourceOutline {
    /// Reads a section `[[source]]`, of which nothing but the name has to be without fault.
    pub(super) fn read(
        mut section: Section,
        folder: &Path,
        environment: Lookup<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let digest = section.digest(DIGEST_WITHOUT);
        let name = section.required_text("name", faults)?;
        let (mut secrets, mut untold) = (Vec::new(), Vec::new());
        let component = section.text("component", &mut untold).map(|path| folder.join(path));
        let config = section.table("config", &mut untold).unwrap_or_default();
        // Nor does what is not set keep the others from being known.
        let environment = |name: &str| Some(environment(name).unwrap_or_default());
        let config = values::to_json(config, "config", &environment, &mut secrets, &mut untold);
        Some(Self { name, component, config, redactor: Redactor::new(secrets), digest })
    }
}

/// The name, which no other source may have. From here on the section's faults begin with it.
fn name(
    section: &mut Section,
    names: &mut BTreeSet<String>,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let name = section.required_text("name", faults)?;
    if !is_name(&name) {
        faults.push(section.fault(
            "name",
            "is no name for a source",
            &format!(
                "use 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, a letter or a digit \
                 first"
            ),
        ));
    } else if names.insert(name.clone()) {
        section.call(format!("source {name:?}: "));
    } else {
        faults.push(section.fault(
            "name",
            &format!("another source is called {name:?} too"),
            "give each source a name of its own: its cursor is stored under it",
        ));
    }
    Some(name)
}

/// The component's file, which has to be there.
fn component(
    section: &mut Section,
    folder: &Path,
    files: &mut Files,
    faults: &mut Vec<Fault>,
) -> Option<PathBuf> {
    let component = folder.join(section.required_text("component", faults)?);
    if !component.is_file() {
        let why = if component.exists() {
            format!("{} is no regular file", component.display())
        } else {
            format!("there is no file {}", component.display())
        };
        faults.push(section.fault(
            "component",
            &why,
            "build the component, or correct the path; it starts at the configuration's folder",
        ));
    }
    files.add(&component, "a component");
    Some(component)
}

/// The proxy, which may have a password in it, or come from the environment.
fn proxy(
    section: &mut Section,
    environment: Lookup<'_>,
    secrets: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) -> Option<Url> {
    let text = section.text("proxy", faults)?;
    let path = section.path("proxy");
    let text = values::substituted(&text, &path, environment, secrets, faults)?;
    let proxy = parse_proxy(&text);
    if proxy.is_none() {
        faults.push(Fault::new(path, "is no proxy", "write http://host:port"));
    }
    secrets.extend(proxy.iter().filter_map(Url::password).map(str::to_owned));
    proxy
}

/// The roots of the `ca_file`, if there is one.
fn roots(
    section: &mut Section,
    folder: &Path,
    files: &mut Files,
    faults: &mut Vec<Fault>,
) -> Vec<CertificateDer<'static>> {
    let Some(path) = section.text("ca_file", faults) else { return Vec::new() };
    let path = folder.join(path);
    files.add(&path, "a ca_file");
    crate::http::read_roots(&path).unwrap_or_else(|why| {
        faults.push(section.fault("ca_file", &why, "name a PEM file of root certificates"));
        Vec::new()
    })
}

/// The entries of a list, each of which must be readable.
fn entries<T, E: fmt::Display>(
    section: &mut Section,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
    remedy: &str,
    faults: &mut Vec<Fault>,
) -> Vec<T> {
    let mut entries = Vec::new();
    for (key, entry) in section.texts(key, faults) {
        match parse(&entry) {
            Ok(parsed) => entries.push(parsed),
            Err(why) => faults.push(section.fault(&key, &why.to_string(), remedy)),
        }
    }
    entries
}

fn parse_proxy(text: &str) -> Option<Url> {
    let proxy = Url::parse(text).ok()?;
    let plain = matches!(proxy.path(), "" | "/")
        && proxy.query().is_none()
        && proxy.fragment().is_none()
        && proxy.host().is_some();
    (plain && matches!(proxy.scheme(), "http" | "https")).then_some(proxy)
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// The component counts by its content, wherever its file is.
const DIGEST_WITHOUT: &str = "component";
/// A name stands in every line of the log.
const NAME_BYTES_MAX: usize = 64;
