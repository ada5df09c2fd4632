//! What a body may be: ways to end it, and its bound.

use super::send;
use crate::scenario::{Scenario, get};
use crate::server::misbehaviour::pattern;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send(
            "body-ends",
            "A body is whole by its length, by its last chunk, or where the server says neither, by the end.",
            vec![get("/ok"), get("/chunked"), get("/unended"), get("/old")],
        ),
        send(
            "body-of-4-mib",
            "A body of 4 MiB is taken.",
            vec![get("/bytes/4194304").gives(200, pattern(4 << 20))],
        ),
        send(
            "body-largest",
            "A body of 16 MiB is taken.",
            vec![get("/bytes/16777216").gives(200, pattern(16 << 20))],
        ),
        send(
            "body-too-large",
            "A body of more than 16 MiB is `too-large`.",
            vec![
                get("/bytes/16777217").fails(&["too-large"]),
                get("/bytes/40000000").fails(&["too-large"]),
                get("/ok"),
            ],
        ),
    ]
}
