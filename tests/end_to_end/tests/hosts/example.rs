//! An example in another language as a program of its own, before a simulated API: what each of them
//! must do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use end_to_end::artifacts;
use end_to_end::collector::{Process, Run, variables};
use end_to_end::rows::ledger;
use mimecast_sim::{ClientCredentials, Keys, LedgerQuery, Running, api_date};
use serde_json::{Value, json};

use crate::exchange::Exchanges;
use crate::node;

pub(crate) use end_to_end::collector::Auth;

/// The language of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
    Go,
}

/// An example, a folder with its configuration, and all that it leaves there.
pub(crate) struct Example {
    language: Language,
    dir: PathBuf,
    config: Value,
    keys: Keys,
    client: ClientCredentials,
}

impl Language {
    /// Its folder, whose files a person would copy.
    pub(crate) fn folder(self) -> PathBuf {
        let name = match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::Go => "go",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
    }

    /// The files that a collector needs.
    pub(crate) fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["collect.py", "exchange.py"],
            Self::Node => &["collect.mjs", "source.mjs", "http.mjs"],
            Self::Go => &[],
        }
    }

    /// What it can load of the component that does what its configuration says.
    fn scripted(self) -> PathBuf {
        match self {
            Self::Python | Self::Go => artifacts::scripted_source(),
            Self::Node => node::scripted().to_path_buf(),
        }
    }

    /// What it can load of a component.
    pub(crate) fn built(self, component: &Path) -> PathBuf {
        match self {
            Self::Python | Self::Go => component.to_path_buf(),
            Self::Node => node::transpiled(component, "async"),
        }
    }

    fn command(self) -> Command {
        let mut command = match self {
            Self::Python => Command::new(target().join("python-host/bin/python")),
            Self::Node => Command::new("node"),
            Self::Go => Command::new(artifacts::go_program("polling-source-host")),
        };
        command.args(self.sources().first().map(|main| self.folder().join(main)));
        command
    }

    fn component(self) -> PathBuf {
        match self {
            Self::Python | Self::Go => artifacts::component(),
            Self::Node => target().join("node-component"),
        }
    }
}

impl Example {
    /// A collector of pages of a hundred rows, from somewhat more than five days ago on.
    pub(crate) fn new(language: Language, test: &str, api: &Running) -> Self {
        let base_url = api.base_url();
        let start = api_date(api.now_secs() - 5 * 86_400 - 3600).replace("+0000", "Z");
        let config = json!({
            "component": language.component(),
            "allow": [base_url],
            "cursor": "cursor.txt",
            "config": {"base_url": base_url, "start": start, "page_size": PAGE_ROWS},
        });
        let (keys, client) = (api.keys(), api.client());
        Self { keys, client, ..Self::with_config(language, test, config) }.with_auth(Auth::Hmac)
    }

    /// One whose component does what its configuration says.
    pub(crate) fn scripted(language: Language, test: &str, script: &Value) -> Self {
        let config = json!({
            "component": language.scripted(), "allow": [], "cursor": "cursor.txt", "config": script,
        });
        Self::with_config(language, test, config)
    }

    fn with_config(language: Language, test: &str, config: Value) -> Self {
        let dir = artifacts::scratch(&format!("{language:?}-{test}").to_lowercase());
        let (keys, client) = (Keys::default(), ClientCredentials::default());
        Self { language, dir, config, keys, client }
    }

    /// A collector with the configuration that stands beside the example, but for the addresses and
    /// the places of files.
    pub(crate) fn shipped(language: Language, test: &str, api: &Running) -> Self {
        let shipped = fs::read_to_string(language.folder().join("collect.json")).unwrap();
        let shipped = shipped.replace("http://127.0.0.1:8025", &api.base_url());
        let config: Value = serde_json::from_str(&shipped).unwrap();
        let component = config["component"].as_str().unwrap().strip_prefix("../../target/");
        let component = target().join(component.unwrap());
        Self { config, ..Self::new(language, test, api) }
            .with("/component", json!(component))
            .with("/cursor", json!("cursor.txt"))
    }

    /// Shows this to the API.
    pub(crate) fn with_auth(self, auth: Auth) -> Self {
        let auth = match auth {
            Auth::Hmac => json!({
                "type": "hmac", "access_key": "${MC_ACCESS_KEY}", "secret_key": "${MC_SECRET_KEY}",
                "app_id": "${MC_APP_ID}", "app_key": "${MC_APP_KEY}",
            }),
            Auth::Oauth2 => json!({
                "type": "oauth2", "client_id": "${MC_CLIENT_ID}",
                "client_secret": "${MC_CLIENT_SECRET}",
            }),
        };
        self.with("/config/auth", auth)
    }

    /// With this in its configuration, at a JSON pointer.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.config.pointer_mut(parent).unwrap()[key] = value;
        self
    }

    /// With these keys in its environment.
    pub(crate) fn with_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// With this API 2.0 application in its environment.
    pub(crate) fn with_client(mut self, client: ClientCredentials) -> Self {
        self.client = client;
        self
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts it, and writes its configuration first.
    pub(crate) fn start(&self, flags: &[&str]) -> Process {
        fs::write(self.file("config.json"), self.config.to_string()).unwrap();
        Process::start(&mut self.command(flags), &self.dir)
    }

    /// Starts it with the configuration that the file holds.
    pub(crate) fn start_as_it_is(&self) -> Process {
        Process::start(&mut self.command(UNTIL_CAUGHT_UP), &self.dir)
    }

    /// Starts it as its configuration stands, with `--until-caught-up` and a pipe for its stdout.
    pub(crate) fn start_into_pipe(&self) -> Child {
        self.start_into(Stdio::piped(), Stdio::piped())
    }

    /// The same, with these for its stdout and stderr.
    pub(crate) fn start_into(&self, stdout: Stdio, stderr: Stdio) -> Child {
        fs::write(self.file("config.json"), self.config.to_string()).unwrap();
        let mut command = self.command(UNTIL_CAUGHT_UP);
        command.current_dir(&self.dir).stdout(stdout).stderr(stderr).spawn().unwrap()
    }

    /// Runs it until it is caught up, with redirections of a shell, such as `>&-`.
    pub(crate) fn run_redirected(&self, redirections: &str) -> Run {
        fs::write(self.file("config.json"), self.config.to_string()).unwrap();
        let command = self.command(UNTIL_CAUGHT_UP);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("exec \"$@\" {redirections}"), "sh"]);
        shell.arg(command.get_program()).args(command.get_args()).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Process::start(&mut shell, &self.dir).wait()
    }

    /// Runs it until it is caught up.
    pub(crate) fn run(&self) -> Run {
        self.start(UNTIL_CAUGHT_UP).wait()
    }

    /// The same, and holds it to success. Gives its stdout.
    #[track_caller]
    pub(crate) fn catch_up(&self) -> String {
        let run = self.run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    }

    /// Every file that it wrote, by name; its configuration is not among them.
    pub(crate) fn written(&self) -> Vec<(String, String)> {
        let paths = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        let written = paths.filter(|path| path.is_file() && !path.ends_with("config.json"));
        let text = |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        written.map(|path| (path.display().to_string(), text(path))).collect()
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = self.language.command();
        command.arg("config.json").args(flags).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Proxies of the environment are nobody's business.
        command.envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, DEAD_PROXY)));
        // Images for containers commonly set it, and then a write to stdout may be a part of it.
        command.env("PYTHONUNBUFFERED", "1");
        command.envs(variables(&self.keys, &self.client));
        command
    }
}

/// What an example makes of exchanges.
pub(crate) fn exchanges(language: Language, asked: &Exchanges<'_>) -> Vec<Value> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let test = format!("exchange-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let example = Example::scripted(language, &test, &asked.script());
    let event = example.with("/allow", json!([asked.url])).catch_up();
    serde_json::from_str::<Value>(&event).unwrap()["all"].as_array().unwrap().clone()
}

/// All that a collector should have.
pub(crate) fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

/// Rows in a page.
pub(crate) const PAGE_ROWS: usize = 100;
/// The flags of a run that ends.
pub(crate) const UNTIL_CAUGHT_UP: &[&str] = &["--until-caught-up"];
/// Nothing listens there.
const DEAD_PROXY: &str = "http://127.0.0.1:9";

fn target() -> PathBuf {
    artifacts::component().ancestors().nth(2).unwrap().to_path_buf()
}
