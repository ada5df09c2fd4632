//! The command in a stock runtime, before a simulated API.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use mimecast_sim::{ClientCredentials, Running, api_date};

/// A directory to grant, and a configuration in the environment.
pub(super) struct Collector {
    dir: PathBuf,
    config: String,
    client: ClientCredentials,
}

/// How a run ended.
pub(super) struct Run {
    pub(super) ok: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A run that goes on. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Collector {
    /// A collector of somewhat more than five days. `settings` are more members of the configuration,
    /// such as `, "page_size": 100`.
    pub(super) fn new(test: &str, api: &Running, settings: &str) -> Self {
        let dir = artifacts::scratch(&format!("wasi-{test}"));
        fs::create_dir(dir.join("granted")).unwrap();
        let start = api_date(api.now_secs() - 5 * 86_400 - 3600).replace("+0000", "Z");
        let config = format!(
            r#"{{"base_url": "{}", "start": "{start}", "auth": {{"type": "oauth2",
               "client_id": "${{MC_CLIENT_ID}}", "client_secret": "${{MC_CLIENT_SECRET}}"}}{settings}}}"#,
            api.base_url()
        );
        Self { dir, config, client: api.client() }
    }

    pub(super) fn with_client(mut self, client: ClientCredentials) -> Self {
        self.client = client;
        self
    }

    /// The directory that the runtime grants.
    pub(super) fn granted(&self) -> PathBuf {
        self.dir.join("granted")
    }

    pub(super) fn config(&self) -> &str {
        &self.config
    }

    /// Collects until it is caught up.
    pub(super) fn run(&self) -> Run {
        self.start(&["--until-caught-up"]).wait()
    }

    /// The same, and holds it to success.
    #[track_caller]
    pub(super) fn catch_up(&self) -> Run {
        let run = self.run();
        assert!(run.ok, "{}", run.stderr);
        run
    }

    /// Starts the command with these arguments, the configuration in its environment.
    pub(super) fn start(&self, args: &[&str]) -> Process {
        self.start_with(&["--env", "SOURCE_CONFIG"], args)
    }

    /// The same, with these arguments for the runtime.
    pub(super) fn start_with(&self, grants: &[&str], args: &[&str]) -> Process {
        let number = (1..1000).find(|n| !self.dir.join(format!("stderr.{n}")).exists()).unwrap();
        let path = |name: &str| self.dir.join(format!("{name}.{number}"));
        let (stdout, stderr) = (path("stdout"), path("stderr"));
        let create = |path: &Path| File::create(path).unwrap();
        let mut command = self.command(grants, args);
        let child = command.stdout(create(&stdout)).stderr(create(&stderr)).spawn().unwrap();
        Process { child, stdout, stderr }
    }

    /// Collects into a pipe that nobody reads. Whether it succeeds, and what it tells.
    pub(super) fn run_unread(&self) -> (bool, String) {
        let mut command = self.command(&["--env", "SOURCE_CONFIG"], &["--until-caught-up"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    /// Collects until a reader that takes so many bytes blocks it in the middle of a page; then kills it.
    /// Gives all that it had written.
    pub(super) fn run_until_blocked(&self, bytes: usize) -> String {
        let mut command = self.command(&["--env", "SOURCE_CONFIG"], &["--until-caught-up"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let mut written = vec![0; bytes];
        pipe.read_exact(&mut written).unwrap();
        // A cursor that goes on waiting is that of a page which does not get out.
        let waiting = self.granted().join("cursor.new");
        let mut seen = 0;
        while seen < 50 {
            seen = if waiting.exists() { seen + 1 } else { 0 };
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was blocked");
            thread::sleep(LOOK_EVERY);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        pipe.read_to_end(&mut written).unwrap();
        String::from_utf8_lossy(&written).into_owned()
    }

    fn command(&self, grants: &[&str], args: &[&str]) -> Command {
        let mut command = Command::new(artifacts::wasmtime());
        command
            .args(["run", "-S", "http", "--dir"])
            .arg(format!("{}::.", self.granted().display()))
            .args(["--env", "MC_CLIENT_ID", "--env", "MC_CLIENT_SECRET"])
            .args(grants)
            .arg(artifacts::composition("mimecast-ttp-source.command.wasm"))
            .args(args)
            .env_clear()
            .env("SOURCE_CONFIG", &self.config)
            .env("MC_CLIENT_ID", &self.client.client_id)
            .env("MC_CLIENT_SECRET", &self.client.client_secret)
            .stdin(Stdio::null());
        command
    }
}

impl Process {
    /// Waits for its end.
    #[track_caller]
    pub(super) fn wait(mut self) -> Run {
        let deadline = Instant::now() + RUN_FOR_MAX;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the command does not end: {}", self.stderr());
            thread::sleep(LOOK_EVERY);
        };
        Run { ok: status.success(), stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Waits until what it has written so far is so. Whether it still runs.
    #[track_caller]
    pub(super) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + RUN_FOR_MAX;
        while !is_so(self) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "{what} does not come: {}", self.stderr());
            thread::sleep(LOOK_EVERY);
        }
        true
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as `kill -9` does. Gives what it had written to stdout.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.stdout()
    }

    pub(super) fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap()).into_owned()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const RUN_FOR_MAX: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);
