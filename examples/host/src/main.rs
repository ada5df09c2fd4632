//! The binary `source-host`.

use clap::Parser;

fn main() -> std::process::ExitCode {
    source_host::commands::Cli::parse().execute()
}
