//! The fuzz targets of `tests/fuzz`, with cargo-fuzz and a nightly toolchain.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, command, run, run_printing, target_dir};

/// Builds every target, if there is a nightly toolchain to build them with.
pub(crate) fn build() -> Result<()> {
    if !nightly(&["--version"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!(
            "not built: no nightly toolchain is installed (`rustup toolchain install nightly`)"
        );
        return Ok(());
    }
    install()?;
    run(&mut fuzz(&["build"]))
}

/// Runs one target, or one after the other, for so many minutes each. What it learns goes into a
/// corpus of its own below the target folder: the committed one is kept small.
pub(crate) fn explore(target: Option<&str>, minutes: &str) -> Result<()> {
    let minutes: u32 = minutes.parse().context("--minutes takes a whole number")?;
    let targets: Vec<&str> =
        TARGETS.into_iter().filter(|name| target.is_none_or(|target| target == *name)).collect();
    if targets.is_empty() {
        bail!("there is no such target; there are {}", TARGETS.join(", "));
    }
    install()?;
    for name in targets {
        let learnt = target_dir().join("fuzz").join(name);
        std::fs::create_dir_all(&learnt)
            .with_context(|| format!("{} cannot be made", learnt.display()))?;
        eprintln!("\n== {name}: {minutes} min");
        run_printing(
            fuzz(&["run", name])
                .arg(&learnt)
                .arg(format!("tests/fuzz/corpus/{name}"))
                .arg("--")
                .arg(format!("-max_total_time={}", minutes * 60))
                .args(["-dict=tests/fuzz/json.dict", "-max_len=16384", "-timeout=10"])
                // A guest has 64 MiB.
                .args(["-malloc_limit_mb=64", "-rss_limit_mb=512"]),
        )?;
    }
    Ok(())
}

fn install() -> Result<()> {
    if nightly(&["fuzz", "--version"]).output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    run(cargo().args(["install", "--locked", "cargo-fuzz@0.13.2"])).context("cargo-fuzz is missing")
}

/// A command of cargo-fuzz: `--fuzz-dir` comes before the target.
fn fuzz<'a>(args: &[&'a str]) -> Command {
    let (verb, rest): (&[&'a str], &[&'a str]) = args.split_at(1);
    let mut command = nightly(&["fuzz"]);
    command.args(verb).args(["--fuzz-dir", "tests/fuzz"]).args(rest);
    command
}

/// Cargo as rustup has it, past the toolchain that runs this.
fn nightly(args: &[&str]) -> Command {
    let mut command = command("rustup");
    command.args(["run", "nightly", "cargo"]).args(args).env_remove("RUSTUP_TOOLCHAIN");
    command
}

const TARGETS: [&str; 4] = ["configuration", "cursor", "dates", "replies"];
