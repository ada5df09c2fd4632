//! Replies without end, without measure or without sense cost their own request, and nothing else.
//!
//! Fails when: a response has no bound in bytes, decoded; a request has none in time as a whole; large
//! replies are held all at once; the wait for their room counts.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::bench::{Bench, Source, events, wait_for};
use crate::server::{Server, reply};

type Writer = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync>;

/// A reply, and what the component is told of it.
struct Case {
    name: &'static str,
    server: Server,
    told: &'static str,
    why: &'static str,
    /// Whether it has no end but the one that the host makes.
    endless: bool,
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const TIMEOUT: &str = "no complete response within 1500 ms";
const HEAD: &str = "the headers of the response are too many, or too large";
const TOO_LARGE: &str = "the response is larger than 16777216 bytes";

/// A reply that begins like this, and goes on with one piece for ever.
fn endless(begin: impl AsRef<[u8]>, piece: impl AsRef<[u8]>) -> Writer {
    let begin = begin.as_ref().to_vec();
    let piece = piece.as_ref().repeat((64 << 10) / piece.as_ref().len() + 1);
    Box::new(move |out| {
        out.write_all(&begin)?;
        loop {
            out.write_all(&piece)?;
        }
    })
}

/// The same, a byte now and then.
fn dripping(begin: &str) -> Writer {
    let begin = begin.to_owned();
    Box::new(move |out| {
        out.write_all(begin.as_bytes())?;
        loop {
            out.write_all(b"x")?;
            out.flush()?;
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// The begin of a gzip of zeros that has no end, and the mebibyte that it goes on with.
fn bomb() -> (Vec<u8>, Vec<u8>) {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    gzip.flush().unwrap();
    let begin = gzip.get_ref().clone();
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    gzip.flush().unwrap();
    (begin.clone(), gzip.get_ref()[begin.len()..].to_vec())
}

fn cases() -> Vec<Case> {
    let (bomb, more) = bomb();
    let no_bytes = [0, 0, 0, 0xff, 0xff];
    let gzip_header = &bomb[..10];
    let length = "Content-Length: 99999999999\r\n\r\n";
    let zipped = "Content-Encoding: gzip\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let wide = format!("X-Wide: {}\r\n", "x".repeat(4000));
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let ok_zipped = format!("{OK}{zipped}").into_bytes();
    let cases: [(_, Writer, _, _); 18] = [
        ("body-without-end", endless(format!("{OK}\r\n"), "x"), "too-large", TOO_LARGE),
        ("length-beyond-measure", endless(format!("{OK}{length}"), "x"), "too-large", TOO_LARGE),
        ("chunks-without-end", endless(format!("{OK}{chunked}"), chunk), "too-large", TOO_LARGE),
        (
            "bomb-without-end",
            endless([&ok_zipped, &bomb[..]].concat(), more),
            "too-large",
            TOO_LARGE,
        ),
        (
            "gzip-of-nothing",
            endless([&ok_zipped, gzip_header].concat(), no_bytes),
            "too-large",
            TOO_LARGE,
        ),
        ("gzips-without-end", endless(&ok_zipped, gzip(b"x")), "too-large", "too many members"),
        ("dripping-body", dripping(&format!("{OK}\r\n")), "timeout", TIMEOUT),
        ("dripping-header", dripping(&format!("{OK}X-Slow: ")), "timeout", TIMEOUT),
        (
            "silence",
            Box::new(|_| {
                loop {
                    std::thread::park();
                }
            }),
            "timeout",
            TIMEOUT,
        ),
        (
            "provisional-without-end",
            endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
            "timeout",
            TIMEOUT,
        ),
        ("headers-without-end", endless(OK, wide), "too-large", HEAD),
        ("header-line-without-end", endless(format!("{OK}X-Long: "), "x"), "too-large", HEAD),
        ("status-line-without-end", endless("HTTP/1.1 200 ", "x"), "too-large", HEAD),
        ("empty-lines-without-end", endless("", "\r\n"), "too-large", HEAD),
        ("extension-without-end", endless(format!("{OK}{chunked}1;"), "x"), "other", ""),
        (
            "extensions-without-end",
            endless(format!("{OK}{chunked}"), "1;extension=of-some-length\r\nx\r\n"),
            "other",
            "",
        ),
        (
            "trailers-without-end",
            endless(format!("{OK}{chunked}0\r\n"), "X-Trailer: x\r\n"),
            "other",
            "",
        ),
        ("not-http", endless("", "SSH-2.0-OpenSSH\r\n"), "other", ""),
    ];
    cases
        .into_iter()
        .map(|(name, write, told, why)| {
            // What drips or is silent is written slowly: its end is seen by its writer late or never.
            let endless = !name.starts_with("dripping") && name != "silence";
            Case { name, server: Server::start_writing(write), told, why, endless }
        })
        .collect()
}

/// All at once, in one process with a source that has a good API: it gets on, and memory is bound.
#[test]
fn replies_that_never_end_are_ended_and_the_other_sources_live_on() {
    let cases = cases();
    let good = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(20));
        reply(200, "", "")
    });
    let keys = |server: &Server| format!("allow = [\"{}\"]", server.url());
    let mut sources: Vec<(&str, String, String)> = cases
        .iter()
        .map(|case| {
            let url = case.server.url();
            // What is to end by another limit has the time for it on a busy machine, too.
            let timeout_ms = if case.told == "timeout" { 1_500 } else { 30_000 };
            let config = format!("do = \"fetch\"\nurl = \"{url}\"\ntimeout_ms = {timeout_ms}");
            (case.name, keys(&case.server), config)
        })
        .collect();
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{}\"", good.url());
    sources.push(("good", keys(&good), config));
    let sources: Vec<Source<'_>> =
        sources.iter().map(|(name, keys, config)| Source { name, keys, config }).collect();
    let bench = Bench::with_output("type = \"stdout\"\nenvelope = true", &sources);

    let running = bench.start();
    let told = |name: &str| {
        let text = bench.read("stdout");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        events(whole).into_iter().find(|event| event["source"] == name)
    };
    for case in &cases {
        let mut found = None;
        wait_for(case.name, || {
            found = told(case.name);
            found.is_some()
        });
        let event = &found.unwrap()["event"];
        assert_eq!(event["error"], case.told, "{}: {event}", case.name);
        assert!(event["why"].as_str().unwrap().contains(case.why), "{}: {event}", case.name);
        if case.endless {
            // It is no longer read, either.
            wait_for("the end of the connection", || case.server.cut_off() > 0);
        }
    }
    let delivered = good.received().len();
    wait_for("more of the good source", || good.received().len() > delivered + 10);
    let peak = running.peak_mebibytes();
    eprintln!("peak of resident memory with {} endless replies: {peak} MiB", cases.len());
    assert!(peak < 300, "{peak} MiB");
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// An encoding that was not asked for is not undone: what comes is no larger than what was sent.
#[test]
fn gzip_within_gzip_and_unknown_encodings_are_handed_over_as_they_are() {
    let inner = gzip(&vec![0; 32 << 20]);
    let outer = gzip(&inner);
    for (headers, length) in [
        ("Content-Encoding: gzip, gzip\r\n", outer.len()),
        ("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", inner.len()),
        ("Content-Encoding: br\r\n", outer.len()),
    ] {
        let sent = outer.clone();
        let server = Server::start(move |_, _| reply(200, headers, &sent));
        let url = server.url();
        let config = format!("do = \"fetch\"\nurl = \"{url}\"");
        let keys = format!("allow = [\"{url}\"]");
        let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
        let told: Value = bench.catch_up().expect(0).events().remove(0);
        assert_eq!((&told["status"], &told["length"]), (&200.into(), &length.into()), "{headers}");
    }
}

/// What two requests are told, one after the other, if each is replied to with these bytes.
fn fetched_twice(sent: &'static str) -> Value {
    let server = Server::start(move |number, _| {
        let sent = sent.as_bytes().to_vec();
        if number == 0 { sent } else { reply(200, "", "the next") }
    });
    let url = server.url();
    let config = format!("do = \"fetch often\"\ncount = 2\nurl = \"{url}\"\ntimeout_ms = 20000");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    bench.catch_up().expect(0).events().remove(0)["all"].take()
}

#[test]
fn a_reply_of_a_wrong_length_is_an_error_and_leaves_nothing_for_the_next() {
    for sent in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nsaid",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nsaid",
        "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nsaid",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nsaid\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsaid and more\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nsaid",
    ] {
        let told = fetched_twice(sent);
        assert_eq!(told[0]["error"], "other", "{sent}: {told}");
        assert_eq!(told[1]["body"], "the next", "{sent}: {told}");
    }
    // More than was announced: it is none of the first, and no reply to the second.
    let forged = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsaid\
                  HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    let told = fetched_twice(forged);
    assert_eq!(told[0]["body"], "said", "{told}");
    assert_ne!(told[1]["body"], "forged", "{told}");
    // What comes before a reply is none.
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsaid";
    let told = fetched_twice(early);
    assert_eq!((&told[0]["status"], &told[0]["body"]), (&200.into(), &"said".into()), "{told}");
}

/// The events that are written whole.
fn written(bench: &Bench) -> Vec<Value> {
    let text = bench.read("stdout");
    events(text.rfind('\n').map_or("", |end| &text[..end]))
}

/// No reply comes before every source has asked.
#[test]
fn large_replies_at_the_same_time_take_turns_and_none_fails() {
    let asked = Arc::new((Mutex::new(0), Condvar::new()));
    let server = Server::start(move |_, _| {
        let (count, changed) = &*asked;
        *count.lock().unwrap() += 1;
        changed.notify_all();
        drop(changed.wait_while(count.lock().unwrap(), |count| *count < 20));
        reply(200, "", vec![b'x'; 15 << 20])
    });
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let source = |name| Source { name, keys: &keys, config: &config };
    let sources: Vec<_> = names.iter().map(|name| source(name)).collect();
    let bench = Bench::with_output("type = \"stdout\"\nenvelope = true", &sources);
    let running = bench.start();
    let mut told = Vec::new();
    wait_for("an event of each", || {
        told = written(&bench);
        names.iter().all(|name| told.iter().any(|event| event["source"] == name.as_str()))
    });
    let peak = running.peak_mebibytes();
    eprintln!("peak of resident memory with 20 replies of 15 MiB: {peak} MiB");
    for event in told {
        assert_eq!(event["event"]["length"], 15 << 20, "{event}");
    }
    assert!(peak < 300, "{peak} MiB");
}

/// Who has room, and how large replies go on.
#[derive(Default)]
struct Room {
    holders: u32,
    waiting: u32,
    released: bool,
}

/// Four replies that are as slow as they are large take all the room.
#[test]
fn a_wait_for_room_is_not_of_the_requests_time() {
    let shared = Arc::new((Mutex::new(Room::default()), Condvar::new()));
    let (held, late) = (Arc::clone(&shared), Arc::clone(&shared));
    let holder = Server::start_writing(move |out| {
        let (room, changed) = &*held;
        write!(out, "{OK}Content-Length: {}\r\n\r\n", 15 << 20)?;
        // The host has more of this than of a small reply: the system does not take so much itself.
        out.write_all(&vec![b'x'; 14 << 20])?;
        room.lock().unwrap().holders += 1;
        drop(changed.wait_while(room.lock().unwrap(), |room| !room.released));
        out.write_all(&vec![b'x'; 1 << 20])
    });
    let server = Server::start(move |_, _| {
        let mut room = late.0.lock().unwrap();
        if room.holders < 4 || room.released {
            drop(room);
            std::thread::sleep(Duration::from_millis(20));
            return reply(200, "", "");
        }
        room.waiting += 1;
        reply(200, "", vec![b'x'; 2 << 20])
    });
    let keys = [holder.url(), server.url()].map(|url| format!("allow = [\"{url}\"]"));
    let holds = format!("do = \"fetch\"\nurl = \"{}\"", holder.url());
    let waits =
        format!("do = \"follow\"\nmore = true\nurl = \"{}\"\ntimeout_ms = 1000", server.url());
    let holder = |name| Source { name, keys: &keys[0], config: &holds };
    let mut sources: Vec<_> = ["a", "b", "c", "d"].map(holder).into();
    sources.push(Source { name: "late", keys: &keys[1], config: &waits });
    let bench = Bench::with_output("type = \"stdout\"\nenvelope = true", &sources);
    let running = bench.start();
    let (room, changed) = &*shared;
    wait_for("a reply that waits", || room.lock().unwrap().waiting > 0);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(room.lock().unwrap().waiting, 1, "a fifth had room");
    room.lock().unwrap().released = true;
    changed.notify_all();
    let before = server.received().len();
    wait_for("more of the late source", || server.received().len() > before + 2);
    assert!(!running.log().contains("poll failed"), "{}", running.log());
    wait_for("the slow replies", || {
        written(&bench).iter().filter(|e| e["source"] != "late").count() >= 4
    });
}
