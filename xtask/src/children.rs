//! Child processes that never outlive this one: not at its end, not at an error, not at Ctrl-C.

use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Running children. They are killed when this is dropped.
pub(crate) struct Children(Arc<Mutex<Vec<Child>>>);

/// One of the [`Children`].
#[derive(Clone, Copy)]
pub(crate) struct Started(usize);

impl Children {
    /// No children yet, and a watch for the signals that end this process.
    pub(crate) fn new() -> Result<Self> {
        let children = Arc::new(Mutex::new(Vec::new()));
        let watched = Arc::clone(&children);
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                kill(&mut watched.lock().unwrap_or_else(PoisonError::into_inner));
                // As shells tell the end by a signal.
                std::process::exit(128 + signal);
            }
        });
        Ok(Self(children))
    }

    /// Starts a child, and gives what it writes to stdout.
    pub(crate) fn start(&self, command: &mut Command) -> Result<(Started, ChildStdout)> {
        let mut children = self.lock();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().expect("stdout is a pipe");
        children.push(child);
        Ok((Started(children.len() - 1), stdout))
    }

    /// Starts a child whose stdout goes where its command says.
    pub(crate) fn start_quiet(&self, command: &mut Command) -> Result<Started> {
        let mut children = self.lock();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        children.push(child);
        Ok(Started(children.len() - 1))
    }

    /// The number of a child's process.
    pub(crate) fn pid(&self, Started(index): Started) -> u32 {
        self.lock()[index].id()
    }

    /// Waits for the end of a child that is about to end.
    pub(crate) fn wait(&self, Started(index): Started) -> io::Result<ExitStatus> {
        self.lock()[index].wait()
    }

    /// How a child ended; none while it runs.
    pub(crate) fn ended(&self, Started(index): Started) -> io::Result<Option<ExitStatus>> {
        self.lock()[index].try_wait()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        kill(&mut self.lock());
    }
}

/// Ends every child; one that has ended is left alone.
fn kill(children: &mut [Child]) {
    for child in children {
        let _ = child.kill();
        let _ = child.wait();
    }
}
