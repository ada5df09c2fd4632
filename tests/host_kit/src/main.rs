//! Runs the scenarios against a host: `host-kit --probe FILE (--driver FILE | -- COMMAND...)`.

use std::collections::VecDeque;
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use host_kit::driver::Driver;
use host_kit::run::{Theatre, play};
use host_kit::scenario::Scenario;
use host_kit::scenarios;

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    probe: Option<String>,
    driver: Option<Driver>,
    only: Vec<String>,
    folder: PathBuf,
    target: PathBuf,
    at_once: usize,
    is_list: bool,
}

fn options(args: Vec<String>) -> Result<Options, String> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let mut options = Options {
        probe: None,
        driver: None,
        only: Vec::new(),
        folder: target.join("host-kit"),
        target,
        at_once: 8,
        is_list: false,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} wants a value"));
        match &*arg {
            "--list" => options.is_list = true,
            "--probe" => options.probe = Some(value()?),
            "--driver" => options.driver = Some(Driver::read(Path::new(&value()?))?),
            "--only" => options.only.push(value()?),
            "--folder" => options.folder = value()?.into(),
            "--at-once" => {
                let value = value()?;
                options.at_once = value.parse().map_err(|_| format!("{value} is no number"))?;
            }
            "--" => {
                options.driver = Some(Driver::of_command(args.collect()));
                break;
            }
            _ => return Err(format!("there is no option {arg}")),
        }
    }
    Ok(options)
}

fn run(args: Vec<String>) -> Result<bool, String> {
    let options = options(args)?;
    let chosen = |scenario: &Scenario| {
        options.only.is_empty() || options.only.iter().any(|only| scenario.name.contains(&**only))
    };
    let scenarios: Vec<Scenario> = scenarios::all().into_iter().filter(chosen).collect();
    if scenarios.is_empty() {
        return Err("no scenario has such a name: --list tells them all".to_owned());
    }
    if options.is_list {
        for scenario in &scenarios {
            eprintln!("{:<36}{}", scenario.name, scenario.about);
        }
        return Ok(true);
    }
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| error.to_string());
    let driver = options.driver.ok_or("name a --driver, or a command behind --")?;
    let probe = options.probe.ok_or("name the file of the --probe")?;
    let probe = absolute(Path::new(&probe))?.to_string_lossy().into_owned();
    let (folder, target) = (absolute(&options.folder)?, absolute(&options.target)?);
    let theatre = Theatre { driver: &driver, component: &probe, folder: &folder, target: &target };
    Ok(play_all(&scenarios, &theatre, options.at_once))
}

/// Plays them, several at once, and tells of each. Gives whether all is as it should be.
fn play_all(scenarios: &[Scenario], theatre: &Theatre<'_>, at_once: usize) -> bool {
    let begun = Instant::now();
    let left = Mutex::new(scenarios.iter().collect::<VecDeque<_>>());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let verdicts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let begun = Instant::now();
                    let faults = play(scenario, theatre);
                    let known = theatre.driver.falls_short.get(scenario.name);
                    let verdict = tell(scenario, &faults, known.map(|why| &**why), begun.elapsed());
                    verdicts.lock().unwrap_or_else(PoisonError::into_inner).push(verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let (passed, short, failed) =
        (count(Verdict::Passed), count(Verdict::FallsShort), count(Verdict::Failed));
    let secs = begun.elapsed().as_secs();
    eprintln!("{passed} passed, {short} fall short as is known, {failed} failed, in {secs} s");
    if failed > 0 {
        eprintln!("what the host was given and said is in {}", theatre.folder.display());
    }
    failed == 0
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    FallsShort,
    Failed,
}

fn tell(scenario: &Scenario, faults: &[String], known: Option<&str>, took: Duration) -> Verdict {
    let (name, secs) = (scenario.name, took.as_secs_f64());
    match (faults, known) {
        ([], None) => {
            eprintln!("passed       {name} ({secs:.1} s)");
            Verdict::Passed
        }
        ([], Some(why)) => {
            eprintln!("FAILED       {name}: it passed, and is said to fall short: {why}");
            Verdict::Failed
        }
        (_, Some(why)) => {
            eprintln!("falls short  {name}: {why}");
            Verdict::FallsShort
        }
        (faults, None) => {
            let mut lines = vec![format!("FAILED       {name}: {}", scenario.about)];
            lines.extend(faults.iter().take(FAULTS_TOLD).map(|fault| format!("    {fault}")));
            eprintln!("{}", lines.join("\n"));
            Verdict::Failed
        }
    }
}

const FAULTS_TOLD: usize = 6;
const USAGE: &str = "\
usage: host-kit --probe FILE [OPTIONS] (--driver FILE | -- COMMAND...)
       host-kit --list [--only NAME]

  --probe FILE     the probe component, or what the host loads for it
  --driver FILE    how the host is started, as JSON
  --only NAME      the scenarios with this in their names; may be there several times
  --folder FOLDER  where a folder of each scenario is made: target/host-kit
  --at-once N      how many scenarios are played at once: 8";
