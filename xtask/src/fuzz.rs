//! The fuzz targets of `tests/fuzz`, with cargo-fuzz and a nightly toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use crate::cargo::{cargo, command, run, run_printing, target_dir, workspace};

#[path = "../../tests/fuzz/corpus.rs"]
mod corpus;
use corpus::Input;

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
    let targets =
        target.map_or(Ok(TARGETS.to_vec()), |target| known(target).map(|one| vec![one]))?;
    install()?;
    for name in targets {
        let learnt = target_dir().join("fuzz").join(name);
        fs::create_dir_all(&learnt).with_context(|| told(&learnt))?;
        eprintln!("\n== {name}: {minutes} min");
        run_printing(
            fuzz(&["run", name])
                .args([learnt, unpacked(name)?])
                .arg("--")
                .arg(format!("-max_total_time={}", minutes * 60))
                .args(["-dict=tests/fuzz/json.dict", "-max_len=16384", "-timeout=10"])
                // A guest has 64 MiB.
                .args(["-malloc_limit_mb=64", "-rss_limit_mb=512"]),
        )?;
    }
    Ok(())
}

/// Puts the input of a file into the corpus of a target.
pub(crate) fn keep(target: &str, name: &str, file: &str) -> Result<()> {
    let (path, mut inputs) = kept(known(target)?)?;
    let bytes = fs::read(file).with_context(|| told(Path::new(file)))?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(
        !name.is_empty() && name.chars().all(is_name),
        "a name is of the letters a-z, 0-9 and _"
    );
    for input in &inputs {
        ensure!(input.name != name, "{target} has an input {name}: give it another name");
        ensure!(input.bytes != bytes, "{target} has this input already: {}", input.name);
    }
    inputs.push(Input { name: name.to_owned(), bytes });
    fs::write(&path, corpus::pack(&inputs)).with_context(|| told(&path))
}

/// The folder that the committed inputs of a target are unpacked to, for libFuzzer to read.
fn unpacked(target: &str) -> Result<PathBuf> {
    let dir = target_dir().join("fuzz/kept").join(target);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| told(&dir))?;
    }
    fs::create_dir_all(&dir).with_context(|| told(&dir))?;
    let (_, inputs) = kept(target)?;
    for (number, input) in inputs.iter().enumerate() {
        let file = dir.join(number.to_string());
        fs::write(&file, &input.bytes).with_context(|| told(&file))?;
    }
    Ok(dir)
}

/// The committed inputs of a target, and their file.
fn kept(target: &str) -> Result<(PathBuf, Vec<Input>)> {
    let path = workspace().join("tests/fuzz/corpus").join(target).with_extension("txt");
    let text = fs::read_to_string(&path).with_context(|| told(&path))?;
    let inputs = corpus::unpack(&text).map_err(|why| anyhow!("{}: {why}", path.display()))?;
    Ok((path, inputs))
}

fn known(target: &str) -> Result<&'static str> {
    let known = TARGETS.into_iter().find(|name| *name == target);
    known.with_context(|| format!("there is no such target; there are {}", TARGETS.join(", ")))
}

fn told(path: &Path) -> String {
    format!("{} cannot be used", path.display())
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
