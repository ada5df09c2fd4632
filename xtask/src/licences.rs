//! Holds the licence of every dependency against the list in `deny.toml`.
//!
//! `cargo deny check` reads the same file and looks at more; this much needs nothing installed.

use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::cargo::{Package, packages, workspace};

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

/// Fails with the name of every package whose licence is not allowed.
pub(crate) fn check() -> Result<()> {
    let path = workspace().join("deny.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let deny: Deny =
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let allow = deny.licenses.allow;
    let packages = packages()?;
    let refused: Vec<String> =
        packages.iter().filter_map(|package| refusal(package, &allow)).collect();
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n{}", refused.join("\n"));
    }
    eprintln!("{} packages, all under licences that deny.toml allows", packages.len());
    Ok(())
}

fn refusal(package: &Package, allow: &[String]) -> Option<String> {
    let Package { name, version, license, .. } = package;
    let Some(license) = license else {
        return Some(format!("  {name} {version}: names no licence"));
    };
    // Older packages write `MIT/Apache-2.0`.
    let allowed = Expression::parse_mode(license, ParseMode::LAX)
        .is_ok_and(|expression| expression.evaluate(|licence| is_allowed(licence, allow)));
    (!allowed).then(|| format!("  {name} {version}: {license}"))
}

fn is_allowed(licence: &LicenseReq, allow: &[String]) -> bool {
    allow.contains(&licence.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_licence_that_an_expression_asks_for_must_be_allowed() {
        let allow = ["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
        for license in ["MIT", "MIT/Apache-2.0", "Apache-2.0 WITH LLVM-exception AND MIT"] {
            assert_eq!(refusal(&package(Some(license)), &allow), None, "{license}");
        }
        for license in ["Apache-2.0", "MIT AND Apache-2.0", "GPL-3.0-only", "no licence", ""] {
            assert!(refusal(&package(Some(license)), &allow).is_some(), "{license}");
        }
        assert!(refusal(&package(None), &allow).is_some());
    }

    fn package(license: Option<&str>) -> Package {
        Package {
            name: "some".to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: None,
            manifest_path: "Cargo.toml".into(),
        }
    }
}
