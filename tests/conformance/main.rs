//! The scenarios of this folder before the core itself. The built component is held to the same ones
//! in other hosts: in wasmtime by `cargo xtask test component`, in Python and in Node by
//! `cargo xtask hosts conformance`.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod native;
mod scenario;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scenario::{Function, Scenario};
use serde_json::Value;

#[test]
fn every_scenario_ends_as_it_says_when_the_core_is_stepped_natively() {
    for (name, text) in scenario::all(&dir()) {
        let scenario = Scenario::parse(&name, &text);
        assert_eq!(native::transcript(&scenario), scenario.expected(), "{name}");
    }
}

#[test]
fn the_scenarios_cover_all_functions_formats_credentials_replies_and_outcomes() {
    let all = scenario::all(&dir());
    assert!(all.len() >= 40, "{} scenarios", all.len());
    let mut met: BTreeSet<String> = BTreeSet::new();
    let mut functions = BTreeSet::new();
    for (name, text) in &all {
        functions.extend(Scenario::parse(name, text).calls.iter().map(|call| call.function));
        let scenario: Value = serde_json::from_str(text).unwrap();
        for call in scenario["calls"].as_array().unwrap() {
            let mut note = |what: &str, value: &Value| {
                met.extend(value.as_str().map(|value| format!("{what} {value}")));
            };
            note("auth", &call["config"]["auth"]["type"]);
            note("format", &call["config"]["format"]);
            note("kind", &call["outcome"]["error"]["kind"]);
            for exchange in call["exchanges"].as_array().into_iter().flatten() {
                note("http-error", &exchange["reply"]["error"][0]);
            }
        }
    }
    let wanted = [
        ("auth", &["hmac", "oauth2"][..]),
        ("format", &["ecs", "ocsf_detection_finding", "ocsf_email_activity", "raw"]),
        ("http-error", &["connect", "denied", "dns", "other", "timeout", "tls", "too-large"]),
        ("kind", &["auth", "config", "cursor", "protocol", "throttled", "transient"]),
    ];
    let wanted = wanted
        .iter()
        .flat_map(|(what, values)| values.iter().map(move |value| format!("{what} {value}")));
    assert_eq!(met, wanted.collect());
    let each = [
        Function::Describe,
        Function::Validate,
        Function::Check,
        Function::Poll,
        Function::ExplainCursor,
    ];
    assert_eq!(functions, each.into());
}

/// For a new scenario, or after a change of what must come: read what it writes before it is kept.
#[test]
#[ignore = "writes what happens into the scenarios, as what must happen"]
fn write_the_transcripts_anew() {
    for (name, text) in scenario::all(&dir()) {
        eprintln!("{name}");
        let transcript = native::transcript(&Scenario::parse(&name, &text));
        let transcript: Vec<Value> = serde_json::from_str(&transcript).unwrap();
        let mut scenario: Value = serde_json::from_str(&text).unwrap();
        for (call, mut told) in scenario["calls"].as_array_mut().unwrap().iter_mut().zip(transcript)
        {
            call["outcome"] = told["outcome"].take();
            let requests = told["requests"].as_array_mut().unwrap();
            let exchanges = call.get_mut("exchanges").and_then(Value::as_array_mut);
            let exchanges = exchanges.map_or(&mut [][..], |all| all);
            assert_eq!(exchanges.len(), requests.len(), "{name}: requests and replies");
            for (exchange, request) in exchanges.iter_mut().zip(requests) {
                exchange["request"] = request.take();
            }
        }
        let text = serde_json::to_string_pretty(&scenario).unwrap() + "\n";
        fs::write(dir().join(name + ".json"), text).unwrap();
    }
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}
