//! A pipeline in a process of its own, between the simulated API and a sink.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use end_to_end::artifacts;
use end_to_end::collector::{Process, variables};
use mimecast_sim::{Fault, FaultRule, Options, Running, Scope, When, WorldOptions};

use crate::sink::{Answer, Record, Sink};
use crate::tally::Tally;

pub(crate) const ROWS: u32 = 60_000;
/// Small ones: there is time to kill between.
pub(crate) const PAGE_ROWS: usize = 100;

/// The file of a pipeline's configuration.
pub(crate) const CONFIG: &str = "config.yaml";

/// A pipeline with all around it.
pub(crate) struct Pipeline {
    pub(crate) api: Running,
    pub(crate) sink: Sink,
    pub(crate) dir: PathBuf,
    program: PathBuf,
    args: &'static [&'static str],
}

impl Pipeline {
    /// One of a program that is started with these arguments, in an empty folder.
    pub(crate) fn new(
        test: &str,
        program: PathBuf,
        args: &'static [&'static str],
        sink: Sink,
    ) -> Self {
        Self { api: api(), sink, dir: artifacts::scratch(test), program, args }
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), text).expect("a scratch folder can be written");
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.dir.join(CONFIG)).expect("it was written")
    }

    /// Puts something else in the place of what its configuration has.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let text = self.config();
        assert!(text.contains(from), "there is no {from:?}");
        self.write(CONFIG, &text.replace(from, to));
    }

    /// The program with other arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Process {
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.envs(variables(&self.api.keys(), &self.api.client()));
        Process::start(&mut command, &self.dir)
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Process {
        self.command(self.args)
    }

    /// The start of the rows, as the source's configuration has it.
    pub(crate) fn start_date(&self) -> String {
        let secs = self.api.now_secs() - 6 * 86_400;
        mimecast_sim::api_date(secs).replace("+0000", "Z")
    }

    /// Waits until every row has come, and then for what comes too often.
    pub(crate) fn wait_for_all(process: &mut Process, records: impl Fn() -> Vec<Record>) {
        let rows = usize::try_from(ROWS).expect("a small number");
        process.wait_until("all rows", || {
            thread::sleep(LOOK_EVERY);
            let records = records();
            let distinct: BTreeSet<&str> = records.iter().map(|record| &*record.body).collect();
            distinct.len() >= rows
        });
        thread::sleep(SETTLE);
    }

    /// Kills it so many times at any moment, and lets it come to its end then. Gives what came.
    pub(crate) fn kill_often(&self, kills: usize, records: impl Fn() -> Vec<Record>) -> Tally {
        let seed = env::var("SEED").map_or(42, |seed| seed.parse().expect("SEED is a number"));
        let mut chance = Chance(seed | 1);
        let begun = Instant::now();
        let mut starting = 0;
        for _ in 0..kills {
            let before = self.api.stats().requests;
            let mut process = self.start();
            // One in six while it starts, or soon after.
            let polls = if chance.below(6) == 0 { 0 } else { 1 + chance.below(30) };
            starting += usize::from(polls == 0);
            process
                .wait_until("polls", || polls == 0 || self.api.stats().requests >= before + polls);
            thread::sleep(Duration::from_micros(chance.below(if polls == 0 {
                500_000
            } else {
                20_000
            })));
            process.kill();
        }
        let mut process = self.start();
        Self::wait_for_all(&mut process, &records);
        let run = process.terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let tally = Tally::of(&records(), &self.api);
        eprintln!(
            "SEED={seed}: {kills} kills, {starting} of them at a start, in {} s: {tally}",
            begun.elapsed().as_secs()
        );
        tally
    }
}

/// An API that goes wrong now and then, and takes its time.
fn api() -> Running {
    let fault = |fault, when| FaultRule::new(fault, when);
    let faults = vec![
        fault(Fault::Status(503), When::Every(67)),
        fault(Fault::RateLimit { reset_ms: 50, retry_after_secs: None }, When::Every(97)),
        fault(Fault::Drop, When::Every(131)),
        FaultRule { scope: Scope::LaterPage, ..fault(Fault::DeadToken, When::Every(211)) },
        fault(Fault::Slow { delay_ms: 5 }, When::Every(1)),
    ];
    let world = WorldOptions { rows: ROWS, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults, ..Options::default() }.start().expect("a free port")
}

/// One request in ten is refused, one in fifty is cut off.
pub(crate) fn moody(number: u64) -> Answer {
    match number % 50 {
        7 => Answer::Dead,
        n if n % 10 == 3 => Answer::Refused,
        _ => Answer::Kept,
    }
}

/// Mounts a small file system for a test, where this machine lets it.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Of so many bytes. None where it cannot be mounted.
    pub(crate) fn mount(dir: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(dir).expect("a scratch folder can be written");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(dir)
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        if !is_mounted {
            eprintln!("skipped: {} cannot be mounted here", dir.display());
        }
        is_mounted.then(|| Self(dir.to_path_buf()))
    }

    /// Leaves no byte free.
    pub(crate) fn fill(&self) {
        let _ = fs::write(self.0.join("ballast"), vec![0; 64 << 20]);
    }

    /// Takes back what filled it.
    pub(crate) fn free(&self) {
        fs::remove_file(self.0.join("ballast")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.0).status();
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
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long it is waited for what should not come.
const SETTLE: Duration = Duration::from_secs(2);
