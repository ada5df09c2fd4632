//! The host in Go: its checks, and the programs that other tests run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{command, output, run, target_dir, workspace};

/// Where the module lies.
const FOLDER: &str = "examples/go";
/// What `wazy-bindgen` makes of `wit/`.
const BINDINGS: &str = "component/internal/wit/source.go";

/// Whether there is a Go. Where there is none that is told and let pass, but not where everything must hold.
pub(crate) fn is_there() -> Result<bool> {
    if command("go").arg("version").output().is_ok_and(|version| version.status.success()) {
        return Ok(true);
    }
    if std::env::var_os("CI").is_some() {
        bail!("install Go 1.25 or later");
    }
    eprintln!("skipped: the host in Go (install Go 1.25 or later)");
    Ok(false)
}

/// Formatting, vet, bindings and tests. The components that the tests load have to be built.
pub(crate) fn check() -> Result<()> {
    let unformatted = output(command("gofmt").args(["-l", FOLDER]))?;
    ensure!(unformatted.is_empty(), "not as gofmt has it:\n{unformatted}");
    run(&mut go(&["mod", "tidy", "-diff"]))?;
    run(&mut go(&["vet", "./..."]))?;
    check_bindings()?;
    run(go(&["test", "./..."]).env("POLLING_SOURCE_COMPONENTS", target_dir().join("component")))
}

/// Builds the host, and what makes its transcripts.
pub(crate) fn build() -> Result<()> {
    let dir = target_dir().join("go-host");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    run(go(&["build", "-trimpath", "-o"])
        .arg(&dir)
        .args(["./cmd/polling-source-host", "./internal/conformance"]))
}

/// Fails if the bindings are not what is made of `wit/` today.
fn check_bindings() -> Result<()> {
    let made = target_dir().join("go-host/bindings.go");
    fs::create_dir_all(target_dir().join("go-host"))?;
    run(go(&["run", "github.com/samyfodil/wazy/cmd/wazy-bindgen", "-wit", "../../wit"])
        .args(["-world", "polling-source", "-package", "wit", "-o"])
        .arg(&made))?;
    let committed = workspace().join(FOLDER).join(BINDINGS);
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    ensure!(
        read(&made)? == read(&committed)?,
        "{} is not what wit/ gives: run `go generate ./...` in {FOLDER}",
        committed.display()
    );
    Ok(())
}

/// A command of Go's in the module. Without cgo it needs no C compiler, and the host is one file.
fn go(args: &[&str]) -> Command {
    let mut command = command("go");
    command.args(args).current_dir(workspace().join(FOLDER)).env("CGO_ENABLED", "0");
    command
}
