//! The binary `source-host`.

use clap::Parser;

fn main() -> std::process::ExitCode {
    source_host::cli::Cli::parse().execute()
}
