//! The command, from its configuration to its exit code.

use std::fs;

use end_to_end::artifacts;
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{ClientCredentials, LedgerQuery, Options, Running, ScriptedRow, WorldOptions};

use super::runtime::Collector;

#[test]
fn every_row_comes_once_and_a_second_run_gives_nothing() {
    let api = api(700);
    let collector = Collector::new("once", &api, r#", "page_size": 100"#);
    let run = collector.catch_up();
    assert_each_once(&run.stdout, &everything(&api));
    assert_eq!(run.stdout.lines().count(), 700);
    let again = collector.catch_up();
    assert_eq!(again.stdout, "", "{}", again.stderr);
    // Rows that are new come, and no others.
    let before = everything(&api);
    api.push_rows([ScriptedRow::new(r#"{"id":"new"}"#, api.now_secs())]);
    assert_each_once(&collector.catch_up().stdout, &[r#"{"id":"new"}"#.to_owned()]);
    assert_eq!(everything(&api).len(), before.len() + 1);
}

#[test]
fn nothing_but_the_cursor_is_left_and_no_secret_in_it() {
    let api = api(150);
    let collector = Collector::new("left", &api, r#", "page_size": 100"#);
    let run = collector.catch_up();
    let left: Vec<_> = fs::read_dir(collector.granted()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let cursor = fs::read_to_string(collector.granted().join("cursor")).unwrap();
    for text in [&cursor, &run.stderr] {
        assert!(!text.is_empty() && !text.contains(&api.client().client_secret), "{text}");
    }
}

#[test]
fn the_configuration_may_be_a_file_and_the_state_a_folder_within() {
    let api = api(50);
    let collector = Collector::new("file", &api, "");
    fs::write(collector.granted().join("config.json"), collector.config()).unwrap();
    fs::create_dir(collector.granted().join("state")).unwrap();
    let args = ["--config", "config.json", "--state", "state", "--until-caught-up"];
    let run = collector.start_with(&[], &args).wait();
    assert!(run.ok, "{}", run.stderr);
    assert_each_once(&run.stdout, &everything(&api));
    assert!(collector.granted().join("state/cursor").is_file());
}

#[test]
fn without_a_bound_it_goes_on_and_gives_what_comes_later() {
    let api = api(20);
    let collector = Collector::new("for-ever", &api, r#", "poll_interval_secs": 1"#);
    let mut process = collector.start(&[]);
    assert!(process.wait_until("catching up", |process| process.stderr().contains("more=false")));
    api.push_rows([ScriptedRow::new(r#"{"id":"later"}"#, api.now_secs())]);
    assert!(process.wait_until("a later row", |process| process.stdout().contains("later")));
    assert_each_once(&process.kill(), &everything(&api));
}

#[test]
fn every_fault_of_a_configuration_is_told_and_nothing_is_sent() {
    let api = api(10);
    let collector = Collector::new("faults", &api, r#", "page_size": 0, "formt": "raw""#);
    let run = collector.run();
    assert!(!run.ok);
    let told: Vec<&str> = run.stderr.lines().filter(|l| l.starts_with("error config: ")).collect();
    assert_eq!(told.len(), 2, "{}", run.stderr);
    for path in ["page_size: ", "formt: "] {
        // Path, message and remedy.
        let of_path = told.iter().find(|line| line.contains(path));
        assert!(of_path.is_some_and(|line| line.contains("; ")), "{path}: {}", run.stderr);
    }
    assert_eq!((run.stdout.as_str(), sent(&api)), ("", 0));
}

#[test]
fn a_configuration_that_is_not_there_or_not_whole_is_told() {
    let api = api(10);
    let collector = Collector::new("unset", &api, r#", "filters": {"query": "${NOT_SET}"}"#);
    let run = collector.run();
    let wanted = "error config: filters.query: the environment variable NOT_SET is not set; ";
    assert!(!run.ok && run.stderr.starts_with(wanted), "{}", run.stderr);
    for (args, told) in [
        (&[][..], "SOURCE_CONFIG"),
        (&["--config", "none.json"], "none.json cannot be read"),
        (&["--confg", "none.json"], "--confg"),
    ] {
        let run = collector.start_with(&[], args).wait();
        assert!(!run.ok && run.stderr.contains(told), "{args:?}: {}", run.stderr);
    }
    assert_eq!(sent(&api), 0);
}

#[test]
fn wrong_credentials_end_a_bounded_run_with_the_reason() {
    let api = api(10);
    let wrong = ClientCredentials { client_secret: "another".to_owned(), ..api.client() };
    let collector = Collector::new("wrong", &api, "").with_client(wrong);
    let run = collector.run();
    assert!(!run.ok && run.stderr.starts_with("error auth "), "{}", run.stderr);
    assert!(run.stderr.contains("position kept"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert!(!collector.granted().join("cursor").exists());
}

#[test]
fn a_cursor_that_cannot_be_used_is_told_and_left_as_it_is() {
    let api = api(10);
    let collector = Collector::new("damaged", &api, "");
    let cursor = collector.granted().join("cursor");
    let large = vec![b'x'; 1_000_001];
    for (bytes, told) in [
        (&b""[..], "error state: ./cursor is empty; "),
        (&b"\xff\xfe"[..], "error state: ./cursor is not UTF-8; "),
        (&large, "error state: ./cursor is larger than"),
        // Only the source knows what a cursor of its own looks like.
        (b"no cursor", "error cursor "),
        (br#"{"version":99}"#, "error cursor "),
    ] {
        fs::write(&cursor, bytes).unwrap();
        let run = collector.run();
        assert!(!run.ok && run.stderr.starts_with(told), "{told}: {}", run.stderr);
        assert_eq!(fs::read(&cursor).unwrap(), bytes, "{told}");
    }
    assert_eq!(sent(&api), 0);
    fs::remove_file(&cursor).unwrap();
    assert_each_once(&collector.catch_up().stdout, &everything(&api));
}

#[test]
fn a_directory_that_is_not_granted_is_told() {
    let api = api(10);
    let collector = Collector::new("not-granted", &api, "");
    let outside = artifacts::scratch("wasi-outside");
    for state in ["elsewhere", outside.to_str().unwrap(), ".."] {
        let run = collector.start(&["--state", state]).wait();
        assert!(!run.ok && run.stderr.contains("grant it"), "{state}: {}", run.stderr);
    }
    assert_eq!(sent(&api), 0);
}

#[test]
fn a_reader_that_goes_away_ends_it_and_its_batch_comes_again() {
    let api = api(300);
    let collector = Collector::new("reader", &api, r#", "page_size": 100"#);
    let (ok, told) = collector.run_unread();
    assert!(!ok && told.contains("error stdout: "), "{told}");
    let stdout = collector.catch_up().stdout;
    // What was cut may have been a line.
    assert_each_once(stdout.strip_prefix('\n').unwrap(), &everything(&api));
}

fn api(rows: u32) -> Running {
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, ..Options::default() }.start().unwrap()
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

/// Requests of any kind.
fn sent(api: &Running) -> u64 {
    let stats = api.stats();
    stats.requests + stats.token_requests
}
