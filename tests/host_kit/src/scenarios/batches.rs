//! The bounds of a batch: what is within is taken, what is beyond is refused whole.

use serde_json::{Value, json};

use super::pages;
use crate::scenario::{Pages, Scenario};

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![
        taken(
            "batch-largest",
            "A batch of 10,000 events, with the longest cursor, 100 notices and 64 counters, is taken.",
            &json!({
                "events": 10_000, "cursor": 1_000_000, "notices": 100, "counters": 64,
            }),
        ),
        taken(
            "batch-longest-id",
            "An event with an id of 4,096 bytes is taken.",
            &json!({"events": 1, "event": {"id-bytes": 4_096}}),
        ),
        taken(
            "batch-most-bytes",
            "A batch of 16 MiB of bodies is taken.",
            &json!({"events": 16, "event": {"body-bytes": 1 << 20}}),
        ),
        taken(
            "batch-one-large-event",
            "One event alone may be larger than 16 MiB.",
            &json!({"events": 1, "event": {"body-bytes": (16 << 20) + 1}}),
        ),
    ];
    let refused = [
        ("refused-events", "10,001 events are refused.", json!({"events": 10_001})),
        (
            "refused-bytes",
            "Several events with more than 16 MiB of bodies are refused.",
            json!({"events": 17, "event": {"body-bytes": 1 << 20}}),
        ),
        ("refused-cursor-empty", "An empty cursor is refused.", json!({"events": 1, "cursor": 0})),
        (
            "refused-cursor-long",
            "A cursor of more than 1,000,000 bytes is refused.",
            json!({"events": 1, "cursor": 1_000_001}),
        ),
        (
            "refused-id-empty",
            "An event without an id is refused.",
            json!({"events": 2, "event": {"id-bytes": 0}}),
        ),
        (
            "refused-id-long",
            "An id of more than 4,096 bytes is refused.",
            json!({"events": 2, "event": {"id-bytes": 4_097}}),
        ),
        (
            "refused-kind-empty",
            "An event without a kind is refused.",
            json!({"events": 2, "event": {"kind": ""}}),
        ),
        (
            "refused-kind-long",
            "A kind of more than 128 bytes is refused.",
            json!({"events": 2, "event": {"kind": 129}}),
        ),
        (
            "refused-kind-other",
            "A kind that is no name of the contract is refused.",
            json!({"events": 2, "event": {"kind": "Not a kind/.."}}),
        ),
        (
            "refused-body-lines",
            "A body of two lines is refused.",
            json!({"events": 2, "event": {"body": "{\"probe\":\n\"refused-0-0\"}"}}),
        ),
        (
            "refused-body-no-object",
            "A body that is no JSON object is refused.",
            json!({"events": 2, "event": {"body": "{\"probe\":\"refused-0-0\"},{}"}}),
        ),
        ("refused-notices", "101 notices are refused.", json!({"events": 1, "notices": 101})),
        ("refused-counters", "65 counters are refused.", json!({"events": 1, "counters": 65})),
    ];
    all.extend(refused.map(|(name, about, batch)| pages(name, about, refused_once(batch))));
    all
}

fn taken(name: &'static str, about: &'static str, batch: &Value) -> Scenario {
    let two = Pages {
        pages: vec![vec![json!({"batch": batch})], vec![json!({"batch": {"events": 1}})]],
        asked: Some(vec![0, 1]),
        ..Pages::default()
    };
    pages(name, about, two)
}

/// A batch that must not be delivered, and then one that is.
fn refused_once(mut batch: Value) -> Pages {
    batch["event"]["name"] = "refused-".into();
    Pages {
        pages: vec![
            vec![json!({"batch": batch}), json!({"batch": {"events": 1}})],
            vec![json!({"batch": {"events": 1}})],
        ],
        asked: Some(vec![0, 0, 1]),
        gaps: vec![(1, 200..=15_000)],
        ..Pages::default()
    }
}
