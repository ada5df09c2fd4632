//! The program around the library.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mimecast-sim");

/// A program that is ended with its test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_line_on_stdout_says_where_it_is_and_with_which_keys() {
    let mut child = Command::new(PROGRAM);
    child.args(["--rows", "300", "--late-max-secs", "0", "--app-key", "my-app-key"]);
    child.args(["--client-id", "my-client", "--standing", "other-region"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Ending(child);
    let ready = ready_line(&mut child);
    assert_eq!(ready["app_key"], "my-app-key");
    assert_eq!(ready["client_id"], "my-client");
    for key in ["access_key", "secret_key", "app_id", "client_secret"] {
        assert!(ready[key].is_string(), "{key}");
    }
    let address = ready["base_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert!(address.starts_with("127.0.0.1:"));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /sim/ledger HTTP/1.0\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(reply.split_once("\r\n\r\n").unwrap().1.lines().count(), 300);
}

#[test]
fn help_names_the_credentials_the_faults_and_an_example() {
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    let (keys, client) =
        (mimecast_sim::Keys::default(), mimecast_sim::ClientCredentials::default());
    for part in [
        keys.access_key.as_str(),
        &keys.secret_key,
        &keys.app_id,
        &keys.app_key,
        &client.client_id,
        &client.client_secret,
        "/oauth/token",
        "/sim/ledger",
        "/sim/stats",
        "--access-token-life-secs",
        "[default: 1799]",
        "other-region",
        "token:",
        "Examples:",
        "dead-token",
        "--clock-skew-secs",
        "--second-node-skew-secs",
        "--broken-rows",
        "--index-lag",
        "--window-max",
        "--refuse-future",
        "--oldest-age",
        "--from-floor",
        "--rows-per-query",
        "--count-off",
        "unreadable=true",
        "endless-pages",
        "endless-same",
        "round-tokens",
        "repeat-last",
        "shared-ids",
        "fresh-ids",
        "bom",
    ] {
        assert!(help.contains(part), "{part}");
    }
    let kinds = [
        "429",
        "500",
        "502",
        "503",
        "504",
        "509",
        "429-date",
        "503-date",
        "html",
        "forbidden-html",
        "unauthorized-html",
        "drop",
        "cut",
        "slow",
        "fail",
        "fail-retryable",
        "meta-status",
        "garbage",
        "cut-json",
        "dead-token",
        "same-token",
        "empty-page",
        "out-of-order",
        "oversized",
        "token-expired",
        "token-unverified",
    ];
    for kind in kinds {
        assert!(help.contains(kind), "{kind}");
        assert!(format!("{kind}=5%").parse::<mimecast_sim::FaultRule>().is_ok(), "{kind}");
    }
}

#[test]
fn wrong_usage_exits_2_and_names_the_flag_or_the_value() {
    for (arguments, named) in [
        (["--fault", "503=often"], "often"),
        (["--span", "5w"], "5w"),
        (["--ties", "3"], "ties is 3"),
        (["--rows", "5000001"], "at most 5000000"),
        (["--odd-rows", "4999001"], "at most 5000000"),
        (["--broken-rows", "4999001"], "at most 5000000"),
        (["--window-max", "1w"], "1w"),
        (["--secret-key", "?"], "must be base64"),
        (["--style", "nice"], "nice"),
        (["--page-size-max", "0"], "--page-size-max"),
        (["--fault", "token:fail=5%"], "token endpoint"),
        (["--standing", "bad"], "bad"),
    ] {
        let mut child = Command::new(PROGRAM);
        child.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Ending(child.spawn().unwrap());
        let mut ready = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "", "{arguments:?} was accepted");
        let mut stderr = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains(named), "{stderr}");
        assert_eq!(child.0.wait().unwrap().code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn requests_are_told_on_stderr_when_asked_for() {
    let mut child = Command::new(PROGRAM);
    child.args(["--rows", "1", "--log-requests"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Ending(child.spawn().unwrap());
    let ready = ready_line(&mut child);
    let address = ready["base_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /api/login HTTP/1.0\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    child.0.kill().unwrap();
    let mut told = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.ends_with("request 1: 404 status 404, 0 rows\n"), "{told}");
}

/// The one line on stdout.
fn ready_line(child: &mut Ending) -> Value {
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}
