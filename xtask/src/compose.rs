//! Composes the component with the adapter and the driver of `examples/`, into components that need
//! nothing but WASI, and checks what comes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId, plug};

use crate::cargo::target_dir;
use crate::component::{self, Part, SOURCE};
use crate::imports;

/// Maps the contract's HTTP to that of WASI.
const ADAPTER: Part<'static> = Part::library("wasi-http-adapter");

/// Drives a source as a WASI command.
const DRIVER: Part<'static> = Part::program("source-command");

/// The parts that compositions add to the source.
pub(crate) const PARTS: [Part<'static>; 2] = [ADAPTER, DRIVER];

/// A component that is built, under the name of its file.
struct Built {
    file: String,
    wasm: Vec<u8>,
}

/// Builds the component and its compositions into `target/component/`.
pub(crate) fn build() -> Result<()> {
    for Built { file, wasm } in build_below(&target_dir())? {
        let path = path(&file);
        fs::write(&path, &wasm).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{}: {} bytes", path.display(), wasm.len());
    }
    Ok(())
}

/// Builds another source of the workspace as a command, and gives the file's path.
pub(crate) fn build_command(source: Part<'_>) -> Result<PathBuf> {
    let dir = target_dir();
    let adapter = component::compile(ADAPTER, &dir)?;
    let over_wasi = imports::oldest(&plugged(&component::compile(source, &dir)?, &adapter)?)?;
    let command = plugged(&component::compile(DRIVER, &dir)?, &over_wasi)?;
    let path = path(&format!("{}.command.wasm", source.package));
    fs::write(&path, imports::oldest(&command)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Builds them, and once more from clean in another folder, and compares the two to the byte.
pub(crate) fn build_twice() -> Result<()> {
    build()?;
    let dir = target_dir().join("twice");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    for Built { file, wasm } in build_below(&dir)? {
        let first = path(&file);
        ensure!(
            fs::read(&first).with_context(|| format!("cannot read {}", first.display()))? == wasm,
            "a second build of {file}, from clean, differs from {}: compare with those below {}",
            first.display(),
            dir.display()
        );
        eprintln!("{file}: a second build, from clean, is equal");
    }
    Ok(())
}

/// Builds all of them below `dir`.
fn build_below(dir: &Path) -> Result<Vec<Built>> {
    let source = component::compile_source(SOURCE, dir)?;
    let mut built = compose(&source, dir)?;
    built.push(Built { file: SOURCE.file(), wasm: source });
    Ok(built)
}

/// The compositions of a source, their other parts built below `dir`.
fn compose(source: &[u8], dir: &Path) -> Result<Vec<Built>> {
    let adapter = component::compile(ADAPTER, dir)?;
    let driver = component::compile(DRIVER, dir)?;
    let over_wasi = imports::oldest(&plugged(source, &adapter)?)?;
    let command = imports::oldest(&plugged(&driver, &over_wasi)?)?;
    imports::check(&over_wasi, "examples/wasi-http/imports.txt")?;
    imports::check(&command, "examples/command/imports.txt")?;
    let built = vec![
        Built { file: composition("wasi-http"), wasm: over_wasi },
        Built { file: composition("command"), wasm: command },
        // For other sources of the contract.
        Built { file: ADAPTER.file(), wasm: imports::oldest(&adapter)? },
        Built { file: DRIVER.file(), wasm: imports::oldest(&driver)? },
    ];
    built.iter().try_for_each(|built| component::check_traces(&built.wasm))?;
    Ok(built)
}

/// A component whose imports are what another exports.
fn plugged(socket: &[u8], exporter: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let exporter = register(&mut graph, "part:exporter", exporter)?;
    let socket = register(&mut graph, "part:socket", socket)?;
    plug(&mut graph, vec![exporter], socket).context("the parts do not fit together")?;
    graph.encode(EncodeOptions::default()).context("the composition cannot be written")
}

fn register(graph: &mut CompositionGraph, name: &str, wasm: &[u8]) -> Result<PackageId> {
    let package = Package::from_bytes(name, None, wasm, graph.types_mut())
        .with_context(|| format!("{name} cannot be read"))?;
    Ok(graph.register_package(package)?)
}

/// The name of a composition's file: `mimecast-ttp-source.WHAT.wasm`.
fn composition(what: &str) -> String {
    format!("{}.{what}.wasm", SOURCE.package)
}

fn path(file: &str) -> PathBuf {
    target_dir().join("component").join(file)
}
