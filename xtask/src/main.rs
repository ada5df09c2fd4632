//! The project's commands: `cargo xtask build | demo | test | bench`.
//!
//! They tell what happens on stderr, so that a command whose output is data leaves stdout to it.

mod cargo;
mod component;
mod licences;

use std::process::ExitCode;

use anyhow::{Result, bail};

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
        ["build"] => component::build().map(drop),
        ["build", "--twice"] => component::build_twice(),
        ["test", "licences"] => licences::check(),
        [] | ["help" | "--help" | "-h"] => {
            eprint!("{USAGE}");
            Ok(())
        }
        _ => bail!("there is no such command: {}\n\n{USAGE}", args.join(" ")),
    }
}

const USAGE: &str = "\
usage: cargo xtask COMMAND

  build           build the component into target/component/ and check its imports and its size
  build --twice   build it twice from clean, and compare the two to the byte
";
