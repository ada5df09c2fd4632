//! Events come once and whole: over restarts, crashes, broken pipes, full disks and replaced files.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use source_host::bindings::Event;
use source_host::output::Output;
use source_host::output::file::FileOutput;

use crate::bench::{Bench, Source, acme, events, wait_for};

const FILE: &str = "type = \"file\"\npath = \"out.ndjson\"";
const THREE_PAGES: &str = "do = \"events\"\npages = 3\ncount = 2";

fn numbers(lines: &str) -> Vec<(u64, u64)> {
    let events = events(lines);
    events
        .iter()
        .map(|event| (event["page"].as_u64().unwrap(), event["row"].as_u64().unwrap()))
        .collect()
}

fn expected(pages: u64, count: u64) -> Vec<(u64, u64)> {
    (0..pages).flat_map(|page| (0..count).map(move |row| (page, row))).collect()
}

#[test]
fn standard_output_gets_every_event_once_over_two_runs() {
    let bench = Bench::with(&[acme(THREE_PAGES)]);
    assert_eq!(numbers(&bench.catch_up().expect(0).stdout()), expected(3, 2));
    assert_eq!(bench.catch_up().expect(0).stdout(), "");
}

#[test]
fn an_envelope_tells_source_id_kind_and_time() {
    let bench = Bench::with_output("type = \"stdout\"\nenvelope = true", &[acme(THREE_PAGES)]);
    let written = bench.catch_up().expect(0).events();
    assert_eq!(written.len(), 6);
    assert_eq!(written[5]["source"], "acme");
    assert_eq!(written[5]["id"], "2-1");
    assert_eq!(written[5]["kind"], "scripted.row");
    assert_eq!(written[5]["time"], "2023-11-14T22:13:20Z");
    assert_eq!(written[5]["event"]["page"], 2);
}

#[test]
fn several_sources_share_one_output_line_by_line() {
    let wide = "do = \"events\"\npages = 40\ncount = 20\npadding = 3000";
    let sources = ["one", "two", "three"].map(|name| Source { name, keys: "", config: wide });
    let bench = Bench::with_output(&format!("{FILE}\nenvelope = true"), &sources);
    bench.catch_up().expect(0);
    let written = events(&bench.read("out.ndjson"));
    for name in ["one", "two", "three"] {
        let pages = written.iter().filter(|event| event["source"] == name).map(|event| {
            (event["event"]["page"].as_u64().unwrap(), event["event"]["row"].as_u64().unwrap())
        });
        assert_eq!(pages.collect::<Vec<_>>(), expected(40, 20), "{name}");
    }
}

#[test]
fn a_batch_that_takes_several_writes_comes_whole() {
    let config = "do = \"events\"\npages = 2\ncount = 3000\npadding = 3000";
    let bench = Bench::with_output(FILE, &[acme(config)]);
    bench.catch_up().expect(0);
    assert_eq!(numbers(&bench.read("out.ndjson")), expected(2, 3000));
    let bench = Bench::with(&[acme(config)]);
    assert_eq!(numbers(&bench.catch_up().expect(0).stdout()), expected(2, 3000));
}

#[test]
fn a_file_holds_every_event_once_over_any_number_of_kills() {
    let (pages, count) = (3_000, 3);
    let config = format!("do = \"events\"\npages = {pages}\ncount = {count}");
    let bench = Bench::with_output(FILE, &[acme(&config)]);
    let length = || std::fs::metadata(bench.path("out.ndjson")).map_or(0, |found| found.len());
    let mut kills = 0;
    while bench.host(&["cursor", "show", "acme"]).stdout().trim() != pages.to_string() {
        let before = length();
        let running = bench.start();
        wait_for("events", || length() > before || running.log().contains("more=false"));
        // Somewhere within the backfill: each time a little later in a group of batches.
        std::thread::sleep(Duration::from_millis(7 * (kills % 13)));
        running.signal("KILL");
        running.end();
        kills += 1;
        assert!(kills < 1_000, "no progress over so many kills");
    }
    bench.catch_up().expect(0);
    assert_eq!(numbers(&bench.read("out.ndjson")), expected(pages, count));
    assert!(kills > 1, "killed {kills} times only: the test says nothing");
}

#[test]
fn what_a_host_that_was_killed_left_uncommitted_is_cut() {
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    let running = bench.start();
    running.until("more=false");
    running.signal("KILL");
    running.end();
    let whole = bench.read("out.ndjson");
    bench.write("out.ndjson", format!("{whole}{{\"half\": "));
    bench.catch_up().expect(0).says("cut what the last run had not committed").says("out.ndjson");
    assert_eq!(bench.read("out.ndjson"), whole);
}

#[test]
fn a_file_that_is_shorter_replaced_or_gone_is_refused_and_left_alone() {
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    bench.catch_up().expect(0);
    let whole = bench.read("out.ndjson");
    let remedy = "put the file back as it was, or give [output] another path";

    let shorter = whole.lines().next().unwrap().to_owned() + "\n";
    let other = whole.replace("\"row\":0", "\"row\":7");
    let longer = format!("{{\"begins\": \"otherwise\"}}\n{whole}");
    for (text, why) in [
        (&shorter, "it was cut or replaced"),
        (&other, "it is another file"),
        (&longer, "it is another file"),
    ] {
        bench.write("out.ndjson", text);
        bench.catch_up().expect(1).says(why).says(remedy);
        assert_eq!(&bench.read("out.ndjson"), text);
    }
    std::fs::remove_file(bench.path("out.ndjson")).unwrap();
    bench.catch_up().expect(1).says("it is gone").says(remedy);
    assert!(!bench.path("out.ndjson").exists());

    // A copy of the file, as a restore makes it, is the file.
    bench.write("copy", &whole);
    std::fs::rename(bench.path("copy"), bench.path("out.ndjson")).unwrap();
    bench.catch_up().expect(0);
}

#[test]
fn a_file_that_the_state_has_no_record_of_is_refused_unless_it_is_empty() {
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    bench.write("out.ndjson", "{\"older\": 1}\n");
    bench
        .catch_up()
        .expect(1)
        .says("it holds 13 bytes that this state has no record of")
        .says("bring back the state that belongs to it");
    assert_eq!(bench.read("out.ndjson"), "{\"older\": 1}\n");
    bench.write("out.ndjson", "");
    bench.catch_up().expect(0);
    assert_eq!(numbers(&bench.read("out.ndjson")), expected(3, 2));

    // Another state, or one that was lost, neither repeats its events there nor cuts them.
    let whole = bench.read("out.ndjson");
    std::fs::remove_file(bench.path("state.db")).unwrap();
    bench.catch_up().expect(1).says("that this state has no record of");
    assert_eq!(bench.read("out.ndjson"), whole);
}

fn event(number: u32) -> Event {
    let (id, kind) = (number.to_string(), "scripted.row".to_owned());
    Event { id, kind, time: None, body: format!("{{\"number\": {number}}}") }
}

#[test]
fn a_file_takes_back_what_is_not_committed() {
    let bench = Bench::new();
    let path = bench.path("out.ndjson");
    let mut output = FileOutput::open("out", &path, false, None).unwrap();
    output.write("acme", &[event(1)]).unwrap();
    let mark = output.sync().unwrap().unwrap();
    output.committed();
    output.write("acme", &[event(2)]).unwrap();
    output.sync().unwrap();
    output.write("acme", &[event(3)]).unwrap();
    assert!(output.roll_back());
    assert_eq!(bench.read("out.ndjson"), "{\"number\": 1}\n");
    assert_eq!(output.sync().unwrap().unwrap(), mark);
    output.write("acme", &[event(4)]).unwrap();
    let mark = output.sync().unwrap().unwrap();
    drop(output);
    assert_eq!(bench.read("out.ndjson"), "{\"number\": 1}\n{\"number\": 4}\n");
    FileOutput::open("out", &path, false, Some(&mark.text)).unwrap();
}

#[test]
fn a_file_that_is_moved_removed_or_replaced_meanwhile_is_neither_written_on_nor_committed() {
    type Meddle = fn(&Bench);
    let meddles: [(Meddle, &str); 3] = [
        (|bench| rename(bench, "out.ndjson", "out.ndjson.1"), "moved away or removed"),
        (|bench| std::fs::remove_file(bench.path("out.ndjson")).unwrap(), "moved away or removed"),
        (
            |bench| {
                rename(bench, "out.ndjson", "out.ndjson.1");
                bench.write("out.ndjson", "{\"number\": 1}\n");
            },
            "another file was put in its place",
        ),
    ];
    for (meddle, why) in meddles {
        let bench = Bench::new();
        let path = bench.path("out.ndjson");
        let mut output = FileOutput::open("out", &path, false, None).unwrap();
        output.write("acme", &[event(1)]).unwrap();
        meddle(&bench);
        for error in [output.sync().unwrap_err(), output.write("acme", &[event(2)]).unwrap_err()] {
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.to_string().contains("put the file back as it was"), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_put_back_is_gone_on_with() {
    let bench = Bench::new();
    let path = bench.path("out.ndjson");
    let mut output = FileOutput::open("out", &path, false, None).unwrap();
    output.write("acme", &[event(1)]).unwrap();
    output.sync().unwrap();
    output.committed();
    rename(&bench, "out.ndjson", "away");
    output.write("acme", &[event(2)]).unwrap_err();
    output.roll_back();
    rename(&bench, "away", "out.ndjson");
    output.write("acme", &[event(2)]).unwrap();
    output.sync().unwrap();
    assert_eq!(bench.read("out.ndjson"), "{\"number\": 1}\n{\"number\": 2}\n");
}

fn rename(bench: &Bench, from: &str, to: &str) {
    std::fs::rename(bench.path(from), bench.path(to)).unwrap();
}

#[test]
fn a_file_that_another_host_writes_is_refused() {
    let bench = Bench::with_output(FILE, &[acme("do = \"events\"\nnext_poll_ms = 60000")]);
    let running = bench.start();
    running.until("more=false");
    let text = bench.read("host.toml").replace("state.db", "other.db");
    bench.write("host.toml", text);
    bench.catch_up().expect(1).says("another process writes to it");
}

#[test]
fn new_files_are_their_owners_alone() {
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    bench.catch_up().expect(0);
    for name in ["out.ndjson", "state.db"] {
        let mode = std::fs::metadata(bench.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_pipe_that_nobody_reads_ends_the_host_and_keeps_the_position() {
    let bench = Bench::with(&[acme("do = \"events\"\npages = 500\ncount = 50\npadding = 1000")]);
    let (reader, writer) = std::io::pipe().unwrap();
    let running = bench.start_into(writer);
    wait_for("a first batch", || bench.host(&["cursor", "show", "acme"]).code() == Some(0));
    drop(reader);
    running.until("output closed, host ends: standard output: nobody reads it any more");
    assert_eq!(running.end().0, Some(1));
    // A pipe holds one of these batches and not two: the one that broke off comes again.
    assert!(numbers(&bench.catch_up().expect(0).stdout()) == expected(500, 50)[50..]);
}

#[test]
fn a_full_disk_keeps_the_position_and_is_tried_again_in_service() {
    let bench = Bench::with(&[acme(THREE_PAGES)]);
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut once = bench.command(&["run", "--until-caught-up"]);
    let once = once.stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(once.status.code(), Some(1));
    let log = String::from_utf8(once.stderr).unwrap();
    assert!(log.contains("batch not stored, source ended: standard output"), "{log}");
    assert!(log.contains("make room on the disk"), "{log}");
    bench.host(&["cursor", "show", "acme"]).expect(1);

    let running = bench.start_into(full());
    wait_for("a second try", || running.log().matches("position kept").count() >= 2);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    bench.host(&["cursor", "show", "acme"]).expect(1);
    assert_eq!(numbers(&bench.catch_up().expect(0).stdout()), expected(3, 2));
}

#[test]
fn a_stuck_reader_does_not_hold_up_the_end() {
    let bench = Bench::with(&[acme("do = \"events\"\npages = 500\ncount = 50\npadding = 1000")]);
    let (reader, writer) = std::io::pipe().unwrap();
    let running = bench.start_into(writer);
    running.until("batch");
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(reader);
}
