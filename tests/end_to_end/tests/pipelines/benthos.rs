//! The input in Benthos.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use end_to_end::collector::{Process, Run};
use end_to_end::small_disk::SmallDisk;

use serde::de::IgnoredAny;

use crate::collector::twice;
use crate::feed::Feed;
use crate::pipeline::{CONFIG, PAGE_ROWS, Pipeline, moody, silent};
use crate::sink::{Answer, Record, Sink, lines};
use crate::tally::Tally;

/// How many batches are under way at a time.
const IN_FLIGHT: usize = 4;
const KILLS: usize = 30;

#[test]
fn every_row_comes_once_though_the_api_and_the_sink_fail() {
    let pipeline = pipeline("benthos-steady", moody);
    let process = pipeline.start();
    let tally = finish(&pipeline, process, || pipeline.sink.records());
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn no_row_is_lost_however_often_it_is_killed() {
    let pipeline = pipeline("benthos-killed", moody);
    // As it is where nothing is said of it.
    pipeline.change("max_in_flight: 4\n    config", "max_in_flight: 1\n    config");
    let tally = pipeline.kill_often(KILLS, PAGE_ROWS, || pipeline.sink.records());
    assert_eq!(tally.lost, 0);
}

#[test]
fn a_sink_that_dies_and_keeps_its_word_back_loses_nothing() {
    let pipeline = pipeline("benthos-silent", silent);
    let process = pipeline.start();
    let tally = finish(&pipeline, process, || pipeline.sink.records());
    eprintln!("{tally}");
    assert_eq!(tally.lost, 0);
    assert!(tally.repeated > 0);
}

#[test]
fn a_file_has_every_row_however_often_it_is_killed() {
    let pipeline = pipeline("benthos-file", moody);
    // A line that a kill cuts does not run into the next.
    pipeline.change("root = @log", r#"root = "\n" + @log"#);
    let text = pipeline.config();
    let (before, _) = text.split_once("output:").unwrap();
    let output = "output: { file: { path: rows.txt, codec: lines } }\n";
    pipeline.write(CONFIG, &(before.to_owned() + output));
    let under_way = IN_FLIGHT * PAGE_ROWS;
    let tally = pipeline.kill_often(KILLS, under_way, || written(&pipeline).0);
    assert_eq!(tally.lost, 0);
    let cut = written(&pipeline).1;
    eprintln!("{cut} lines are cut");
    assert!(cut <= KILLS);
}

#[test]
fn one_that_is_ended_goes_on_where_it_stood() {
    let pipeline = pipeline("benthos-ended", moody);
    for _ in 0..3 {
        let (mut process, rows) = (pipeline.start(), pipeline.sink.len());
        process.wait_until("some rows", || pipeline.sink.len() > rows + 3_000);
        let begun = Instant::now();
        let run = process.terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    let process = pipeline.start();
    let tally = finish(&pipeline, process, || pipeline.sink.records());
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn a_disk_that_is_full_holds_the_pages_until_there_is_room() {
    let pipeline = pipeline("benthos-full", moody);
    let Some(disk) = SmallDisk::mount(&pipeline.dir.join("cursor"), 1 << 20) else { return };
    let mut process = pipeline.start();
    process.wait_until("some rows", || pipeline.sink.len() > 5_000);
    disk.fill();
    process.wait_until("a word of it", || told(&pipeline).contains("no space left"));
    thread::sleep(Duration::from_secs(2));
    let (rows, requests) = (pipeline.sink.len(), pipeline.api.stats().requests);
    thread::sleep(Duration::from_secs(2));
    assert_eq!((pipeline.sink.len(), pipeline.api.stats().requests), (rows, requests));
    disk.free();
    let tally = finish(&pipeline, process, || pipeline.sink.records());
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn hostile_sources_beside_it_harm_nothing() {
    let pipeline = pipeline("benthos-hostile", moody);
    let probe = artifacts::probe_source();
    let input = |name: &str, answer: &str| {
        format!(
            "      - label: {name}
        polling_source:
          component: {probe}
          allow: [\"https://api.example\"]
          cursor: {{ file: cursor/{name} }}
          config: {{ steps: [{{ answer: {answer} }}] }}
",
            probe = probe.display()
        )
    };
    let all = [
        ("loop", "{ break: loop }"),
        ("memory", "{ break: memory }"),
        ("stack", "{ break: stack }"),
        ("trap", "{ break: trap }"),
        ("huge", "{ batch: { events: 10001 } }"),
    ];
    let others: String = all.iter().map(|(name, answer)| input(name, answer)).collect();
    let text = pipeline.config();
    let (own, rest) = text.split_once("pipeline:").unwrap();
    let own = own.strip_prefix("input:\n").unwrap();
    let own = format!("      {}\n", own.trim_end().replace('\n', "\n      "));
    let own = own.replacen("        polling", "      - polling", 1);
    let inputs = format!("input:\n  broker:\n    inputs:\n{own}{others}pipeline:{rest}");
    pipeline.write(CONFIG, &inputs);
    let mut process = pipeline.start();
    for (name, _) in all {
        let label = format!("label={name}");
        process.wait_until("a word of each", || {
            let is_told = |line: &str| line.contains(&label) && line.contains("component_failed");
            told(&pipeline).lines().any(is_told)
        });
    }
    let tally = finish(&pipeline, process, || pipeline.sink.records());
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));
}

#[test]
fn other_sources_run_in_it_unchanged() {
    let pipeline = pipeline("benthos-feeds", moody);
    let feed = Feed::start(&pipeline.api.keys().app_key);
    feed.publish(1_234);
    let input = |name: &str, component: &Path| {
        format!(
            "      - polling_source:
          component: {component}
          allow: [\"{origin}\"]
          cursor: {{ file: cursor/{name} }}
          config: {{ url: \"{url}\", token: \"${{MC_APP_KEY}}\", page_size: 100 }}
",
            component = component.display(),
            origin = feed.url().trim_end_matches("/items"),
            url = feed.url(),
        )
    };
    let inputs =
        input("feed", &artifacts::feed_source()) + &input("begun", &artifacts::begun_source());
    let config = pipeline.config();
    let (_, rest) = config.split_once("pipeline:").unwrap();
    let config = format!("input:\n  broker:\n    inputs:\n{inputs}pipeline:{rest}");
    pipeline.write(CONFIG, &config);
    let mut process = pipeline.start();
    process.wait_until("all items", || pipeline.sink.len() >= 2 * 1_234);
    assert_eq!(process.terminate().code, Some(0));
    assert_eq!(pipeline.sink.bodies(), twice(&feed.items()));
}

#[test]
fn what_is_wrong_with_a_configuration_is_a_line() {
    let pipeline = pipeline("benthos-faults", moody);
    let (component, config) = (artifacts::component().display().to_string(), pipeline.config());
    for (command, from, to, expected) in [
        ("lint", "poll_interval: 1s", "poll_intervall: 1s", "poll_intervall"),
        ("lint", "file: cursor/acme", "key: acme", "it takes a file, or a cache and a key"),
        ("run", &*component, "nowhere.wasm", "nowhere.wasm"),
        ("run", &component, CONFIG, "it is no component"),
        ("run", "page_size: 100", "page_size: 0", "page_size: not a whole number within bounds"),
        ("run", "file: cursor/acme", "cache: nowhere, key: a", "nowhere"),
    ] {
        pipeline.change(from, to);
        let run = pipeline.command(&[command, CONFIG]).wait();
        assert_ne!(run.code, Some(0), "{to}");
        let all = run.stdout + &run.stderr + &told(&pipeline);
        let lines = all.lines().filter(|line| line.contains(expected)).count();
        assert_eq!(lines, 1, "{to}: {all}");
        pipeline.write(CONFIG, &config);
        let _ = fs::remove_file(pipeline.dir.join("log.txt"));
    }
    assert_eq!(pipeline.command(&["lint", CONFIG]).wait().code, Some(0));
}

/// What it has told: it logs to stdout, unless it is given a file.
fn told(pipeline: &Pipeline) -> String {
    fs::read_to_string(pipeline.dir.join("log.txt")).unwrap_or_default()
}

/// What the file output has written, and how many lines were cut.
fn written(pipeline: &Pipeline) -> (Vec<Record>, usize) {
    let bytes = fs::read(pipeline.dir.join("rows.txt")).unwrap_or_default();
    // A cut may be within a character.
    let text = String::from_utf8_lossy(&bytes);
    let is_whole = |line: &&str| {
        let body = line.split_once('\t').map_or("", |(_, body)| body);
        serde_json::from_str::<IgnoredAny>(body).is_ok()
    };
    let (whole, cut): (Vec<_>, Vec<_>) =
        text.lines().filter(|line| !line.is_empty()).partition(is_whole);
    (lines(whole.join("\n").as_bytes()), cut.len())
}

fn finish(pipeline: &Pipeline, mut process: Process, records: impl Fn() -> Vec<Record>) -> Tally {
    Pipeline::wait_for_all(&mut process, &records);
    let Run { code, stderr, .. } = process.terminate();
    assert_eq!(code, Some(0), "{stderr}");
    Tally::of(&records(), &pipeline.api)
}

/// A Benthos before a sink that answers so.
fn pipeline(test: &str, answer: fn(u64) -> Answer) -> Pipeline {
    let pipeline = Pipeline::new(test, artifacts::benthos(), &["run", CONFIG], Sink::start(answer));
    let component = artifacts::component();
    let (base_url, start) = (pipeline.api.base_url(), pipeline.start_date());
    let config = format!(
        r#"input:
  polling_source:
    component: {component}
    allow: ["{base_url}"]
    cursor: {{ file: cursor/acme }}
    poll_interval: 1s
    max_in_flight: {IN_FLIGHT}
    config:
      base_url: "{base_url}"
      start: "{start}"
      page_size: {PAGE_ROWS}
      auth:
        type: hmac
        access_key: "${{MC_ACCESS_KEY}}"
        secret_key: "${{MC_SECRET_KEY}}"
        app_id: "${{MC_APP_ID}}"
        app_key: "${{MC_APP_KEY}}"
pipeline:
  processors:
    - mapping: 'root = @log_record_uid + "\t" + content().string()'
output:
  http_client:
    url: {sink}/lines
    verb: POST
    batch_as_multipart: false
    max_in_flight: {IN_FLIGHT}
    retry_period: 20ms
    max_retry_backoff: 200ms
  processors:
    - archive: {{ format: lines }}
http: {{ enabled: false }}
logger: {{ level: INFO, format: logfmt, file: {{ path: log.txt }} }}
"#,
        component = component.display(),
        sink = pipeline.sink.base_url(),
    );
    pipeline.write(CONFIG, &config);
    fs::create_dir_all(pipeline.dir.join("cursor")).unwrap();
    pipeline
}
