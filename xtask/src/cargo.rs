//! Runs cargo and its companions in the workspace, with their output on stderr.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_path_buf()
}

/// The folder that cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => workspace().join(dir),
        None => workspace().join("target"),
    }
}

/// A cargo command in the workspace.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A rustc command in the workspace.
pub(crate) fn rustc() -> Command {
    command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Any other command in the workspace.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(workspace());
    command
}

/// Runs a command to its end. All that it prints goes to stderr.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    run_printing(command.stdout(io::stderr()))
}

/// Runs a command to its end. What it prints goes where it wants.
pub(crate) fn run_printing(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed: {status}", told(command));
    }
    Ok(())
}

/// Runs a command to its end, and gives what it prints on stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} failed: {}", told(command), output.status);
    }
    String::from_utf8(output.stdout)
        .map(|text| text.trim_end().to_owned())
        .with_context(|| format!("{} printed what is not UTF-8", told(command)))
}

/// A package of the workspace, or one that it depends on.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Where it comes from. None: it is part of the workspace.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
}

/// The packages of a workspace and all that they depend on, on any platform.
pub(crate) fn packages(manifest: &str) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let metadata = ["metadata", "--locked", "--format-version", "1", "--manifest-path", manifest];
    let json = output(cargo().args(metadata))?;
    let metadata: Metadata = serde_json::from_str(&json).context("cargo metadata is unreadable")?;
    Ok(metadata.packages)
}

/// The command as a person would type it.
fn told(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_os_string();
    let words = std::iter::once(name.as_os_str()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
