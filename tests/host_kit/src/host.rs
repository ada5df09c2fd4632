//! The host as a process: started, killed, started again; and what it has written out.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::driver::{Driver, Stage};

/// A host in one scenario.
pub struct Host<'a> {
    driver: &'a Driver,
    stage: &'a Stage,
    child: Option<Child>,
    reader: Option<JoinHandle<()>>,
    printed: Arc<Mutex<Vec<u8>>>,
    is_held: Arc<AtomicBool>,
}

impl<'a> Host<'a> {
    /// One that is not started yet.
    pub fn new(driver: &'a Driver, stage: &'a Stage) -> Self {
        let (printed, is_held) = (Arc::default(), Arc::default());
        Self { driver, stage, child: None, reader: None, printed, is_held }
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<(), String> {
        let words: Vec<String> = self.driver.command.iter().map(|w| self.stage.fill(w)).collect();
        let (program, args) = words.split_first().ok_or("there is no command")?;
        let failed = |error: io::Error| format!("{program} cannot be started: {error}");
        let log = self.stage.folder.join("stderr.txt");
        let log = File::options().create(true).append(true).open(log).map_err(failed)?;
        let mut child = Command::new(program)
            .args(args)
            .env("HOST_KIT_COMPONENT", &self.stage.component)
            .env("HOST_KIT_CONFIG", self.stage.config_path())
            .env("HOST_KIT_STATE", self.stage.state())
            .env("HOST_KIT_OUTPUT", self.stage.output())
            .env("HOST_KIT_ALLOW", self.stage.allow.join(","))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut stdout = child.stdout.take().expect("stdout is a pipe");
        let (printed, is_held) = (Arc::clone(&self.printed), Arc::clone(&self.is_held));
        self.reader = Some(thread::spawn(move || {
            let mut part = vec![0; 64 << 10];
            loop {
                while is_held.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
                let Ok(length @ 1..) = stdout.read(&mut part) else { return };
                let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                printed.extend_from_slice(&part[..length]);
            }
        }));
        self.child = Some(child);
        Ok(())
    }

    /// Whether nobody takes what it writes to stdout.
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Relaxed);
    }

    /// Ends it as `kill -9` does, and takes what it had written.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.hold(false);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }

    /// How it ended by itself. None: it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// All that it has written out so far.
    pub fn output(&self) -> Vec<u8> {
        if self.driver.writes_a_file() {
            return fs::read(self.stage.output()).unwrap_or_default();
        }
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}
