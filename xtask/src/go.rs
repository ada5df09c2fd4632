//! The host in Go: its checks, and the programs that other tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{command, output, run, target_dir, workspace};

/// A Go module, by the folder that it lies in.
pub(crate) struct Module(pub(crate) &'static str);

/// The host.
const HOST: Module = Module("examples/go");
/// What `wazy-bindgen` makes of `wit/`.
const BINDINGS: &str = "component/internal/wit/source.go";

/// Whether there is a Go that is new enough. Where there is none that is told and let pass, but not where
/// everything must hold.
pub(crate) fn is_there() -> Result<bool> {
    let version = command("go").args(["env", "GOVERSION"]).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.is_ok_and(|version| minor(&version) >= Some(MINOR_MIN)) {
        return Ok(true);
    }
    if std::env::var_os("CI").is_some() {
        bail!("install Go 1.{MINOR_MIN} or later");
    }
    eprintln!("skipped: what is written in Go (install Go 1.{MINOR_MIN} or later)");
    Ok(false)
}

/// The second number of a version such as `go1.26.8`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("go1.")?.split(['.', '\n', 'r', ' ']).next()?.parse().ok()
}

/// What the Collector's own modules want.
const MINOR_MIN: u32 = 26;

/// What holds for the host: bindings, formatting, vet and tests. The components that the tests load have to
/// be built.
pub(crate) fn check() -> Result<()> {
    check_bindings()?;
    HOST.check(&[])
}

impl Module {
    /// Formatting, vet and tests, which get these variables beside the folder of components.
    pub(crate) fn check(&self, variables: &[(&str, PathBuf)]) -> Result<()> {
        let unformatted = output(&mut self.command("gofmt", &["-l", "."]))?;
        ensure!(unformatted.is_empty(), "not as gofmt has it, in {}:\n{unformatted}", self.0);
        run(&mut self.go(&["mod", "tidy", "-diff"]))?;
        run(&mut self.go(&["vet", "./..."]))?;
        let components = target_dir().join("component");
        run(self
            .go(&["test", "./..."])
            .env("POLLING_SOURCE_COMPONENTS", components)
            .envs(variables.iter().map(|(name, value)| (name, value))))
    }

    /// A command of Go's in the module. Without cgo it needs no C compiler, and a program is one file.
    pub(crate) fn go(&self, args: &[&str]) -> Command {
        self.command("go", args)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program);
        command.args(args).current_dir(workspace().join(self.0)).env("CGO_ENABLED", "0");
        command
    }
}

/// Builds the host, and what makes its transcripts.
pub(crate) fn build() -> Result<()> {
    let dir = target_dir().join("go-host");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    run(HOST
        .go(&["build", "-trimpath", "-o"])
        .arg(&dir)
        .args(["./cmd/polling-source-host", "./internal/conformance"]))
}

/// Fails if the bindings are not what is made of `wit/` today.
fn check_bindings() -> Result<()> {
    let made = target_dir().join("go-host/bindings.go");
    fs::create_dir_all(target_dir().join("go-host"))?;
    run(HOST
        .go(&["run", "github.com/samyfodil/wazy/cmd/wazy-bindgen", "-wit", "../../wit"])
        .args(["-world", "polling-source", "-package", "wit", "-o"])
        .arg(&made))?;
    let committed = workspace().join(HOST.0).join(BINDINGS);
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    ensure!(
        read(&made)? == read(&committed)?,
        "{} is not what wit/ gives: run `go generate ./...` in {}",
        committed.display(),
        HOST.0
    );
    Ok(())
}
