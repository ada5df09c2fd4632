//! The command line, and the commands that it chooses between.

mod answer;
mod check;
mod cursor;
pub mod exit;
mod inspect;
mod layout;
mod prepared;
mod refusal;
pub mod run;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::cursor::CursorCommand;
use crate::commands::exit::Exit;
use crate::commands::run::Manner;
use crate::limits::Limits;
use crate::log::{self, LogFormat};
use crate::machine::process;
use crate::machine::signals::Signals;

/// Runs polling sources: any component of the contract `polling-source:contract`.
///
/// Exit codes: 0 done, 1 failed while running, 2 bad usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "source-host", version, about, long_about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Collect from all sources and write their events out.
    Run {
        /// The configuration file (TOML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Stop when every source has caught up, or cannot go on.
        #[arg(long)]
        until_caught_up: bool,
        /// Run all sources, whatever other workers of the ledger run.
        #[arg(long, hide = true)]
        all_shards: bool,
        /// How the log on stderr looks.
        #[arg(long, value_enum, default_value_t)]
        log_format: LogFormat,
    },
    /// Ask every source once whether it works, and say in plain words what is wrong.
    ///
    /// Each source sends as little as it can, commonly one request. A section `[ledger]` has its
    /// servers looked at, too. Nothing is collected or stored, and a host may run meanwhile. Exit
    /// codes: 0 all works (with warnings, maybe), 1 something does not, or the check was broken off
    /// by SIGINT or SIGTERM, 2 bad usage or configuration.
    Check {
        /// The configuration file (TOML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON document instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Say what a component is, what it imports, and how it is configured.
    Inspect {
        /// The component's file.
        component: PathBuf,
    },
    /// Say which workers share a ledger, what each runs, and how far its sources are.
    ///
    /// Nothing is changed, and workers may run meanwhile.
    Workers {
        /// The configuration file (TOML), with a section `[ledger]`.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Print one JSON document instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Look at stored cursors, or change them.
    ///
    /// Those of a state file are changed while no host runs, those of a ledger at any time.
    #[command(subcommand)]
    Cursor(CursorCommand),
}

impl Cli {
    /// Does what was asked for.
    pub fn execute(self) -> ExitCode {
        log::begin(match &self.command {
            Command::Run { log_format, .. } => *log_format,
            _ => LogFormat::Text,
        });
        process::keep_memory_private();
        match self.command {
            Command::Run { config, until_caught_up, all_shards, .. } => {
                let manner = Manner { until_caught_up, all_shards };
                within_runtime(run::run(&config, manner, Limits::default()))
            }
            Command::Check { config, json } => {
                let check = check::check(&config, json, Limits::default());
                within_runtime(unless_asked_to_stop(check, "not every source was checked"))
            }
            Command::Inspect { component } => {
                let inspect = inspect::inspect(&component, Limits::default().call);
                within_runtime(unless_asked_to_stop(inspect, "nothing was found out yet"))
            }
            Command::Workers { config, json } => {
                let told = workers::workers(&config, json);
                within_runtime(unless_asked_to_stop(told, "nothing was found out yet"))
            }
            Command::Cursor(command) => {
                let limits = Limits::default().call;
                within_runtime(async move { cursor::execute(&command, limits).await })
            }
        }
        .into()
    }
}

fn within_runtime(command: impl Future<Output = Exit>) -> Exit {
    match process::runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(async {
                let exit = command.await;
                end_log().await;
                exit
            });
            // A name that is being resolved must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(why) => {
            tracing::error!("{why}");
            log::end();
            Exit::Failed
        }
    }
}

/// Does what a command is to do, unless a signal comes first: then it says what was left undone.
async fn unless_asked_to_stop(command: impl Future<Output = Exit>, undone: &str) -> Exit {
    let mut signals = match Signals::watch() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    tokio::select! {
        exit = command => exit,
        () = signals.next() => {
            tracing::error!("broken off: {undone}");
            Exit::Failed
        }
    }
}

/// Has the log written to its end, unless a signal comes first.
async fn end_log() {
    let end = tokio::task::spawn_blocking(log::end);
    let Ok(mut signals) = Signals::watch() else { return };
    tokio::select! {
        _ = end => {}
        () = signals.next() => {}
    }
}
