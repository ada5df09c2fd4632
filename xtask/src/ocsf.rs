//! Holds OCSF events to the models of a library that knows nothing of this project: those that the
//! tests keep, and those that the host collects from a simulated API.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cargo::{command, run};
use crate::children::Children;
use crate::python;
use crate::simulation::{self, Output, Simulation};

/// Fails with what the models say against an event.
pub(crate) fn check() -> Result<()> {
    let python = python::environment("ocsf-models", "tests/formats/requirements.txt")?;
    let collected = collect()?;
    run(command(python)
        .args(["-B", "tests/formats/validate.py", "tests/formats/golden"])
        .arg(collected))
}

/// Lets the host collect from a simulated API, and gives the file of its events.
fn collect() -> Result<PathBuf> {
    simulation::build()?;
    let children = Children::new()?;
    let rows = ["--rows", "2000", "--span", "20h"];
    let simulation = Simulation::start(&children, "ocsf", &rows, &Output::File(EVENTS))?;
    let config = simulation.config_path();
    let text =
        fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    ensure!(text.contains(RAW), "{} does not say {RAW}", config.display());
    write(&config, text.replace(RAW, FORMAT).as_bytes())?;
    let (host, _) = children.start(&mut simulation.host())?;
    let status = children.wait(host).context("source-host is lost")?;
    ensure!(status.success(), "source-host failed: {status}");
    Ok(simulation.dir.join(EVENTS))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

const EVENTS: &str = "events.ndjson";
const RAW: &str = "format = \"raw\"";
const FORMAT: &str = "keep_original = true\nformat = \"ocsf_detection_finding\"";
