//! Environments of Python, each with the packages that a file names.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::{command, run, target_dir, workspace};

/// The Python of the environment `target/NAME`, which has what the requirements file asks for. It is
/// made anew if the file has changed.
pub(crate) fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let dir = target_dir().join(name);
    let python = dir.join("bin/python");
    let required = workspace().join(requirements);
    let asked =
        fs::read(&required).with_context(|| format!("cannot read {}", required.display()))?;
    // Written last: what is half made has none.
    let installed = dir.join("requirements.txt");
    if fs::read(&installed).is_ok_and(|installed| installed == asked) && python.exists() {
        return Ok(python);
    }
    run(command("python3").args(["-m", "venv", "--clear"]).arg(&dir)).context(
        "install Python 3.11 or later with venv: Debian's packages python3, python3-venv",
    )?;
    run(command(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-input", "--require-hashes", "--requirement"])
        .arg(&required))
    .with_context(|| format!("{requirements} cannot be installed: pip tells why"))?;
    write(&installed, &asked)?;
    Ok(python)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
