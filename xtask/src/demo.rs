//! The whole walk on one machine: a simulated API, the component in its host, events on stdout.

use std::io::{self, BufRead as _, BufReader, Write};

use anyhow::{Context, Result, ensure};

use crate::cargo::target_dir;
use crate::children::Children;
use crate::simulation::{self, Output, Simulation};

/// Builds everything, collects what the simulated API has, and writes the events to `events`.
pub(crate) fn run(events: &mut impl Write) -> Result<()> {
    eprintln!("demo: building the component, the host and the simulated API; the first time this");
    eprintln!("demo: takes some minutes, most of them for the WebAssembly engine");
    simulation::build()?;

    let children = Children::new()?;
    // Within the 24 hours that a source looks back at first.
    let rows = ["--rows", "1200", "--span", "20h"];
    let simulation = Simulation::start(&children, "demo", &rows, &Output::Stdout)?;
    eprintln!("demo: a simulated Mimecast API listens on {}", simulation.base_url);
    eprintln!("demo: source-host runs the component until it is caught up, a page a poll");
    let (host, stdout) = children.start(&mut simulation.host())?;
    let mut count = 0;
    for line in BufReader::new(stdout).split(b'\n') {
        let mut line = line.context("cannot read what source-host writes")?;
        line.push(b'\n');
        count += 1;
        match events.write_all(&line) {
            // As in `cargo xtask demo | head`: the reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.context("cannot write the events")?,
        }
    }
    let status = children.wait(host).context("source-host is lost")?;
    ensure!(status.success(), "source-host failed: {status}");
    tell(&simulation, count);
    Ok(())
}

/// Runs the demo and holds it to its word.
pub(crate) fn test() -> Result<()> {
    let mut events = Vec::new();
    run(&mut events)?;
    let events = String::from_utf8(events).context("the events are not UTF-8")?;
    for line in events.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).with_context(|| format!("stdout has no event: {line}"))?;
        ensure!(event.is_object(), "stdout has an event that is no object: {line}");
    }
    let count = events.lines().count();
    ensure!(count >= 200, "the demo gave {count} events: 200 or more are promised");
    Ok(())
}

fn tell(simulation: &Simulation, count: usize) {
    let release = target_dir().join("release");
    let port = simulation.base_url.rsplit(':').next().unwrap_or_default();
    let (config, keys) = (simulation.config_path(), simulation.keys_path());
    eprintln!(
        "demo: {count} events, each one line of JSON on stdout

What to try next: an API that goes on, in one terminal
    {release}/mimecast-sim --port {port} --seed 2 --live-rate 60
and in another whether it works, and the host; it goes on where the demo stopped, and ends at Ctrl-C
    . {keys}
    {release}/source-host check --config {config}
    {release}/source-host run --config {config}
What it needs for a real account is in {config}, and in the README.",
        release = release.display(),
        keys = keys.display(),
        config = config.display(),
    );
}
