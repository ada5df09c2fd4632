//! Packages of Node's, as the lock file of a folder names them.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{command, run, workspace};

/// Installs what `package-lock.json` in a folder of the workspace names, if it is not there. Nothing of it
/// runs meanwhile.
pub(crate) fn install(folder: &str) -> Result<()> {
    let dir = workspace().join(folder);
    let lock = dir.join("package-lock.json");
    let asked = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    // Written last: what is half installed has none.
    let installed = dir.join("node_modules/.installed-package-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == asked) {
        return Ok(());
    }
    ensure_hashed(&asked).with_context(|| format!("{} is not whole", lock.display()))?;
    run(command("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&dir))
    .context("install Node 20 or later with npm; where they are, npm tells why it fails")?;
    fs::write(&installed, &asked).with_context(|| format!("cannot write {}", installed.display()))
}

/// Fails with the packages that a lock file has no hash of: npm would install whatever it is given.
fn ensure_hashed(lock: &[u8]) -> Result<()> {
    let lock: Value = serde_json::from_slice(lock)?;
    let packages = lock["packages"].as_object().context("it has no packages")?;
    // The nameless one is the folder's own.
    let hashless = packages.iter().filter(|(path, package)| {
        !path.is_empty()
            && !package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-"))
    });
    let hashless: Vec<&str> = hashless.map(|(path, _)| path.as_str()).collect();
    ensure!(hashless.is_empty(), "no hash of {}", hashless.join(", "));
    Ok(())
}

/// Runs a script that `package.json` in a folder of the workspace has.
pub(crate) fn run_script(folder: &str, script: &str) -> Result<()> {
    run(command("npm").args(["run", "--silent", script]).current_dir(workspace().join(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_hash_is_not_installed() {
        let lock = |package: &str| {
            format!(r#"{{"packages": {{"": {{}}, "node_modules/some": {{{package}}}}}}}"#)
        };
        assert!(ensure_hashed(lock(r#""integrity": "sha512-aGFzaA==""#).as_bytes()).is_ok());
        for package in ["", r#""integrity": """#, r#""integrity": "sha1-aGFzaA==""#] {
            let refused =
                ensure_hashed(lock(package).as_bytes()).map_err(|error| error.to_string());
            assert_eq!(refused, Err("no hash of node_modules/some".to_owned()), "{package}");
        }
        assert!(ensure_hashed(b"{}").is_err());
    }
}
