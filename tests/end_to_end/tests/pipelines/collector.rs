//! The receiver in an OpenTelemetry Collector.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use end_to_end::collector::{Process, Run};
use end_to_end::small_disk::SmallDisk;

use crate::feed::Feed;
use crate::pipeline::{CONFIG, PAGE_ROWS, Pipeline, moody, silent};
use crate::sink::{Answer, Sink};
use crate::tally::Tally;

/// How many of its requests are under way at a time.
const CONSUMERS: usize = 2;
const KILLS: usize = 30;

#[test]
fn every_row_comes_once_though_the_api_and_the_sink_fail() {
    let pipeline = pipeline("collector-steady", moody);
    let tally = run_to_its_end(&pipeline);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn no_row_is_lost_however_often_it_is_killed() {
    let pipeline = pipeline("collector-killed", moody);
    // What was on its way to the sink, and the page that was on its way into the queue.
    let under_way = (CONSUMERS + 1) * PAGE_ROWS;
    let tally = pipeline.kill_often(KILLS, under_way, || pipeline.sink.records());
    assert_eq!(tally.lost, 0);
}

#[test]
fn a_sink_that_dies_and_keeps_its_word_back_loses_nothing() {
    let pipeline = pipeline("collector-silent", silent);
    let tally = run_to_its_end(&pipeline);
    eprintln!("{tally}");
    // Nobody can know that such a request was kept: it comes again, whole.
    assert_eq!(tally.lost, 0);
    assert!(tally.repeated > 0);
}

#[test]
fn without_a_queue_what_the_sink_refuses_for_good_is_held_until_it_is_taken() {
    fn strict(number: u64) -> Answer {
        if (100..103).contains(&number) { Answer::RefusedForGood } else { moody(number) }
    }
    let pipeline = pipeline("collector-strict", strict);
    let config = pipeline.config();
    let (before, rest) = config.split_once("    retry_on_failure:").unwrap();
    let (_, after) = rest.split_once("extensions:\n").unwrap();
    let none = "    retry_on_failure: { enabled: false }\n    sending_queue: { enabled: false }\n";
    pipeline.write(CONFIG, &format!("{before}{none}extensions:\n{after}"));
    let mut process = pipeline.start();
    process.wait_until_told("a word of it", |told| told.contains("refuses a batch for good"));
    let tally = finish(&pipeline, process);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn one_that_is_ended_or_told_to_read_its_configuration_anew_goes_on_where_it_stood() {
    let pipeline = pipeline("collector-ended", moody);
    for _ in 0..3 {
        let (mut process, rows) = (pipeline.start(), pipeline.sink.len());
        process.wait_until("some rows", || pipeline.sink.len() > rows + 3_000);
        let begun = Instant::now();
        let run = process.terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    let mut process = pipeline.start();
    for _ in 0..3 {
        let rows = pipeline.sink.len();
        process.wait_until("some rows", || pipeline.sink.len() > rows + 3_000);
        process.signal("HUP");
    }
    let tally = finish(&pipeline, process);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn a_disk_that_is_full_holds_the_page_until_there_is_room() {
    let pipeline = pipeline("collector-full", moody);
    let Some(disk) = SmallDisk::mount(&pipeline.dir.join("cursor"), 1 << 20) else { return };
    let mut process = pipeline.start();
    process.wait_until("some rows", || pipeline.sink.len() > 5_000);
    disk.fill();
    process.wait_until_told("a word of it", |told| told.contains("no space left"));
    thread::sleep(Duration::from_secs(2));
    let (rows, requests) = (pipeline.sink.len(), pipeline.api.stats().requests);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(pipeline.sink.len(), rows);
    assert_eq!(pipeline.api.stats().requests, requests);
    disk.free();
    let tally = finish(&pipeline, process);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn hostile_sources_beside_it_harm_nothing() {
    let pipeline = pipeline("collector-hostile", moody);
    let all = [
        ("loop", "{ break: loop }"),
        ("memory", "{ break: memory }"),
        ("stack", "{ break: stack }"),
        ("trap", "{ break: trap }"),
        ("huge", "{ batch: { events: 10001 } }"),
    ];
    let probe = artifacts::probe_source();
    let (mut receivers, mut names) = (String::new(), String::new());
    for (name, answer) in all {
        let _ = write!(
            receivers,
            "  polling_source/{name}:
    component: {probe}
    allow: [\"https://api.example\"]
    config: {{ steps: [{{ answer: {answer} }}] }}
",
            probe = probe.display()
        );
        names = names + ", polling_source/" + name;
    }
    pipeline.change("exporters:\n", &(receivers + "exporters:\n"));
    pipeline.change("[polling_source/acme", &format!("[polling_source/acme{names}"));
    let mut process = pipeline.start();
    for (name, _) in all {
        let told = format!("polling_source/{name}");
        process.wait_until_told("a word of each", |stderr| {
            stderr.lines().any(|line| line.contains(&told) && line.contains("component_failed"))
        });
    }
    let tally = finish(&pipeline, process);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn other_sources_run_in_it_unchanged() {
    let pipeline = pipeline("collector-feeds", moody);
    let feed = Feed::start(&pipeline.api.keys().app_key);
    feed.publish(1_234);
    let receiver = |name: &str, component: &Path| {
        format!(
            "  polling_source/{name}:
    component: {component}
    allow: [\"{origin}\"]
    storage: file_storage/cursor
    config: {{ url: \"{url}\", token: \"${{env:MC_APP_KEY}}\", page_size: 100 }}
",
            component = component.display(),
            origin = feed.url().trim_end_matches("/items"),
            url = feed.url(),
        )
    };
    let config = pipeline.config();
    let (_, rest) = config.split_once("exporters:").unwrap();
    let receivers = receiver("feed", &artifacts::feed_source())
        + &receiver("begun", &artifacts::begun_source());
    pipeline.write(CONFIG, &format!("receivers:\n{receivers}exporters:{rest}"));
    pipeline.change("[polling_source/acme]", "[polling_source/feed, polling_source/begun]");
    let mut process = pipeline.start();
    process.wait_until("all items", || pipeline.sink.len() >= 2 * 1_234);
    assert_eq!(process.terminate().code, Some(0));
    assert_eq!(pipeline.sink.bodies(), twice(&feed.items()));
}

/// Each of these texts two times, in order.
pub(crate) fn twice(texts: &[String]) -> Vec<String> {
    let mut twice = [texts, texts].concat();
    twice.sort();
    twice
}

#[test]
fn what_is_wrong_with_a_configuration_is_a_line_of_validate() {
    let pipeline = pipeline("collector-faults", moody);
    let component = artifacts::component();
    let wasm = fs::read(&component).unwrap();
    let other = replaced(&wasm, b"contract/source@0.2.0", b"contract/source@0.9.0");
    fs::write(pipeline.dir.join("other.wasm"), other).unwrap();
    let component = component.display().to_string();
    let config = pipeline.config();
    let validate = || pipeline.command(&["validate", "--config", CONFIG]).wait();
    for (from, to, expected) in [
        (&*component, "nowhere.wasm", "component: nowhere.wasm cannot be read: no such file"),
        (&component, CONFIG, "component: config.yaml: "),
        (&component, "other.wasm", "contract/source@0.9.0"),
        ("storage: file_storage/cursor", "sha256: 00ff", "sha256: it is no checksum"),
        ("page_size: 100", "page_size: 0", "config.page_size: "),
        ("allow: [\"http", "allow: [\"gopher", "allow[0]: "),
        ("allow: [\"http://", "allow: [\"https://", "allow: it lacks http://"),
        ("poll_interval: 1s", "poll_intervall: 1s", "poll_intervall"),
        ("type: hmac", "type: magic", "config.auth.type: "),
    ] {
        pipeline.change(from, to);
        let run = validate();
        assert_ne!(run.code, Some(0), "{to}");
        let lines: Vec<&str> = run.stderr.lines().filter(|line| line.contains(expected)).collect();
        assert_eq!(lines.len(), 1, "{to}: {}", run.stderr);
        pipeline.write(CONFIG, &config);
    }
    assert_eq!(validate().code, Some(0));
}

#[test]
fn what_is_wrong_at_a_run_is_told_and_ends_it_only_where_nothing_can_mend_it() {
    let pipeline = pipeline("collector-told", moody);
    let config = pipeline.config();
    pipeline.change("storage: file_storage/cursor", "storage: file_storage/nowhere");
    let run = pipeline.start().wait();
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("file_storage/nowhere"), "{}", run.stderr);
    pipeline.write(CONFIG, &config);
    pipeline.change("access_key: ${env:MC_ACCESS_KEY}", "access_key: someone-else");
    let mut process = pipeline.start();
    process.wait_until_told("auth", |stderr| {
        let is_told = |line: &str| line.contains("source/acme") && line.contains("auth");
        stderr.lines().any(is_told)
    });
    assert_eq!(process.terminate().code, Some(0));
}

/// Bytes with others of the same length in the place of some.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut bytes, mut at) = (bytes.to_vec(), 0);
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

fn run_to_its_end(pipeline: &Pipeline) -> Tally {
    let process = pipeline.start();
    finish(pipeline, process)
}

fn finish(pipeline: &Pipeline, mut process: Process) -> Tally {
    let records = || pipeline.sink.records();
    Pipeline::wait_for_all(&mut process, records);
    let Run { code, stderr, .. } = process.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    Tally::of(&records(), &pipeline.api)
}

/// A Collector with a persistent queue before a sink that answers so.
fn pipeline(test: &str, answer: fn(u64) -> Answer) -> Pipeline {
    let program = artifacts::otelcol();
    let pipeline = Pipeline::new(test, program, &["--config", CONFIG], Sink::start(answer));
    let component = artifacts::component();
    let (base_url, start) = (pipeline.api.base_url(), pipeline.start_date());
    let config = format!(
        r#"receivers:
  polling_source/acme:
    component: {component}
    allow: ["{base_url}"]
    storage: file_storage/cursor
    poll_interval: 1s
    config:
      base_url: "{base_url}"
      start: "{start}"
      page_size: {PAGE_ROWS}
      auth:
        type: hmac
        access_key: ${{env:MC_ACCESS_KEY}}
        secret_key: ${{env:MC_SECRET_KEY}}
        app_id: ${{env:MC_APP_ID}}
        app_key: ${{env:MC_APP_KEY}}
exporters:
  otlp_http:
    endpoint: {sink}
    encoding: json
    compression: none
    retry_on_failure: {{ initial_interval: 20ms, max_interval: 200ms, max_elapsed_time: 0s }}
    sending_queue: {{ storage: file_storage/queue, num_consumers: {CONSUMERS}, block_on_overflow: true }}
extensions:
  file_storage/cursor: {{ directory: cursor, create_directory: true, fsync: true }}
  file_storage/queue: {{ directory: queue, create_directory: true, fsync: true }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  extensions: [file_storage/cursor, file_storage/queue]
  pipelines:
    logs: {{ receivers: [polling_source/acme], exporters: [otlp_http] }}
"#,
        component = component.display(),
        sink = pipeline.sink.base_url(),
    );
    pipeline.write(CONFIG, &config);
    pipeline
}
