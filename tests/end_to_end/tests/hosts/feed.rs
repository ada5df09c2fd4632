//! Another source of the same contract in source-host.

mod server;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use end_to_end::collector::{self, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{Keys, LedgerQuery, Options, WorldOptions};
use serde_json::Value;

use server::{Fault, Feed};

const FILE: &str = "type = \"file\"\npath = \"events.json\"";

#[test]
fn each_item_comes_once_as_it_was_written_and_later_ones_follow() {
    let feed = Feed::start(&token());
    feed.publish(2_345);
    let collector = collector("feed-each-once", &feed, "page_size = 100");
    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
    assert_eq!(feed.requests(), 25, "23 full pages, one that is not, and one without an item");

    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
    feed.publish(7);
    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
}

#[test]
fn in_service_it_asks_again_after_the_interval() {
    let feed = Feed::start(&token());
    feed.publish(10);
    let collector = collector("feed-service", &feed, "poll_interval_secs = 1");
    let mut host = collector.start(&["run"]);
    host.wait_until("the items", || collector.events().lines().count() == 10);
    feed.publish(5);
    host.wait_until("later items", || collector.events().lines().count() == 15);
    let asked = feed.requests();
    thread::sleep(Duration::from_secs(3));
    let polls = feed.requests() - asked;
    assert!((1..=4).contains(&polls), "{polls} polls in three seconds");
    assert_eq!(host.terminate().code, Some(0));
    assert_each_once(&collector.events(), &feed.items());
}

#[test]
fn kills_lose_no_item_and_repeat_none() {
    let feed = Feed::start(&token());
    feed.publish(6_000);
    feed.delay(Duration::from_millis(5));
    let collector = collector("feed-killed", &feed, "page_size = 20");
    for kill in 0..8 {
        let mut host = collector.start(&["run"]);
        let asked = feed.requests();
        // Within a group of pages that are committed together, and beyond it.
        host.wait_until("some pages", || feed.requests() > asked + 10 + 7 * kill);
        host.kill();
    }
    assert!(feed.requests() < 300, "all was collected before the last kill");
    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
}

#[test]
fn faults_of_every_kind_are_lived_through() {
    let feed = Feed::start(&token());
    feed.publish(500);
    let faults = [
        Fault::Status(500),
        Fault::RateLimit { retry_after_secs: 2 },
        Fault::Garbage,
        Fault::Cut,
        Fault::Drop,
        Fault::Status(404),
    ];
    for (nth, fault) in faults.into_iter().enumerate() {
        feed.fail(2 + 2 * nth as u64, fault);
    }
    let collector = collector("feed-faults", &feed, "page_size = 50");
    let began = Instant::now();
    let run = collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
    for code in
        ["feed_failed", "rate_limited", "not_a_page", "exchange_failed", "unexpected_status"]
    {
        assert!(run.stderr.contains(code), "{code}: {}", run.stderr);
    }
    // Five first waits of at least 400 ms, and the one that the feed asked for.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_position_that_is_gone_is_told_and_nothing_is_passed_over() {
    let feed = Feed::start(&token());
    feed.publish(30);
    let collector = collector("feed-gone", &feed, "");
    collector.catch_up();
    let cursor = || collector.host(&["cursor", "show", "feed"]).stdout;
    let before = cursor();
    assert!(before.contains("since"), "{before}");
    feed.publish(5);
    feed.fail(feed.requests() + 1, Fault::Status(410));
    let run = collector.run();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("position_gone"), "{}", run.stderr);
    assert_eq!(cursor(), before);
    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
}

#[test]
fn a_cursor_of_another_feed_is_refused_and_kept() {
    let (feed, other) = (Feed::start(&token()), Feed::start(&token()));
    feed.publish(3);
    other.publish(5);
    let collector = collector("feed-foreign", &feed, "");
    collector.catch_up();
    let path = collector.dir().join("host.toml");
    let of_feed = fs::read_to_string(&path).unwrap();
    fs::write(&path, of_feed.replace(&feed.url(), &other.url())).unwrap();
    let run = collector.host(&["run", "--until-caught-up"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("cursor_foreign"), "{}", run.stderr);
    assert_eq!(other.requests(), 0);
    fs::write(&path, of_feed).unwrap();
    collector.catch_up();
    assert_each_once(&collector.events(), &feed.items());
}

#[test]
fn check_says_whether_it_works() {
    let feed = Feed::start(&token());
    feed.publish(3);
    let collector = collector("feed-check", &feed, "");
    let run = collector.host(&["check"]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("first_item"), "{}", run.stdout);
    assert_eq!(feed.requests(), 1);
    assert_eq!(collector.events(), "");

    let keys = Keys { app_key: "0ther-t0ken".to_owned(), ..Keys::default() };
    let collector = collector.with_keys(keys);
    for command in [&["check"][..], &["run", "--until-caught-up"]] {
        let run = collector.host(command);
        assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
        assert!((run.stdout + &run.stderr).contains("unauthorized"));
    }
}

#[test]
fn the_token_is_in_no_file_and_no_output() {
    let feed = Feed::start(&token());
    feed.publish(10);
    feed.fail(2, Fault::Status(401));
    let collector = collector("feed-token", &feed, "page_size = 5");
    assert_eq!(collector.run().code, Some(1));
    collector.catch_up();
    let files = collector.files();
    assert!(files.len() > 4, "{files:?}");
    for (name, bytes) in files {
        assert!(!String::from_utf8_lossy(&bytes).contains(&token()), "{name}");
    }
}

#[test]
fn a_bad_configuration_is_told_by_path_and_nothing_is_sent() {
    let feed = Feed::start(&token());
    let collector = collector("feed-refused", &feed, "page_size = 5000\npagesize = 1");
    let run = collector.run();
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    for told in [".page_size", "from 1 to 1000", ".pagesize", "unknown key"] {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    assert_eq!(feed.requests(), 0);
}

#[test]
fn inspect_shows_the_same_imports_as_of_every_source() {
    let feed = Feed::start(&token());
    let component = artifacts::feed_source().display().to_string();
    let collector = collector("feed-inspect", &feed, "");
    let output = std::process::Command::new(artifacts::source_host())
        .args(["inspect", &component])
        .current_dir(collector.dir())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    let imports = include_str!("../../../../wit/imports.txt");
    assert_eq!(imports.lines().filter(|import| stdout.contains(import)).count(), 3, "{stdout}");
    for told in ["feed-source", "poll_interval_secs", "writeOnly"] {
        assert!(stdout.contains(told), "{told}: {stdout}");
    }
}

#[test]
fn two_sources_of_different_kinds_run_beside_each_other() {
    let world = WorldOptions { rows: 1_000, late_max_secs: 0, ..WorldOptions::default() };
    let api = Options { world, ..Options::default() }.start().unwrap();
    let feed = Feed::start(&api.keys().app_key);
    feed.publish(1_000);
    let sources = collector::source("acme", &api, "page_size = 50") + &source(&feed, "");
    let output = format!("{FILE}\nenvelope = true");
    let config = collector::config(&output, &sources);
    let collector = Collector::with_config("feed-beside", api.keys(), &config);
    collector.catch_up();
    let of = |name: &str| {
        let events = collector.events();
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events
            .filter(|event| event["source"] == name)
            .map(|event| event["event"].to_string() + "\n")
            .collect::<String>()
    };
    let parsed = |texts: Vec<String>| -> Vec<String> {
        texts.iter().map(|t| serde_json::from_str::<Value>(t).unwrap().to_string()).collect()
    };
    assert_each_once(&of("acme"), &parsed(ledger(&api, &LedgerQuery::default())));
    assert_each_once(&of("feed"), &parsed(feed.items()));
}

fn token() -> String {
    Keys::default().app_key
}

fn collector(test: &str, feed: &Feed, settings: &str) -> Collector {
    let config = collector::config(FILE, &source(feed, settings));
    Collector::with_config(test, Keys::default(), &config)
}

/// The section of a source that collects this feed. The token is one of the keys that the
/// environment of every collector has.
fn source(feed: &Feed, settings: &str) -> String {
    let (component, url) = (artifacts::feed_source(), feed.url());
    let origin = url.trim_end_matches("/items");
    assert!(fs::exists(&component).unwrap(), "run `cargo xtask hosts feed`");
    format!(
        r#"[[source]]
name = "feed"
component = '{component}'
allow = ["{origin}"]
[source.config]
url = "{url}"
token = "${{MC_APP_KEY}}"
{settings}

"#,
        component = component.display(),
    )
}
