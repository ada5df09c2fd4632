//! The smallest host in Rust against the simulated API, and over its own HTTP.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, thread};

use end_to_end::artifacts;
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    ClientCredentials, Fault, FaultRule, LedgerQuery, Options, Running, ScriptedRow, When,
    WorldOptions, api_date,
};
use serde_json::{Value, json};

use crate::exchange::Exchanges;

const PAGE_ROWS: usize = 100;

crate::exchange::test_exchanges!(exchanges);

#[test]
fn it_has_less_than_140_lines() {
    let lines = include_str!("../../../../examples/rust/src/main.rs").lines().count();
    assert!(lines < 140, "{lines} lines");
}

#[test]
fn each_row_comes_once_over_many_pages_and_not_again_later() {
    let api = api(2_000, Vec::new());
    let host = Host::new("rust-each-once", &api);
    assert_each_once(&host.catch_up(), &everything(&api));
    assert_eq!(host.catch_up(), "");
}

#[test]
fn without_the_flag_it_goes_on_and_waits_as_it_is_told() {
    let api = api(250, Vec::new());
    let mut host = Host::new("rust-service", &api);
    host.config["config"]["poll_interval_secs"] = json!(1);
    let mut process = host.start(&[]);
    process.wait_for_lines(250);
    let second = api.now_secs() - 1;
    let late = json!({"id": "late", "eventTime": api_date(second)}).to_string();
    api.push_rows([ScriptedRow::new(late.clone(), second)]);
    process.wait_for_lines(251);
    let asked = api.stats().requests;
    thread::sleep(Duration::from_secs(3));
    let polls = api.stats().requests - asked;
    assert!((1..=8).contains(&polls), "{polls} requests in three seconds");
    let lines = process.kill();
    assert!(lines.ends_with(&(late + "\n")), "{lines}");
}

#[test]
fn a_kill_repeats_a_page_at_most_and_loses_nothing() {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 10 }, When::Every(1));
    let api = api(4_000, vec![slow]);
    let host = Host::new("rust-killed", &api);
    let mut lines = String::new();
    for _ in 0..4 {
        let mut process = host.start(&["--until-caught-up"]);
        process.wait_for_lines(6 * PAGE_ROWS);
        lines += &process.kill();
    }
    lines += &host.catch_up();
    let rows = everything(&api);
    // After a kill the first line may be empty.
    let mut lines: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    let again = lines.len() - rows.len();
    assert!(again <= 4 * PAGE_ROWS, "{again} rows came again after 4 kills");
    lines.sort_unstable();
    lines.dedup();
    assert_each_once(&(lines.join("\n") + "\n"), &rows);
}

#[test]
fn faults_of_every_kind_are_lived_through() {
    let rate_limit = Fault::RateLimit { reset_ms: 100, retry_after_secs: Some(1) };
    // More than the component's memory: it would trap, and the host would end.
    let oversized = Fault::Oversized { body_bytes: 80 << 20 };
    let faults = [Fault::Status(503), rate_limit, Fault::Cut, Fault::Garbage, oversized];
    let rule = |(nth, fault): (u64, _)| FaultRule::new(fault, When::Nth(3 + 3 * nth));
    let api = api(2_000, (0..).zip(faults).map(rule).collect());
    let host = Host::new("rust-faults", &api);
    assert_each_once(&host.catch_up(), &everything(&api));
}

#[test]
fn a_bad_configuration_exits_with_2_and_sends_nothing() {
    let api = api(10, Vec::new());
    let refused = |change: fn(&mut Value), told: &[&str]| {
        let mut host = Host::new("rust-refused", &api);
        change(&mut host.config);
        let output = host.run();
        let stderr = String::from_utf8(output.stderr).unwrap();

        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(told.iter().all(|told| stderr.contains(told)), "{stderr}");
        assert!(output.stdout.is_empty() && !host.dir.join("cursor").exists());
    };
    refused(
        |config| {
            config["config"]["page_size"] = json!(0);
            config["config"]["filters"] = json!({"search_field": "subject"});
        },
        &["page_size", "from 1 to 500", "filters.search_field", "given without query"],
    );
    refused(|config| *config = json!({}), &["allow"]);
    refused(|config| config["cursor"] = Value::Null, &["cursor"]);
    refused(
        |config| config["allow"] = json!("https://api.example"),
        &["allow", "expected a sequence"],
    );
    refused(|config| config["component"] = json!("nowhere.wasm"), &["nowhere.wasm"]);
    refused(|config| config["component"] = json!("config.json"), &["expected"]);
    let host = Host::new("rust-refused", &api);
    for args in [&[][..], &[OsStr::from_bytes(b"\xff")]] {
        assert_eq!(host.command().args(args).output().unwrap().status.code(), Some(2));
    }
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn refused_keys_exit_with_1_and_are_not_told() {
    let api = api(10, Vec::new());
    let mut host = Host::new("rust-keys", &api);
    host.client.client_secret = "b3RoZXItc2VjcmV0".to_owned();
    let output = host.run();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("client_refused"), "{stderr}");
    assert!(!stderr.contains(&host.client.client_secret), "{stderr}");
    assert!(output.stdout.is_empty() && !host.dir.join("cursor").exists());
}

#[test]
fn what_is_not_in_the_allow_list_is_not_sent() {
    let api = api(10, Vec::new());
    // One that the API's own begins with, and one that begins with it.
    let base_url = api.base_url();
    for allow in [json!([]), json!([base_url[..base_url.len() - 1]]), json!([base_url + "0"])] {
        let mut host = Host::new("rust-denied", &api);
        host.config["allow"] = allow;
        let output = host.run();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("denied"), "{stderr}");
    }
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn a_cursor_that_is_damaged_ends_it_with_1_and_stays() {
    let api = api(10, Vec::new());
    let host = Host::new("rust-cursor", &api);
    fs::write(host.dir.join("cursor"), "{").unwrap();
    assert_eq!(host.run().status.code(), Some(1));
    assert_eq!(fs::read_to_string(host.dir.join("cursor")).unwrap(), "{");
    // No file is not the same as one that cannot be read.
    fs::remove_file(host.dir.join("cursor")).unwrap();
    fs::create_dir(host.dir.join("cursor")).unwrap();
    assert_eq!(host.run().status.code(), Some(1));
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn a_reader_that_goes_away_ends_it_before_the_cursor_is_stored() {
    let api = api(1_000, Vec::new());
    let host = Host::new("rust-reader", &api);
    let mut process = host.command().args(["config.json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    assert_eq!(process.wait().unwrap().code(), Some(1));
    // A line that was cut must not take the next one with it.
    let again = host.catch_up();
    assert_each_once(again.strip_prefix('\n').expect("a line break"), &everything(&api));
}

#[test]
fn a_cursor_that_cannot_be_stored_lets_no_batch_out() {
    let api = api(10, Vec::new());
    let host = Host::new("rust-no-room", &api);
    host.catch_up();
    fs::create_dir(host.dir.join("cursor.new")).unwrap();
    let second = api.now_secs() - 1;
    let late = json!({"id": "late", "eventTime": api_date(second)}).to_string();
    api.push_rows([ScriptedRow::new(late.clone(), second)]);
    let output = host.run();
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    fs::remove_dir(host.dir.join("cursor.new")).unwrap();
    assert_eq!(host.catch_up(), late + "\n");
}

/// A folder with a configuration, and what the host leaves there.
struct Host {
    dir: PathBuf,
    config: Value,
    client: ClientCredentials,
}

impl Host {
    fn new(test: &str, api: &Running) -> Self {
        let start = api_date(api.now_secs() - 6 * 86_400).replace("+0000", "Z");
        let config = json!({
            "component": artifacts::component(),
            "allow": [api.base_url()],
            "cursor": "cursor",
            "config": {
                "base_url": api.base_url(),
                "start": start,
                "page_size": PAGE_ROWS,
                "auth": {
                    "type": "oauth2",
                    "client_id": "${MC_CLIENT_ID}",
                    "client_secret": "${MC_CLIENT_SECRET}",
                },
            },
        });
        Self { dir: artifacts::scratch(test), config, client: api.client() }
    }

    fn command(&self) -> Command {
        fs::write(self.dir.join("config.json"), self.config.to_string()).unwrap();
        let name = format!("smallest-host{}", env::consts::EXE_SUFFIX);
        let mut command = Command::new(artifacts::source_host().with_file_name(name));
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("MC_CLIENT_ID", &self.client.client_id)
            .env("MC_CLIENT_SECRET", &self.client.client_secret)
            .stdin(Stdio::null());
        command
    }

    fn run(&self) -> Output {
        let mut command = self.command();
        command.args(["config.json", "--until-caught-up"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // One that never ends is to fail its test, not to hold it up.
        let pid = child.id().to_string();
        let (ended, watched) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            if watched.recv_timeout(Duration::from_mins(1)) == Err(RecvTimeoutError::Timeout) {
                Command::new("kill").args(["-9", &pid]).status().unwrap();
            }
        });
        let output = child.wait_with_output().unwrap();
        drop(ended);
        watch.join().unwrap();
        output
    }

    /// What it collects until it is caught up.
    #[track_caller]
    fn catch_up(&self) -> String {
        let output = self.run();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(&self, flags: &[&str]) -> Process {
        let stdout = self.dir.join("stdout");
        let file = File::create(&stdout).unwrap();
        let mut command = self.command();
        let child = command.arg("config.json").args(flags).stdout(file).spawn().unwrap();
        Process { child, stdout }
    }
}

/// A host that runs. It is killed when this is dropped.
struct Process {
    child: Child,
    stdout: PathBuf,
}

impl Process {
    fn wait_for_lines(&mut self, count: usize) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while fs::read_to_string(&self.stdout).unwrap().lines().count() < count {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before {count} lines");
            assert!(Instant::now() < deadline, "there are no {count} lines");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it as `kill -9` does. Gives what it had written.
    fn kill(mut self) -> String {
        assert!(self.child.try_wait().unwrap().is_none(), "it had ended");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::read_to_string(&self.stdout).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it makes of exchanges that the scripted component asks for.
fn exchanges(asked: &Exchanges<'_>) -> Vec<Value> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let test = format!("rust-exchange-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let config = json!({
        "component": artifacts::scripted_source(), "allow": [asked.url], "cursor": "cursor",
        "config": asked.script(),
    });
    let client = ClientCredentials::default();
    let event = Host { dir: artifacts::scratch(&test), config, client }.catch_up();
    serde_json::from_str::<Value>(&event).unwrap()["all"].as_array().unwrap().clone()
}

fn api(rows: u32, faults: Vec<FaultRule>) -> Running {
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults, ..Options::default() }.start().unwrap()
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}
