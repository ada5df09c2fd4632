//! What a poll that fails changes: nothing. The same cursor is polled again, later.

use serde_json::{Value, json};

use super::pages;
use super::waits::quiet;
use crate::scenario::{Pages, Scenario};

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![
        pages(
            "break-loop",
            "A call that computes without end is ended; the same cursor is polled again, by a fresh instance.",
            // As long as a call may take, and the wait behind it.
            Pages { patience_secs: Some(150), gaps: vec![(2, 200..=150_000)], ..broken("loop") },
        ),
        pages(
            "error-transient",
            "After a `transient` error the same cursor is polled again, after waits that grow.",
            again("transient"),
        ),
        pages(
            "error-throttled",
            "A `throttled` error without a wish is waited out likewise.",
            again("throttled"),
        ),
        pages(
            "error-auth",
            "A source whose credentials are refused is neither given up nor polled in a hurry.",
            unhurried("auth"),
        ),
        pages("error-config", "An error of kind `config` likewise.", unhurried("config")),
        pages("error-cursor", "An error of kind `cursor` likewise.", unhurried("cursor")),
        pages("error-protocol", "An error of kind `protocol` likewise.", unhurried("protocol")),
        pages(
            "retry-after-throttled",
            "After a `throttled` error it is not polled sooner than the API wishes.",
            wished("throttled"),
        ),
        pages(
            "retry-after-transient",
            "The API's wish counts after a `transient` error, too.",
            wished("transient"),
        ),
        pages(
            "retry-after-longest",
            "A wish for longer than there is time is taken for a long one.",
            quiet(json!({"error": {"kind": "throttled", "retry-after-ms": u64::MAX}})),
        ),
    ];
    all.extend(BREAKS.map(|(name, how)| pages(name, BROKEN, broken(how))));
    all
}

/// A poll that comes to no end of its own, in the midst of others.
fn broken(how: &str) -> Pages {
    Pages {
        pages: vec![
            vec![json!({"batch": {"events": 1}})],
            vec![json!({"break": how}), json!({"batch": {"events": 1, "call": true}})],
        ],
        asked: Some(vec![0, 1, 1]),
        gaps: vec![(2, 200..=60_000)],
        fresh: Some(1),
        ..Pages::default()
    }
}

/// Two errors, and then what was asked for.
fn again(kind: &str) -> Pages {
    let error = error(kind);
    Pages {
        pages: vec![
            vec![json!({"batch": {"events": 1}})],
            vec![error.clone(), error, json!({"batch": {"events": 1}})],
            vec![json!({"batch": {"events": 1}})],
        ],
        asked: Some(vec![0, 1, 1, 1, 2]),
        gaps: vec![(2, 200..=5_000), (3, 300..=10_000)],
        ..Pages::default()
    }
}

/// Errors and nothing else, looked at for a while.
fn unhurried(kind: &str) -> Pages {
    Pages {
        pages: vec![vec![error(kind)]],
        asked_max: Some(6),
        look_on_ms: Some(4_000),
        ..Pages::default()
    }
}

fn wished(kind: &str) -> Pages {
    let error = json!({"error": {"kind": kind, "code": "rate_limited", "retry-after-ms": 2_500}});
    Pages {
        pages: vec![vec![error, json!({"batch": {"events": 1}})]],
        asked: Some(vec![0, 0]),
        gaps: vec![(1, 2_450..=8_000)],
        ..Pages::default()
    }
}

fn error(kind: &str) -> Value {
    json!({"error": {"kind": kind}})
}

const BREAKS: [(&str, &str); 3] =
    [("break-trap", "trap"), ("break-stack", "stack"), ("break-memory", "memory")];
const BROKEN: &str =
    "After a trap the same cursor is polled again, after a wait, by a fresh instance.";
