//! The kit finds out what it is there for: a host that keeps the rules passes, and one that breaks a rule does
//! not, by the scenario that is about it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::thread;

/// Plays scenarios against the double; gives whether all passed, and what was told.
fn play(name: &str, fault: &[&str], only: &[&str]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut kit = Command::new(env!("CARGO_BIN_EXE_host-kit"));
    // The double has the probe in it.
    kit.args(["--probe", "none", "--at-once", "16", "--folder"]).arg(folder);
    for only in only {
        kit.args(["--only", only]);
    }
    kit.arg("--").arg(env!("CARGO_BIN_EXE_host-kit-double")).args(fault);
    let output = kit.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_host_that_keeps_the_rules_passes() {
    let (passed, told) = play("keeps", &[], &[]);
    assert!(passed, "{told}");
}

#[test]
fn a_host_that_breaks_a_rule_is_found_out() {
    // Most of the time they wait.
    let played = thread::scope(|scope| {
        let play = |&(fault, only): &(&str, &'static [&str])| {
            let fault = fault.to_owned();
            scope.spawn(move || (play(&fault, &[&fault], only).1, fault, only))
        };
        let started: Vec<_> = FAULTS.iter().map(play).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for (told, fault, only) in played {
        for scenario in only {
            let is_found = told.contains(&format!("FAILED       {scenario}: "));
            assert!(is_found, "{scenario} does not find out what {fault}:\n{told}");
        }
    }
}

/// What the double does against the rules, and the scenarios that must find it out.
const FAULTS: &[(&str, &[&str])] = &[
    ("follows-redirects", &["redirects"]),
    ("takes-cut-bodies", &["failure-cut"]),
    ("takes-cut-gzip", &["gzip-cut"]),
    ("takes-one-member", &["gzip-members"]),
    ("sends-twice", &["failure-closed", "failure-cut"]),
    ("has-no-bound", &["body-too-large"]),
    ("takes-interim", &["interim-answers"]),
    ("closed-is-empty", &["failure-closed"]),
    ("begins-time-anew", &["timeout-of-a-drip"]),
    (
        "denies-nothing",
        &["denied-headers", "denied-methods", "denied-url-length", "denied-origins"],
    ),
    ("asks-for-no-gzip", &["body-ends"]),
    ("adds-credentials", &["request-methods"]),
    ("stores-cursor-first", &["crash-writing"]),
    ("stores-nothing", &["crash-any-moment"]),
    ("forgets-empty-batches", &["crash-after-an-empty-batch"]),
    ("trims-cursors", &["crash-unusual-cursor"]),
    ("moves-after-errors", &["error-transient"]),
    ("ends-at-traps", &["break-trap"]),
    ("keeps-instances", &["break-trap"]),
    ("hurries", &["error-auth", "break-trap"]),
    ("dawdles", &["wait-more"]),
    ("forgets-wishes", &["retry-after-throttled"]),
    ("polls-too-soon", &["wait-next-poll"]),
    ("bounds-no-batch", &["refused-events", "refused-id-empty", "refused-cursor-empty"]),
];
