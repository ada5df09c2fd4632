//! A pipeline in a process of its own, between the simulated API and a sink.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use end_to_end::artifacts;
use end_to_end::collector::{Process, variables};
use end_to_end::moody::moody_api;
use mimecast_sim::Running;

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
        Self {
            api: moody_api(ROWS, 1, Duration::from_millis(5)),
            sink,
            dir: artifacts::scratch(test),
            program,
            args,
        }
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

    /// Waits until every row has come, for as long as more do, and then for what comes too often.
    pub(crate) fn wait_for_all(process: &mut Process, records: impl Fn() -> Vec<Record>) {
        let rows = usize::try_from(ROWS).expect("a small number");
        let mut had = 0;
        while had < rows {
            let more = Cell::new(had);
            process.wait_until("more rows", || {
                thread::sleep(LOOK_EVERY);
                more.set(distinct(&records()));
                more.get() > had
            });
            had = more.get();
        }
        thread::sleep(SETTLE);
    }

    /// Kills it so many times at any moment, each of which may repeat so many rows, and lets it come to its end
    /// then. Gives what came.
    pub(crate) fn kill_often(
        &self,
        kills: usize,
        repeated_max: usize,
        records: impl Fn() -> Vec<Record>,
    ) -> Tally {
        let seed = env::var("SEED").map_or(42, |seed| seed.parse().expect("SEED is a number"));
        let mut chance = Chance(seed | 1);
        let begun = Instant::now();
        let (mut starting, mut repeated) = (0, 0);
        let mut count = |records: &[Record]| {
            let now = records.len() - distinct(records);
            assert!(now <= repeated + repeated_max, "{} rows came again", now - repeated);
            repeated = now;
        };
        for _ in 0..kills {
            let before = self.api.stats().requests;
            let mut process = self.start();
            // One in six while it starts, or soon after.
            let polls = if chance.below(6) == 0 { 0 } else { 1 + chance.below(30) };
            starting += usize::from(polls == 0);
            let asked = || self.api.stats().requests - before;
            process.wait_until("polls", || asked() >= polls);
            let micros = chance.below(if polls == 0 { 500_000 } else { 20_000 });
            thread::sleep(Duration::from_micros(micros));
            process.kill();
            count(&records());
        }
        let mut process = self.start();
        Self::wait_for_all(&mut process, &records);
        let run = process.terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let records = records();
        count(&records);
        let tally = Tally::of(&records, &self.api);
        eprintln!(
            "SEED={seed}: {kills} kills, {starting} of them at a start, in {} s: {tally}",
            begun.elapsed().as_secs()
        );
        tally
    }
}

/// How many of them are not the same.
fn distinct(records: &[Record]) -> usize {
    records.iter().map(|record| &*record.body).collect::<BTreeSet<_>>().len()
}

/// One request in ten is refused, one in fifty is cut off.
pub(crate) fn moody(number: u64) -> Answer {
    match number % 50 {
        7 => Answer::Dead,
        n if n % 10 == 3 => Answer::Refused,
        _ => Answer::Kept,
    }
}

/// The same, and one in forty is kept without a word of it.
pub(crate) fn silent(number: u64) -> Answer {
    if number % 40 == 11 { Answer::KeptInSilence } else { moody(number) }
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
