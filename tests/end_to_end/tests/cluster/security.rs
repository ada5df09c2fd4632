//! Connections that are encrypted, and users who may do only what they need.

use std::fs;
use std::path::{Path, PathBuf};

use end_to_end::artifacts;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::feeds::Feeds;
use crate::servers::{Cluster, STREAM, Settings, wait_until};
use crate::tally::Tally;
use crate::tool;
use crate::workers::{Workers, moody_api, source};

/// An authority of a test's own, and servers' certificates by it.
pub(crate) struct Authority {
    dir: PathBuf,
}

impl Authority {
    pub(crate) fn new(dir: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &issuer).unwrap();
        fs::write(dir.join("ca.pem"), root.pem()).unwrap();
        fs::write(dir.join("server.pem"), server.pem()).unwrap();
        fs::write(dir.join("server.key"), server_key.serialize_pem()).unwrap();
        Self { dir: dir.to_owned() }
    }

    /// The file with its root.
    pub(crate) fn root(&self) -> String {
        self.dir.join("ca.pem").display().to_string()
    }

    /// What a server's configuration has of it.
    pub(crate) fn server(&self) -> String {
        let file = |name| self.dir.join(name).display().to_string();
        format!("tls {{ cert_file: {:?}, key_file: {:?} }}", file("server.pem"), file("server.key"))
    }
}

#[test]
fn users_who_may_only_what_they_need_have_all_that_they_need() {
    let dir = artifacts::scratch("cluster-users");
    let authority = Authority::new(&dir);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nats");
    let permissions = fs::read_to_string(examples.join("permissions.conf")).unwrap();
    let passwords =
        ["SETUP", "WORKER", "READER"].map(|name| format!("{name}_PASSWORD = \"{name}-s3cret\"\n"));
    let more = passwords.concat() + &permissions + &authority.server();
    let cluster = Cluster::with(&dir, Settings { more, scheme: "tls", ..Settings::default() });
    let root = authority.root();
    let who = |name: &'static str, password: &'static str, inbox: &'static str| {
        vec![
            ("NATS_USER", name),
            ("NATS_PASSWORD", password),
            ("NATS_INBOX", inbox),
            ("NATS_CA", &root),
        ]
    };
    let setup = who("setup", "SETUP-s3cret", "_INBOX_setup");
    let feeds = Feeds::start(30);
    feeds.publish(50);
    let api = moody_api(5_000, 4);
    let sources = feeds.sources(1, "") + &source("acme", &api);
    let ledger = format!(
        "ca_file = {root:?}\nuser = \"worker\"\npassword = \"${{WORKER_PASSWORD}}\"\ninbox_prefix = \"_INBOX_worker\"",
    );
    let mut workers = Workers::new(&cluster, 2, &sources).with(&ledger);
    workers.environment.push(("WORKER_PASSWORD", "WORKER-s3cret".to_owned()));
    for file in ["stream.json", "bucket.json"] {
        let settings = fs::read_to_string(examples.join(file)).unwrap();
        tool::make(&cluster, &setup, &serde_json::from_str::<Value>(&settings).unwrap());
    }
    workers.start_all(&[]);
    wait_until("all is stored", || feeds.are_all_stored());
    workers.kill(0);
    feeds.publish(50);
    wait_until("all is stored", || feeds.are_all_stored());
    let run = workers.command(1, &["cursor", "list"]).wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!workers.told().contains("Permissions Violation"), "{}", workers.told());
    let read = || {
        let reader = who("reader", "READER-s3cret", "_INBOX_reader");
        tool::lines(&cluster, &reader, &["--ca", &root, "--inbox-prefix", "_INBOX_reader"])
    };
    wait_until("all rows are stored", || read().lines().count() >= 5_000 + 30 * 100);
    workers.terminate_all();
    let run = workers.command(0, &["check"]).wait();
    assert!(
        run.code == Some(0) && run.stdout.contains("ledger: ok: "),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let tally = Tally::of(&read(), Some(&feeds), &[("acme", &api)]);
    eprintln!("{tally}");
    assert_eq!((tally.lost, tally.repeated), (0, 0));

    // What `nats consumer add` makes; and Vector has no prefix of its own.
    let lasting = json!({
        "stream_name": STREAM,
        "config": {
            "durable_name": "vector", "filter_subject": format!("{STREAM}.event.>"), "ack_policy": "explicit",
            "deliver_policy": "all", "replay_policy": "instant", "max_ack_pending": 1_000,
        },
    });
    let create = format!("$JS.API.CONSUMER.CREATE.{STREAM}.vector.{STREAM}.event.>");
    let made = tool::ask(&cluster, &setup, &create, &lasting);
    assert!(made["error"].is_null(), "{made}");
    let reader = who("reader", "READER-s3cret", "_INBOX");
    let pulled =
        tool::start(&cluster, &reader, &["pull", STREAM, "vector", &tally.events.to_string()]);
    let pulled = pulled.wait();
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(Tally::of(&pulled.stdout, Some(&feeds), &[("acme", &api)]), tally);
    let about = format!("$JS.API.CONSUMER.INFO.{STREAM}.vector");
    wait_until("each message is acknowledged", || {
        let about = tool::ask(&cluster, &setup, &about, &Value::Null);
        (&about["num_pending"], &about["num_ack_pending"]) == (&json!(0), &json!(0))
    });
}

#[test]
fn a_credentials_file_lets_a_worker_in() {
    let dir = artifacts::scratch("cluster-creds");
    tool::write_operator(&dir);
    let authority = Authority::new(&dir);
    let more = fs::read_to_string(dir.join("operator.conf")).unwrap() + &authority.server();
    let cluster = Cluster::with(&dir, Settings { more, scheme: "tls", ..Settings::default() });
    let feeds = Feeds::start(5);
    feeds.publish(50);
    let (root, creds) = (authority.root(), dir.join("worker.creds").display().to_string());
    let ledger = format!("ca_file = {root:?}\ncreds_file = {creds:?}");
    let mut workers = Workers::new(&cluster, 1, &feeds.sources(1, "")).with(&ledger);
    workers.start_all(&[]);
    wait_until("all is stored", || feeds.are_all_stored());
    workers.terminate_all();
    let who = [("NATS_CREDS", &*creds), ("NATS_CA", &*root)];
    let tally = Tally::of(&tool::lines(&cluster, &who, &["--ca", &root]), Some(&feeds), &[]);
    assert_eq!((tally.lost, tally.repeated), (0, 0), "{tally}");
    // Of another operator.
    let other = dir.join("other");
    fs::create_dir_all(&other).unwrap();
    tool::write_operator(&other);
    workers.change(&creds, &other.join("worker.creds").display().to_string());
    workers.start_all(&[]);
    workers
        .process(0)
        .wait_until_told("that it is refused", |told| told.contains("authorization violation"));
    let about = tool::ask(&cluster, &who, &format!("$JS.API.STREAM.INFO.{STREAM}"), &Value::Null);
    assert!(about["error"].is_null(), "{about}");
}
