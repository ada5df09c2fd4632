//! What a head may be: statuses, interim answers, headers.

use super::send;
use crate::scenario::{Exchange, Scenario, get};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send(
            "redirects",
            "A redirect is never followed: it is given back, wherever it leads.",
            [301, 302, 303, 307, 308]
                .into_iter()
                .flat_map(|status| [redirect(status, "here"), redirect(status, "away")])
                .collect(),
        ),
        send(
            "statuses",
            "Whatever its status, a response is a response.",
            vec![
                get("/status/201").gives(201, "told"),
                get("/status/203").gives(203, "told"),
                get("/status/400").gives(400, "told"),
                get("/status/404").gives(404, "told").gives_header("retry-after", "0"),
                get("/status/418").gives(418, "told"),
                get("/status/599").gives(599, "told"),
            ],
        ),
        send(
            "statuses-without-a-body",
            "204 and 304 have no body, and are not waited on.",
            vec![
                get("/status/204").gives(204, "").within(0..=2_000),
                get("/status/304").gives(304, "").within(0..=2_000),
                get("/ok"),
            ],
        ),
        send(
            "interim-answers",
            "Answers of 1xx before the real one are passed over.",
            [100, 102, 103].map(|status| get(&format!("/interim/{status}"))).into(),
        ),
        send(
            "headers-of-a-response",
            "All headers come, those that are there several times too.",
            vec![
                get("/header/repeated")
                    .gives_header("set-cookie", "a=1")
                    .gives_header("set-cookie", "b=2")
                    .gives_header("x-two", "1, 2")
                    .gives_header("x-two", "3"),
            ],
        ),
        send(
            "headers-that-are-no-text",
            "Bytes of a header that are not UTF-8 are replaced by U+FFFD.",
            vec![get("/header/bytes").gives_header("x-odd", "caf\u{fffd}")],
        ),
        send(
            "headers-largest",
            "256 headers are taken, and 64 KiB of them.",
            vec![get("/headers/256/100"), get("/headers/64/1000")],
        ),
        send(
            "headers-too-many",
            "Far more headers than 256, or than 64 KiB, are `too-large`.",
            vec![
                get("/headers/5000/20").fails(&["too-large"]),
                get("/headers/20/50000").fails(&["too-large"]),
                get("/ok"),
            ],
        ),
    ]
}

fn redirect(status: u16, to: &str) -> Exchange {
    get(&format!("/redirect/{status}/{to}")).gives(status, "elsewhere")
}
