//! The project's figures: what the component costs, what the host leaves to each of its sources, and
//! what it needs for a long backfill.

mod programs;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context, Result, ensure};

use crate::cargo::{cargo, run_printing};
use crate::children::Children;
use crate::hosts;
use crate::simulation::{self, Output, Simulation};

const ROWS: u32 = 1_000_000;
const MARKS_PERCENT: [u32; 3] = [10, 50, 100];
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Prints all of them.
pub(crate) fn run() -> Result<()> {
    simulation::build()?;
    // What a page, an empty poll and an instance cost.
    let figures = ["--package", "end-to-end", "--bench", "figures"];
    run_printing(cargo().args(["bench", "--quiet", "--locked"]).args(figures))?;
    // What a host leaves to a source beside others that take all they can.
    let fair = ["--package", "source-host", "--package", "mimecast-sim", "--bench", "fair"];
    run_printing(cargo().args(["bench", "--quiet", "--locked"]).args(fair))?;
    hosts::bench()?;
    backfill()?;
    programs::run()
}

/// Prints what whole programs need.
pub(crate) fn run_programs() -> Result<()> {
    simulation::build()?;
    programs::run()
}

/// The memory of the host while it collects a million rows into a file.
fn backfill() -> Result<()> {
    let children = Children::new()?;
    let rows = ROWS.to_string();
    // Within the 24 hours that a source looks back at first, and all there from the start.
    let args = ["--rows", &rows, "--span", "23h", "--late-max-secs", "0"];
    let simulation = Simulation::start(&children, "backfill", &args, &Output::File("events.json"))?;
    let events = simulation.dir.join("events.json");

    let log = simulation.dir.join("host.log");
    let mut host = simulation.host();
    host.stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    let began = Instant::now();
    let (host, stdout) = children.start(&mut host)?;
    let status = Path::new("/proc").join(children.pid(host).to_string()).join("status");
    let mut out = io::stdout().lock();
    let mut count = Count { file: None, rows: 0 };
    let mut marks = MARKS_PERCENT.iter().peekable();
    let mut memory = Memory::default();
    let mut ended = None;
    while ended.is_none() {
        thread::sleep(LOOK_EVERY);
        ended = children.ended(host)?;
        // An ended process has no memory left to tell of.
        memory = Memory::of(&status).unwrap_or(memory);
        count.go_on(&events)?;
        while let Some(percent) = marks.next_if(|&percent| count.rows >= ROWS / 100 * percent) {
            writeln!(
                out,
                "backfill {percent:>3} %  {:>7} rows  {:>6.1} s  resident {} KiB, at most {} KiB so far",
                count.rows,
                began.elapsed().as_secs_f64(),
                memory.resident_kib,
                memory.peak_kib
            )?;
        }
    }
    drop(stdout);
    let status = ended.expect("the loop ends with the host");
    ensure!(status.success(), "source-host failed, {status}: see {}", log.display());
    ensure!(count.rows == ROWS, "{} of {ROWS} rows are in {}", count.rows, events.display());
    let secs = began.elapsed().as_secs_f64();
    writeln!(out, "backfill: {ROWS} rows in {secs:.1} s, {:.0} rows/s", f64::from(ROWS) / secs)?;
    Ok(())
}

/// The lines of a file that grows.
struct Count {
    file: Option<File>,
    rows: u32,
}

impl Count {
    /// Counts what was added since the last time.
    fn go_on(&mut self, path: &Path) -> Result<()> {
        if self.file.is_none() {
            self.file = File::open(path).ok();
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file
                .read(&mut buffer)
                .with_context(|| format!("cannot read {}", path.display()))?;
            if read == 0 {
                return Ok(());
            }
            let lines = buffer[..read].split(|&byte| byte == b'\n').count() - 1;
            self.rows += u32::try_from(lines).expect("a buffer is small");
        }
    }
}

/// What a process has in memory.
#[derive(Clone, Copy, Default)]
struct Memory {
    resident_kib: u64,
    peak_kib: u64,
}

impl Memory {
    /// None where the system has no `/proc`, or the process has ended.
    fn of(status: &Path) -> Option<Self> {
        let text = fs::read_to_string(status).ok()?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
    }
}
