//! Reads the host's configuration file, and tells every fault of it at once.

mod files;
mod schema;
mod secret_key;
mod section;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use toml::Table;
use url::Url;

use crate::egress::{AddressRange, Origin};
use crate::environment::Lookup;
use crate::fault::Fault;
use crate::ground;
use crate::redact::Redactor;
use files::Files;
use section::Section;

/// The host's configuration, as far as the file alone can be judged.
#[derive(Debug)]
pub struct Config {
    /// Where cursors are stored.
    pub state: PathBuf,
    /// Where events go.
    pub output: OutputConfig,
    /// The sources, in the file's order.
    pub sources: Vec<SourceConfig>,
}

/// Where events go.
#[derive(Debug)]
pub struct OutputConfig {
    /// The kind of output.
    pub target: OutputTarget,
    /// Whether each event is wrapped with its source, id and time.
    pub envelope: bool,
}

/// The kind of output.
#[derive(Debug, PartialEq, Eq)]
pub enum OutputTarget {
    /// Standard output.
    Stdout,
    /// Nowhere: events are counted, and gone.
    Blackhole,
    /// A file.
    File {
        /// The path as it is written in the configuration: the name under which its length is kept.
        name: String,
        /// The path to open.
        path: PathBuf,
    },
}

impl fmt::Display for OutputTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// One source.
pub struct SourceConfig {
    /// Its name: in logs, and as the key of its cursor.
    pub name: String,
    /// The component's file.
    pub component: PathBuf,
    /// What it may reach.
    pub allow: Vec<Origin>,
    /// The addresses that names may lead to beside public ones.
    pub allow_addresses: Vec<AddressRange>,
    /// Sources of the same budget share their waits.
    pub budget: Option<String>,
    /// The proxy that its requests go through.
    pub proxy: Option<Url>,
    /// Roots that it trusts beside those of the machine.
    pub roots: Vec<CertificateDer<'static>>,
    /// The component's configuration, as JSON. Holds secrets.
    pub config: String,
    /// Knows the secrets of this source.
    pub redactor: Redactor,
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
    /// Takes what the component's own schema marks as secret for secret. A schema that cannot be read
    /// marks nothing.
    pub fn heed(&mut self, schema: &str) {
        let (Ok(schema), Ok(config)) =
            (serde_json::from_str(schema), serde_json::from_str(&self.config))
        else {
            return;
        };
        self.redactor.add(schema::secrets(&schema, &config));
    }
}

impl Config {
    /// Reads and judges a file. Values of `[source.config]` may name variables of the environment.
    pub fn load(path: &Path, environment: Lookup<'_>) -> Result<Self, Vec<Fault>> {
        let table = read(path).map_err(|fault| vec![fault])?;
        if values::holds_secret(&table)
            && let Ok(found) = std::fs::metadata(path)
        {
            ground::warn_if_open_to_all("the configuration, which has keys in it,", path, &found);
        }
        Self::judge(table, path, environment)
    }

    fn judge(table: Table, file: &Path, environment: Lookup<'_>) -> Result<Self, Vec<Fault>> {
        let folder = folder(file);
        let mut faults = Vec::new();
        let mut files = Files::default();
        files.add(file, "the configuration file");
        let mut root = Section::new("", table);
        let state = root.section("state", &mut faults).map(|mut state| {
            let path = state.required_text("path", &mut faults);
            state.finish(&mut faults);
            let path = folder.join(path.unwrap_or_default());
            check_folder("state.path", &path, &mut faults);
            check_state(&path, &mut faults);
            files.add_state(&path);
            path
        });
        let output = root
            .section("output", &mut faults)
            .and_then(|output| judge_output(output, folder, &mut faults));
        let mut names = BTreeSet::new();
        let mut sources = Vec::new();
        let sections = root.sections("source", &mut faults);
        if sections.len() > SOURCES_MAX {
            faults.push(Fault::new(
                "source",
                format!("more than {SOURCES_MAX} sources"),
                "divide them among several hosts",
            ));
        }
        for section in sections.into_iter().take(SOURCES_MAX) {
            sources.extend(judge_source(
                section,
                folder,
                environment,
                &mut names,
                &mut files,
                &mut faults,
            ));
        }
        root.finish(&mut faults);
        if let Some(OutputConfig { target: OutputTarget::File { path, .. }, .. }) = &output {
            faults.extend(files.judge_output(path));
        }
        match (state, output) {
            (Some(state), Some(output)) if faults.is_empty() => Ok(Self { state, output, sources }),
            _ => Err(faults),
        }
    }
}

/// The part of a configuration that is needed to look at cursors: no secret has to be at hand.
#[derive(Debug)]
pub struct Outline {
    /// Where cursors are stored.
    pub state: PathBuf,
    /// The names of the sources.
    pub sources: Vec<String>,
}

impl Outline {
    /// Reads the outline of a configuration file.
    pub fn load(path: &Path) -> Result<Self, Vec<Fault>> {
        let table = read(path).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut root = Section::new("", table);
        let state = root
            .section("state", &mut faults)
            .and_then(|mut state| state.required_text("path", &mut faults));
        let mut sources = Vec::new();
        for mut section in root.sections("source", &mut faults) {
            sources.extend(section.required_text("name", &mut faults));
        }
        let state = state.map(|state| folder(path).join(state));
        if let Some(state) = &state {
            check_state(state, &mut faults);
        }
        match state {
            Some(state) if faults.is_empty() => Ok(Self { state, sources }),
            _ => Err(faults),
        }
    }
}

fn judge_output(
    mut output: Section,
    folder: &Path,
    faults: &mut Vec<Fault>,
) -> Option<OutputConfig> {
    let kind = output.required_text("type", faults);
    let path = output.text("path", faults);
    let envelope = output.boolean("envelope", faults).unwrap_or(false);
    output.finish(faults);
    let target = match (kind?.as_str(), path) {
        ("stdout", None) => OutputTarget::Stdout,
        ("blackhole", None) => OutputTarget::Blackhole,
        ("stdout" | "blackhole", Some(_)) => {
            faults.push(Fault::new(
                "output.path",
                "this type of output has no path",
                "leave it out, or set type = \"file\"",
            ));
            return None;
        }
        ("file", Some(name)) => {
            let path = folder.join(&name);
            check_folder("output.path", &path, faults);
            if path.exists() && !path.is_file() {
                faults.push(Fault::new(
                    "output.path",
                    "is no regular file",
                    "name a file, or set type = \"stdout\" to write into a pipe",
                ));
            }
            // `./events` and `events` are one file.
            let name = Path::new(&name).components().collect::<PathBuf>();
            OutputTarget::File { name: name.to_string_lossy().into_owned(), path }
        }
        ("file", None) => {
            faults.push(Fault::new("output.path", "is missing", "name the file to write to"));
            return None;
        }
        _ => {
            faults.push(Fault::new(
                "output.type",
                "is no type of output",
                "write \"stdout\", \"file\" or \"blackhole\"",
            ));
            return None;
        }
    };
    Some(OutputConfig { target, envelope })
}

fn judge_source(
    mut section: Section,
    folder: &Path,
    environment: Lookup<'_>,
    names: &mut BTreeSet<String>,
    files: &mut Files,
    faults: &mut Vec<Fault>,
) -> Option<SourceConfig> {
    let before = faults.len();
    let name = section.required_text("name", faults);
    if let Some(name) = &name {
        if !is_name(name) {
            faults.push(section.fault(
                "name",
                "is no name for a source",
                "use 1 to 64 letters, digits, `.`, `_` and `-`, a letter or a digit first",
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
    }
    let component = section.required_text("component", faults).map(|path| folder.join(path));
    if let Some(component) = component.as_ref().filter(|path| !path.is_file()) {
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
    if let Some(component) = &component {
        files.add(component, "a component");
    }
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
    let mut secrets = Vec::new();
    let proxy = section.text("proxy", faults).and_then(|text| {
        let path = section.path("proxy");
        let text = values::substituted(&text, &path, environment, &mut secrets, faults)?;
        let proxy = judge_proxy(&text);
        if proxy.is_none() {
            faults.push(Fault::new(path, "is no proxy", "write http://host:port"));
        }
        secrets.extend(proxy.iter().filter_map(Url::password).map(str::to_owned));
        proxy
    });
    if proxy.is_some() && !allow_addresses.is_empty() {
        faults.push(section.fault(
            "allow_addresses",
            "has no effect beside `proxy`, which resolves names itself",
            "leave it out",
        ));
    }
    let roots = section.text("ca_file", faults).map_or_else(Vec::new, |path| {
        let path = folder.join(path);
        files.add(&path, "a ca_file");
        crate::http::read_roots(&path).unwrap_or_else(|why| {
            faults.push(section.fault("ca_file", &why, "name a PEM file of root certificates"));
            Vec::new()
        })
    });
    let config = section.table("config", faults).unwrap_or_default();
    let path = section.path("config");
    let config = values::to_json(config, &path, environment, &mut secrets, faults);
    section.finish(faults);
    if faults.len() > before {
        return None;
    }
    Some(SourceConfig {
        name: name?,
        component: component?,
        allow,
        allow_addresses,
        budget,
        proxy,
        roots,
        config,
        redactor: Redactor::new(secrets),
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

fn judge_proxy(text: &str) -> Option<Url> {
    let proxy = Url::parse(text).ok()?;
    let plain = matches!(proxy.path(), "" | "/")
        && proxy.query().is_none()
        && proxy.fragment().is_none()
        && proxy.host().is_some();
    (plain && matches!(proxy.scheme(), "http" | "https")).then_some(proxy)
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Reads a TOML file. The fault gives line and column, never the line: it could hold a secret.
fn read(path: &Path) -> Result<Table, Fault> {
    let file = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::FileTooLarge => "divide its sources among several hosts",
            _ => "give the path of a regular file to --config",
        };
        Fault::new(&file, format!("cannot be read: {error}"), remedy)
    };
    let text = ground::read(path, FILE_BYTES_MAX).map_err(unreadable)?;
    let Ok(text) = String::from_utf8(text) else {
        return Err(Fault::new(&file, "is not UTF-8", "save it as UTF-8"));
    };
    text.parse::<Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Fault::new(
            format!("{file}, line {line}, column {column}"),
            format!("is not TOML: {}", section::without_quotes(error.message())),
            "correct it; strings need quotes",
        )
    })
}

fn check_folder(path: &str, file: &Path, faults: &mut Vec<Fault>) {
    if !folder(file).is_dir() {
        faults.push(Fault::new(
            path,
            format!("there is no folder {}", folder(file).display()),
            "make it, or correct the path; it starts at the configuration's folder",
        ));
    }
}

fn check_state(file: &Path, faults: &mut Vec<Fault>) {
    if file.exists() && !file.is_file() {
        faults.push(Fault::new("state.path", "is no regular file", "name a file"));
    }
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

const FILE_BYTES_MAX: u64 = 4 << 20;
const SOURCES_MAX: usize = 1_000;
