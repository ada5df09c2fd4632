//! What a host has after an end that it did not see coming.

use serde_json::{Value, json};

use super::pages;
use crate::scenario::{Kill, Moment, Pages, Scenario};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        pages(
            "crash-asked",
            "A host that is killed while it waits for an answer loses nothing.",
            Pages {
                pages: vec![page(3); 6],
                kills: kills(&[(2, Moment::Asked), (4, Moment::Asked)]),
                ..Pages::default()
            },
        ),
        pages(
            "crash-writing",
            "A host that is killed while it writes a page out has that page again, and loses nothing.",
            Pages {
                pages: vec![page(2), large_page(), page(2)],
                kills: kills(&[(1, Moment::Writing)]),
                ..Pages::default()
            },
        ),
        pages(
            "crash-any-moment",
            "Whenever a host is killed, nothing is lost, and at most a page comes again.",
            Pages {
                pages: vec![large_page(); 9],
                kills: [0, 2, 5, 10, 20, 40, 80]
                    .iter()
                    .zip(1..)
                    .map(|(ms, page)| Kill { page, poll: 0, when: Moment::AnsweredMs(*ms) })
                    .collect(),
                ..Pages::default()
            },
        ),
        pages(
            "crash-after-an-empty-batch",
            "The cursor of an empty batch is stored: it is where a host that was killed goes on.",
            Pages {
                pages: vec![page(2), vec![waiting(&json!({"events": 0}))], page(1)],
                kills: kills(&[(1, Moment::AnsweredMs(1_500))]),
                asked_again: Some(2),
                ..Pages::default()
            },
        ),
        pages(
            "crash-unusual-cursor",
            "A cursor is stored and given back to the byte, whatever is in it.",
            Pages {
                pages: vec![vec![waiting(&json!({"events": 1, "cursor": "odd"}))], page(1)],
                kills: kills(&[(0, Moment::AnsweredMs(1_500))]),
                asked_again: Some(1),
                ..Pages::default()
            },
        ),
        pages(
            "crash-largest-cursor",
            "A cursor of 1,000,000 bytes is stored and given back.",
            Pages {
                pages: vec![vec![waiting(&json!({"events": 1, "cursor": 1_000_000}))], page(1)],
                kills: kills(&[(0, Moment::AnsweredMs(1_500))]),
                asked_again: Some(1),
                ..Pages::default()
            },
        ),
        pages(
            "crash-after-an-error",
            "A host that is killed after an error goes on with the cursor from before it.",
            Pages {
                pages: vec![
                    page(1),
                    vec![json!({"error": {"kind": "transient"}}), json!({"batch": {"events": 1}})],
                    page(1),
                ],
                kills: kills(&[(1, Moment::AnsweredMs(200))]),
                ..Pages::default()
            },
        ),
    ]
}

fn page(events: u64) -> Vec<Value> {
    vec![json!({"batch": {"events": events}})]
}

/// More than a pipe takes while nobody reads it.
fn large_page() -> Vec<Value> {
    vec![json!({"batch": {"events": 40, "event": {"body-bytes": 20_000}}})]
}

/// A batch that is followed by a wait, in which a host has nothing to do but to store it.
fn waiting(batch: &Value) -> Value {
    let mut batch = batch.clone();
    batch["more"] = false.into();
    batch["next-poll-ms"] = 2_500.into();
    json!({"batch": batch})
}

fn kills(moments: &[(usize, Moment)]) -> Vec<Kill> {
    moments.iter().map(|&(page, when)| Kill { page, poll: 0, when }).collect()
}
