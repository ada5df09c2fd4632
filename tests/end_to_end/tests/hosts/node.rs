//! The example in Node against the simulated API and over its own HTTP, and what jco makes of a component
//! for Node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use end_to_end::artifacts;

use crate::example::{Language, exchanges};

crate::behaviours::test_example!(Language::Node);
crate::exchange::test_exchanges!(|asked| exchanges(Language::Node, asked));
crate::exchange::test_exchanges!(|asked| exchanges(Language::Node, asked) =>
    more_than_256_headers_are_too_large
);

/// The folder of what jco makes of the scripted component.
pub(crate) fn scripted() -> &'static Path {
    static SCRIPTED: OnceLock<PathBuf> = OnceLock::new();
    SCRIPTED.get_or_init(|| transpiled(&artifacts::scripted_source(), "async"))
}

/// The folder of what jco makes of a component. `mode` is `sync` or `async`: how it is instantiated.
pub(crate) fn transpiled(component: &Path, mode: &str) -> PathBuf {
    let name = component.file_stem().unwrap().to_string_lossy();
    let dir = artifacts::scratch(&format!("transpiled-{name}-{mode}"));
    run(Command::new(Language::Node.folder().join("node_modules/.bin/jco"))
        .arg("transpile")
        .arg(component)
        .args(["--quiet", "--instantiation", mode, "--name", "source", "--out-dir"])
        .arg(&dir));
    fs::write(dir.join("package.json"), r#"{"type": "module"}"#).unwrap();
    dir
}

/// Runs a command that must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command:?}: {}\n{told}", ended.status);
}
