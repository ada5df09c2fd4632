//! What tests do to streams that no part of the product does, and how events are read: in Python.

use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::artifacts;
use end_to_end::collector::Process;
use serde_json::{Value, json};

use crate::servers::{Cluster, STREAM};

/// Who asks, by the environment of both programs.
pub(crate) type Who<'a> = &'a [(&'a str, &'a str)];

/// A command of `tool.py`, which runs.
pub(crate) fn start(cluster: &Cluster, who: Who<'_>, args: &[&str]) -> Process {
    let mut command = python("tests/cluster/tool.py");
    command.arg(cluster.addresses().join(",")).args(args).envs(who.iter().copied());
    Process::start(&mut command, &folder(cluster, "tool"))
}

/// Asks the servers, and gives their answer.
#[track_caller]
pub(crate) fn ask(cluster: &Cluster, who: Who<'_>, subject: &str, payload: &Value) -> Value {
    let payload = if payload.is_null() { String::new() } else { payload.to_string() };
    send(cluster, who, subject, &payload, &json!({}))
}

/// The same with any bytes, and headers.
#[track_caller]
pub(crate) fn send(
    cluster: &Cluster,
    who: Who<'_>,
    subject: &str,
    payload: &str,
    headers: &Value,
) -> Value {
    let run = start(cluster, who, &["request", subject, payload, &headers.to_string()]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_default()
}

/// The settings that a ledger's stream has.
pub(crate) fn settings() -> Value {
    json!({
        "name": STREAM, "subjects": [format!("{STREAM}.event.>"), format!("{STREAM}.cursor.>")],
        "retention": "limits", "storage": "file", "discard": "new", "num_replicas": 3,
        "allow_atomic": true, "allow_direct": true, "allow_rollup_hdrs": true, "allow_msg_ttl": true,
    })
}

/// Makes a stream, other settings than these included.
#[track_caller]
pub(crate) fn make(cluster: &Cluster, who: Who<'_>, settings: &Value) {
    let subject = format!("$JS.API.STREAM.CREATE.{}", settings["name"].as_str().unwrap());
    let made = ask(cluster, who, &subject, settings);
    assert!(made["error"].is_null(), "{made}");
}

/// Writes an operator, an account and a user into a folder: `operator.conf`, `worker.creds`.
pub(crate) fn write_operator(dir: &Path) {
    let mut command = python("tests/cluster/tool.py");
    let run = Process::start(command.arg("operator").arg(dir), dir).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The example that reads events, which runs.
pub(crate) fn consumer(cluster: &Cluster, who: Who<'_>, file: &Path, more: &[&str]) -> Process {
    let mut command = python("../../examples/nats/consume.py");
    command.arg(cluster.addresses().join(",")).arg(STREAM).arg(file).args(more);
    Process::start(command.envs(who.iter().copied()), &folder(cluster, "consumer"))
}

/// All lines that a stream has, by that example.
#[track_caller]
pub(crate) fn lines(cluster: &Cluster, who: Who<'_>, more: &[&str]) -> String {
    let file = cluster.dir.join("events.ndjson");
    let run = consumer(cluster, who, &file, &[&["--until-caught-up"], more].concat()).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fs::read_to_string(file).unwrap()
}

fn python(script: &str) -> Command {
    let mut command = Command::new(artifacts::nats_python());
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    command
}

fn folder(cluster: &Cluster, name: &str) -> std::path::PathBuf {
    let dir = cluster.dir.join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}
