//! What every host makes of an exchange, whatever does its HTTP.
//!
//! Fails when: a response that is cut is taken for a whole one, an interim answer for the answer, or a
//! packed body for what is in it; a body is read without end; a method is let out that gives away what
//! others have added to a request, or a header that would let it mean two things.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::faulty::{answering, answering_in_turn, endless};

/// Exchanges that a host is to make, one after the other.
pub(crate) struct Exchanges<'a> {
    pub(crate) method: &'a str,
    /// Without a path.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) count: usize,
    pub(crate) timeout_ms: u32,
}

impl<'a> Exchanges<'a> {
    /// One, as plain as can be.
    fn get(url: &'a str) -> Self {
        Self { method: "GET", url, headers: &[], count: 1, timeout_ms: 30_000 }
    }

    /// The same as a configuration of the scripted component. Its one event tells what came of `all`.
    pub(crate) fn script(&self) -> Value {
        json!({
            "do": "fetch often", "count": self.count, "method": self.method,
            "url": format!("{}/", self.url), "timeout_ms": self.timeout_ms,
            "headers": self.headers.iter().copied().collect::<BTreeMap<_, _>>(),
        })
    }
}

/// Makes them in a host, and tells of each either `status` and `body` or `error`, the case of the
/// contract.
pub(crate) type Make = fn(&Exchanges<'_>) -> Vec<Value>;

/// The tests of one host.
macro_rules! test_exchanges {
    ($make:expr) => {
        $crate::exchange::test_exchanges! { $make =>
            gzip_is_undone_whatever_it_is_called_and_however_many_members_it_has
            gzip_that_is_cut_or_goes_on_with_something_else_is_an_error
            a_body_stops_at_the_bound_however_small_it_was_sent
            an_interim_answer_is_not_the_answer
            methods_that_give_a_request_back_or_open_a_tunnel_are_denied
            headers_of_the_transport_are_denied_in_any_case
            a_head_of_more_than_64_kib_is_too_large
        }
    };
    ($make:expr => $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::exchange::$name($make);
            }
        )*
    };
}
pub(crate) use test_exchanges;

pub(crate) fn gzip_is_undone_whatever_it_is_called_and_however_many_members_it_has(make: Make) {
    let two = [gzip(&PAGE[..5]), gzip(&PAGE[5..])].concat();
    let answers = ["gzip", "GZIP", "x-gzip", "X-Gzip"]
        .into_iter()
        .flat_map(|coding| [packed(coding, &gzip(PAGE)), packed(coding, &two)])
        .collect();
    for (number, told) in in_turn(make, answers).iter().enumerate() {
        assert_is_page(told, number);
    }
}

pub(crate) fn gzip_that_is_cut_or_goes_on_with_something_else_is_an_error(make: Make) {
    let (one, other) = (gzip(&PAGE[..5]), gzip(&PAGE[5..]));
    let both = [&one[..], &other].concat();
    let mut damaged = gzip(PAGE);
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let broken = [
        // Everything is there, but nothing says so: the end holds length and checksum.
        &both[..both.len() - 8],
        &both[..both.len() - 1],
        &one[..one.len() - 8],
        &both[..one.len() + 5],
        &one[..10],
        &[&both[..], b"rubbish"].concat(),
        &[&both[..], b"\x1f"].concat(),
        &damaged,
    ];
    let answers = broken.iter().map(|body| packed("gzip", body)).collect();
    for (number, told) in in_turn(make, answers).iter().enumerate() {
        assert_eq!(told["error"], "other", "{number}: {told}");
    }
}

pub(crate) fn a_body_stops_at_the_bound_however_small_it_was_sent(make: Make) {
    let zeros = vec![0; 1 << 20];
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    for url in [
        answering_in_turn(vec![packed("gzip", &gzip(&zeros).repeat(17))]),
        endless(head, gzip(&zeros)),
    ] {
        let told = make(&Exchanges::get(&url));
        assert_eq!(told[0]["error"], "too-large", "{}", told[0]);
    }
    // Without an end, and with nothing in it, which is slow to undo: its time may be over first.
    let url = endless(head, gzip(b"").repeat(1_000));
    let told = make(&Exchanges { timeout_ms: 5_000, ..Exchanges::get(&url) });
    assert!(told[0]["error"] == "too-large" || told[0]["error"] == "timeout", "{}", told[0]);
}

pub(crate) fn an_interim_answer_is_not_the_answer(make: Make) {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
    let after = |interim: &str| [interim.as_bytes(), &packed("gzip", &gzip(PAGE))].concat();
    let answers = vec![
        after(hints),
        after(&hints.repeat(5)),
        after("HTTP/1.1 102 Processing\r\n\r\n"),
        hints.as_bytes().to_vec(),
    ];
    let told = in_turn(make, answers);
    for (number, told) in told[..3].iter().enumerate() {
        assert_is_page(told, number);
    }
    assert_eq!(told[3]["error"], "other", "{}", told[3]);

    let url = endless("", hints.as_bytes().to_vec());
    let told = make(&Exchanges { timeout_ms: 1_500, ..Exchanges::get(&url) });
    let cases = ["timeout", "other", "too-large"];
    assert!(cases.iter().any(|case| told[0]["error"] == *case), "{}", told[0]);
}

pub(crate) fn methods_that_give_a_request_back_or_open_a_tunnel_are_denied(make: Make) {
    let (url, requests) = answering(packed("identity", PAGE));
    for method in ["TRACE", "TRACK", "CONNECT", "trace"] {
        let told = make(&Exchanges { method, ..Exchanges::get(&url) });
        assert_eq!(told[0]["error"], "denied", "{method}: {}", told[0]);
    }
    let told = make(&Exchanges { method: "OPTIONS", ..Exchanges::get(&url) });
    assert_is_page(&told[0], 0);
    let sent = requests.try_iter().collect::<Vec<_>>();
    assert!(matches!(&sent[..], [one] if one.starts_with("OPTIONS")), "{sent:?}");
}

pub(crate) fn headers_of_the_transport_are_denied_in_any_case(make: Make) {
    let (url, requests) = answering(packed("identity", PAGE));
    for name in [
        "Accept-ENCODING",
        "cOnnection",
        "Content-Length",
        "EXPECT",
        "hOst",
        "keep-Alive",
        "Te",
        "trailer",
        "Transfer-encoding",
        "UPGRADE",
        "proxy-Authorization",
        "Proxy-Anything",
    ] {
        let told = make(&Exchanges { headers: &[(name, "1")], ..Exchanges::get(&url) });
        assert_eq!(told[0]["error"], "denied", "{name}: {}", told[0]);
    }
    let others = [("X-Host", "1"), ("Proxied", "1"), ("Test", "1")];
    let told = make(&Exchanges { headers: &others, ..Exchanges::get(&url) });
    assert_is_page(&told[0], 0);
    let sent = requests.try_iter().collect::<Vec<_>>();
    let [one] = &sent[..] else { panic!("{sent:?}") };
    let one = one.to_ascii_lowercase();
    assert!(others.iter().all(|(name, _)| one.contains(&name.to_ascii_lowercase())), "{one}");
}

pub(crate) fn a_head_of_more_than_64_kib_is_too_large(make: Make) {
    let told = in_turn(make, vec![with_headers(64, 900), with_headers(64, 1_100)]);
    assert_is_page(&told[0], 0);
    assert_eq!(told[1]["error"], "too-large", "{}", told[1]);
}

/// Of hosts whose HTTP takes as many headers as the contract has.
pub(crate) fn more_than_256_headers_are_too_large(make: Make) {
    // Two more are there already.
    let told = in_turn(make, vec![with_headers(254, 10), with_headers(255, 10)]);
    assert_is_page(&told[0], 0);
    assert_eq!(told[1]["error"], "too-large", "{}", told[1]);
}

/// The page with so many headers of so many bytes each beside its own.
fn with_headers(count: usize, bytes: usize) -> Vec<u8> {
    let mut head = "HTTP/1.1 200 OK\r\nConnection: close\r\n".to_owned();
    for number in 0..count {
        write!(head, "X-{number:03}: {}\r\n", "v".repeat(bytes - 5)).unwrap();
    }
    let length = PAGE.len();
    let head = format!("{head}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), PAGE].concat()
}

/// Asks once for each of these answers.
fn in_turn(make: Make, answers: Vec<Vec<u8>>) -> Vec<Value> {
    let count = answers.len();
    let url = answering_in_turn(answers);
    let told = make(&Exchanges { count, ..Exchanges::get(&url) });
    assert_eq!(told.len(), count);
    told
}

#[track_caller]
fn assert_is_page(told: &Value, number: usize) {
    let page = std::str::from_utf8(PAGE).unwrap();
    assert_eq!((&told["status"], &told["body"]), (&json!(200), &json!(page)), "{number}: {told}");
}

fn packed(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const PAGE: &[u8] = br#"{"data":[]}"#;
