//! Random worlds for as long as it is told, or one of them again.
//!
//! Those of the source are simulated; those of the host are kills and failed system calls, which the
//! real process meets.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::cargo::{cargo, run_printing};

/// Takes worlds of fresh seeds for so many minutes. A failure tells the command that has it again.
pub(crate) fn fresh(minutes: &str) -> Result<()> {
    let minutes = whole(minutes)?;
    soak(&[("SIMULATION_MINUTES", minutes), ("SIMULATION_FROM", fresh_seed()?)])
}

/// Kills the host and lets its system calls fail for so many minutes, and counts both.
pub(crate) fn host(minutes: &str) -> Result<()> {
    let told = [("SOAK_MINUTES", whole(minutes)?), ("SOAK_SEED", fresh_seed()?)];
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--test", "host"])
            // With what the tests build it with: alone it would have the engine built anew.
            .args(["--package", "source-host", "--package", "end-to-end"])
            .args(["--", "--ignored", "--exact", "--nocapture", "syscalls::soak"])
            .envs(told.map(|(name, number)| (name, number.to_string()))),
    )
}

fn whole(minutes: &str) -> Result<u64> {
    minutes.parse().context("--minutes takes a whole number")
}

/// Nobody had this seed before, nor those that follow it.
fn fresh_seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(now.as_secs() * 1_000_000)
}

/// Takes the world of one seed, and prints all that happened in it.
pub(crate) fn again(seed: &str) -> Result<()> {
    let seed = seed.parse().context("--seed takes a whole number")?;
    soak(&[("SIMULATION_SEED", seed)])
}

fn soak(told: &[(&str, u64)]) -> Result<()> {
    let told = told.iter().map(|(name, number)| (*name, number.to_string()));
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--package", "mimecast-ttp-source"])
            .args(["--test", "simulation", "--", "--ignored", "--exact", "--nocapture", "soak"])
            .envs(told),
    )
}
