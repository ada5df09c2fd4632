//! The gzip of a body is undone, whole or not at all.

use super::send;
use crate::scenario::{Exchange, Scenario, get};
use crate::server::misbehaviour::{TEXT, pattern};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        send("gzip", "Gzip is undone.", vec![whole("/gzip/good")]),
        send(
            "gzip-members",
            "A gzip of two members is both of them.",
            vec![whole("/gzip/members")],
        ),
        send(
            "gzip-names",
            "`GZIP` and `x-gzip` are gzip, too.",
            vec![whole("/gzip/upper"), whole("/gzip/x")],
        ),
        send(
            "gzip-cut",
            "A gzip without its end is `other`, never a response, though the HTTP around it is whole.",
            vec![get("/gzip/half").fails(&["other"]), get("/gzip/cut").fails(&["other"])],
        ),
        send(
            "gzip-damaged",
            "A gzip whose check sum is wrong is `other`.",
            vec![get("/gzip/damaged").fails(&["other"])],
        ),
        send(
            "gzip-that-is-none",
            "A body that is said to be gzip, and is none, is `other`.",
            vec![get("/gzip/plain").fails(&["other"])],
        ),
        send(
            "gzip-rubbish",
            "A gzip with something else behind it is `other`.",
            vec![get("/gzip/rubbish").fails(&["other"])],
        ),
        send(
            "gzip-largest",
            "A body that is 16 MiB decoded is taken.",
            vec![get("/gzip/bytes/16777216").gives(200, pattern(16 << 20))],
        ),
        send(
            "gzip-too-large",
            "A body that is more than 16 MiB decoded is `too-large`.",
            vec![
                get("/gzip/bytes/16777217").fails(&["too-large"]),
                get("/gzip/bomb").fails(&["too-large"]),
                get("/ok"),
            ],
        ),
        send(
            "gzip-too-large-as-sent",
            "A body that is more than 16 MiB as it is sent is `too-large`, however little is in it.",
            vec![get("/gzip/hollow").fails(&["too-large"]), get("/ok")],
        ),
    ]
}

fn whole(path: &str) -> Exchange {
    get(path).gives(200, TEXT)
}
