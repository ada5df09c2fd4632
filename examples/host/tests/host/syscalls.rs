//! System calls that fail, at each place where something is made durable: before they take effect,
//! half-way, after they took effect and are reported as failed all the same, or with the death of the
//! process. What came of a commit that failed is not known until the state is asked.
//!
//! Fails when: what a failed commit may have acknowledged is cut; a state or an output that was made
//! in part is refused at the next start; a failure in service is not gone on from.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::bench::{Bench, Finished, Source, acme, events, preloaded, wait_for};
use crate::disk::{cursor, paced};

const FILE: &str = "type = \"file\"\npath = \"out.ndjson\"";
const STDOUT: &str = "type = \"stdout\"";
const PAGES: u64 = 40;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn config() -> String {
    format!("do = \"events\"\npages = {PAGES}\ncount = 2")
}

/// A host that collects all pages, and calls of which some are to fail.
struct Failing {
    bench: Bench,
    library: PathBuf,
}

impl Failing {
    fn new(output: &str) -> Option<Self> {
        let library = library()?;
        Some(Self { bench: Bench::with_output(output, &[acme(&config())]), library })
    }

    /// The same, with all that another one has left.
    fn copy(&self) -> Self {
        let bench = Bench::new();
        for entry in fs::read_dir(&self.bench.folder).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), bench.path(&entry.file_name().to_string_lossy())).unwrap();
        }
        Self { bench, library: self.library.clone() }
    }

    /// Has the host started so that calls fail as the shim is told.
    fn begin(&mut self, told: &[(&str, String)]) {
        let folder = self.bench.folder.canonicalize().unwrap();
        let mut starter = vec!["env".to_owned()];
        starter.push(format!("LD_PRELOAD={}", self.library.display()));
        starter.push(format!("SYSCALLS_FOLDER={}", folder.display()));
        starter.extend(told.iter().map(|(name, value)| format!("SYSCALLS_{name}={value}")));
        self.bench.starter = starter;
    }

    /// Runs to the end, or to its death, with failures. What it writes is added to `stdout`.
    fn run(&mut self, told: &[(&str, String)]) -> Finished {
        self.begin(told);
        let finished = self.run_well();
        self.bench.starter.clear();
        finished
    }

    /// Runs where nothing fails that did not fail before.
    fn run_well(&self) -> Finished {
        let stdout = self.bench.path("stdout");
        let stdout = fs::OpenOptions::new().append(true).create(true).open(stdout).unwrap();
        let mut command = self.bench.command(&["run", "--until-caught-up"]);
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        Finished::of(command.spawn().unwrap().wait_with_output().unwrap())
    }

    /// The calls that a run makes where none fails.
    fn calls(&self) -> Vec<String> {
        let mut tried = self.copy();
        let log = tried.bench.folder.with_extension("calls");
        tried.run(&[("LOG", log.display().to_string())]).expect(0);
        let calls = fs::read_to_string(&log).unwrap();
        fs::remove_file(log).unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    /// Goes on after a failure: nothing is lost, and in a file nothing is there twice.
    fn expect_all(&self, output: &str, what: &str) {
        let went_on = self.run_well();
        assert_eq!(went_on.code(), Some(0), "{what}: {}", went_on.stderr());
        if output == FILE {
            assert_eq!(numbers(&self.bench.read("out.ndjson")), expected(), "{what}");
        } else {
            // A line that was cut is ended before the next.
            let stdout = self.bench.read("stdout");
            let whole = stdout.lines().filter(|line| line.ends_with('}')).collect::<Vec<_>>();
            let mut found = numbers(&whole.join("\n"));
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, expected(), "{what}");
        }
    }
}

pub(crate) fn library() -> Option<PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(|| preloaded("syscalls")).clone()
}

fn numbers(lines: &str) -> Vec<(u64, u64)> {
    let events = events(lines);
    let number = |event: &serde_json::Value, key: &str| event[key].as_u64().unwrap();
    events.iter().map(|event| (number(event, "page"), number(event, "row"))).collect()
}

fn expected() -> Vec<(u64, u64)> {
    (0..PAGES).flat_map(|page| [(page, 0), (page, 1)]).collect()
}

/// Lets each call of a run fail in each way, one a run. Of the same call on the same file the first and
/// the last do for all.
fn each_call_fails(output: &str) {
    let Some(new) = Failing::new(output) else { return };
    // A host that was killed over its last commit leaves a log, and more in its file than is committed.
    let mut killed = new.copy();
    let late = (new.calls().len() * 3 / 4).to_string();
    killed.run(&[("FAIL", late), ("HOW", "kill-before".to_owned())]);
    let mut failed: BTreeMap<String, u32> = BTreeMap::new();
    // What a state goes through does not rest on the output.
    let bases = [("new", &new), ("killed", &killed)];
    for (begun, base) in &bases[..if output == FILE { 2 } else { 1 }] {
        let calls = base.calls();
        for (index, call) in calls.iter().enumerate() {
            if calls[..index].contains(call) && calls[index + 1..].contains(call) {
                continue;
            }
            let (name, path) = call.split_once(' ').unwrap();
            // A death before a call is one after the call before it.
            let (ways, errno): (&[&str], _) = if name.contains("write") {
                (&["before", "half", "after", "kill-half", "kill-after"], ENOSPC)
            } else {
                (&["before", "after", "kill-after"], EIO)
            };
            for way in ways {
                let told = [
                    ("FAIL", (index + 1).to_string()),
                    ("HOW", (*way).to_owned()),
                    ("ERRNO", errno.to_string()),
                ];
                let mut tried = base.copy();
                let ended = tried.run(&told);
                let what = format!("{begun}: call {}, {name} {path}, {way}", index + 1);
                assert_ne!(ended.code(), Some(101), "{what}: {}", ended.stderr());
                tried.expect_all(output, &what);
                *failed.entry(format!("{name} {way}")).or_default() += 1;
            }
        }
    }
    let total: u32 = failed.values().sum();
    eprintln!("{output:?}: {total} failures, none lost, none twice: {failed:?}");
    assert!(total > 100, "{total}");
}

#[test]
fn each_call_that_fails_once_loses_nothing_and_repeats_nothing_in_a_file() {
    each_call_fails(FILE);
}

#[test]
fn each_call_that_fails_once_loses_nothing_on_stdout() {
    each_call_fails(STDOUT);
}

/// A sync of the state's log that fails for a while: its frames stand in the log all the same, and
/// count as soon as that is read again.
#[test]
fn what_fails_for_a_while_is_gone_on_from_in_service_and_over_a_stop_and_a_kill() {
    for (call, file) in [
        ("fsync", "state.db-wal"),
        ("pwrite64", "state.db-wal"),
        ("fdatasync", "out.ndjson"),
        ("write", "out.ndjson"),
    ] {
        for signal in [None, Some("TERM"), Some("KILL")] {
            fails_for_a_while(call, file, signal);
        }
    }
}

fn fails_for_a_while(call: &str, file: &str, signal: Option<&str>) {
    let Some(library) = library() else { return };
    let allowed = Arc::new(AtomicUsize::new(3));
    let server = paced(&allowed);
    let url = server.url();
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with_output(FILE, &[Source { name: "acme", keys: &keys, config: &config }]);
    let mut failing = Failing { bench, library };
    let switch = failing.bench.folder.with_extension("switch");
    failing.begin(&[
        ("WHILE", switch.display().to_string()),
        ("ONLY", format!("{call} {file}")),
        ("HOW", "after".to_owned()),
    ]);
    let mut running = failing.bench.start();
    wait_for("three pages", || cursor(&failing.bench) == Some(3));
    fs::write(&switch, "").unwrap();
    allowed.store(usize::MAX, Ordering::SeqCst);
    wait_for("a second failure", || running.log().matches("position kept").count() >= 2);
    if let Some(signal) = signal {
        running.signal(signal);
        running.end();
        fs::remove_file(&switch).unwrap();
        running = failing.bench.start();
    } else {
        fs::remove_file(&switch).unwrap();
    }
    wait_for("many pages", || cursor(&failing.bench).is_some_and(|pages| pages >= 40));
    allowed.store(0, Ordering::SeqCst);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0), "{call} {file} {signal:?}");
    let count = cursor(&failing.bench).unwrap();
    let pages = events(&failing.bench.read("out.ndjson"));
    let pages: Vec<u64> = pages.iter().map(|event| event["page"].as_u64().unwrap()).collect();
    assert_eq!(pages, (0..count).collect::<Vec<_>>(), "{call} {file} {signal:?}");
}

/// Kills and failures of system calls at random, for as many minutes as are asked for.
#[test]
#[ignore = "takes as long as it is told: `cargo xtask soak host --minutes N`"]
fn soak() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    let minutes = number("SOAK_MINUTES").unwrap_or(1);
    let first = number("SOAK_SEED").unwrap_or(1);
    let begun = Instant::now();
    let (mut worlds, mut totals) = (0, Counts::default());
    while begun.elapsed() < Duration::from_mins(minutes) {
        let counts = random_world(first + worlds);
        totals.starts += counts.starts;
        totals.kills += counts.kills;
        totals.calls += counts.calls;
        totals.failures += counts.failures;
        worlds += 1;
    }
    eprintln!("{worlds} worlds from seed {first} on: {totals:?}; 0 lost, 0 twice");
}

/// What happened to a host.
#[derive(Debug, Default)]
struct Counts {
    starts: u64,
    kills: u64,
    calls: u64,
    failures: u64,
}

/// Collects all pages over many starts, each of which has failures and an end of its own.
fn random_world(seed: u64) -> Counts {
    const PAGES: u64 = 1_500;
    let config = format!("do = \"events\"\npages = {PAGES}\ncount = 2");
    let library = library().unwrap();
    let mut failing = Failing { bench: Bench::with_output(FILE, &[acme(&config)]), library };
    let log = failing.bench.folder.with_extension("calls");
    let mut random = seed;
    let mut below = |bound: u64| {
        // The numbers of Knuth's linear congruential generator: its upper bits are even.
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut counts = Counts::default();
    let is_done = |failing: &Failing| cursor(&failing.bench) == Some(PAGES);
    while counts.starts < 40 && !is_done(&failing) {
        let likely = [5, 20, 60, 200][usize::try_from(below(4)).unwrap()];
        let errno = [EIO, ENOSPC][usize::try_from(below(2)).unwrap()];
        failing.begin(&[
            ("LOG", log.display().to_string()),
            ("FAIL", format!("{likely}/{}", below(1 << 30))),
            ("ERRNO", errno.to_string()),
        ]);
        let running = failing.bench.start();
        std::thread::sleep(Duration::from_millis(below(1_500)));
        let kill = below(4) > 0;
        running.try_signal(if kill { "KILL" } else { "TERM" });
        running.end();
        failing.bench.starter.clear();
        counts.starts += 1;
        counts.kills += u64::from(kill);
    }
    let ended = failing.bench.catch_up();
    assert_eq!(ended.code(), Some(0), "seed {seed}: {}", ended.stderr());
    let expected: Vec<_> = (0..PAGES).flat_map(|page| [(page, 0), (page, 1)]).collect();
    assert!(numbers(&failing.bench.read("out.ndjson")) == expected, "seed {seed}: lost or twice");
    let calls = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    counts.calls = calls.lines().count() as u64;
    counts.failures = calls.lines().filter(|call| call.ends_with(" failed")).count() as u64;
    counts
}
