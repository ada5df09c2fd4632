//! Drives a polling source, any of the contract `polling-source:contract`, as a WASI command.
//!
//! Composed with a source and an adapter for its HTTP, it is a whole collector for any WASI command
//! runtime: configuration from a file or the environment, the cursor in a directory that the runtime
//! grants, events as NDJSON on stdout, and what happens on stderr, a line each.
//!
//! Not for: several sources, other outputs, a secret store. That is a host's: see `examples/host`.

mod batch;
mod bindings;
mod collect;
mod config;
mod log;
mod options;
mod source;
mod state;
mod waits;

use std::io;
use std::process::ExitCode;

use collect::Collector;
use log::Log;
use options::{Command, Options, USAGE};
use source::Imported;
use source_contract::fault::Fault;
use state::State;
use waits::Thread;

fn main() -> ExitCode {
    let command = match Options::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(why) => {
            let log = Log::new(io::stderr(), Vec::new());
            log.error("usage", &format!("{why}; see --help"));
            return ExitCode::FAILURE;
        }
    };
    match command {
        Command::Help => match io::Write::write_all(&mut io::stdout(), USAGE.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Command::Collect(options) if collect(&options) => ExitCode::SUCCESS,
        Command::Collect(_) => ExitCode::FAILURE,
    }
}

/// Collects as the options say. Whether all went well.
fn collect(options: &Options) -> bool {
    // Its secrets have to be known before the source says anything of them.
    let config = config::load(options.config.as_deref(), &|name| std::env::var_os(name))
        .and_then(|config| config.heed(&source::schema()));
    let config = match config {
        Ok(config) => config,
        Err(faults) => {
            let log = Log::new(io::stderr(), Vec::new());
            log_faults(&log, &faults);
            return false;
        }
    };
    let log = Log::new(io::stderr(), config.secrets);
    if let Err(faults) = source::validate(&config.json) {
        log_faults(&log, &faults);
        return false;
    }
    let collector = Collector {
        source: Imported,
        config: config.json,
        state: State::new(&options.state),
        output: io::stdout(),
        log,
        waits: Thread,
        until_caught_up: options.until_caught_up,
    };
    collector.run()
}

fn log_faults(log: &Log<io::Stderr>, faults: &[Fault]) {
    for fault in faults {
        log.error("config", &log.clean(&fault.to_string()));
    }
}
