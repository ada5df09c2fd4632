//! The stock command line of wasmtime, as its makers publish it: a WASI runtime that nobody here wrote.

use anyhow::{Context, Result};

use crate::cargo::{cargo, command, run, target_dir};

const VERSION: &str = "48.0.8";
/// No more than it takes to run commands with HTTP, so that it builds in minutes.
const FEATURES: &str = "run,cranelift,component-model,wasi-http,parallel-compilation";

/// Installs it into `target/wasmtime-cli/`, if it is not there. Takes some minutes, once.
pub(crate) fn install() -> Result<()> {
    let root = target_dir().join("wasmtime-cli");
    let program = root.join("bin").join(format!("wasmtime{}", std::env::consts::EXE_SUFFIX));
    let told = command(&program).arg("--version").output();
    if told.is_ok_and(|told| told.stdout.starts_with(format!("wasmtime {VERSION}").as_bytes())) {
        return Ok(());
    }
    run(cargo()
        .args(["install", "wasmtime-cli", "--version", VERSION, "--locked", "--force"])
        .args(["--no-default-features", "--features", FEATURES, "--root"])
        .arg(&root)
        // It is to run some minutes of tests: built so, it is there sooner.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off"))
    .context("wasmtime cannot be built: cargo tells why")
}
