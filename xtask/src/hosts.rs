//! The component in hosts of other languages and makers, and another source in the project's own.

use std::path::PathBuf;

use anyhow::Result;

use crate::cargo::{cargo, command, run, run_printing, target_dir};
use crate::component::FEED;
use crate::step::{Step, Steps};
use crate::{browser, component, compose, go, kit, new_source, node, python, simulation, wasmtime};

/// The steps of `cargo xtask hosts`.
pub(crate) const STEPS: Steps = Steps {
    command: "hosts",
    steps: &[
        Step {
            name: "conformance",
            what: "the same transcripts in Python and in Node",
            run: test_conformance,
        },
        Step { name: "python", what: "the example in Python", run: test_python },
        Step { name: "node", what: "the example in Node", run: test_node },
        Step { name: "go", what: "the host in Go, and the same transcripts there", run: test_go },
        Step { name: "rust", what: "the smallest host in Rust", run: test_rust },
        Step { name: "wasi", what: "the component where WASI is all there is", run: test_wasi },
        Step {
            name: "feed",
            what: "another source in the same host, and one that is begun from it",
            run: test_feed,
        },
        Step { name: "guests", what: "sources in JavaScript and Python", run: test_guests },
        Step {
            name: "kit",
            what: "the scenarios for hosts, in each host there is",
            run: kit::play_all,
        },
        Step { name: "browser", what: "the component in a page", run: browser::test },
    ],
};

/// Prints what polls and instances cost in other languages.
pub(crate) fn bench() -> Result<()> {
    run_printing(command(python_environment()?).args(["-B", "examples/python/bench.py"]))?;
    node_component()?;
    run_printing(command("node").arg("examples/node/bench.mjs"))
}

fn test_conformance() -> Result<()> {
    python_environment()?;
    node::install("examples/node")?;
    test("conformance")
}

fn test_python() -> Result<()> {
    python_environment()?;
    component::build_source(FEED)?;
    component::build_scripted()?;
    test("python")
}

fn test_node() -> Result<()> {
    node_component()?;
    component::build_source(FEED)?;
    component::build_scripted()?;
    test("node")
}

fn test_go() -> Result<()> {
    if !go::is_there()? {
        return Ok(());
    }
    component::build()?;
    component::build_source(FEED)?;
    component::build_scripted()?;
    kit::probe()?;
    go::check()?;
    go::build()?;
    test("go")
}

fn test_rust() -> Result<()> {
    simulation::build_programs(&["smallest-host"])?;
    component::build_scripted()?;
    test("rust")
}

fn test_feed() -> Result<()> {
    component::build_source(FEED)?;
    new_source::build()?;
    test("feed")
}

fn test_guests() -> Result<()> {
    // Makes the folder that the others' toolchains write into.
    component::build()?;
    node::install("examples/javascript-source")?;
    node::run_script("examples/javascript-source", "componentize")?;
    let python = python::environment("python-source", "examples/python-source/requirements.txt")?;
    // What is not in the contract's world is stubbed: Python's library asks for files and sockets, too.
    run(command(python.with_file_name("componentize-py"))
        .args(["--wit-path", "wit", "--world", "polling-source", "componentize", "--stub-wasi"])
        .args(["--python-path", "examples/python-source", "app", "--output"])
        .arg(target_dir().join("component/python-source.wasm")))?;
    test("guests")
}

fn test_wasi() -> Result<()> {
    wasmtime::install()?;
    compose::build()?;
    test("wasi")
}

/// What the example in Node runs: the component as JavaScript makes use of it.
fn node_component() -> Result<()> {
    node::install("examples/node")?;
    component::build()?;
    node::run_script("examples/node", "transpile")
}

fn python_environment() -> Result<PathBuf> {
    python::environment("python-host", "examples/python/requirements.txt")
}

/// Runs the tests of one module of `tests/end_to_end/tests/hosts/`.
fn test(module: &str) -> Result<()> {
    simulation::build()?;
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--package", "end-to-end"])
            .args(["--features", "hosts", "--test", "hosts", "--"])
            .arg(format!("{module}::")),
    )
}
