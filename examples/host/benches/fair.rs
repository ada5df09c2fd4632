//! What is left to a source that computes little beside others that compute for as long as they may, or
//! whose APIs send for as long as they may: its time for a page as a multiple of that alone.
//!
//! Both are taken in turns, so that a busy machine slows both. It fails beyond the limit.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
// Parts of the tests, of which this needs a few.
#![allow(dead_code)]

#[path = "../tests/host/bench.rs"]
mod bench;
#[path = "../tests/host/server.rs"]
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::{Bench, Source, wait_for};
use server::{Server, reply};

const ROUNDS: usize = 5;
/// Pages that are waited for before those that are timed, so that all others are under way.
const PAGES_BEFORE: usize = 100;
const PAGES: usize = 500;
/// Guests that compute leave one processor free: a page takes little more than alone.
const COMPUTING_RATIO_MAX: f64 = 4.0;
/// Two threads read what never ends, and two of the bench write it: with two processors a page waits for
/// its share of them, too. Where sockets are not looked at, it takes a hundred times as long as alone.
const SENDING_RATIO_MAX: f64 = 10.0;

fn main() -> ExitCode {
    // Six seconds of computing, and more where processors are slow.
    let computing = "do = \"compute\"\nrounds = 6000000000";
    let computing: Vec<_> = (0..6).map(|_| (String::new(), computing.to_owned())).collect();
    let endless = Server::start_writing(|out| {
        let hint =
            b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n".repeat(100);
        loop {
            out.write_all(&hint)?;
        }
    });
    let url = endless.url();
    let sending = (format!("allow = [\"{url}\"]"), format!("do = \"fetch\"\nurl = \"{url}\""));
    let sending = [sending.clone(), sending];
    let passed = [
        compare("beside 6 guests that compute", &computing, COMPUTING_RATIO_MAX),
        compare("beside 2 APIs that send 103 without end", &sending, SENDING_RATIO_MAX),
    ];
    if passed == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what a page takes alone, and beside these. False beyond the limit.
fn compare(label: &str, others: &[(String, String)], ratio_max: f64) -> bool {
    let (mut alone, mut beside): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (time_pages(&[]), time_pages(others))).unzip();
    alone.sort_unstable();
    beside.sort_unstable();
    let (alone, beside) = (alone[ROUNDS / 2].as_secs_f64(), beside[ROUNDS / 2].as_secs_f64());
    let ratio = beside / alone;
    let verdict = if ratio <= ratio_max { "pass" } else { "FAIL" };
    println!(
        "a page {label}: {:.2} ms, alone {:.2} ms: {ratio:.2} times, at most {ratio_max}: {verdict}",
        beside * 1e3,
        alone * 1e3
    );
    ratio <= ratio_max
}

/// The time of a page of a source that has more, beside sources of these keys and configurations.
fn time_pages(others: &[(String, String)]) -> Duration {
    let api = Server::start(|_, _| reply(200, "", ""));
    let url = api.url();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{url}\"");
    let names: Vec<String> = (0..others.len()).map(|number| format!("other-{number}")).collect();
    let others = names.iter().zip(others);
    let mut sources: Vec<Source<'_>> =
        others.map(|(name, (keys, config))| Source { name, keys, config }).collect();
    sources.push(Source { name: "pages", keys: &keys, config: &config });
    let bench = Bench::with_output("type = \"blackhole\"", &sources);
    let running = bench.start();
    let pages = |count| wait_for("pages", || api.received().len() >= count);
    pages(PAGES_BEFORE);
    let begun = Instant::now();
    pages(PAGES_BEFORE + PAGES);
    let took = begun.elapsed();
    running.signal("TERM");
    running.end();
    took / u32::try_from(PAGES).unwrap()
}
