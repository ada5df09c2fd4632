//! Where the built files are: beside the test that runs.

use std::path::PathBuf;

/// The component that `cargo xtask build` made.
#[must_use]
pub fn component() -> PathBuf {
    built("component/mimecast-ttp-source.wasm", "cargo xtask build")
}

/// The host's program.
#[must_use]
pub fn source_host() -> PathBuf {
    let file = format!("release/source-host{}", std::env::consts::EXE_SUFFIX);
    built(&file, "cargo build --release --package source-host")
}

fn built(file: &str, remedy: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/release/deps/test
    let target = test.ancestors().nth(3).expect("a test lies in target/release/deps");
    let path = target.join(file);
    assert!(path.is_file(), "{} is missing: run `{remedy}`", path.display());
    path
}
