//! A host that is killed, and hosts that get in each other's way.

use std::fs;
use std::time::{Duration, Instant};

use end_to_end::collector::Collector;
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{Fault, FaultRule, LedgerQuery, Options, Running, When, WorldOptions};

#[test]
fn a_file_has_every_row_once_however_often_the_host_is_killed() {
    let api = slow_api(10_000);
    let collector = Collector::new("killed-file", &api, "page_size = 100");
    let path = collector.dir().join("events.json");
    let length = || fs::metadata(&path).map_or(0, |file| file.len());
    for _ in 0..8 {
        let before = length();
        let mut host = collector.start(&["run", "--until-caught-up"]);
        host.wait_until("an eighth of the rows", || length() > before + 600_000);
        host.kill();
    }
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
}

#[test]
fn on_stdout_a_kill_repeats_a_page_at_most_and_loses_nothing() {
    const PAGE_ROWS: usize = 100;
    let api = slow_api(4_000);
    let collector =
        Collector::to_stdout("killed-stdout", &api, &format!("page_size = {PAGE_ROWS}"));
    let mut stdout = String::new();
    for number in 1..=4 {
        let path = collector.dir().join(format!("stdout.{number}"));
        let mut host = collector.start(&["run", "--until-caught-up"]);
        let length = || fs::metadata(&path).map_or(0, |file| file.len());
        host.wait_until("some pages", || length() > 400_000);
        host.kill();
        stdout += &fs::read_to_string(path).unwrap();
    }
    stdout += &collector.catch_up().stdout;
    let rows = everything(&api);
    let again = stdout.lines().count() - rows.len();
    assert!(again <= 4 * PAGE_ROWS, "{again} rows came again after 4 kills");
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_each_once(&(lines.join("\n") + "\n"), &rows);
}

#[test]
fn a_second_host_on_the_same_state_ends_and_says_why() {
    let api = slow_api(3_000);
    let collector = Collector::new("two-hosts", &api, "page_size = 100");
    let mut first = collector.start(&["run"]);
    first.wait_until("the first request", || api.stats().requests > 0);
    let second = collector.run();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("state.db"), "{}", second.stderr);
    // Reading works beside a host that runs; changing does not.
    assert_eq!(collector.host(&["cursor", "list"]).code, Some(0));
    assert_eq!(collector.host(&["cursor", "reset", "acme"]).code, Some(1));

    // The lock dies with its process.
    first.kill();
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
}

#[test]
fn a_host_that_is_asked_to_end_does_so_soon_and_goes_on_later() {
    let api = slow_api(3_000);
    let collector = Collector::new("terminated", &api, "page_size = 100");
    let mut host = collector.start(&["run"]);
    host.wait_until("some pages", || api.stats().requests > 5);
    let asked = Instant::now();
    let run = host.terminate();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
}

/// An API whose every answer takes a while, so that there is time to kill.
fn slow_api(rows: u32) -> Running {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 10 }, When::Every(1));
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults: vec![slow], ..Options::default() }.start().unwrap()
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}
