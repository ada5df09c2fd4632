//! `mimecast-sim`: the simulated API as a program.

mod arguments;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use mimecast_sim::Running;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ready_file = arguments.ready_file.clone();
    let started = arguments.options().start();
    let announced = started.and_then(|sim| announce(&sim, ready_file).map(|()| sim));
    match announced {
        Ok(sim) => {
            sim.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mimecast-sim: {error}");
            ExitCode::from(2)
        }
    }
}

fn announce(sim: &Running, ready_file: Option<PathBuf>) -> io::Result<()> {
    let (keys, client) = (sim.keys(), sim.client());
    let ready = serde_json::json!({
        "base_url": sim.base_url(),
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "app_id": keys.app_id,
        "app_key": keys.app_key,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    });
    eprintln!("mimecast-sim: {} rows, listening on {}", sim.stats().rows_visible, sim.base_url());
    match ready_file {
        None => {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{ready}")?;
            stdout.flush()
        }
        Some(path) => {
            let mut part = path.clone().into_os_string();
            part.push(".part");
            fs::write(&part, format!("{ready}\n"))?;
            fs::rename(part, path)
        }
    }
}
