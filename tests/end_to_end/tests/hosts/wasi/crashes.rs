//! `kill -9` of the runtime at many moments.

use std::fs;
use std::thread;
use std::time::Duration;

use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{Fault, FaultRule, LedgerQuery, Options, When, WorldOptions};
use serde::de::IgnoredAny;

use super::runtime::{Collector, Process};

const PAGE_ROWS: usize = 200;

#[test]
fn a_kill_loses_nothing_and_repeats_a_page_at_most() {
    // Far more pages than all the rounds can take, however fast the machine is.
    let slow = FaultRule::new(Fault::Slow { delay_ms: 40 }, When::Every(1));
    let world = WorldOptions { rows: 12_000, late_max_secs: 0, ..WorldOptions::default() };
    let api = Options { world, faults: vec![slow], ..Options::default() }.start().unwrap();
    let collector = Collector::new("killed", &api, &format!(r#", "page_size": {PAGE_ROWS}"#));
    let mut stdout = String::new();
    let mut kills = 0;
    for round in 0..4 {
        // Somewhere at the start; between two polls, or within one; and while a page is written.
        let mut process = collector.start(&["--until-caught-up"]);
        thread::sleep(Duration::from_millis(100 * round));
        assert!(process.is_running(), "it ended before it was killed: {}", process.stderr());
        stdout += &process.kill();

        let mut process = collector.start(&["--until-caught-up"]);
        let told = |process: &Process| batches(&process.stderr()) >= 2;
        assert!(process.wait_until("batches", told), "it ended early: {}", process.stderr());
        stdout += &process.kill();

        stdout += &collector.run_until_blocked(1 + 77_777 * usize::try_from(round).unwrap());
        kills += 3;
    }
    stdout += &collector.catch_up().stdout;

    // A line that was cut has its end before the next run's first, so that it takes no row with it.
    let (whole, cut): (Vec<&str>, Vec<&str>) = stdout
        .lines()
        .filter(|line| !line.is_empty())
        .partition(|line| serde_json::from_str::<IgnoredAny>(line).is_ok());
    let rows = ledger(&api, &LedgerQuery::default());
    let again = whole.len() - rows.len();
    eprintln!("{kills} kills: {again} rows again, {} lines cut", cut.len());
    assert!(cut.len() <= kills, "{} lines cut by {kills} kills", cut.len());
    assert!(again <= kills * PAGE_ROWS, "{again} rows came again after {kills} kills");
    assert!(cut.len() >= 2 && again > 0, "no page was cut: {again} rows, {} lines", cut.len());
    let mut whole = whole;
    whole.sort_unstable();
    whole.dedup();
    assert_each_once(&(whole.join("\n") + "\n"), &rows);
}

#[test]
fn a_line_that_a_crash_cut_does_not_run_into_the_next() {
    let world = WorldOptions { rows: 10, late_max_secs: 0, ..WorldOptions::default() };
    let api = Options { world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("cut-line", &api, "");
    // What a crash in the middle of a batch leaves: half a line, and the cursor that was to follow.
    fs::write(collector.granted().join("cursor.new"), "{}").unwrap();
    let stdout = format!("{{\"id\":\"ha{}", collector.catch_up().stdout);
    let (cut, rest) = stdout.split_once('\n').unwrap();
    assert_eq!(cut, "{\"id\":\"ha");
    assert_each_once(rest, &ledger(&api, &LedgerQuery::default()));
}

fn batches(told: &str) -> usize {
    told.lines().filter(|line| line.starts_with("info batch: ")).count()
}
