//! What whole programs need for the same rows, in one run: computing time of the host, of a Collector with the
//! receiver, with an exporter and with none, and of the few lines of Python that one writes first; and memory of a
//! Collector with many receivers.
#![allow(clippy::print_stdout, reason = "figures are what is asked for")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::Memory;
use crate::cargo::{command, target_dir, workspace};
use crate::children::{Children, Started};
use crate::simulation::{Output, Simulation};
use crate::{go, pipelines};

const ROWS: u32 = 200_000;
const RECEIVERS: [u32; 4] = [1, 10, 100, 1_000];
/// How much computing the Collector may need for each second of the host's.
const RATIO_MAX: f64 = 2.0;
/// What each receiver beyond the first may take, where there are so many that it is more than Go's heap goes up and
/// down by between two starts.
const RECEIVER_KIB_MAX: u64 = 400;
const RECEIVERS_JUDGED_MIN: u32 = 100;

/// Prints all of it.
pub(super) fn run() -> Result<()> {
    if !go::is_there()? {
        return Ok(());
    }
    pipelines::build_collector()?;
    let host = secs_of("source-host", |simulation| Ok(simulation.service()))?;
    let whole = secs_of("Collector", |simulation| {
        let config = config(simulation, 1, "file: { path: events.json }")?;
        Ok(collector(simulation, &config))
    })?;
    // What is left is the receiver's, and the Collector's own.
    secs_of("without exporter", |simulation| {
        let config = config(simulation, 1, "debug: {}")?;
        Ok(collector(simulation, &config))
    })?;
    let sample = secs_of("Python sample", |simulation| {
        let mut python = command("python3");
        python.arg(workspace().join("xtask/src/bench/sample.py"));
        python.arg(&simulation.base_url).envs(simulation.environment());
        python.stdout(File::create(simulation.dir.join("events.json"))?);
        Ok(python)
    })?;
    let ratio = whole / host;
    println!(
        "Collector to source-host: {ratio:.2} times, at most {RATIO_MAX}: {}; to the sample {:.2}",
        if ratio <= RATIO_MAX { "pass" } else { "FAIL" },
        whole / sample
    );
    memory("0")?;
    memory("500")
}

/// The computing time of a program for 100,000 rows, less what it takes to start.
fn secs_of(name: &str, program: impl Fn(&Simulation) -> Result<Command>) -> Result<f64> {
    // Whatever else the machine does only adds to it.
    let all = run_idle(name, ROWS, &program)?.min(run_idle(name, ROWS, &program)?);
    let start = run_idle(name, 0, &program)?;
    let secs = (all - start) / f64::from(ROWS) * 100_000.0;
    println!("{name:<18} {secs:.2} s of computing for 100,000 rows, {start:.2} s to start");
    Ok(secs)
}

/// Runs a program until it has nothing to do any more, and gives its computing time.
fn run_idle(
    name: &str,
    rows: u32,
    program: impl Fn(&Simulation) -> Result<Command>,
) -> Result<f64> {
    let children = Children::new()?;
    let rows = rows.to_string();
    let args = ["--rows", &*rows, "--span", "23h", "--late-max-secs", "0"];
    let folder = format!("bench-{}", name.replace(' ', "-"));
    let simulation = Simulation::start(&children, &folder, &args, &Output::File("events.json"))?;
    let log = File::create(simulation.dir.join("stderr"))?;
    let mut program = program(&simulation)?;
    let started = children.start_quiet(program.current_dir(&simulation.dir).stderr(log))?;
    let process = proc(&children, started);
    let secs = idle(&children, started, &process)?;
    let lines = rows_in(&simulation.dir)?;
    ensure!(
        lines.to_string() == rows,
        "{name}: {lines} of {rows} rows, see {}",
        simulation.dir.display()
    );
    Ok(secs)
}

/// Waits until a process has ended or computes no more, and gives what it has computed.
fn idle(children: &Children, started: Started, process: &Path) -> Result<f64> {
    let begun = Instant::now();
    let (mut secs, mut since) = (0.0, Instant::now());
    while since.elapsed() < IDLE_FOR {
        ensure!(begun.elapsed() < RUN_FOR_MAX, "it does not come to its end");
        if children.ended(started)?.is_some() {
            return Ok(secs);
        }
        thread::sleep(LOOK_EVERY);
        let now = computed(process).unwrap_or(secs);
        // A service that waits looks around now and then.
        if now > secs + IDLE_SECS {
            (secs, since) = (now, Instant::now());
        }
    }
    Ok(computed(process).unwrap_or(secs))
}

/// Prints what a Collector with many receivers takes once each has collected so many rows.
fn memory(rows: &str) -> Result<()> {
    let mut first = None;
    for count in RECEIVERS {
        let children = Children::new()?;
        let args = ["--rows", rows, "--span", "23h", "--late-max-secs", "0"];
        let simulation =
            Simulation::start(&children, "bench-receivers", &args, &Output::File("events.json"))?;
        let config = config(&simulation, count, "debug: {}")?;
        let log = File::create(simulation.dir.join("stderr"))?;
        let mut collector = collector(&simulation, &config);
        let started = children.start_quiet(collector.current_dir(&simulation.dir).stderr(log))?;
        let process = proc(&children, started);
        idle(&children, started, &process)?;
        let resident = Memory::of(&process.join("status")).context("it has ended")?.resident_kib;
        let first = *first.get_or_insert(resident);
        let each = resident.saturating_sub(first) / u64::from(count.max(2) - 1);
        let verdict = match (count >= RECEIVERS_JUDGED_MIN, each <= RECEIVER_KIB_MAX) {
            (false, _) => String::new(),
            (true, true) => format!(", at most {RECEIVER_KIB_MAX}: pass"),
            (true, false) => format!(", at most {RECEIVER_KIB_MAX}: FAIL"),
        };
        println!(
            "Collector          {count:>4} receivers of {rows} rows: {resident} KiB resident, \
             {each} KiB each beyond the first{verdict}"
        );
    }
    Ok(())
}

fn collector(simulation: &Simulation, config: &Path) -> Command {
    let mut collector = command(target_dir().join("pipelines/otelcol"));
    collector.arg("--config").arg(config).envs(simulation.environment());
    collector
}

/// Writes the configuration of a Collector with so many receivers before this exporter.
fn config(simulation: &Simulation, receivers: u32, exporter: &str) -> Result<PathBuf> {
    let Simulation { base_url, dir, .. } = simulation;
    let component = target_dir().join("component/mimecast-ttp-source.wasm");
    let mut text = String::from("receivers:\n");
    let mut names = Vec::new();
    for number in 0..receivers {
        write!(
            text,
            r#"  polling_source/{number}:
    component: {component}
    allow: ["{base_url}"]
    config:
      base_url: "{base_url}"
      auth: {{ type: oauth2, client_id: "${{env:MC_CLIENT_ID}}", client_secret: "${{env:MC_CLIENT_SECRET}}" }}
"#,
            component = component.display(),
        )?;
        names.push(format!("polling_source/{number}"));
    }
    let (name, _) = exporter.split_once(':').context("an exporter has a name")?;
    write!(
        text,
        "exporters:\n  {exporter}\nservice:\n  \
         telemetry: {{ metrics: {{ level: none }}, logs: {{ sampling: {{ enabled: false }} }} }}\n  \
         pipelines: {{ logs: {{ receivers: [{}], exporters: [{name}] }} }}\n",
        names.join(", ")
    )?;
    let path = dir.join("config.yaml");
    fs::write(&path, text)?;
    Ok(path)
}

fn proc(children: &Children, started: Started) -> PathBuf {
    Path::new("/proc").join(children.pid(started).to_string())
}

/// The computing time of a process so far, in seconds, by the system's clock of a hundredth of one.
fn computed(process: &Path) -> Option<f64> {
    let text = fs::read_to_string(process.join("stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let ticks = |field: usize| fields.split(' ').nth(field)?.parse::<u32>().ok();
    Some(f64::from(ticks(11)? + ticks(12)?) / 100.0)
}

/// How many rows a program has written, or a Collector without an exporter has counted.
fn rows_in(dir: &Path) -> Result<usize> {
    let read = |name: &str| match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", dir.display())),
    };
    let written = read("events.json")?.matches("eventTime").count();
    let told = read("stderr")?;
    let counted = told
        .split(r#""log records": "#)
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok());
    Ok(written + counted.sum::<usize>())
}

const LOOK_EVERY: Duration = Duration::from_millis(20);
const IDLE_FOR: Duration = Duration::from_secs(3);
const IDLE_SECS: f64 = 0.05;
const RUN_FOR_MAX: Duration = Duration::from_mins(5);
