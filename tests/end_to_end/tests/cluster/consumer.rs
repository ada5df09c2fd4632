//! The example that writes events to a file: each once, whatever is killed.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::chance::Chance;
use crate::servers::Cluster;
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
    let args = ["commits", crate::servers::STREAM, &sources, &batches, &lines, "0.4"];
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
            let leader = cluster.wait_for_leader(crate::servers::STREAM);
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
    let run =
        tool::start(&cluster, &[], &["commits", crate::servers::STREAM, "2", "3", "10"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
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
