//! The project's commands: `cargo xtask build | new-source | demo | test | hosts | pipelines | cluster | bench | soak | fuzz`.
//!
//! They tell what happens on stderr, so that a command whose output is data leaves stdout to it.

mod bench;
mod browser;
mod cargo;
mod children;
mod cluster;
mod component;
mod compose;
mod demo;
mod floors;
mod fuzz;
mod go;
mod hosts;
mod imports;
mod kit;
mod new_source;
mod node;
mod ocsf;
mod pipelines;
mod python;
mod simulation;
mod soak;
mod step;
mod supply;
mod test;
mod wasmtime;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::component::Part;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["build"] => compose::build(),
        ["build", "--twice"] => compose::build_twice(),
        ["build", package] if !package.starts_with('-') => {
            component::build_source(Part::library(package)).map(drop)
        }
        ["new-source", name, dir] => new_source::begin(name, Path::new(dir)),
        ["demo"] => demo::run(&mut io::stdout().lock()),
        ["bench"] => bench::run(),
        ["bench", "programs"] => bench::run_programs(),
        ["bench", "ledger"] => cluster::bench(),
        ["soak", "--minutes", minutes] => soak::fresh(minutes),
        ["soak", "--seed", seed] => soak::again(seed),
        ["soak", "host", "--minutes", minutes] => soak::host(minutes),
        ["fuzz", "--minutes", minutes] => fuzz::explore(None, minutes),
        ["fuzz", target, "--minutes", minutes] => fuzz::explore(Some(target), minutes),
        ["fuzz", "keep", target, name, file] => fuzz::keep(target, name, file),
        ["test"] => test::STEPS.all(),
        ["test", step] => test::STEPS.one(step),
        ["hosts"] => hosts::STEPS.all(),
        ["hosts", step] => hosts::STEPS.one(step),
        ["pipelines"] => pipelines::STEPS.all(),
        ["pipelines", step] => pipelines::STEPS.one(step),
        ["cluster"] => cluster::STEPS.all(),
        ["cluster", step] => cluster::STEPS.one(step),
        ["conformance-http", args @ ..] => kit::play(args),
        [] | ["help" | "--help" | "-h"] => {
            eprint!("{}", usage());
            Ok(())
        }
        _ => bail!("there is no such command: {}\n\n{}", args.join(" "), usage()),
    }
}

fn usage() -> String {
    let (test, hosts) = (test::STEPS.usage(), hosts::STEPS.usage());
    let (pipelines, cluster) = (pipelines::STEPS.usage(), cluster::STEPS.usage());
    format!("{USAGE}{test}{HOSTS_USAGE}{hosts}{PIPELINES_USAGE}{pipelines}{CLUSTER_USAGE}{cluster}")
}

const USAGE: &str = "\
usage: cargo xtask COMMAND

  build              build the component, and its compositions for WASI, into target/component/, and
                     check imports and size
  build --twice      build them, and again from clean elsewhere, and compare the two to the byte
  build PACKAGE      build another source of the workspace, and check it likewise
  new-source NAME DIR
                     begin a source of your own: examples/feed-source under another name, in a
                     folder that builds alone
  demo               collect from a simulated API, events on stdout
  bench              print what the component costs, in other languages too, the host's memory
                     over a million rows, and what whole programs need; `bench programs` the last alone;
                     `bench ledger` what many workers and their servers take
  soak               --minutes N: random worlds of fresh seeds; a failure tells its seed
                     --seed SEED: one of them again, with all that happens in it
                     host --minutes N: kills and failed system calls at random, against the host
  fuzz               [TARGET] --minutes N: each fuzz target, or one, for so long
                     keep TARGET NAME FILE: an input that it found into its corpus
  conformance-http   [--only NAME] -- COMMAND...: the scenarios for hosts against a host of your own;
                     --list: what they are (tests/host_kit/README.md)
  test               all that follows, up to the first step that fails
";

const HOSTS_USAGE: &str =
    "  hosts              the component in hosts of other languages and makers: all that follows\n";

const PIPELINES_USAGE: &str =
    "  pipelines          the component in pipelines that people run: all that follows\n";

const CLUSTER_USAGE: &str =
    "  cluster            workers that share a ledger, and its servers: all that follows\n";
