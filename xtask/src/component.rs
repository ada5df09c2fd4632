//! Builds the component, and checks what comes out: its imports, its size, no trace of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Encoding, Parser, Payload};

use crate::cargo::{cargo, command, output, packages, run, rustc, target_dir, workspace};

/// What the component is built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const FILE: &str = "mimecast_ttp_source.wasm";
const SIZE_MAX: usize = 260 * 1000;
/// What has to be inlined for speed says so. By its own measure the compiler inlines much more, and
/// the component is a quarter larger.
const INLINE_LESS: &str = "-Cllvm-args=--inline-threshold=75";

/// Builds the component, checks it, and gives the file's path.
pub(crate) fn build() -> Result<PathBuf> {
    add_target()?;
    let wasm = compile(&target_dir())?;
    let path = target_dir().join("component/mimecast-ttp-source.wasm");
    fs::write(&path, &wasm).with_context(|| format!("cannot write {}", path.display()))?;
    check(&wasm)?;
    eprintln!("{}: {} bytes", path.display(), wasm.len());
    Ok(path)
}

/// Builds the component twice from clean, in two folders, and compares the two to the byte.
pub(crate) fn build_twice() -> Result<()> {
    add_target()?;
    let mut built = Vec::new();
    for name in ["first", "second"] {
        let dir = target_dir().join("twice").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        built.push(compile(&dir)?);
    }
    ensure!(
        built[0] == built[1],
        "two builds from clean differ: compare the files below {}",
        target_dir().join("twice").display()
    );
    check(&built[0])?;
    eprintln!("two builds from clean are equal to the byte: {} bytes", built[0].len());
    Ok(())
}

/// Makes sure that the standard library for the target is there.
///
/// `rust-toolchain.toml` names the target, but rustup adds it by itself only where it may install.
pub(crate) fn add_target() -> Result<()> {
    let libs = output(rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    if Path::new(&libs).is_dir() {
        return Ok(());
    }
    run(command("rustup").args(["target", "add", TARGET])).with_context(|| {
        format!(
            "the target {TARGET} is missing: install it for {}, with `rustup target add {TARGET}` \
             or from where your Rust came",
            output(rustc().arg("--version")).unwrap_or_else(|_| "your Rust".to_owned())
        )
    })
}

/// Builds the component below `dir`, and gives its bytes.
fn compile(dir: &Path) -> Result<Vec<u8>> {
    let flags: Vec<String> = remapped(dir)?
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .chain([INLINE_LESS.to_owned()])
        .collect();
    // This variable goes before every other place where flags can be set: whatever a user's own are,
    // the component is the same.
    run(cargo()
        .args(["rustc", "--locked", "--profile", "component", "--target", TARGET])
        .args(["--package", "mimecast-ttp-source", "--lib", "--crate-type", "cdylib"])
        .arg("--target-dir")
        .arg(dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))?;
    let path = dir.join(TARGET).join("component").join(FILE);
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
    let packages = packages()?;
    let dependencies = packages.iter().filter(|package| package.source.is_some());
    let manifests = dependencies.map(|package| package.manifest_path.as_path());
    Ok(manifests.filter_map(|path| Some(path.parent()?.parent()?.to_path_buf())).collect())
}

/// Every rule that the component must keep.
fn check(wasm: &[u8]) -> Result<()> {
    let list = workspace().join("wit/imports.txt");
    let listed =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let mut imports = imports(wasm)?;
    imports.sort();
    let imports = imports.join("\n") + "\n";
    ensure!(
        imports == listed,
        "the component's imports are not those of wit/imports.txt\nlisted:\n{listed}built:\n{imports}"
    );
    ensure!(
        wasm.len() <= SIZE_MAX,
        "the component has {} bytes: {SIZE_MAX} are allowed",
        wasm.len()
    );
    for path in traces() {
        ensure!(
            !contains(wasm, path.as_bytes()),
            "the component names a path of this machine: {path}"
        );
    }
    Ok(())
}

/// The full names of what a component imports.
fn imports(wasm: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    // The modules and components inside have imports of their own, which are met inside.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.context("the component cannot be read")? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                bail!(
                    "the build gave a core module, not a component: is wasm-component-ld the linker?"
                )
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
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
