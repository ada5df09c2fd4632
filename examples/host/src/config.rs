//! Reads the host's configuration file, and tells every fault of it at once.

pub(crate) mod digest;
pub(crate) mod fault;
mod files;
mod ledger;
mod output;
mod section;
mod source;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use source_contract::environment::Lookup;
use toml::Table;

use crate::config::fault::Fault;
use crate::config::files::{Files, check_folder};
use crate::config::section::Section;
use crate::machine::disk::{self, folder};
use crate::machine::shortage::Shortage;
pub(crate) use ledger::{Credentials, NatsConfig};
pub(crate) use output::{OutputConfig, OutputTarget};
pub(crate) use source::{SourceConfig, SourceOutline};

/// The host's configuration, as far as it can be checked by itself.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where events and cursors go.
    pub(crate) store: Store,
    /// The sources, in the file's order.
    pub(crate) sources: Vec<SourceConfig>,
}

/// Where events and cursors go.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// Cursors into a state file, events into an output of this machine.
    Local {
        /// The state's file.
        state: PathBuf,
        output: OutputConfig,
    },
    /// Both into a ledger that many machines share.
    Nats(NatsConfig),
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { output, .. } => output.target.fmt(f),
            Self::Nats(config) => config.fmt(f),
        }
    }
}

impl Config {
    /// Reads and checks a file. Values of `[source.config]` may name variables of the environment.
    pub(crate) fn load(path: &Path, environment: Lookup<'_>) -> Result<Self, Vec<Fault>> {
        let table = read(path).map_err(|fault| vec![fault])?;
        if values::holds_secret(&table)
            && let Ok(found) = std::fs::metadata(path)
        {
            disk::warn_if_open_to_all("the configuration, which has keys in it,", path, &found);
        }
        Self::of(table, path, environment)
    }

    fn of(table: Table, file: &Path, environment: Lookup<'_>) -> Result<Self, Vec<Fault>> {
        let folder = folder(file);
        let mut faults = Vec::new();
        let mut files = Files::default();
        files.add(file, "the configuration file");
        let mut root = Section::new("", table);
        let store = store(&mut root, folder, environment, &mut files, &mut faults);
        let mut names = BTreeSet::new();
        let mut sources = Vec::new();
        let sections = root.sections("source", &mut faults);
        let (sources_max, remedy) = match &store {
            Some(Store::Nats(_)) => (SHARED_SOURCES_MAX, "divide them among several streams"),
            _ => (SOURCES_MAX, "divide them among several hosts, or give them a [ledger]"),
        };
        if sections.len() > sources_max {
            faults.push(Fault::new("source", format!("more than {sources_max} sources"), remedy));
        }
        for section in sections.into_iter().take(sources_max) {
            sources.extend(SourceConfig::read(
                section,
                folder,
                environment,
                &mut names,
                &mut files,
                &mut faults,
            ));
        }
        root.finish(&mut faults);
        if let Some(Store::Local { output, .. }) = &store
            && let OutputTarget::File { path, .. } = &output.target
        {
            faults.extend(files.check_output(path));
        }
        match store {
            Some(store) if faults.is_empty() => Ok(Self { store, sources }),
            _ => Err(faults),
        }
    }
}

/// The section `[ledger]`, or `[state]` and `[output]`.
fn store(
    root: &mut Section,
    folder: &Path,
    environment: Lookup<'_>,
    files: &mut Files,
    faults: &mut Vec<Fault>,
) -> Option<Store> {
    if root.has("ledger") {
        for key in ["state", "output"] {
            if root.has(key) {
                let message = "stands beside `ledger`, which keeps cursors and events";
                faults.push(root.fault(key, message, "leave one of them out"));
                drop(root.section(key, &mut Vec::new()));
            }
        }
        let ledger = root.section("ledger", faults)?;
        return NatsConfig::read(ledger, folder, environment, faults).map(Store::Nats);
    }
    let state = root.section("state", faults).map(|mut state| {
        let path = state.required_text("path", faults);
        state.finish(faults);
        let path = folder.join(path.unwrap_or_default());
        check_folder("state.path", &path, faults);
        check_state(&path, faults);
        files.add_state(&path);
        path
    });
    let output = root
        .section("output", faults)
        .and_then(|output| OutputConfig::read(output, folder, faults));
    Some(Store::Local { state: state?, output: output? })
}

/// Where cursors are.
#[derive(Clone, Debug)]
pub(crate) enum Cursors {
    /// In this file.
    State(PathBuf),
    /// In the ledger that many machines share.
    Nats(NatsConfig),
}

/// The part of a configuration that is needed to look at cursors: no secret has to be at hand.
pub(crate) struct Outline {
    /// Where cursors are stored.
    pub(crate) cursors: Cursors,
    /// The sources, in the file's order.
    pub(crate) sources: Vec<SourceOutline>,
}

impl Outline {
    /// Reads the outline of a configuration file.
    pub(crate) fn load(path: &Path, environment: Lookup<'_>) -> Result<Self, Vec<Fault>> {
        let table = read(path).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut root = Section::new("", table);
        let folder = folder(path);
        let cursors = if root.has("ledger") {
            root.section("ledger", &mut faults)
                .and_then(|ledger| NatsConfig::read(ledger, folder, environment, &mut faults))
                .map(Cursors::Nats)
        } else {
            root.section("state", &mut faults)
                .and_then(|mut state| state.required_text("path", &mut faults))
                .map(|state| Cursors::State(folder.join(state)))
        };
        let mut sources = Vec::new();
        for section in root.sections("source", &mut faults) {
            sources.extend(SourceOutline::read(section, folder, environment, &mut faults));
        }
        if let Some(Cursors::State(state)) = &cursors {
            check_state(state, &mut faults);
        }
        match cursors {
            Some(cursors) if faults.is_empty() => Ok(Self { cursors, sources }),
            _ => Err(faults),
        }
    }

    /// The source of that name.
    pub(crate) fn source(&self, name: &str) -> Option<&SourceOutline> {
        self.sources.iter().find(|source| source.name == name)
    }
}

/// Reads a TOML file. The fault gives line and column, never the line: it could hold a secret.
fn read(path: &Path) -> Result<Table, Fault> {
    let file = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::FileTooLarge => "divide its sources among several hosts",
            std::io::ErrorKind::PermissionDenied => "let the host's user read it",
            _ => match Shortage::of(&error) {
                Some(shortage) => shortage.remedy(),
                None => "give the path of a regular file to --config",
            },
        };
        Fault::new(&file, format!("cannot be read: {error}"), remedy)
    };
    let text = disk::read(path, FILE_BYTES_MAX).map_err(unreadable)?;
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

fn check_state(file: &Path, faults: &mut Vec<Fault>) {
    if file.exists() && !file.is_file() {
        faults.push(Fault::new("state.path", "is no regular file", "name a file"));
    }
}

const FILE_BYTES_MAX: u64 = 4 << 20;
/// As many as one machine runs well.
const SOURCES_MAX: usize = 1_000;
/// As many as one stream takes batches of: one server leads it, and takes some hundred a second. Each worker checks
/// all of them at its start, and runs its own.
const SHARED_SOURCES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_ledger_that_is_shared_takes_more_sources_than_one_machine() {
        const LOCAL: &str = "state.path = \"s\"\noutput.type = \"blackhole\"\n";
        const SHARED: &str =
            "ledger = {type = \"nats\", servers = [\"nats://a\"], stream = \"S\"}\n";
        let folder = std::env::temp_dir();
        let file = folder.join(format!("source-host-sources-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        for (store, sources_max) in [(LOCAL, SOURCES_MAX), (SHARED, SHARED_SOURCES_MAX)] {
            for count in [sources_max, sources_max + 1] {
                let source =
                    |number| format!("[[source]]\nname = \"s{number}\"\ncomponent = {file:?}\n");
                let text = store.to_owned() + &(0..count).map(source).collect::<String>();
                assert!(text.len() as u64 <= FILE_BYTES_MAX);
                let path = folder.join("host.toml");
                match Config::of(text.parse().unwrap(), &path, &|_| None) {
                    Ok(config) => assert_eq!(config.sources.len(), sources_max),
                    Err(faults) => {
                        assert_eq!(count, sources_max + 1, "{faults:?}");
                        let told = format!("source: more than {sources_max} sources");
                        assert!(faults[0].to_string().starts_with(&told), "{faults:?}");
                    }
                }
            }
        }
        std::fs::remove_file(file).unwrap();
    }
}
