//! When a host polls, as long as all goes well.

use serde_json::{Value, json};

use super::pages;
use crate::scenario::{Pages, Scenario};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        pages(
            "wait-more",
            "While there is more, it is polled at once.",
            Pages {
                pages: vec![vec![json!({"batch": {"events": 2}})]; 4],
                asked: Some(vec![0, 1, 2, 3]),
                gaps: (1..4).map(|request| (request, 0..=900)).collect(),
                ..Pages::default()
            },
        ),
        pages(
            "wait-next-poll",
            "After a batch it is not polled sooner than the batch says, and soon after that.",
            Pages {
                pages: vec![
                    vec![json!({"batch": {"events": 1, "more": false, "next-poll-ms": 2_500}})],
                    vec![json!({"batch": {"events": 1}})],
                ],
                asked: Some(vec![0, 1]),
                gaps: vec![(1, 2_450..=8_000)],
                ..Pages::default()
            },
        ),
        pages(
            "wait-next-poll-more",
            "The wait that a batch asks for holds though there is more: the quota is spent.",
            Pages {
                pages: vec![
                    vec![json!({"batch": {"events": 1, "more": true, "next-poll-ms": 2_500}})],
                    vec![json!({"batch": {"events": 1}})],
                ],
                asked: Some(vec![0, 1]),
                gaps: vec![(1, 2_450..=8_000)],
                ..Pages::default()
            },
        ),
        pages(
            "wait-longest",
            "A wish to wait for longer than there is time is taken for a long one, not for none.",
            quiet(json!({"batch": {"events": 1, "more": false, "next-poll-ms": u64::MAX}})),
        ),
        pages(
            "wait-same-cursor",
            "A batch whose cursor is the one that was handed in is taken, and polled behind.",
            Pages {
                pages: vec![vec![
                    json!({"batch": {"cursor": false, "more": false, "next-poll-ms": 500}}),
                    json!({"batch": {"events": 1}}),
                ]],
                asked: Some(vec![0, 0]),
                gaps: vec![(1, 450..=8_000)],
                ..Pages::default()
            },
        ),
        pages(
            "one-poll-at-a-time",
            "While a poll has no end, there is no other.",
            Pages {
                pages: vec![vec![json!({"batch": {"events": 1}})]; 2],
                asked: Some(vec![0, 1]),
                hold_ms: 3_000,
                ..Pages::default()
            },
        ),
    ]
}

/// What is followed by nothing for longer than anybody looks on.
pub(super) fn quiet(answer: Value) -> Pages {
    Pages {
        pages: vec![vec![answer]],
        asked_max: Some(1),
        look_on_ms: Some(3_000),
        ..Pages::default()
    }
}
