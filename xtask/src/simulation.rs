//! A simulated API in a process of its own, and a host's configuration that collects from it.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo::{cargo, command, run, target_dir};
use crate::children::Children;
use crate::component;

/// What the simulated API says when it is ready.
#[derive(Deserialize)]
struct Ready {
    base_url: String,
    client_id: String,
    client_secret: String,
    access_key: String,
    secret_key: String,
    app_id: String,
    app_key: String,
}

/// A host that is ready to collect from a simulated API that runs.
pub(crate) struct Simulation {
    pub(crate) base_url: String,
    /// The folder that holds the configuration, the state and the output.
    pub(crate) dir: PathBuf,
    keys: [(&'static str, String); 6],
}

/// What the host does with the events, as its configuration says it.
pub(crate) enum Output {
    Stdout,
    /// A file of this name beside the configuration.
    File(&'static str),
}

/// Builds all that a simulation needs, as released.
pub(crate) fn build() -> Result<()> {
    component::build()?;
    build_programs(&["source-host", "mimecast-sim"])
}

/// Builds programs of the workspace, with the features of crates that its tests have them with: a host
/// is built of the same engine.
pub(crate) fn build_programs(packages: &[&str]) -> Result<()> {
    let packages = packages.iter().chain(&["end-to-end"]);
    run(cargo()
        .args(["build", "--release", "--locked", "--bins"])
        .args(packages.flat_map(|package| ["--package", *package])))
}

impl Simulation {
    /// Starts the simulated API, and writes the configuration into an empty folder below `target`.
    pub(crate) fn start(
        children: &Children,
        folder: &str,
        sim_args: &[&str],
        output: &Output,
    ) -> Result<Self> {
        let (_, stdout) = children.start(program("mimecast-sim").args(sim_args))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("mimecast-sim says nothing")?;
        let ready: Ready =
            serde_json::from_str(&line).context("mimecast-sim did not say that it is ready")?;
        let dir = target_dir().join(folder);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let simulation = Self {
            base_url: ready.base_url,
            dir,
            keys: [
                ("MC_CLIENT_ID", ready.client_id),
                ("MC_CLIENT_SECRET", ready.client_secret),
                ("MC_ACCESS_KEY", ready.access_key),
                ("MC_SECRET_KEY", ready.secret_key),
                ("MC_APP_ID", ready.app_id),
                ("MC_APP_KEY", ready.app_key),
            ],
        };
        write(&simulation.config_path(), &simulation.config(output))?;
        write(&simulation.keys_path(), &simulation.keys_file())?;
        Ok(simulation)
    }

    /// The host, told to collect until it is caught up, with the keys in its environment.
    pub(crate) fn host(&self) -> Command {
        let mut host = self.service();
        host.arg("--until-caught-up");
        host
    }

    /// The host, told to collect for ever.
    pub(crate) fn service(&self) -> Command {
        let mut host = program("source-host");
        host.args(["run", "--config"]).arg(self.config_path()).envs(self.environment());
        host
    }

    /// The keys, by the names that configurations read them by.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.keys.iter().map(|(name, key)| (*name, &**key))
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.join("source-host.toml")
    }

    pub(crate) fn keys_path(&self) -> PathBuf {
        self.dir.join("keys.env")
    }

    fn config(&self, output: &Output) -> String {
        let Self { base_url, .. } = self;
        let output = match output {
            Output::Stdout => r#"type = "stdout""#.to_owned(),
            Output::File(name) => format!("type = \"file\"\npath = \"{name}\""),
        };
        format!(
            r#"# Paths start at the folder of this file. "${{NAME}}" is read from the environment.
[state]
path = "state.db"

[output]
{output}

[[source]]
name = "demo"
component = "../component/mimecast-ttp-source.wasm"
allow = ["{base_url}"]

[source.config]
base_url = "{base_url}"
format = "raw" # or "ecs", "ocsf_detection_finding", "ocsf_email_activity"
auth = {{ type = "oauth2", client_id = "${{MC_CLIENT_ID}}", client_secret = "${{MC_CLIENT_SECRET}}" }}
# API 1.0: auth = {{ type = "hmac", access_key = "${{MC_ACCESS_KEY}}", secret_key = "${{MC_SECRET_KEY}}", app_id = "${{MC_APP_ID}}", app_key = "${{MC_APP_KEY}}" }}
"#
        )
    }

    fn keys_file(&self) -> String {
        let mut text = String::from("# The keys of the simulated API: they open nothing else.\n");
        for (name, key) in &self.keys {
            writeln!(text, "export {name}='{key}'").expect("a string grows");
        }
        text
    }
}

fn program(name: &str) -> Command {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    command(target_dir().join("release").join(file))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
