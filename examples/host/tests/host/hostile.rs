//! Components that loop, balloon, trap, lie or reach for what is not theirs, each in the process of
//! a good one: it lives on, and so does the process.
//!
//! Fails when: a component's memory has four times its bound; names may lead to addresses that are
//! not public; redirects are followed; lookups of a source have no bound; batches without events
//! follow each other at once for ever; notices have no bound over time; a batch is held whole in its
//! written form; a body is judged by its first and last byte alone.

use std::time::{Duration, Instant};

use crate::bench::{Bench, Running, Source, acme, events, names, sum_of_batches, wait_for};
use crate::server::{Server, reply};

/// A source of a test: its name, what it may reach, its configuration.
type Spec = (&'static str, String, String);

/// An API that gives a page every 20 ms, and closes the connection each time.
fn good_api() -> Server {
    Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(20));
        reply(200, "Connection: close\r\n", "")
    })
}

fn good(url: &str) -> Spec {
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{url}\"");
    ("good", format!("allow = [\"{url}\"]"), config)
}

fn configure(bench: &Bench, specs: &[Spec]) {
    let sources: Vec<Source<'_>> =
        specs.iter().map(|(name, keys, config)| Source { name, keys, config }).collect();
    bench.configure("type = \"stdout\"\nenvelope = true", &sources);
}

/// Waits until the log tells this of a source.
#[track_caller]
fn told(running: &Running, source: &str, text: &str) {
    let source = format!("source=\"{source}\"");
    wait_for(&format!("{source} {text}"), || {
        running.log().lines().any(|line| line.contains(&source) && line.contains(text))
    });
}

#[track_caller]
fn lives_on_and_ends(running: Running, api: &Server) {
    let before = api.received().len();
    wait_for("more of the good source", || api.received().len() > before + 10);
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// With the limits that users have. The loop takes its ten seconds, and the others come meanwhile.
#[test]
fn components_without_measure_cost_their_own_polls_and_bound_memory() {
    let cases = [
        ("loop", "do = \"loop\"", "the component computed for more than 10 s"),
        ("balloon", "do = \"balloon\"", "the component needs more memory than 67108864 bytes"),
        ("trap", "do = \"trap\"", "the component trapped: "),
        ("cursor", "do = \"made-up cursor\"\ncount = 104857600", "out of bounds of memory"),
        ("request", "do = \"made-up request\"\ncount = 3221225472", "out of bounds of memory"),
        ("copies", "do = \"many of one\"\ncount = 10000", "too much data is being copied"),
        ("batch", "do = \"events\"\ncount = 10000000", "needs more memory than 67108864 bytes"),
        ("many", "do = \"events\"\ncount = 10001", "has 10001 events; at most 10000"),
        ("stream", "do = \"events\"\npages = 1000000000\ncount = 50", "events=50"),
        ("notices", "do = \"notices\"\ncount = 100000", "there are 100000 notices; at most 100"),
        ("numbers", "do = \"largest numbers\"", "more=false"),
    ];
    let api = good_api();
    let mut specs: Vec<Spec> = vec![good(&api.url())];
    specs.extend(cases.map(|(name, config, _)| (name, String::new(), config.to_owned())));
    let bench = Bench::new();
    configure(&bench, &specs);
    let running = bench.start();
    for (name, _, text) in cases {
        told(&running, name, text);
    }
    let peak = running.peak_mebibytes();
    eprintln!("peak of resident memory with {} hostile components: {peak} MiB", cases.len());
    assert!(peak < 400, "{peak} MiB");
    // By now the loop has begun anew: it is in the middle of it when the host is to end.
    lives_on_and_ends(running, &api);
    let written = events(&bench.read("stdout"));
    let of = |name: &str| written.iter().filter(|event| event["source"] == name).count();
    assert!(of("stream") >= 50 && of("numbers") == 1);
    for (name, ..) in cases.iter().filter(|(name, ..)| !["stream", "numbers"].contains(name)) {
        assert_eq!(of(name), 0, "{name}");
    }
}

#[test]
fn what_is_not_allowed_is_not_even_dialled() {
    let bait = Server::start(|_, _| reply(200, "", "caught"));
    let port = bait.address.port();
    let location = format!("Location: http://127.0.0.1:{port}/\r\n");
    let redirect = Server::start(move |_, _| reply(302, &location, ""));
    let Some(names) = names() else { return };
    let api = good_api();
    let owned = str::to_owned;
    let mut cases = vec![
        ("host", owned("http://elsewhere.test"), owned("http://127.0.0.1:PORT/"), "denied"),
        ("literal", String::new(), owned("http://127.0.0.1:PORT/"), "denied"),
        ("metadata", String::new(), owned("http://169.254.169.254/latest/meta-data/"), "denied"),
        ("mapped", owned("http://127.0.0.1"), owned("http://[::ffff:127.0.0.1]:PORT/"), "denied"),
        ("redirect", redirect.url(), redirect.url(), "302"),
    ];
    for (name, host) in [
        ("loopback-name", "127-0-0-1.example"),
        ("private-name", "10-0-0-1.example"),
        ("link-local-name", "169-254-169-254.example"),
        ("any-name", "0-0-0-0.example"),
    ] {
        let url = format!("http://{host}:PORT");
        cases.push((name, url.clone(), url, "public address"));
    }
    let mut specs = vec![good(&api.url())];
    for (name, allow, url, _) in &cases {
        let config = format!("do = \"fetch\"\nurl = \"{url}\"").replace("PORT", &port.to_string());
        let allow = allow.replace("PORT", &port.to_string());
        let allow = if allow.is_empty() { allow } else { format!("allow = [\"{allow}\"]") };
        specs.push((name, allow, config));
    }
    let mut bench = Bench::new();
    bench.starter = names;
    configure(&bench, &specs);
    let running = bench.start();
    for (name, _, _, text) in cases {
        let mut event = serde_json::Value::Null;
        wait_for(name, || {
            let text = bench.read("stdout");
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let found = events(whole).into_iter().find(|event| event["source"] == name);
            event = found.unwrap_or_default();
            !event.is_null()
        });
        let event = event["event"].to_string();
        assert!(event.contains(text), "{name}: {event}");
    }
    lives_on_and_ends(running, &api);
    assert_eq!(bait.connections(), 0);
}

/// A lookup cannot be broken off: whoever asks for many must not take the threads of all.
#[test]
fn names_that_take_for_ever_do_not_hold_up_the_names_of_others() {
    let Some(names) = names() else { return };
    let api = good_api();
    let asks = "do = \"fetch often\"\nmore = true\nurl = \"http://slow.example/\"\ntimeout_ms = 1\ncount = 8";
    let slow = ("slow", "allow = [\"http://slow.example\"]".to_owned(), asks.to_owned());
    let by_name = format!("http://localhost:{}", api.address.port());
    let mut bench = Bench::new();
    bench.starter = names;
    configure(&bench, &[good(&by_name), slow]);
    let running = bench.start();
    // As many requests as there could be threads, twice.
    wait_for("many requests", || bench.read("stdout").matches("\"source\":\"slow\"").count() > 128);
    let threads: u32 = running.status("Threads").unwrap().parse().unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(threads < 64 + 3 * u32::try_from(cores).unwrap(), "{threads} threads");
    lives_on_and_ends(running, &api);
}

#[test]
fn a_component_that_gives_nothing_for_ever_is_not_polled_in_a_hurry() {
    let bench = Bench::with(&[acme("do = \"nothing\"")]);
    let running = bench.start();
    // The way through a quiet time is not slow; what comes after it is.
    let batches = || u128::from(sum_of_batches(&running.log(), "batches"));
    wait_for("a thousand batches", || batches() > 1_000);
    let (before, begun) = (batches(), Instant::now());
    std::thread::sleep(Duration::from_secs(1));
    let more = batches() - before;
    // What is told may have been put off for a second.
    let most = (begun.elapsed().as_millis() + 1_000) / 100 + 2;
    assert!(more <= most, "{more} batches in the time of {most}");
}

#[test]
fn notices_do_not_flood_the_log() {
    let message = "\\u001b[2J".repeat(400);
    let bench =
        Bench::with(&[acme(&format!("do = \"notices\"\ncount = 50\nmessage = \"{message}\""))]);
    let begun = Instant::now();
    let running = bench.start();
    wait_for("many batches", || bench.read("stdout").lines().count() > 200);
    let log = running.log();
    let notices = log.matches("code=\"scripted\"").count();
    let most = 32 * (begun.elapsed().as_secs() + 1);
    assert!(u64::try_from(notices).unwrap() <= most, "{notices} notices, {most} at most");
    assert!(log.contains("notices a second: left out"), "{log}");
    assert!(!log.contains('\u{1b}'), "an escape sequence reached the log");
}

#[test]
fn batches_that_follow_each_other_at_once_are_told_in_a_line_a_second_and_all_of_them() {
    let bench = Bench::with(&[acme("do = \"events\"\ncount = 3\npages = 1000000000")]);
    let begun = Instant::now();
    let running = bench.start();
    // The first one at once, and what follows while the host goes on.
    running.until(" batches=1 more=true");
    wait_for("three lines", || running.log().matches(" batch source=").count() >= 3);
    running.signal("TERM");
    let log = bench.path("stderr");
    assert_eq!(running.end().0, Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log.matches(" batch source=").count() as u64;
    assert!(lines <= begun.elapsed().as_secs() + 2, "{log}");
    let written = bench.read("stdout").lines().count() as u64;
    assert_eq!(sum_of_batches(&log, "events"), written, "{log}");
    assert_eq!(sum_of_batches(&log, "batches") * 3, written, "{log}");
}

#[test]
fn the_largest_cursors_do_not_let_the_state_grow() {
    let bench = Bench::with(&[acme("do = \"wide cursors\"\ncount = 1000000\npages = 60")]);
    let mut most = 0;
    let running = bench.start();
    wait_for("the last of them", || {
        let sizes = ["state.db", "state.db-wal", "state.db-shm"]
            .map(|name| std::fs::metadata(bench.path(name)).map_or(0, |found| found.len()));
        most = most.max(sizes.iter().sum::<u64>());
        running.log().contains("more=false")
    });
    assert!(most < 40 << 20, "{most} bytes of state");
    assert!(running.peak_mebibytes() < 200);
    eprintln!(
        "60 cursors of 1,000,000 bytes: {} KiB of state, {} MiB of memory",
        most >> 10,
        running.peak_mebibytes()
    );
}

#[test]
fn ids_that_grow_in_json_do_not_grow_the_host() {
    let envelope = "type = \"stdout\"\nenvelope = true";
    let bench = Bench::with_output(envelope, &[acme("do = \"wide ids\"\ncount = 10000")]);
    // It takes all, as /dev/null does, and is not refused.
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/zero").unwrap();
    let running = bench.start_into(nowhere);
    running.until("events=10000");
    let peak = running.peak_mebibytes();
    eprintln!("10,000 ids of 4 KiB, 24 KiB each in JSON: {peak} MiB of memory");
    assert!(peak < 250, "{peak} MiB");
}

#[test]
fn an_event_cannot_forge_its_envelope() {
    for body in [
        r#"{"a":1},"source":"good","event":{"b":2}"#,
        r#"{"a":1}}{"source":"good","event":{}"#,
        "{\"a\":\"\u{1b}[2J\"}",
    ] {
        let config = format!("do = \"body\"\nbody = {}", serde_json::Value::from(body));
        let bench = Bench::with_output("type = \"stdout\"\nenvelope = true", &[acme(&config)]);
        let running = bench.start();
        running.until("is no JSON object");
        assert_eq!(bench.read("stdout"), "");
    }
}
