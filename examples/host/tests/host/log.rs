//! The log says what there is to say, to whoever reads it; whoever does not holds up nothing.
//!
//! Fails when: a line is written by who says it; a full queue blocks; what is left out is not counted,
//! or not told; a stream that takes nothing at the moment loses a line, or half of it; the end does
//! not wait for what is to be written, or waits for ever; faults are bound as other lines are.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use crate::bench::{Bench, Source, acme, sum_of_batches, wait_for};

/// Forty sources, each of which says more than a pipe holds, and all of them more than the queue.
fn talkative() -> Bench {
    let config = format!("do = \"notices\"\ncount = 32\nmessage = \"{}\"", "x".repeat(2_000));
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    let sources: Vec<Source<'_>> =
        names.iter().map(|name| Source { name, keys: "", config: &config }).collect();
    Bench::with_output("type = \"stdout\"\nenvelope = true", &sources)
}

/// Waits until each source has said all that it had to say at first, and has gone on.
fn wait_for_all(bench: &Bench) {
    wait_for("the second batch of each source", || {
        let written = bench.read("stdout");
        let of = |number| written.matches(&format!("\"source\":\"s{number}\"")).count();
        (0..40).all(|number| of(number) >= 2)
    });
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_collection_nor_the_end() {
    let bench = talkative();
    let (_unread, log) = std::io::pipe().unwrap();
    let output = std::fs::File::create(bench.path("stdout")).unwrap();
    let running = bench.start_telling(&["run"], output, log);
    wait_for_all(&bench);
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn what_a_log_left_out_is_told_when_it_is_read_again() {
    let bench = talkative();
    let (unread, log) = std::io::pipe().unwrap();
    let output = std::fs::File::create(bench.path("stdout")).unwrap();
    let running = bench.start_telling(&["run", "--log-format", "json"], output, log);
    wait_for_all(&bench);
    let (mut lines, mut left_out) = (0, false);
    let begun = std::time::Instant::now();
    for line in BufReader::new(unread).lines() {
        // A whole line, each of them.
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        lines += 1;
        assert!(begun.elapsed().as_secs() < 60, "what was left out is never told");
        let message = line["message"].as_str().unwrap();
        if !left_out && message.ends_with(" lines of the log were left out: nobody read them") {
            left_out = true;
            // Those that there was room for came first, and the host goes on.
            assert!(lines > 100, "{lines} lines");
            assert_ne!(message.split(' ').next().unwrap().parse::<u64>().unwrap(), 0);
            running.signal("TERM");
        }
    }
    assert!(left_out);
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let mut bench = Bench::with(&[acme("do = \"events\"\npages = 3")]);
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into();
    let gone = || std::io::pipe().unwrap().1.into();
    for log in [&full as &dyn Fn() -> Stdio, &gone] {
        let mut command = bench.command(&["run", "--until-caught-up"]);
        let ended = command.stderr(log()).output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(crate::bench::events(&String::from_utf8(ended.stdout).unwrap()).len(), 3);
        bench.host(&["cursor", "reset", "acme"]).expect(0);
    }
    bench.starter = ["sh", "-c", "exec \"$0\" \"$@\" 2>&-"].map(str::to_owned).to_vec();
    assert_eq!(bench.catch_up().expect(0).events().len(), 3);
}

/// More faults than the queue holds lines, and more bytes.
const FAULTS: usize = 9_000;

fn faulty() -> Bench {
    let keys: Vec<String> = (0..FAULTS).map(|number| format!("stray-{number:04} = 1")).collect();
    let keys = keys.join("\n");
    Bench::with(&[Source { name: "acme", keys: &keys, config: "do = \"events\"" }])
}

/// Reads slowly, and counts the faults, each on a whole line.
fn read_slowly(mut log: impl Read) -> usize {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    while let Ok(read @ 1..) = log.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
        std::thread::sleep(Duration::from_millis(1));
    }
    let log = String::from_utf8(bytes).unwrap();
    let whole = |line: &&str| line.contains("stray-") && line.ends_with("ca_file, config");
    let faults = log.lines().filter(whole).count();
    assert_eq!(log.lines().count(), faults, "{log:.2000}");
    faults
}

#[test]
fn no_fault_is_lost_on_a_reader_that_is_slow() {
    let bench = faulty();
    let (reader, log) = std::io::pipe().unwrap();
    let running = bench.start_telling(&["run"], Stdio::null(), log);
    assert_eq!(read_slowly(reader), FAULTS);
    assert_eq!(running.end().0, Some(2));
}

/// Whoever shares a pipe may have made it one that is not waited for.
#[tokio::test]
async fn no_fault_is_lost_in_a_pipe_that_cannot_be_written_at_the_moment() {
    let bench = faulty();
    let (log, reader) = tokio::net::unix::pipe::pipe().unwrap();
    let log: OwnedFd = log.into_nonblocking_fd().unwrap();
    let reader = std::fs::File::from(reader.into_blocking_fd().unwrap());
    let running = bench.start_telling(&["check"], Stdio::null(), log);
    assert_eq!(read_slowly(reader), FAULTS);
    assert_eq!(running.end().0, Some(2));
}

#[test]
fn the_end_does_not_wait_for_ever_for_a_reader_that_does_not_come() {
    let bench = faulty();
    let (_unread, log) = std::io::pipe().unwrap();
    let running = bench.start_telling(&["run"], Stdio::null(), log);
    assert_eq!(running.end().0, Some(2));
}

#[test]
fn nothing_that_a_terminal_obeys_is_in_a_line() {
    let bench = Bench::new();
    let name = "no\u{1b}[2J\u{9b}31m\u{202e}file\n";
    let path = bench.path(name);
    let told = "no\\u{1b}[2J\\u{9b}31m\\u{202e}file\\u{a}";
    let path = path.to_str().unwrap();
    bench.host(&["inspect", path]).expect(2).says(&format!("{told}: the file cannot be read"));
    bench.write(name, "not a component");
    std::fs::remove_file(path).unwrap();
    let output = format!("type = \"file\"\npath = {}", serde_json::Value::from(name));
    bench.configure(&output, &[acme("do = \"events\"")]);
    bench.catch_up().expect(0);
    let ended = bench.host(&["run", "--until-caught-up", "--log-format", "json"]);
    let lines = crate::bench::events(&ended.stderr());
    assert!(lines[0]["output"].as_str().unwrap().ends_with(name), "{}", ended.stderr());
    let plain = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(ended.stderr().chars().all(plain), "{:?}", ended.stderr());
}

#[test]
fn how_far_a_source_is_is_told_as_far_as_it_says() {
    for (config, told) in [
        ("", ""),
        ("complete_until = 1764003600000000000", " complete_until=\"2025-11-24T17:00:00Z\""),
        (
            "complete_until = 1764003600000000000\nnewest = 1763996400000000000",
            " complete_until=\"2025-11-24T17:00:00Z\" newest=\"2025-11-24T15:00:00Z\"",
        ),
    ] {
        let bench = Bench::with(&[acme(&format!("do = \"events\"\n{config}"))]);
        let ended = bench.catch_up().expect(0);
        let end = format!(" more=false{told}\n");
        assert!(ended.stderr().ends_with(&end), "{end:?} is not the end of: {}", ended.stderr());
    }
}

#[test]
fn counters_of_a_source_are_summed_in_the_line_of_its_batches() {
    let counters = "{ token_requests = 1, odd_rows = 3, none = 0, hunter22 = 7 }";
    let config =
        format!("do = \"events\"\npages = 5\ncounters = {counters}\napi_key = \"hunter22\"");
    let bench = Bench::with(&[acme(&config)]);
    let ended = bench.catch_up().expect(0);
    let lines = ended.stderr();
    let lines: Vec<&str> = lines.lines().filter(|line| line.contains(" batch source=")).collect();
    // The first at once, the others in one line.
    assert!(
        lines[0].ends_with(" counters=\"[redacted]=7 odd_rows=3 token_requests=1\""),
        "{lines:?}"
    );
    assert!(
        lines[1].ends_with(" counters=\"[redacted]=28 odd_rows=12 token_requests=4\""),
        "{lines:?}"
    );
    let ended =
        Bench::with(&[acme("do = \"events\"\ncounters = { none = 0 }")]).catch_up().expect(0);
    assert!(!ended.stderr().contains("counters"), "{}", ended.stderr());
}

#[test]
fn what_a_source_counts_in_a_poll_that_fails_is_told_with_the_failure() {
    let counters = "{ token_requests = 1, none = 0, hunter22 = 7 }";
    for (kind, what) in [("transient", "poll failed"), ("throttled", "throttled")] {
        let config = format!(
            "do = \"errors at first\"\nkind = \"{kind}\"\ncounters = {counters}\n\
             api_key = \"hunter22\"\nnotices = []"
        );
        let told = Bench::with(&[acme(&config)]).catch_up().expect(0).stderr();
        let line = told.lines().find(|line| line.contains(what)).unwrap();
        let end = " requests=0 counters=\"[redacted]=7 token_requests=1\" wait_ms=";
        assert!(line.contains(end), "{told}");
    }
}

#[test]
fn batches_up_to_the_last_are_told_before_the_end() {
    let bench = Bench::with(&[acme("do = \"events\"\ncount = 2\npages = 300")]);
    let ended = bench.catch_up().expect(0);
    assert_eq!(sum_of_batches(&ended.stderr(), "batches"), 300, "{}", ended.stderr());
    assert_eq!(sum_of_batches(&ended.stderr(), "events"), 600, "{}", ended.stderr());
    assert!(ended.stderr().lines().last().unwrap().contains(" more=false"), "{}", ended.stderr());
}
