//! What is denied: nothing of it is sent.

use super::send;
use crate::scenario::{Scenario, ask, get};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send(
            "denied-methods",
            "CONNECT, TRACE and TRACK are denied.",
            ["CONNECT", "TRACE", "TRACK", "trace", "Track"]
                .map(|method| ask(method, "/ok").denied())
                .into_iter()
                .chain([get("/ok")])
                .collect(),
        ),
        send(
            "denied-headers",
            "Each header that belongs to the transport is denied, in whatever case.",
            TRANSPORT_HEADERS
                .iter()
                .flat_map(|name| [(*name).to_owned(), name.to_lowercase(), name.to_uppercase()])
                // A host that sends one of them has the server wait for what does not come.
                .map(|name| get("/ok").header(&name, "1").timeout(1_000).denied())
                .chain([get("/ok")])
                .collect(),
        ),
        send(
            "denied-injection",
            "A method or a header that would end its line is not sent.",
            vec![
                ask("GET /x", "/ok").unsent(&["denied", "other"]),
                get("/ok").header("X-A", "1\r\nX-B: 2").unsent(&["denied", "other"]),
                get("/ok").header("X-A\r\nX-B", "1").unsent(&["denied", "other"]),
                get("/ok").header("", "1").unsent(&["denied", "other"]),
                get("/ok"),
            ],
        ),
        send(
            "denied-url-length",
            "A URL of more than 16 KiB is denied.",
            vec![get(&format!("/ok?{}", "u".repeat(16 << 10))).denied(), get("/ok")],
        ),
        send(
            "denied-header-count",
            "More than 64 headers are denied.",
            vec![
                (0..65).fold(get("/ok"), |get, n| get.header(&format!("X-{n}"), "v")).denied(),
                get("/ok"),
            ],
        ),
        send(
            "denied-header-bytes",
            "More than 64 KiB of headers are denied.",
            vec![
                get("/ok").header("X-A", &"v".repeat(64 << 10)).denied(),
                (0..9)
                    .fold(get("/ok"), |get, n| get.header(&format!("X-{n}"), &"v".repeat(8 << 10)))
                    .denied(),
                get("/ok"),
            ],
        ),
        send(
            "denied-body-bytes",
            "A body of more than 4 MiB is denied.",
            vec![ask("POST", "/ok").body((4 << 20) + 1).denied(), get("/ok")],
        ),
        send(
            "denied-origins",
            "What the user has not allowed is denied, by scheme, host and port.",
            [
                "{other}/ok",
                "http://localhost:{port}/ok",
                "http://127.0.0.2:{port}/ok",
                "http://127.0.0.1:1/ok",
                "{server}.name.invalid/ok",
                "{server}@name.invalid/ok",
                "http://127.0.0.1:{port}@127.0.0.2/ok",
                "ftp://127.0.0.1:{port}/ok",
                "file:///etc/hostname",
                "/",
                "",
            ]
            .map(|url| {
                let mut exchange = get(url).denied();
                exchange.request["url"] = url.into();
                exchange
            })
            .into_iter()
            .chain([get("/ok")])
            .collect(),
        ),
    ]
}

/// Those of the contract, and two of those that begin with `Proxy-`.
const TRANSPORT_HEADERS: [&str; 12] = [
    "Accept-Encoding",
    "Connection",
    "Content-Length",
    "Expect",
    "Host",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Proxy-Authorization",
    "Proxy-Connection",
];
