//! What a worker does not begin with, or does not go on with: each is a line, and nothing is lost.

use std::thread;
use std::time::Duration;

use end_to_end::artifacts;
use serde_json::{Value, json};

use crate::feeds::Feeds;
use crate::security::Authority;
use crate::servers::{Cluster, STREAM, Settings, wait_until};
use crate::tally::Tally;
use crate::tool;
use crate::workers::{LEASE, Workers, moody_api, source};

#[test]
fn servers_that_know_no_atomic_batches_are_refused() {
    let settings =
        Settings { program: artifacts::old_nats_server(), servers: 1, ..Settings::default() };
    let cluster = Cluster::with(&artifacts::scratch("cluster-old"), settings);
    let feeds = Feeds::start(1);
    feeds.publish(3);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    let run = workers.command(0, &["run"]).wait();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_one_line(&run.stderr, &["version 2.11.11", "2.12.11 or newer"]);
    assert_eq!(feeds.asked().len(), 0);
}

#[test]
fn a_stream_of_other_settings_is_refused_by_each_of_them() {
    let cluster = Cluster::start("cluster-settings");
    let feeds = Feeds::start(2);
    feeds.publish(3);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    let wrong = [
        ("allow_atomic", json!({"allow_atomic": false}), "--allow-batch"),
        ("allow_direct", json!({"allow_direct": false}), "--allow-direct"),
        ("allow_rollup_hdrs", json!({"allow_rollup_hdrs": false}), "--allow-rollup"),
        ("max_msgs_per_subject", json!({"max_msgs_per_subject": 7}), "--max-msgs-per-subject=-1"),
        ("discard", json!({"max_bytes": 9_000_000, "discard": "old"}), "--discard=new"),
        ("num_replicas", json!({"num_replicas": 1}), "--replicas=3"),
        (
            "subjects",
            json!({"subjects": ["SOURCES.event.>"]}),
            "--subjects=SOURCES.event.>,SOURCES.cursor.>",
        ),
        ("allow_msg_ttl", json!({"allow_msg_ttl": false}), "--allow-msg-ttl"),
        ("storage", json!({"storage": "memory"}), "another stream"),
        ("retention", json!({"retention": "workqueue"}), "another stream"),
        ("deny_purge", json!({"deny_purge": true, "allow_rollup_hdrs": false}), "another stream"),
    ];
    for (setting, other, remedy) in wrong {
        let mut settings = tool::settings();
        merge(&mut settings, &other);
        tool::make(&cluster, &[], &settings);
        let run = workers.command(0, &["run"]).wait();
        assert_eq!(run.code, Some(1), "{setting}: {}", run.stderr);
        let lines = told(&run.stderr, &format!("stream {STREAM}: {setting} is "));
        assert!(lines.len() == 1 && lines[0].contains(remedy), "{setting}: {}", run.stderr);
        assert_eq!(feeds.asked().len(), 0);
        tool::ask(&cluster, &[], &format!("$JS.API.STREAM.DELETE.{STREAM}"), &Value::Null);
    }
    // One that is not there is made by a worker, and not by who looks.
    for _ in 0..2 {
        let found = checked(&mut workers, 0);
        assert_eq!(found["state"], "warning", "{found}");
    }
    // All at once; and mended, it is taken.
    let mut settings = tool::settings();
    merge(
        &mut settings,
        &json!({"allow_atomic": false, "allow_rollup_hdrs": false, "num_replicas": 1}),
    );
    tool::make(&cluster, &[], &settings);
    let run = workers.command(0, &["run"]).wait();
    assert_eq!(told(&run.stderr, "stream SOURCES: ").len(), 3, "{}", run.stderr);
    let found = checked(&mut workers, 1);
    let message = found["message"].as_str().unwrap();
    assert_eq!(message.matches("stream SOURCES: ").count(), 3, "{found}");
    let mended =
        tool::ask(&cluster, &[], &format!("$JS.API.STREAM.UPDATE.{STREAM}"), &tool::settings());
    assert!(mended["error"].is_null(), "{mended}");
    workers.start(0, &[]);
    finish(&cluster, &mut workers, &feeds);
    assert_eq!(checked(&mut workers, 0), json!({"stream": STREAM, "state": "ok", "message": null}));
}

#[test]
fn servers_that_cannot_be_reached_or_have_no_majority_are_waited_for() {
    let mut cluster = Cluster::start("cluster-unreachable");
    let feeds = Feeds::start(2);
    feeds.publish(3);
    (0..3).for_each(|server| cluster.kill(server));
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    workers.start(0, &[]);
    workers.process(0).wait_until_told("that none is there", |told| {
        told.contains("see that a server runs there")
    });
    cluster.restart(0);
    workers.process(0).wait_until_told("that there is no majority", |told| {
        // One answers, and no server leads.
        ["no server leads", "no answer", "10008"].iter().any(|word| told.contains(word))
    });
    assert_eq!(feeds.asked().len(), 0);
    (1..3).for_each(|server| cluster.restart(server));
    cluster.wait_until_ready();
    finish(&cluster, &mut workers, &feeds);
}

#[test]
fn who_is_not_let_in_is_told_so_and_not_by_what_password() {
    let settings = Settings {
        servers: 1,
        more: "authorization { user: worker, password: \"r1ght-one\" }".to_owned(),
        ..Settings::default()
    };
    let cluster = Cluster::with(&artifacts::scratch("cluster-password"), settings);
    let feeds = Feeds::start(1);
    feeds.publish(3);
    let who = "user = \"worker\"\npassword = \"${NATS_PASSWORD}\"";
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, "")).with(who);
    workers.environment.push(("NATS_PASSWORD", "wr0ng-one".to_owned()));
    workers.start(0, &[]);
    workers
        .process(0)
        .wait_until_told("that it is refused", |told| told.contains("authorization violation"));
    thread::sleep(Duration::from_secs(2));
    assert!(!workers.told().contains("wr0ng-one"), "{}", workers.told());
    assert_eq!(feeds.asked().len(), 0);
    workers.kill(0);
    workers.environment[0].1 = "r1ght-one".to_owned();
    workers.start(0, &[]);
    wait_until("all is stored", || feeds.are_all_stored());
    workers.terminate_all();
}

#[test]
fn servers_of_an_unknown_authority_are_refused() {
    let dir = artifacts::scratch("cluster-authority");
    let authority = Authority::new(&dir);
    let settings =
        Settings { servers: 1, more: authority.server(), scheme: "tls", ..Settings::default() };
    let cluster = Cluster::with(&dir, settings);
    let feeds = Feeds::start(1);
    feeds.publish(3);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    workers.start(0, &[]);
    workers.process(0).wait_until_told("that its certificate is unknown", |told| {
        told.lines().any(|line| line.contains("UnknownIssuer") && line.contains("ca_file"))
    });
    assert_eq!(feeds.asked().len(), 0);
}

#[test]
fn a_damaged_cursor_holds_up_its_source_alone_until_it_is_put_right() {
    let cluster = Cluster::start("cluster-damaged");
    let feeds = Feeds::start(3);
    feeds.publish(30);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    workers.start(0, &[]);
    wait_until("all is stored", || feeds.are_all_stored());
    workers.terminate_all();
    let cursor = workers.command(0, &["cursor", "show", "feed-1"]).wait().stdout;
    let subject = subject_of(&cluster, "feed-1");
    // Somebody's message, in the place of a cursor.
    let sent = tool::send(&cluster, &[], &subject, "hello", &json!({"Nats-Rollup": "sub"}));
    assert!(sent["error"].is_null(), "{sent}");
    feeds.publish(10);
    workers.start(0, &[]);
    workers.process(0).wait_until_told("that it is damaged", |told| {
        told.lines()
            .any(|line| line.contains("is no cursor of \"feed-1\"") && line.contains("cursor set"))
    });
    wait_until("the others are stored", || feeds.stored(0) == 40 && feeds.stored(2) == 40);
    assert_eq!(feeds.stored(1), 30);
    workers.terminate_all();
    let run = workers.command(0, &["cursor", "set", "feed-1", cursor.trim_end()]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = workers.command(0, &["workers", "--json"]).wait();
    assert!(run.stdout.contains("\"committed_by\":\"cursor set\""), "{}{}", run.stdout, run.stderr);
    workers.start(0, &[]);
    finish(&cluster, &mut workers, &feeds);
}

#[test]
fn messages_of_somebody_else_harm_nothing() {
    let cluster = Cluster::start("cluster-foreign");
    let feeds = Feeds::start(2);
    feeds.publish(30);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    workers.start(0, &[]);
    wait_until("all is stored", || feeds.are_all_stored());
    let subjects = ["SOURCES.cursor.7.other", "SOURCES.cursor.x", "SOURCES.cursor.1.a=.b"];
    for subject in subjects {
        let sent = tool::send(&cluster, &[], subject, "hello", &json!({}));
        assert!(sent["error"].is_null(), "{sent}");
    }
    feeds.publish(30);
    wait_until("all is stored", || feeds.are_all_stored());
    workers.terminate_all();
    let run = workers.command(0, &["cursor", "list"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let all = run.stdout + &run.stderr;
    for subject in &subjects[..2] {
        assert!(all.contains(subject), "{subject}: {all}");
    }
    workers.start(0, &[]);
    finish(&cluster, &mut workers, &feeds);
}

#[test]
fn an_event_that_is_larger_than_a_message_holds_up_its_source_alone() {
    let dir = artifacts::scratch("cluster-large");
    let settings = Settings { more: "include \"../limit.conf\"".to_owned(), ..Settings::default() };
    std::fs::write(dir.join("limit.conf"), "max_payload: 65536").unwrap();
    let mut cluster = Cluster::with(&dir, settings);
    let feeds = Feeds::start(1);
    feeds.pad(70_000);
    feeds.publish(3);
    let api = moody_api(2_000, 3);
    let mut workers = Workers::new(&cluster, 1, &(feeds.sources(1, "") + &source("acme", &api)));
    workers.start(0, &[]);
    workers.process(0).wait_until_told("that it is too large", |told| {
        told.lines().any(|line| {
            line.contains("0-0") && line.contains("65536") && line.contains("max_payload")
        })
    });
    wait_until("the other source has all its rows", || {
        thread::sleep(Duration::from_millis(500));
        tool::lines(&cluster, &[], &[]).lines().count() == 2_000
    });
    std::fs::write(dir.join("limit.conf"), "max_payload: 1048576").unwrap();
    for server in 0..3 {
        cluster.kill(server);
        cluster.restart(server);
        cluster.wait_until_ready();
    }
    wait_until("all is stored", || feeds.are_all_stored());
    workers.terminate_all();
    let tally = Tally::of(&tool::lines(&cluster, &[], &[]), Some(&feeds), &[("acme", &api)]);
    assert_eq!((tally.lost, tally.repeated), (0, 0), "{tally}");
}

#[test]
fn batches_that_others_left_open_are_waited_for() {
    let cluster = Cluster::start("cluster-crowded");
    let feeds = Feeds::start(8);
    feeds.publish(30);
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, ""));
    workers.start(0, &[]);
    wait_until("all is stored", || feeds.are_all_stored());
    let mut crowd = tool::start(&cluster, &[], &["crowd", STREAM, "25"]);
    crowd.wait_until_told("that no more are taken", |told| told.contains("full"));
    feeds.publish(30);
    let run = crowd.wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    finish(&cluster, &mut workers, &feeds);
    assert_eq!(workers.lines_with("batch not stored"), 0);
}

#[test]
fn a_stream_that_is_made_anew_is_refused_until_workers_are_started_again() {
    let cluster = Cluster::start("cluster-anew");
    let feeds = Feeds::start(12);
    feeds.publish(30);
    let mut workers = Workers::new(&cluster, 2, &feeds.sources(1, ""));
    workers.start_all(&[]);
    let who = [0, 1].map(|number| workers.token(number));
    wait_until("all is stored, by both", || {
        feeds.are_all_stored() && who.iter().all(|who| feeds.last_asked_by(who) > 0)
    });
    tool::ask(&cluster, &[], &format!("$JS.API.STREAM.DELETE.{STREAM}"), &Value::Null);
    tool::make(&cluster, &[], &tool::settings());
    workers.process(0).wait_until_told("that it is another one", |told| {
        told.lines().any(|line| line.contains("stream SOURCES was made anew: "))
    });
    // The other one has sources of it soon that it has never seen.
    workers.kill(1);
    let asked = feeds.asked().len();
    thread::sleep(2 * LEASE);
    assert_eq!(feeds.asked().len(), asked);
    let about = tool::ask(&cluster, &[], &format!("$JS.API.STREAM.INFO.{STREAM}"), &Value::Null);
    assert_eq!(about["state"]["messages"], 0, "{about}");
    workers.terminate(0);
    feeds.publish(3);
    workers.start(0, &[]);
    finish(&cluster, &mut workers, &feeds);
}

/// Waits until all is stored, and sees that it is, once.
#[track_caller]
fn finish(cluster: &Cluster, workers: &mut Workers, feeds: &Feeds) {
    let who = workers.token(0);
    wait_until("all is stored", || feeds.last_asked_by(&who) > 0 && feeds.are_all_stored());
    workers.terminate_all();
    let tally = Tally::of(&tool::lines(cluster, &[], &[]), Some(feeds), &[]);
    assert_eq!((tally.lost, tally.repeated), (0, 0), "{tally}");
}

/// What `check` says of the ledger.
#[track_caller]
fn checked(workers: &mut Workers, code: i32) -> Value {
    let run = workers.command(0, &["check", "--json"]).wait();
    assert_eq!(run.code, Some(code), "{}{}", run.stdout, run.stderr);
    serde_json::from_str::<Value>(&run.stdout).unwrap()["ledger"].take()
}

/// The subject of the cursor of a source.
fn subject_of(cluster: &Cluster, source: &str) -> String {
    let question = json!({"subjects_filter": format!("{STREAM}.cursor.>")});
    let about = tool::ask(cluster, &[], &format!("$JS.API.STREAM.INFO.{STREAM}"), &question);
    let mut subjects = about["state"]["subjects"].as_object().unwrap().keys();
    subjects.find(|subject| subject.ends_with(&format!(".{source}"))).unwrap().clone()
}

/// The lines that have something in them.
fn told<'a>(stderr: &'a str, word: &str) -> Vec<&'a str> {
    stderr.lines().filter(|line| line.contains(word)).collect()
}

/// Exactly one line has the first of these, and that has the others.
#[track_caller]
fn assert_one_line(stderr: &str, words: &[&str]) {
    let lines = told(stderr, words[0]);
    assert!(lines.len() == 1 && words.iter().all(|word| lines[0].contains(word)), "{stderr}");
}

fn merge(settings: &mut Value, other: &Value) {
    for (key, value) in other.as_object().unwrap() {
        settings[key] = value.clone();
    }
}
