//! The kit finds out what it is there for: a host that keeps the rules passes, and one that breaks a rule does
//! not, by the scenario that is about it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

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

/// Each rule that the double breaks, and the scenarios that must find it out.
macro_rules! found_out {
    ($($fault:ident by $scenarios:expr;)*) => {
        mod a_host_is_found_out_that {
            $(
                #[test]
                fn $fault() {
                    let fault = stringify!($fault).replace('_', "-");
                    let (_, told) = super::play(&fault, &[&fault], &$scenarios);
                    for scenario in $scenarios {
                        assert!(told.contains(&format!("FAILED       {scenario}: ")), "{told}");
                    }
                }
            )*
        }
    };
}

found_out! {
    follows_redirects by ["redirects"];
    takes_cut_bodies by ["failure-cut"];
    takes_cut_gzip by ["gzip-cut"];
    takes_one_member by ["gzip-members"];
    sends_twice by ["failure-closed", "failure-cut"];
    has_no_bound by ["body-too-large"];
    takes_interim by ["interim-answers"];
    closed_is_empty by ["failure-closed"];
    begins_time_anew by ["timeout-of-a-drip"];
    denies_nothing by ["denied-headers", "denied-methods", "denied-url-length", "denied-origins"];
    asks_for_no_gzip by ["body-ends"];
    adds_credentials by ["request-methods"];
    stores_cursor_first by ["crash-writing"];
    stores_nothing by ["crash-any-moment"];
    forgets_empty_batches by ["crash-after-an-empty-batch"];
    trims_cursors by ["crash-unusual-cursor"];
    moves_after_errors by ["error-transient"];
    ends_at_traps by ["break-trap"];
    keeps_instances by ["break-trap"];
    hurries by ["error-auth", "break-trap"];
    dawdles by ["wait-more"];
    forgets_wishes by ["retry-after-throttled"];
    polls_too_soon by ["wait-next-poll"];
    bounds_no_batch by ["refused-events", "refused-id-empty", "refused-cursor-empty"];
}
