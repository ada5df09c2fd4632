//! Why there is no response: each failure is its case of `http-error`.

use super::send;
use crate::scenario::{Scenario, get};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send(
            "timeout-of-the-host",
            "An exchange without a time of the guest's ends after 30 s.",
            vec![get("/silent").fails(&["timeout"]).within(20_000..=35_000), get("/ok")],
        ),
        send(
            "timeout-without-an-answer",
            "A server that does not answer is a `timeout`, at the time that the guest asked for.",
            vec![get("/silent").timeout(1_000).fails(&["timeout"]).within(500..=5_000), get("/ok")],
        ),
        send(
            "timeout-of-a-body",
            "The time holds up to the last byte of the body: one that stands still is a `timeout`.",
            vec![
                get("/silent/body").timeout(1_000).fails(&["timeout"]).within(500..=5_000),
                get("/ok"),
            ],
        ),
        send(
            "timeout-of-a-drip",
            "The time holds for the whole exchange: a byte now and then does not begin it anew.",
            vec![
                get("/drip").timeout(1_000).fails(&["timeout"]).within(500..=5_000),
                get("/drip/head").timeout(1_000).fails(&["timeout"]).within(500..=5_000),
                get("/ok"),
            ],
        ),
        send(
            "slow-answers",
            "An answer that takes some seconds is waited for.",
            vec![get("/slow/3000").timeout(20_000), get("/slow/3000")],
        ),
        send(
            "failure-connect",
            "A port that nobody listens on is `connect`.",
            vec![get("{closed}/ok").unsent(&["connect"]), get("/ok")],
        ),
        send(
            "failure-dns",
            "A name that does not resolve is `dns`.",
            vec![get("{nowhere}/ok").unsent(&["dns"]), get("/ok")],
        ),
        send(
            "failure-tls",
            "A server that does not speak TLS is `tls`, where it is asked by https.",
            vec![get("{tls}/ok").unsent(&["tls"]), get("/ok")],
        ),
        send(
            "failure-closed",
            "A connection that is closed before the whole head came is `other`, never an empty response.",
            vec![
                get("/closed/before-head").fails(&["other"]),
                get("/closed/within-head").fails(&["other"]),
                get("/garbage").fails(&["other"]),
                get("/ok"),
            ],
        ),
        send(
            "failure-cut",
            "A body that ends before its length or its last chunk is `other`, never a response.",
            vec![
                get("/closed/after-head").fails(&["other"]),
                get("/cut/length").fails(&["other"]),
                get("/cut/chunked").fails(&["other"]),
                get("/cut/chunk").fails(&["other"]),
                get("/ok"),
            ],
        ),
    ]
}
