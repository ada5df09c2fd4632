//! The component in a page: builds `examples/browser`, and tests it in headless Chromium.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::cargo::{command, output, run, run_printing, target_dir, workspace};
use crate::{component, node};

/// Builds the page and runs its tests; Chromium is installed where it is missing.
pub(crate) fn test() -> Result<()> {
    let component = component::build()?;
    node::install(FOLDER)?;
    let page = target_dir().join("browser/index.html");
    let dir = workspace().join(FOLDER);
    run(command("node").arg("build.mjs").args([&component, &page]).current_dir(&dir))?;
    let chromium = chromium()?;
    run_printing(
        command("npm")
            .args(["run", "--silent", "test"])
            .current_dir(&dir)
            .env("PAGE", &page)
            .env("CHROMIUM", &chromium),
    )
    .with_context(|| format!("the page fails in {}", chromium.display()))
}

fn chromium() -> Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    if find("apt-get").is_none() {
        bail!(
            "no Chromium is found: install Chromium or Chrome so that one of {} is in PATH, or \
             name its program in CHROMIUM",
            NAMES.join(", ")
        );
    }
    eprintln!("browser: there is no Chromium; installing Debian's");
    let is_root = output(command("id").arg("-u"))? == "0";
    for args in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
        let mut apt = command(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            apt.arg("apt-get");
        }
        run(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive")).context(
            "Chromium cannot be installed: install it by hand, or name its program in CHROMIUM",
        )?;
    }
    installed().context("Debian's package chromium has no program of that name")
}

fn installed() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    let app = || MAC_APPS.into_iter().map(PathBuf::from).find(|app| app.exists());
    named.or_else(|| NAMES.into_iter().find_map(find)).or_else(app)
}

fn find(name: &str) -> Option<PathBuf> {
    let dirs = env::var_os("PATH")?;
    env::split_paths(&dirs).map(|dir| dir.join(name)).find(|program| program.is_file())
}

const FOLDER: &str = "examples/browser";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC_APPS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
