//! Random worlds for as long as it is told, or one of them again.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::cargo::{cargo, run_printing};

/// Takes worlds of fresh seeds for so many minutes. A failure tells the command that has it again.
pub(crate) fn fresh(minutes: &str) -> Result<()> {
    let minutes: u64 = minutes.parse().context("--minutes takes a whole number")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    // Nobody had these seeds before.
    let from = now.as_secs() * 1_000_000;
    soak(&[("SIMULATION_MINUTES", minutes), ("SIMULATION_FROM", from)])
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
