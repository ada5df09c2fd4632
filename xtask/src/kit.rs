//! The scenarios for hosts: the probe that they run, what each host of this repository loads for it, and
//! the kit's own program.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo::{cargo, command, run, run_printing, target_dir, workspace};
use crate::component::{self, PROBE};
use crate::{compose, go, node, python, simulation, wasmtime};

/// Runs the scenarios as these arguments of the kit's program say.
pub(crate) fn play(args: &[&str]) -> Result<()> {
    let probe = probe()?;
    play_with(&probe, args)
}

/// Runs them against every host of this repository, a driver each.
pub(crate) fn play_all() -> Result<()> {
    let probe = probe()?;
    python::environment("python-host", "examples/python/requirements.txt")?;
    simulation::build_programs(&["smallest-host", "source-host"])?;
    wasmtime::install()?;
    let composed = compose::build_command(PROBE)?;
    let transpiled = transpile(&probe)?;
    let mut hosts = vec![
        ("source_host", &probe),
        ("rust", &probe),
        ("python", &probe),
        ("node", &transpiled),
        ("command", &composed),
    ];
    if go::is_there()? {
        go::build()?;
        hosts.push(("go", &probe));
    }
    // Each is played to its end, whatever the others fall short of.
    let failed: Vec<&str> = hosts
        .into_iter()
        .filter_map(|(name, loaded)| {
            eprintln!("\n-- {name}");
            let driver = format!("tests/host_kit/drivers/{name}.json");
            let folder = target_dir().join("host-kit").join(name);
            let args = ["--driver", &*driver, "--folder", &*folder.to_string_lossy()];
            play_with(loaded, &args).err().map(|_| name)
        })
        .collect();
    anyhow::ensure!(failed.is_empty(), "not as they are known: {}", failed.join(", "));
    Ok(())
}

fn play_with(loaded: &PathBuf, args: &[&str]) -> Result<()> {
    run_printing(
        cargo()
            .args(["run", "--quiet", "--release", "--locked", "--package", "host-kit"])
            .args(["--bin", "host-kit", "--", "--probe"])
            .arg(loaded)
            .args(args),
    )
}

/// Builds the probe, and gives the component's file.
pub(crate) fn probe() -> Result<PathBuf> {
    let path = target_dir().join("component").join(PROBE.file());
    let wasm = component::compile(PROBE, &target_dir())?;
    fs::write(&path, &wasm).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The probe as JavaScript makes use of it.
fn transpile(probe: &PathBuf) -> Result<PathBuf> {
    node::install("examples/node")?;
    let folder = target_dir().join("host-kit/node-probe");
    run(command(workspace().join("examples/node/node_modules/.bin/jco"))
        .arg("transpile")
        .arg(probe)
        .args(["--instantiation", "async", "--name", "source", "--no-typescript", "--out-dir"])
        .arg(&folder))?;
    Ok(folder)
}
