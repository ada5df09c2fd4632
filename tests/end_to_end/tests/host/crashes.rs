//! A host that is killed, and hosts that get in each other's way.
//!
//! Fails when: what was written beyond the commit is not cut at the next start; a cursor is stored
//! before the file's length is. It cannot tell whether a file is synced: what was written outlives
//! the process, if not the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use end_to_end::collector::{Collector, Process};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Fault, FaultRule, LedgerQuery, Options, Running, ScriptedRow, When, WorldOptions, api_date,
};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

const ROWS: u32 = 60_000;
/// Batches that a host commits together at most.
const GROUP: u64 = 32;
/// Kills are spread over the rows as if they were to be this many.
const KILLS_PLANNED: u64 = 120;

/// When a host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Somewhere before its first batch.
    StartUp,
    /// Anywhere within a group of batches, or the next.
    Batches,
    /// While a group is being committed: its events are synced, its cursor is not stored.
    Commit,
    /// As soon as a group is committed.
    Committed,
}

#[test]
fn a_file_has_every_row_once_however_often_the_host_is_killed() {
    let seed = env::var("SEED").map_or(42, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    // Zero stays zero.
    let mut chance = Chance(seed | 1);
    // Else a test that is held up for a while finds the host past a tenth of the rows.
    let api = slow_api(ROWS, 4);
    let collector = Collector::new("killed-file", &api, "page_size = 30");
    let state = HostState(collector.dir().join("state.db"));
    let began = Instant::now();
    let mut start_up = Duration::from_millis(200);
    let mut kills: BTreeMap<Moment, u64> = BTreeMap::new();
    let (mut killed, mut tenths, mut rows) = (0, [0; 10], 0);
    loop {
        let moment = match chance.below(8) {
            0 => Moment::StartUp,
            1 => Moment::Commit,
            // Ahead of the plan: nothing is committed until the kills have caught up.
            _ if rows * KILLS_PLANNED > killed * u64::from(ROWS) => Moment::Commit,
            2..=5 => Moment::Batches,
            _ => Moment::Committed,
        };
        let started = Instant::now();
        // What was asked of the API tells how far a host is: the log sums what follows at once.
        let before = api.stats().requests;
        let polls = || api.stats().requests - before;
        let mut host = collector.start(&["run"]);
        let mut lock = None;
        match moment {
            Moment::StartUp => thread::sleep(start_up.mul_f64(chance.part())),
            Moment::Batches => {
                wait_for_polls(&mut host, polls, 2 + chance.below(2 * GROUP));
                thread::sleep(Duration::from_micros(chance.below(3_000)));
            }
            Moment::Commit => {
                host.wait_until_told("a batch", told_a_batch);
                start_up = started.elapsed();
                lock = Some(state.lock());
                wait_for_commit(&mut host, polls);
            }
            Moment::Committed => wait_for_polls(&mut host, polls, GROUP + 2),
        }
        let told = host.stderr();
        if told.contains("more=false") {
            drop(lock);
            let run = host.terminate();
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            break;
        }
        let has_batches = told_a_batch(&told);
        if has_batches {
            rows = state.rows();
        }
        host.kill();
        drop(lock);
        let moment = if has_batches { moment } else { Moment::StartUp };
        *kills.entry(moment).or_default() += 1;
        tenths[usize::try_from(rows * 10 / u64::from(ROWS)).unwrap().min(9)] += 1;
        killed += 1;
        assert!(killed < 3 * KILLS_PLANNED, "no progress over so many kills: {rows} rows");
    }
    eprintln!(
        "{killed} kills in {:?}: {kills:?}; by tenths of the rows: {tenths:?}",
        began.elapsed()
    );
    assert_each_once(&collector.events(), &everything(&api));
    assert!(killed >= 100, "{killed} kills");
    assert!(kills.len() == 4 && kills.values().all(|&count| count >= 5), "{kills:?}");
    assert!(tenths.iter().all(|&count| count >= 3), "{tenths:?}");
}

/// The first one is told at once.
fn told_a_batch(told: &str) -> bool {
    told.contains(" batch source=")
}

/// Waits for that many polls, or until there is no more to ask for. The one before the last was
/// delivered then.
fn wait_for_polls(host: &mut Process, polls: impl Fn() -> u64, count: u64) {
    host.wait_until_told("polls", |told| polls() >= count || told.contains("more=false"));
}

/// Waits until a host whose state cannot be written can do nothing but commit: it asks for nothing.
fn wait_for_commit(host: &mut Process, polls: impl Fn() -> u64) {
    let (mut last, mut since) = (0, Instant::now());
    host.wait_until_told("a commit", |told| {
        let count = polls();
        if count != last {
            (last, since) = (count, Instant::now());
        }
        since.elapsed() > Duration::from_millis(100) || told.contains("more=false")
    });
}

/// The state of a host that runs, read and locked beside it.
struct HostState(PathBuf);

impl HostState {
    fn open(&self) -> Connection {
        let connection = Connection::open(&self.0).unwrap();
        // Whatever a killed host leaves behind is for the next one to mend.
        let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(keep, true).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    /// The rows that are committed.
    fn rows(&self) -> u64 {
        let select = "SELECT coalesce(sum(events), 0) FROM cursor";
        let rows: i64 = self.open().query_row(select, [], |row| row.get(0)).unwrap();
        rows.unsigned_abs()
    }

    /// Keeps the host from committing.
    fn lock(&self) -> Connection {
        let connection = self.open();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }
}

/// Numbers that look random, the same for the same seed (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1 << 16)).unwrap()) / f64::from(1 << 16)
    }
}

#[test]
fn on_stdout_a_kill_repeats_a_page_at_most_and_loses_nothing() {
    const PAGE_ROWS: usize = 100;
    let api = slow_api(4_000, 10);
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
    // After a kill a line break comes first.
    let mut lines: Vec<&str> = stdout.lines().filter(|line| !line.is_empty()).collect();
    let again = lines.len() - rows.len();
    assert!(again <= 4 * PAGE_ROWS, "{again} rows came again after 4 kills");
    lines.sort_unstable();
    lines.dedup();
    assert_each_once(&(lines.join("\n") + "\n"), &rows);
}

#[test]
fn on_stdout_a_line_that_a_kill_may_have_cut_does_not_run_into_the_next() {
    let world = WorldOptions { rows: 0, ..WorldOptions::default() };
    let api = Options { world, ..Options::default() }.start().unwrap();
    let collector = Collector::to_stdout("cut-stdout", &api, "");
    let row = |id: u32| {
        let second = api.now_secs() - 1;
        let text = format!(r#"{{"id":"{id}","eventTime":"{}"}}"#, api_date(second));
        api.push_rows([ScriptedRow::new(text.clone(), second)]);
        text + "\n"
    };
    let mut host = collector.start(&["run"]);
    host.wait_until("the first poll", || api.stats().requests > 0);
    host.kill();
    let first = row(1);
    assert_eq!(collector.catch_up().stdout, format!("\n{first}"));
    // A host that came to a good end leaves nothing to be ended.
    let second = row(2);
    assert_eq!(collector.catch_up().stdout, second);
}

#[test]
fn a_second_host_on_the_same_state_ends_and_says_why() {
    let api = slow_api(3_000, 10);
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
    let api = slow_api(3_000, 10);
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
fn slow_api(rows: u32, delay_ms: u64) -> Running {
    let slow = FaultRule::new(Fault::Slow { delay_ms }, When::Every(1));
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults: vec![slow], ..Options::default() }.start().unwrap()
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}
