//! Packages of Node's, as the lock file of a folder names them.

use std::fs;

use anyhow::{Context, Result};

use crate::cargo::{command, run, workspace};

/// Installs what `package-lock.json` in a folder of the workspace names, if it is not there.
pub(crate) fn install(folder: &str) -> Result<()> {
    let dir = workspace().join(folder);
    let lock = dir.join("package-lock.json");
    let asked = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    // Written last: what is half installed has none.
    let installed = dir.join("node_modules/.installed-package-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == asked) {
        return Ok(());
    }
    run(command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&dir))
        .context("install Node 20 or later with npm; where they are, npm tells why it fails")?;
    fs::write(&installed, &asked).with_context(|| format!("cannot write {}", installed.display()))
}

/// Runs a script that `package.json` in a folder of the workspace has.
pub(crate) fn run_script(folder: &str, script: &str) -> Result<()> {
    run(command("npm").args(["run", "--silent", script]).current_dir(workspace().join(folder)))
}
