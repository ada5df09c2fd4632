//! The scenarios of `tests/conformance/` in hosts of other languages: the same transcripts, to the
//! byte.

#[allow(dead_code, reason = "what a scenario gives to a host is read by that host")]
#[path = "../../../conformance/scenario.rs"]
mod scenario;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::artifacts;
use scenario::Scenario;

use crate::node::{self, run};

#[test]
fn every_scenario_ends_as_it_says_in_python() {
    let transcripts = artifacts::scratch("conformance-python");
    let python = artifacts::python();
    run(Command::new(python)
        .arg("-B")
        .arg(scenarios().join("run.py"))
        .arg(artifacts::component())
        .arg(scenarios())
        .arg(&transcripts));
    assert_as_expected(&transcripts);
}

#[test]
fn every_scenario_ends_as_it_says_in_node() {
    let transcripts = artifacts::scratch("conformance-node");
    let transpiled = node::transpiled(&artifacts::component(), "sync");
    run(Command::new("node")
        .arg(scenarios().join("run.mjs"))
        .arg(transpiled.join("source.js"))
        .arg(scenarios())
        .arg(&transcripts));
    assert_as_expected(&transcripts);
}

#[track_caller]
pub(crate) fn assert_as_expected(transcripts: &Path) {
    let all = scenario::all(&scenarios());
    assert!(all.len() >= 40, "{} scenarios", all.len());
    for (name, text) in all {
        let file = transcripts.join(&name).with_extension("json");
        let transcript = fs::read_to_string(&file);
        let transcript = transcript.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(transcript, Scenario::parse(&name, &text).expected(), "{name}");
    }
}

pub(crate) fn scenarios() -> PathBuf {
    workspace().join("tests/conformance")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
