//! What is sent: as the guest has it, and once.

use super::send;
use crate::scenario::{Exchange, Scenario, ask, get};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send(
            "request-methods",
            "A request goes out with its method, target and body as the guest wrote them.",
            vec![
                get("/ok?a=1+2&b=%2F&c=%C3%A9&d=~"),
                ask("HEAD", "/ok").gives(200, ""),
                ask("POST", "/ok")
                    .body("{\"a\":\"\u{e4}\"}")
                    .header("Content-Type", "application/json"),
                ask("POST", "/ok"),
                ask("PUT", "/ok").body("x"),
                ask("PATCH", "/ok").body("x"),
                ask("DELETE", "/ok"),
                ask("OPTIONS", "/ok"),
            ],
        ),
        send(
            "request-target",
            "A path and a query that are unusual go out to the byte: they may be signed.",
            vec![
                get("/ok?a=%2f&b=%7e&c=a%20b"),
                get("/ok?b=c:d&e=f;g&h=(i)*~!$,@/?"),
                get("/ok?to=http://a.example/b?c"),
            ],
        ),
        send(
            "request-headers",
            "A request has each header of the guest, once for each time that the guest has it.",
            vec![
                get("/ok").header("Authorization", "Bearer a.b").header("X-Mine", "1"),
                get("/ok").header("User-Agent", "mine/1").header("Accept", "application/json"),
                get("/ok").header("X-Two", "a").header("X-Two", "b"),
                get("/ok").header("Date", "Sun, 01 Nov 2026 00:00:00 GMT").header("X-Empty", ""),
                get("/ok"),
            ],
        ),
        send(
            "request-largest",
            "Bodies of 4 MiB, URLs of 16 KiB, 64 headers and 64 KiB of headers are sent.",
            vec![
                ask("POST", "/ok").body(4 << 20),
                get(&url_of(16 << 10)),
                (0..64).fold(get("/ok"), |get, n| get.header(&format!("X-{n}"), "v")),
                many_bytes(8 << 10),
            ],
        ),
        send(
            "sent-once",
            "Whatever the answer, a request is sent once: no status has it sent again.",
            [401, 407, 408, 421, 425, 429, 500, 502, 503, 504]
                .map(|status| get(&format!("/status/{status}")).gives(status, "told"))
                .into(),
        ),
        send(
            "sent-once-kept-connection",
            "A connection that breaks while it is used again does not have the request sent again.",
            vec![
                get("/keep"),
                get("/closed/before-head").fails(&["other"]),
                get("/keep"),
                ask("POST", "/closed/before-head").body("x").fails(&["other"]),
                get("/keep"),
                ask("POST", "/closed/within-head").body("x").fails(&["other"]),
            ],
        ),
        send(
            "no-memory",
            "No answer comes from a cache, and nothing of one goes into the next request.",
            vec![get("/header/cached"), get("/header/cached"), get("/header/repeated"), get("/ok")],
        ),
        send(
            "eight-requests",
            "A call may make eight requests.",
            vec![get("/ok").times(8), get("/ok")],
        ),
    ]
}

fn url_of(bytes: usize) -> String {
    // The server's own part has 22 bytes or less.
    format!("/ok?{}", "u".repeat(bytes - 26))
}

/// Eight headers, each of so many bytes.
fn many_bytes(bytes: usize) -> Exchange {
    (0..8).fold(get("/ok"), |get, n| get.header(&format!("X-{n}"), &"v".repeat(bytes - 3)))
}
