//! All that must hold before a change goes in: one step after the other, or one alone.

use anyhow::{Context, Result};

use crate::cargo::{cargo, command, run, run_printing};
use crate::component::{FEED, PROBE, SOURCE};
use crate::step::{Step, Steps};
use crate::{component, compose, demo, floors, fuzz, ocsf, simulation, supply};

fn fmt() -> Result<()> {
    add_component("fmt", "rustfmt")?;
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    add_component("clippy", "clippy")?;
    let deny = ["--", "--deny", "warnings"];
    run(cargo()
        .args(["clippy", "--release", "--locked", "--workspace", "--all-targets"])
        .args(["--features", "end-to-end/hosts"])
        .args(deny))?;
    // What only the built components have.
    [SOURCE, FEED, PROBE].into_iter().chain(compose::PARTS).try_for_each(|part| {
        component::add_target(part.target())?;
        run(cargo()
            .args(["clippy", "--release", "--locked", "--package", part.package])
            .args(["--target", part.target()])
            .args(deny))
    })
}

fn docs() -> Result<()> {
    run(cargo()
        .args(["doc", "--release", "--locked", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

fn native() -> Result<()> {
    // The host's tests build components of their own.
    component::add_target(SOURCE.target())?;
    let apart = |option| APART.iter().flat_map(move |package| [option, *package]);
    let others = ["--workspace", "--exclude", "end-to-end"].into_iter().chain(apart("--exclude"));
    cargo_test(&others.collect::<Vec<_>>())?;
    cargo_test(&apart("--package").collect::<Vec<_>>())
}

fn component() -> Result<()> {
    component::build()?;
    cargo_test(&["--package", "end-to-end", "--test", "component", "--test", "conformance"])
}

fn end_to_end() -> Result<()> {
    simulation::build()?;
    // Most of the time these tests wait for the host's process.
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--package", "end-to-end"])
            .env("RUST_TEST_THREADS", "8"),
    )
}

fn cargo_test(selected: &[&str]) -> Result<()> {
    run_printing(cargo().args(["test", "--release", "--locked"]).args(selected))
}

/// Packages that ask for more features of crates that the WebAssembly engine needs, too: together with
/// it they would have it built anew.
const APART: [&str; 3] = ["source-command", "wasi-http-adapter", "xtask"];

/// Makes sure that a cargo command of rustup's is there.
fn add_component(subcommand: &str, component: &str) -> Result<()> {
    let there = cargo().args([subcommand, "--version"]).output().is_ok_and(|o| o.status.success());
    if there {
        return Ok(());
    }
    run(command("rustup").args(["component", "add", component]))
        .with_context(|| format!("`cargo {subcommand}` is missing: install {component}"))
}

pub(crate) const STEPS: Steps = Steps {
    command: "test",
    steps: &[
        Step { name: "fmt", what: "every file is formatted", run: fmt },
        Step { name: "clippy", what: "no lint warns", run: clippy },
        Step { name: "floors", what: "imports run downward, in each tree", run: floors::check },
        Step { name: "docs", what: "the documentation builds without a warning", run: docs },
        Step {
            name: "supply",
            what: "every crate is what deny.toml allows, and none is yanked",
            run: supply::check,
        },
        Step { name: "native", what: "the tests of each package", run: native },
        Step { name: "fuzz", what: "the fuzz targets build, where a nightly is", run: fuzz::build },
        Step {
            name: "twice",
            what: "a second build of the components, from clean, is equal",
            run: compose::build_twice,
        },
        Step { name: "demo", what: "the demo gives events and nothing else", run: demo::test },
        Step {
            name: "ocsf",
            what: "detection findings pass the models of another project",
            run: ocsf::check,
        },
        Step { name: "component", what: "the built component in wasmtime", run: component },
        Step {
            name: "end-to-end",
            what: "the component in the host against the simulated API",
            run: end_to_end,
        },
    ],
};
