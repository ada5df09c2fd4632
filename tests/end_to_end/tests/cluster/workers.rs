//! Workers: processes of the host that share a ledger, each with the same sources.

use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use end_to_end::artifacts;
use end_to_end::collector::{self, Process, Run, variables};
use end_to_end::moody;
use mimecast_sim::{ClientCredentials, Keys, Running};
use serde_json::Value;

use crate::servers::{Cluster, STREAM};

/// How long a worker that is not heard of keeps its sources.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// Workers of one ledger.
pub(crate) struct Workers {
    dir: std::path::PathBuf,
    /// The section `[ledger]`, but for the worker's name.
    ledger: String,
    sources: String,
    /// More of the environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    all: Vec<Worker>,
}

#[derive(Default)]
struct Worker {
    process: Option<Process>,
    starts: usize,
}

impl Workers {
    /// So many of a cluster, none of which runs yet.
    pub(crate) fn new(cluster: &Cluster, count: usize, sources: &str) -> Self {
        let ledger = format!(
            "[ledger]\ntype = \"nats\"\nservers = {:?}\nstream = \"{STREAM}\"\nreplicas = {}\nlease_secs = {}\n",
            cluster.addresses(),
            cluster.len(),
            LEASE.as_secs(),
        );
        let all = (0..count).map(|_| Worker::default()).collect();
        let (dir, sources) = (cluster.dir.join("workers"), sources.to_owned());
        fs::create_dir_all(&dir).unwrap();
        Self { dir, ledger, sources, environment: Vec::new(), all }
    }

    /// More of the section `[ledger]`.
    pub(crate) fn with(mut self, ledger: &str) -> Self {
        self.ledger += ledger;
        self.ledger += "\n";
        self
    }

    /// Puts something else in the place of what that section has.
    pub(crate) fn change(&mut self, from: &str, to: &str) {
        assert!(self.ledger.contains(from), "there is no {from:?}");
        self.ledger = self.ledger.replace(from, to);
    }

    /// The same of the sources.
    pub(crate) fn change_sources(&mut self, from: &str, to: &str) {
        assert!(self.sources.contains(from), "there is no {from:?}");
        self.sources = self.sources.replace(from, to);
    }

    /// A command of the host, as one of them.
    pub(crate) fn command(&mut self, number: usize, args: &[&str]) -> Process {
        let config = self.dir.join(format!("host-{number}.toml"));
        let text = format!("{}worker = \"host-{number}\"\n\n{}", self.ledger, self.sources);
        fs::write(&config, text).unwrap();
        let (command, rest) = match args {
            ["cursor", command, rest @ ..] => (vec!["cursor", *command], rest),
            [command, rest @ ..] => (vec![*command], rest),
            [] => panic!("a command is missing"),
        };
        let (keys, client) = (Keys::default(), ClientCredentials::default());
        let mut host = Command::new(artifacts::source_host());
        host.args(command).arg("--config").arg(config).args(rest);
        host.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        host.envs(variables(&keys, &client)).env("FEED_TOKEN", self.token(number));
        host.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let dir = self.dir.join(format!("host-{number}"));
        fs::create_dir_all(&dir).unwrap();
        Process::start(&mut host, &dir)
    }

    /// What `workers --json` tells.
    #[track_caller]
    pub(crate) fn told_of_all(&mut self) -> Value {
        let run = self.command(0, &["workers", "--json"]).wait();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// What tells the requests of one apart: another with each start.
    pub(crate) fn token(&self, number: usize) -> String {
        format!("host-{number}-{}", self.all[number].starts)
    }

    /// Starts one that does not run.
    pub(crate) fn start(&mut self, number: usize, args: &[&str]) {
        assert!(self.all[number].process.is_none(), "worker {number} runs");
        self.all[number].starts += 1;
        let process = self.command(number, &[&["run"], args].concat());
        self.all[number].process = Some(process);
    }

    /// Starts all of them.
    pub(crate) fn start_all(&mut self, args: &[&str]) {
        (0..self.all.len()).for_each(|number| self.start(number, args));
    }

    /// One that runs.
    pub(crate) fn process(&mut self, number: usize) -> &mut Process {
        self.all[number].process.as_mut().expect("it runs")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, number: usize) {
        self.all[number].process.take().expect("it runs").kill();
    }

    /// SIGTERM: it has to end well.
    #[track_caller]
    pub(crate) fn terminate(&mut self, number: usize) -> Run {
        let run = self.all[number].process.take().expect("it runs").terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    }

    /// The same for all that run.
    #[track_caller]
    pub(crate) fn terminate_all(&mut self) {
        for number in 0..self.all.len() {
            if self.all[number].process.is_some() {
                self.terminate(number);
            }
        }
    }

    /// How many lines of all that each has told since its first start have a word in them.
    pub(crate) fn lines_with(&self, word: &str) -> usize {
        let dirs = (0..self.all.len()).map(|number| self.dir.join(format!("host-{number}")));
        let files =
            dirs.flat_map(|dir| fs::read_dir(dir).unwrap()).map(|file| file.unwrap().path());
        let texts =
            files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned());
        texts.map(|text| text.lines().filter(|line| line.contains(word)).count()).sum()
    }

    /// All that each has told since it was started.
    pub(crate) fn told(&self) -> String {
        self.all.iter().flat_map(|worker| &worker.process).map(Process::stderr).collect()
    }
}

/// An API for truth, that goes wrong now and then, and takes its time.
pub(crate) fn moody_api(rows: u32, seed: u64) -> Running {
    moody::moody_api(rows, seed, Duration::from_millis(20))
}

/// The section of a source that collects it.
pub(crate) fn source(name: &str, api: &Running) -> String {
    collector::source(name, api, "page_size = 100\npoll_interval_secs = 5")
}

/// Does something every so often, until what is returned is dropped.
pub(crate) fn every(time: Duration, mut act: impl FnMut() + Send + 'static) -> impl Drop {
    struct Ends(std::sync::Arc<std::sync::atomic::AtomicBool>, Option<thread::JoinHandle<()>>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            let _ = self.1.take().map(thread::JoinHandle::join);
        }
    }
    let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ends = std::sync::Arc::clone(&is_over);
    let thread = thread::spawn(move || {
        while !ends.load(std::sync::atomic::Ordering::Relaxed) {
            act();
            thread::sleep(time);
        }
    });
    Ends(is_over, Some(thread))
}
