//! The host's program in a process of its own, with a configuration that collects from a simulated
//! API.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use mimecast_sim::{ClientCredentials, Keys, Running, api_date};

use crate::artifacts;

/// A folder with a configuration, and all that the host leaves there.
pub struct Collector {
    dir: PathBuf,
    keys: Keys,
    client: ClientCredentials,
}

/// What a source shows to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// The keys of API 1.0.
    Hmac,
    /// Access tokens of API 2.0.
    Oauth2,
}

impl Auth {
    /// Both kinds.
    pub const BOTH: [Self; 2] = [Self::Hmac, Self::Oauth2];

    /// The setting `auth` of a source, with what the environment of a [`Collector`] holds.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Hmac => {
                r#"{ type = "hmac", access_key = "${MC_ACCESS_KEY}", secret_key = "${MC_SECRET_KEY}", app_id = "${MC_APP_ID}", app_key = "${MC_APP_KEY}" }"#
            }
            Self::Oauth2 => {
                r#"{ type = "oauth2", client_id = "${MC_CLIENT_ID}", client_secret = "${MC_CLIENT_SECRET}" }"#
            }
        }
    }
}

/// How a run of the host ended.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it told on stderr.
    pub stderr: String,
}

/// A host that runs. It is killed when this is dropped.
pub struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Collector {
    /// A collector into `events.json`, from somewhat more than five days ago on. `settings` are
    /// more lines of `[source.config]`; `test` names its folder.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn new(test: &str, api: &Running, settings: &str) -> Self {
        let source = source("acme", api, settings);
        let file = "type = \"file\"\npath = \"events.json\"";
        Self::with_config(test, api.keys(), &config(file, &source))
    }

    /// The same, into stdout.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn to_stdout(test: &str, api: &Running, settings: &str) -> Self {
        let source = source("acme", api, settings);
        Self::with_config(test, api.keys(), &config("type = \"stdout\"", &source))
    }

    /// A collector with this configuration, and these keys in its environment.
    ///
    /// # Panics
    /// If the folder cannot be written.
    #[must_use]
    pub fn with_config(test: &str, keys: Keys, config: &str) -> Self {
        let dir = artifacts::scratch(test);
        fs::write(dir.join("host.toml"), config).expect("a scratch folder can be written");
        Self { dir, keys, client: ClientCredentials::default() }
    }

    /// Other keys in the environment.
    #[must_use]
    pub fn with_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Another API 2.0 application in the environment.
    #[must_use]
    pub fn with_client(mut self, client: ClientCredentials) -> Self {
        self.client = client;
        self
    }

    /// Shows this to the API from the next start on.
    #[must_use]
    pub fn with_auth(self, auth: Auth) -> Self {
        let text = Auth::BOTH
            .iter()
            .fold(self.config(), |text, other| text.replace(other.setting(), auth.setting()));
        assert!(text.contains(auth.setting()), "no known auth in: {text}");
        self.with_config_text(&text)
    }

    /// Asks another API from the next start on. What it has stays.
    #[must_use]
    pub fn with_api(self, api: &Running) -> Self {
        let before = self.setting("base_url");
        let text = self.config().replace(&before, &api.base_url());
        let (keys, client) = (api.keys(), api.client());
        self.with_config_text(&text).with_keys(keys).with_client(client)
    }

    /// Begins at this time, in Unix seconds, if it has not begun.
    #[must_use]
    pub fn with_start(self, unix_secs: i64) -> Self {
        let before = self.setting("start");
        let text = self.config().replace(&before, &start(unix_secs));
        self.with_config_text(&text)
    }

    /// Writes each event in an envelope.
    #[must_use]
    pub fn with_envelope(self) -> Self {
        let text = self.config().replace("[output]", "[output]\nenvelope = true");
        self.with_config_text(&text)
    }

    /// The text that a key of the configuration has.
    fn setting(&self, key: &str) -> String {
        let text = self.config();
        let (_, rest) = text.split_once(&format!("\n{key} = \"")).expect("a source has that key");
        rest.split_once('"').expect("a text ends").0.to_owned()
    }

    fn config(&self) -> String {
        fs::read_to_string(self.dir.join("host.toml")).expect("it was written")
    }

    fn with_config_text(self, text: &str) -> Self {
        fs::write(self.dir.join("host.toml"), text).expect("a scratch folder can be written");
        self
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs the host until it is caught up.
    #[must_use]
    pub fn run(&self) -> Run {
        self.host(&["run", "--until-caught-up"])
    }

    /// Runs the host until it is caught up, and holds it to that.
    ///
    /// # Panics
    /// If it does not succeed.
    // What it wrote is of use to few.
    #[allow(clippy::must_use_candidate)]
    #[track_caller]
    pub fn catch_up(&self) -> Run {
        let run = self.run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    }

    /// Runs a command of the host to its end.
    #[must_use]
    pub fn host(&self, args: &[&str]) -> Run {
        self.start(args).wait()
    }

    /// Starts a command of the host, with this configuration.
    ///
    /// # Panics
    /// If the program cannot be started.
    #[must_use]
    pub fn start(&self, args: &[&str]) -> Process {
        // `cursor set SOURCE CURSOR`: options may come before what has a place.
        let (command, rest) = match args {
            ["cursor", command, rest @ ..] => (vec!["cursor", *command], rest),
            [command, rest @ ..] => (vec![*command], rest),
            [] => panic!("a command is missing"),
        };
        let mut host = Command::new(artifacts::source_host());
        host.args(command).args(["--config", "host.toml"]).args(rest);
        host.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        host.envs(variables(&self.keys, &self.client));
        Process::start(&mut host, &self.dir)
    }

    /// What is in `events.json`.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn events(&self) -> String {
        match fs::read(self.dir.join("events.json")) {
            Ok(bytes) => String::from_utf8(bytes).expect("events are UTF-8"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => panic!("events.json: {error}"),
        }
    }

    /// The stored cursor of the source `acme`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    #[must_use]
    pub fn cursor(&self) -> String {
        let run = self.host(&["cursor", "show", "acme"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout.trim_end().to_owned()
    }

    /// Every file that it and the host wrote, by name.
    ///
    /// # Panics
    /// If the folder cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(&self.dir).expect("a scratch folder can be read");
        let paths = entries.map(|entry| entry.expect("a scratch folder can be read").path());
        paths
            .filter(|path| path.is_file())
            .map(|path| (path.display().to_string(), fs::read(&path).expect("it can be read")))
            .collect()
    }
}

impl Process {
    /// Starts a program in a folder, which gets files for what it writes.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, dir: &Path) -> Self {
        // Several may run at once: each has files of its own.
        let number = (1..1000).find(|n| !dir.join(format!("stderr.{n}")).exists());
        let path = |name: &str| dir.join(format!("{name}.{}", number.expect("a free number")));
        let (stdout, stderr) = (path("stdout"), path("stderr"));
        let create = |path: &Path| File::create(path).expect("a scratch folder can be written");
        command.current_dir(dir).stdin(Stdio::null());
        command.stdout(create(&stdout)).stderr(create(&stderr));
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, stdout, stderr }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it takes two minutes.
    #[must_use]
    pub fn wait(mut self) -> Run {
        let deadline = Instant::now() + RUN_FOR_MAX;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(Instant::now() < deadline, "the host does not end: {}", self.stderr());
            thread::sleep(LOOK_EVERY);
        };
        let stdout = fs::read_to_string(&self.stdout).expect("stdout is UTF-8");
        Run { code: status.code(), stdout, stderr: self.stderr() }
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// If it is not so within two minutes, or the host ends before.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) {
        self.wait_until_told(what, |_| is_so());
    }

    /// Waits until what it has told is so.
    ///
    /// # Panics
    /// If it is not so within two minutes, or the host ends before.
    #[track_caller]
    pub fn wait_until_told(&mut self, what: &str, mut is_so: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + RUN_FOR_MAX;
        while !is_so(&self.stderr()) {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the host ended before {what}: {}", self.stderr());
            assert!(Instant::now() < deadline, "{what} does not come: {}", self.stderr());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as `kill -9` does. Gives what it had told on stderr.
    ///
    /// # Panics
    /// If it had ended already.
    // What it told is of use to few.
    #[allow(clippy::must_use_candidate)]
    pub fn kill(mut self) -> String {
        assert!(
            self.child.try_wait().expect("a child can be waited for").is_none(),
            "it had ended"
        );
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
        self.stderr()
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Panics
    /// If there is no program `kill`.
    #[must_use]
    pub fn terminate(self) -> Run {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal, by its name without `SIG`.
    ///
    /// # Panics
    /// If there is no program `kill`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let signal = format!("-{name}");
        let status = Command::new("kill").args([&signal, &pid]).status().expect("kill is there");
        assert!(status.success(), "kill failed: {status}");
    }

    /// What it has told so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The environment's variables that [`Auth::setting`] names.
#[must_use]
pub fn variables<'a>(
    keys: &'a Keys,
    client: &'a ClientCredentials,
) -> [(&'static str, &'a str); 6] {
    [
        ("MC_ACCESS_KEY", &keys.access_key),
        ("MC_SECRET_KEY", &keys.secret_key),
        ("MC_APP_ID", &keys.app_id),
        ("MC_APP_KEY", &keys.app_key),
        ("MC_CLIENT_ID", &client.client_id),
        ("MC_CLIENT_SECRET", &client.client_secret),
    ]
}

/// A configuration with these sections.
#[must_use]
pub fn config(output: &str, sources: &str) -> String {
    format!("[state]\npath = \"state.db\"\n\n[output]\n{output}\n\n{sources}")
}

/// The section of a source that collects five days of this API.
#[must_use]
pub fn source(name: &str, api: &Running, settings: &str) -> String {
    let base_url = api.base_url();
    let component = artifacts::component();
    let start = start(api.now_secs() - 5 * 86_400 - 3600);
    format!(
        r#"[[source]]
name = "{name}"
component = '{component}'
allow = ["{base_url}"]
[source.config]
base_url = "{base_url}"
start = "{start}"
auth = {auth}
{settings}

"#,
        component = component.display(),
        auth = Auth::Hmac.setting(),
    )
}

/// A second as the setting `start` has it.
fn start(unix_secs: i64) -> String {
    api_date(unix_secs).replace("+0000", "Z")
}

const RUN_FOR_MAX: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(2);
