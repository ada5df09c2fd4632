//! The component in pipelines that people run: their programs built with it, killed and cut off.

use std::fs;

use anyhow::{Context, Result};

use crate::cargo::{cargo, run, run_printing, target_dir};
use crate::go::{self, Module};
use crate::step::{Step, Steps};
use crate::{component, compose, kit, new_source, simulation};

/// The steps of `cargo xtask pipelines`.
pub(crate) const STEPS: Steps = Steps {
    command: "pipelines",
    steps: &[
        Step {
            name: "collector",
            what: "the receiver in an OpenTelemetry Collector",
            run: test_collector,
        },
        Step { name: "benthos", what: "the input in Benthos", run: test_benthos },
    ],
};

fn test_collector() -> Result<()> {
    if !is_ready()? {
        return Ok(());
    }
    build_collector()?;
    COLLECTOR.check(&[("POLLING_SOURCE_OTELCOL", target_dir().join("pipelines/otelcol"))])?;
    test("collector")
}

fn test_benthos() -> Result<()> {
    if !is_ready()? {
        return Ok(());
    }
    BENTHOS.check(&[])?;
    build_benthos()?;
    test("benthos")
}

/// Builds the components that the tests load. False, and told, where there is no Go.
fn is_ready() -> Result<bool> {
    if !go::is_there()? {
        return Ok(false);
    }
    compose::build()?;
    component::build_source(component::FEED)?;
    component::build_scripted()?;
    new_source::build()?;
    kit::probe()?;
    Ok(true)
}

/// Builds the Collector that `builder.yaml` describes.
pub(crate) fn build_collector() -> Result<()> {
    let dir = target_dir().join("pipelines");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    run(&mut COLLECTOR.go(&["run", BUILDER, "--config", "builder.yaml"]))
}

/// Builds a Benthos with the input.
pub(crate) fn build_benthos() -> Result<()> {
    run(BENTHOS
        .go(&["build", "-trimpath", "-o"])
        .arg(target_dir().join("pipelines/benthos"))
        .arg("./cmd/benthos"))
}

/// Runs the tests of one module of `tests/end_to_end/tests/pipelines/`.
fn test(module: &str) -> Result<()> {
    simulation::build()?;
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--package", "end-to-end"])
            .args(["--features", "hosts", "--test", "pipelines", "--"])
            .arg(format!("{module}::")),
    )
}

const COLLECTOR: Module = Module("examples/go/collector");
const BENTHOS: Module = Module("examples/go/benthos");
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder@v0.161.0";
