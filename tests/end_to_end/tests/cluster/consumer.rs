//! The example that writes events to a file: each once, whatever is killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::chance::Chance;
use crate::servers::{Cluster, STREAM};
use crate::tool;

const SOURCES: usize = 20;
const BATCHES: usize = 30;
const LINES: usize = 25;
const KILLS: usize = 15;

#[test]
fn a_file_has_each_line_once_however_often_reader_and_servers_are_killed() {
    let mut cluster = Cluster::start("cluster-consumer");
    tool::make(&cluster, &[], &tool::settings());
    let [sources, batches, lines] = [SOURCES, BATCHES, LINES].map(|number| number.to_string());
    let args = ["commits", STREAM, &sources, &batches, &lines, "0.4"];
    let writer = tool::start(&cluster, &[], &args);
    let file = cluster.dir.join("read.ndjson");
    let mut chance = Chance::new();
    let mut growing = 0;
    for kill in 0..KILLS {
        let before = fs::metadata(&file).map_or(0, |about| about.len());
        let mut reader = tool::consumer(&cluster, &[], &file, &[]);
        if chance.below(4) == 0 {
            thread::sleep(Duration::from_millis(chance.below(800)));
        } else {
            reader.wait_until("it reads on, or has all", || {
                fs::metadata(&file).is_ok_and(|about| {
                    about.len() > before || about.len() > (SOURCES * BATCHES * LINES * 60) as u64
                })
            });
            thread::sleep(Duration::from_micros(chance.below(30_000)));
        }
        reader.kill();
        growing += usize::from(fs::metadata(&file).map_or(0, |about| about.len()) > before);
        if kill % 5 == 2 {
            let leader = cluster.wait_for_leader(STREAM);
            cluster.kill(leader);
            thread::sleep(Duration::from_secs(1));
            cluster.restart(leader);
        }
    }
    let run = writer.wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    cluster.wait_until_ready();
    let run = tool::consumer(&cluster, &[], &file, &["--until-caught-up"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = fs::read_to_string(&file).unwrap();
    let mut read: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        read.entry(line["source"].as_str().unwrap().to_owned())
            .or_default()
            .push(line["event"]["n"].as_u64().unwrap());
    }
    eprintln!("{KILLS} kills, {growing} of them while it read; {} lines", text.lines().count());
    assert_eq!(read.len(), SOURCES);
    for (source, numbers) in read {
        let all: Vec<u64> = (0..(BATCHES * LINES) as u64).collect();
        assert_eq!(numbers, all, "{source}");
    }
    assert!(growing >= KILLS / 4, "it had all before it was killed");
    assert_eq!(tool::lines(&cluster, &[], &[]), text, "a reader that was not killed has the same");
}

#[test]
fn what_a_crash_leaves_is_cut_off_and_what_somebody_else_did_is_refused() {
    let cluster = Cluster::start("cluster-consumer-file");
    tool::make(&cluster, &[], &tool::settings());
    commit(&cluster, "3");
    let all = tool::lines(&cluster, &[], &[]);
    assert_eq!(all.lines().count(), 60);

    let (file, note) = (cluster.dir.join("read.ndjson"), cluster.dir.join("read.ndjson.position"));
    let read = || tool::consumer(&cluster, &[], &file, &["--until-caught-up"]).wait();
    assert_eq!(read().code, Some(0));
    let position = fs::read_to_string(&note).unwrap();
    // Lines that were written and not noted; a note that was begun.
    fs::write(&file, all.clone() + "{\"source\":\"sou").unwrap();
    fs::write(cluster.dir.join("read.ndjson.position.new"), "{\"by").unwrap();
    let run = read();
    assert_eq!(
        (run.code, fs::read_to_string(&file).unwrap()),
        (Some(0), all.clone()),
        "{}",
        run.stderr
    );

    for (text, noted, word) in [
        (&all[..100], &*position, "somebody cut it"),
        (&*all, "", "is missing"),
        (&*all, &position.replace("SOURCES", "OTHERS"), "begin another file"),
    ] {
        fs::write(&file, text).unwrap();
        if noted.is_empty() {
            fs::remove_file(&note).unwrap();
        } else {
            fs::write(&note, noted).unwrap();
        }
        let run = read();
        assert_eq!(run.code, Some(1), "{word}");
        assert!(run.stderr.contains(word) && run.stderr.lines().count() == 1, "{}", run.stderr);
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{word}");
    }
    fs::write(&file, &all).unwrap();
    fs::write(&note, &position).unwrap();
    let mut first = tool::consumer(&cluster, &[], &file, &[]);
    first.wait_until("it begins", || fs::metadata(&note).is_ok());
    thread::sleep(Duration::from_secs(1));
    let run = read();
    assert!(run.stderr.contains("another consumer writes it"), "{}", run.stderr);
}

#[test]
fn a_stream_that_is_made_anew_under_a_running_consumer_ends_it() {
    let cluster = Cluster::start("cluster-consumer-anew");
    tool::make(&cluster, &[], &tool::settings());
    commit(&cluster, "3");
    let file = cluster.dir.join("read.ndjson");
    let mut reader = tool::consumer(&cluster, &[], &file, &[]);
    let lines = || fs::read_to_string(&file).unwrap_or_default();
    reader.wait_until("it has all, and has noted that", || {
        lines().lines().count() == 60 && note(&file)["bytes"] == lines().len()
    });
    let (all, position) = (lines(), note(&file));

    tool::ask(&cluster, &[], &format!("$JS.API.STREAM.DELETE.{STREAM}"), &Value::Null);
    reader.wait_until_told("that there is none", |told| {
        told.contains("stream SOURCES is not there") && !told.contains("NotFoundError()")
    });
    // It is held up until the other one has grown past what was read.
    reader.signal("STOP");
    tool::make(&cluster, &[], &tool::settings());
    commit(&cluster, "6");
    let about = tool::ask(&cluster, &[], &format!("$JS.API.STREAM.INFO.{STREAM}"), &Value::Null);
    let read = position["sequence"].as_u64().unwrap();
    assert!(about["state"]["last_seq"].as_u64().unwrap() > read + 20, "{read}: {about}");
    reader.signal("CONT");
    let run = reader.wait();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let told: Vec<&str> = run.stderr.lines().collect();
    assert!(told.last().is_some_and(|told| told.ends_with(": begin another file")), "{told:?}");
    assert_eq!((lines(), note(&file)), (all, position));

    let anew = cluster.dir.join("anew.ndjson");
    let run = tool::consumer(&cluster, &[], &anew, &["--until-caught-up"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fs::read_to_string(anew).unwrap().lines().count(), 120);
}

/// Stores so many batches of ten lines of two sources each.
#[track_caller]
fn commit(cluster: &Cluster, batches: &str) {
    let run = tool::start(cluster, &[], &["commits", STREAM, "2", batches, "10"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// How far a file counts.
fn note(file: &Path) -> Value {
    let text = fs::read_to_string(file.with_extension("ndjson.position")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
