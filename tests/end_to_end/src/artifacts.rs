//! Where the built files are: beside the test that runs.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The component that `cargo xtask build` made.
#[must_use]
pub fn component() -> PathBuf {
    built("component/mimecast-ttp-source.wasm", "cargo xtask build")
}

/// One of its compositions, or a part of them, by the name of its file.
#[must_use]
pub fn composition(file: &str) -> PathBuf {
    built(&format!("component/{file}"), "cargo xtask build")
}

/// Another source of the same contract.
#[must_use]
pub fn feed_source() -> PathBuf {
    built("component/feed-source.wasm", "cargo xtask build feed-source")
}

/// The source that misbehaves as its configuration says.
#[must_use]
pub fn probe_source() -> PathBuf {
    built("component/probe-source.wasm", "cargo xtask hosts go")
}

/// A source that was begun from that one, in a folder of its own.
#[must_use]
pub fn begun_source() -> PathBuf {
    built("component/acme-audit.wasm", "cargo xtask hosts feed")
}

/// A source of this name that another language's toolchain made.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    built(&format!("component/{name}.wasm"), "cargo xtask hosts guests")
}

/// The source that does what its configuration says: the one of the host's own tests.
#[must_use]
pub fn scripted_source() -> PathBuf {
    built("component/scripted-source.wasm", "cargo xtask hosts python")
}

/// The stock command line of wasmtime.
#[must_use]
pub fn wasmtime() -> PathBuf {
    let file = format!("wasmtime-cli/bin/wasmtime{}", std::env::consts::EXE_SUFFIX);
    built(&file, "cargo xtask hosts wasi")
}

/// The host's program.
#[must_use]
pub fn source_host() -> PathBuf {
    program("source-host")
}

/// The simulated API's program.
#[must_use]
pub fn mimecast_sim() -> PathBuf {
    program("mimecast-sim")
}

/// The Python that has what the hosts in Python need.
#[must_use]
pub fn python() -> PathBuf {
    built("python-host/bin/python", "cargo xtask hosts python")
}

/// A server of NATS that knows atomic batches.
#[must_use]
pub fn nats_server() -> PathBuf {
    built("nats/bin/nats-server", "cargo xtask cluster consumer")
}

/// One that does not.
#[must_use]
pub fn old_nats_server() -> PathBuf {
    built("nats-old/bin/nats-server", "cargo xtask cluster refusals")
}

/// The Python that has a client of NATS.
#[must_use]
pub fn nats_python() -> PathBuf {
    built("nats/bin/python", "cargo xtask cluster consumer")
}

/// An OpenTelemetry Collector that has the receiver.
#[must_use]
pub fn otelcol() -> PathBuf {
    built("pipelines/otelcol", "cargo xtask pipelines collector")
}

/// A Benthos that has the input.
#[must_use]
pub fn benthos() -> PathBuf {
    built("pipelines/benthos", "cargo xtask pipelines benthos")
}

/// A program of the module in Go, by its name.
#[must_use]
pub fn go_program(name: &str) -> PathBuf {
    let file = format!("go-host/{name}{}", std::env::consts::EXE_SUFFIX);
    built(&file, "cargo xtask hosts go")
}

/// An empty folder for a test. It is left as it is at the end, to be looked at after a failure.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn scratch(test: &str) -> PathBuf {
    let dir = target().join("end-to-end").join(test);
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            panic!("{} cannot be emptied: {error}", dir.display())
        }
        _ => fs::create_dir_all(&dir).expect("a folder can be made below target"),
    }
    dir
}

fn program(name: &str) -> PathBuf {
    let file = format!("release/{name}{}", std::env::consts::EXE_SUFFIX);
    built(&file, "cargo build --release --package source-host --package mimecast-sim")
}

fn built(file: &str, remedy: &str) -> PathBuf {
    let path = target().join(file);
    assert!(path.is_file(), "{} is missing: run `{remedy}`", path.display());
    path
}

fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/release/deps/test
    test.ancestors().nth(3).expect("a test lies in target/release/deps").to_path_buf()
}
