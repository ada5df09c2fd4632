//! A host for the kit's own tests: it keeps the rules, or breaks the one that it is told to.
//!
//! It runs the probe without WebAssembly, and shares no code with any host of this repository.

mod http;
mod rules;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, io, thread};

use probe_source::answer::{Batch, Error, Outcome};
use probe_source::script;

use rules::Fault;

fn main() -> io::Result<()> {
    let told = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let fault = env::args().nth(1).map(|name| Fault::named(&name));
    let config = fs::read_to_string(told("HOST_KIT_CONFIG"))?;
    let allow: Vec<String> = told("HOST_KIT_ALLOW").split(',').map(str::to_owned).collect();
    let mut host = Host {
        fault,
        file: PathBuf::from(told("HOST_KIT_STATE")).join("cursor"),
        cursor: None,
        errors: 0,
        calls: 0,
    };
    host.cursor = fs::read_to_string(&host.file).ok();
    loop {
        let outcome = script::poll(&config, host.cursor.as_deref(), |request| {
            http::send(&request, &allow, fault)
        });
        let wait = host.take(outcome)?;
        thread::sleep(wait);
    }
}

struct Host {
    fault: Option<Fault>,
    file: PathBuf,
    cursor: Option<String>,
    errors: u32,
    /// Calls of the instance that there would be.
    calls: u64,
}

impl Host {
    /// What is to be done after a poll, and how long to wait.
    fn take(&mut self, outcome: Outcome) -> io::Result<Duration> {
        let call = self.calls;
        self.calls += 1;
        match outcome {
            Outcome::Batch(batch)
                if !self.breaks(Fault::BoundsNoBatch) && !rules::is_batch(&batch) =>
            {
                Ok(self.failed("protocol", None))
            }
            Outcome::Batch(batch) => self.deliver(&batch, call),
            Outcome::Error(Error { kind, retry_after_ms, .. }) => {
                if self.breaks(Fault::MovesAfterErrors) {
                    self.cursor = Some("2".to_owned());
                }
                Ok(self.failed(&kind, retry_after_ms))
            }
            Outcome::Break(_) if self.breaks(Fault::EndsAtTraps) => std::process::exit(134),
            Outcome::Break(_) => {
                self.calls = if self.breaks(Fault::KeepsInstances) { self.calls } else { 0 };
                Ok(self.failed("protocol", None))
            }
        }
    }

    fn breaks(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn failed(&mut self, kind: &str, retry_after_ms: Option<u64>) -> Duration {
        self.errors += 1;
        if self.breaks(Fault::Hurries) {
            return Duration::ZERO;
        }
        let most = if matches!(kind, "transient" | "throttled") { 60_000 } else { 900_000 };
        let wish = retry_after_ms.filter(|_| !self.breaks(Fault::ForgetsWishes)).unwrap_or(0);
        Duration::from_millis((250 << self.errors.min(12)).min(most).max(wish.min(900_000)))
    }

    fn deliver(&mut self, batch: &Batch, call: u64) -> io::Result<Duration> {
        let is_forgotten = batch.events.is_empty() && self.breaks(Fault::ForgetsEmptyBatches);
        if self.breaks(Fault::StoresCursorFirst) {
            self.store(&batch.cursor)?;
        }
        let line = |event: &probe_source::answer::Event| {
            let body = match event.body.strip_suffix('}') {
                Some(body) if batch.tells_call => format!("{body},\"call\":{call}}}"),
                _ => event.body.clone(),
            };
            body + "\n"
        };
        // What was cut by a kill is ended.
        let is_cut = self.errors == 0 && self.calls == 1;
        let lines: String = batch.events.iter().map(line).collect();
        let lines = if is_cut { "\n".to_owned() + &lines } else { lines };
        io::stdout().write_all(lines.as_bytes())?;
        io::stdout().flush()?;
        self.cursor = Some(batch.cursor.clone());
        if self.breaks(Fault::TrimsCursors) {
            self.store(batch.cursor.trim())?;
        } else if !is_forgotten && !self.breaks(Fault::StoresNothing) {
            self.store(&batch.cursor)?;
        }
        self.errors = 0;
        let least = if batch.more && !self.breaks(Fault::Dawdles) { 0 } else { 1_000 };
        let wish = if self.breaks(Fault::PollsTooSoon) { 0 } else { batch.next_poll_ms };
        Ok(Duration::from_millis(wish.clamp(least, 86_400_000)))
    }

    fn store(&self, cursor: &str) -> io::Result<()> {
        let next = self.file.with_extension("new");
        fs::write(&next, cursor)?;
        fs::rename(next, &self.file)
    }
}
