//! Builds the component, and checks what comes out: its imports, its size, no trace of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cargo::{cargo, command, output, packages, run, rustc, target_dir, workspace};
use crate::imports;

/// A package of the workspace that is built as a component.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) package: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Imports what its world names, and nothing else.
    Library,
    /// Has the standard library's files, environment and clock, over WASI.
    Program,
}

/// The source itself.
pub(crate) const SOURCE: Part<'static> = Part::library("mimecast-ttp-source");

/// Another source of the same contract.
pub(crate) const FEED: Part<'static> = Part::library("feed-source");

/// What the scenarios for hosts run.
pub(crate) const PROBE: Part<'static> = Part::library("probe-source");

const SIZE_MAX: usize = 275 * 1000;
/// What has to be inlined for speed says so. By its own measure the compiler inlines much more and
/// unrolls loops, and the component is a third larger and no faster.
pub(crate) const COPY_LESS: &str = "-Cllvm-args=--inline-threshold=45 --unroll-threshold=0";

/// The stack of a source, in its linear memory: 1 MiB if nothing is said, which an idle instance keeps, and
/// hosts that copy a memory as it grows copy each time. What runs over it traps.
pub(crate) const STACK: &str = "-Clink-arg=-zstack-size=65536";

impl<'a> Part<'a> {
    pub(crate) const fn library(package: &'a str) -> Self {
        Self { package, kind: Kind::Library }
    }

    pub(crate) const fn program(package: &'a str) -> Self {
        Self { package, kind: Kind::Program }
    }

    pub(crate) const fn target(self) -> &'static str {
        match self.kind {
            Kind::Library => "wasm32-unknown-unknown",
            Kind::Program => "wasm32-wasip2",
        }
    }

    /// The name of the file that it is released as.
    pub(crate) fn file(self) -> String {
        format!("{}.wasm", self.package)
    }
}

/// Builds the component, checks it, and gives the file's path.
pub(crate) fn build() -> Result<PathBuf> {
    build_source(SOURCE)
}

/// The same for any package that is a source of the contract.
pub(crate) fn build_source(source: Part<'_>) -> Result<PathBuf> {
    let wasm = compile_source(source, &target_dir())?;
    let path = target_dir().join("component").join(source.file());
    fs::write(&path, &wasm).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("{}: {} bytes", path.display(), wasm.len());
    Ok(path)
}

/// Builds the source that does what its configuration says, which the host's own tests build likewise.
pub(crate) fn build_scripted() -> Result<()> {
    add_target(SOURCE.target())?;
    let dir = target_dir().join("tmp/guest");
    run(cargo()
        .args(["build", "--release", "--locked", "--target", SOURCE.target()])
        .args(["--manifest-path", "examples/host/tests/guest/Cargo.toml", "--target-dir"])
        .arg(&dir))?;
    let built = dir.join(SOURCE.target()).join("release/scripted_guest.wasm");
    let path = target_dir().join("component/scripted-source.wasm");
    fs::copy(&built, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Builds a source below `dir`, checks it, and gives its bytes.
pub(crate) fn compile_source(source: Part<'_>, dir: &Path) -> Result<Vec<u8>> {
    let wasm = imports::nameless(&compile(source, dir)?)?;
    imports::check_within(&wasm, "wit/imports.txt")?;
    ensure!(
        wasm.len() <= SIZE_MAX,
        "the component has {} bytes: {SIZE_MAX} are allowed",
        wasm.len()
    );
    check_traces(&wasm)?;
    Ok(wasm)
}

/// Makes sure that the standard library for a target is there.
///
/// `rust-toolchain.toml` names the target, but rustup adds it by itself only where it may install.
pub(crate) fn add_target(target: &str) -> Result<()> {
    let libs = output(rustc().args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(&libs).is_dir() {
        return Ok(());
    }
    run(command("rustup").args(["target", "add", target])).with_context(|| {
        format!(
            "the target {target} is missing: install it for {}, with `rustup target add {target}` \
             or from where your Rust came",
            output(rustc().arg("--version")).unwrap_or_else(|_| "your Rust".to_owned())
        )
    })
}

/// Builds a part below `dir`, and gives its bytes.
pub(crate) fn compile(part: Part<'_>, dir: &Path) -> Result<Vec<u8>> {
    let target = part.target();
    add_target(target)?;
    let flags: Vec<String> = remapped(dir)?
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .chain([COPY_LESS.to_owned()])
        .chain((part.kind == Kind::Library).then(|| STACK.to_owned()))
        .collect();
    let (kind, file) = match part.kind {
        Kind::Library => (&["--lib", "--crate-type", "cdylib"][..], part.file().replace('-', "_")),
        Kind::Program => (&["--bins"][..], part.file()),
    };
    // This variable goes before every other place where flags can be set: whatever a user's own are,
    // the component is the same.
    run(cargo()
        .args(["rustc", "--locked", "--profile", "component", "--target", target])
        .args(["--package", part.package])
        .args(kind)
        .arg("--target-dir")
        .arg(dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))?;
    let path = dir.join(target).join("component").join(file);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The folders of this machine whose names the compiler would write into panic messages, and what it
/// writes instead. Of several that match the last one counts.
fn remapped(dir: &Path) -> Result<Vec<(PathBuf, String)>> {
    let sysroot = PathBuf::from(output(rustc().args(["--print", "sysroot"]))?);
    let version = output(rustc().arg("-vV"))?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    let std = format!("/rustc/{}", commit.unwrap_or("unknown"));
    let mut remapped = vec![
        (home(), "/home".to_owned()),
        (cargo_home(), "/cargo".to_owned()),
        (sysroot.clone(), "/rust".to_owned()),
        // Where the library's sources are installed, the compiler names them instead of this.
        (sysroot.join("lib/rustlib/src/rust"), std),
        (workspace(), "/source".to_owned()),
        (dir.to_path_buf(), "/target".to_owned()),
    ];
    remapped.extend(dependency_dirs()?.into_iter().map(|dir| (dir, "/crates".to_owned())));
    Ok(remapped)
}

/// The folders that hold the sources of the dependencies: their names differ by registry and mirror.
fn dependency_dirs() -> Result<BTreeSet<PathBuf>> {
    let packages = packages("Cargo.toml")?;
    let dependencies = packages.iter().filter(|package| package.source.is_some());
    let manifests = dependencies.map(|package| package.manifest_path.as_path());
    Ok(manifests.filter_map(|path| Some(path.parent()?.parent()?.to_path_buf())).collect())
}

/// Fails if a component tells where it was built.
pub(crate) fn check_traces(wasm: &[u8]) -> Result<()> {
    for path in traces() {
        ensure!(
            !contains(wasm, path.as_bytes()),
            "the component names a path of this machine: {path}"
        );
    }
    Ok(())
}

/// What must not be inside: each would tell where, and by whom, the component was built.
fn traces() -> Vec<String> {
    let dirs = [home(), cargo_home(), rustup_home(), workspace()];
    dirs.iter()
        // A home folder of `/` would match anything.
        .filter(|dir| dir.components().count() > 1)
        .map(|dir| dir.display().to_string())
        .chain(["/registry/src/".to_owned()])
        .collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"))
}

fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

fn rustup_home() -> PathBuf {
    std::env::var_os("RUSTUP_HOME").map_or_else(|| home().join(".rustup"), PathBuf::from)
}
