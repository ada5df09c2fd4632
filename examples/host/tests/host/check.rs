//! What the command `check` finds out, tells, and leaves alone.
//!
//! Fails when: a warning makes the exit code 1; a fault of the configuration, a signal or an output
//! that takes nothing has another exit code; the clock is not judged, or its side is turned; a text is
//! not cleaned; notices, or the wish to wait, have no bound; nine sources are checked at a time; the
//! order of the file is lost; the lock is taken; a remedy of an HTTP error is lost, or the entry that
//! would allow an address; the failure of a component has no code; requests are miscounted; lines are a
//! character narrower; a ledger is not looked at.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, Finished, Source, acme, guest, names, wait_for};
use crate::server::{Server, reply};

const WELL: &str = "do = \"report\"\nnewest = 1764003600000000000\nlimit = 300\nremaining = 299\n\
                    reset_ms = 3500000\nclock_offset_ms = -1000";

fn source<'a>(name: &'a str, config: &'a str) -> Source<'a> {
    Source { name, keys: "", config }
}

fn document(ended: &Finished) -> Value {
    assert_eq!(ended.stdout().lines().count(), 1, "{}", ended.stdout());
    serde_json::from_str(&ended.stdout()).unwrap()
}

/// The README's example is what is printed.
#[test]
fn the_table_has_a_line_for_each_source_and_says_below_it_what_is_wrong() {
    let server = Server::start(|_, received| {
        reply(if received.head.contains("/refused ") { 401 } else { 200 }, "", "")
    });
    let url = server.url();
    let keys = format!("allow = [\"{url}\"]");
    let well = format!("do = \"fetch\"\nurl = \"{url}\"\n{}", WELL.split_once('\n').unwrap().1);
    let quiet = format!(
        "do = \"fetch\"\nurl = \"{url}\"\nclock_offset_ms = 75400\n\
         notices = [{{ code = \"no_events\", message = \"the last 24 hours hold no event\" }}]"
    );
    let refused = format!(
        "do = \"fetch\"\nurl = \"{url}/refused\"\nkind = \"auth\"\ncode = \"key_refused\"\n\
         message = \"the API refuses the key: it was withdrawn or has run out; make a new one\"\n\
         notices = []"
    );
    let other = format!("do = \"fetch\"\nurl = \"{url}\"");
    let bench = Bench::with(&[
        Source { name: "acme", keys: &keys, config: &well },
        Source { name: "acme-eu", keys: &keys, config: &quiet },
        Source { name: "globex", keys: &keys, config: &refused },
        source("initech", &other),
    ]);
    let ended = bench.host(&["check"]).expect(1);
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("$ source-host check --config host.toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert_eq!(ended.stdout().replace(&url, "https://api.example"), example);
    assert_eq!(ended.stderr(), "");
}

#[test]
fn json_is_one_document_with_all_that_is_known() {
    let error = "do = \"error\"\nkind = \"protocol\"\ncode = \"odd\"\nmessage = \"it is odd\"\n\
                 remaining = 0\nreset_ms = 700\nretry_after_ms = 18446744073709551";
    let bench = Bench::with(&[source("well", WELL), source("bad", error)]);
    let ended = bench.host(&["check", "--json"]).expect(1);
    let expected = json!({"ok": false, "sources": [
        {
            "source": "well", "state": "ok", "kind": null, "code": null, "message": null,
            "newest": "2025-11-24T17:00:00Z", "quota": {"limit": 300, "remaining": 299, "reset_ms": 3_500_000},
            "clock_offset_ms": -1000, "notices": [], "requests": 0, "retry_after_ms": null,
        },
        {
            "source": "bad", "state": "failed", "kind": "protocol", "code": "odd",
            "message": "it is odd", "newest": null,
            "quota": {"limit": null, "remaining": 0, "reset_ms": 700}, "clock_offset_ms": null,
            "notices": [{"level": "warn", "code": "scripted", "message": "it is odd"}],
            // A run waits for no longer than a quarter of an hour, whatever the wish.
            "requests": 0, "retry_after_ms": 900_000,
        },
    ], "ledger": null});
    assert_eq!(document(&ended), expected);
    assert_eq!(ended.stderr(), "");
}

#[test]
fn servers_of_a_ledger_that_cannot_be_reached_are_told_beside_the_sources() {
    let bench = Bench::with(&[source("well", WELL)]);
    let ledger = "[ledger]\ntype = \"nats\"\nservers = [\"nats://127.0.0.1:1\"]\nstream = \"S\"\n\
                  user = \"u\"\npassword = \"s3cret-one\"\n";
    let text = bench.read("host.toml");
    bench.write("host.toml", text.replace(OF_THIS_MACHINE, ledger));
    let ended = bench.host(&["check", "--json"]).expect(1);
    let found = document(&ended);
    assert_eq!((&found["ok"], &found["sources"][0]["state"]), (&json!(false), &json!("ok")));
    assert_eq!(
        (&found["ledger"]["stream"], &found["ledger"]["state"]),
        (&json!("S"), &json!("failed"))
    );
    let message = found["ledger"]["message"].as_str().unwrap();
    assert!(message.starts_with("NATS at nats://127.0.0.1:1: "), "{message}");
    let table = bench.host(&["check"]).expect(1).stdout();
    assert!(
        table.contains("\nwell    ok ") && table.contains("\nledger: failed: NATS at "),
        "{table}"
    );
    assert!(!(table + &ended.stdout() + &ended.stderr()).contains("s3cret-one"));
}

/// Where a bench has events and cursors go.
const OF_THIS_MACHINE: &str = "[state]\npath = \"state.db\"\n[output]\ntype = \"stdout\"\n";

#[test]
fn warnings_are_told_and_are_no_failure() {
    let warn = "do = \"report\"\nnotices = [{ level = \"warn\", message = \"look at it\" }]";
    for (config, state) in [
        (WELL, "ok"),
        ("do = \"report\"", "ok"),
        ("do = \"report\"\nclock_offset_ms = -60000", "ok"),
        ("do = \"report\"\nclock_offset_ms = -60001", "warning"),
        ("do = \"report\"\nclock_offset_ms = 60001", "warning"),
        ("do = \"report\"\nnotices = [{ level = \"info\" }]", "ok"),
        (warn, "warning"),
        ("do = \"largest numbers\"", "warning"),
    ] {
        let bench = Bench::with(&[acme(config)]);
        let document = document(&bench.host(&["check", "--json"]).expect(0));
        assert_eq!(document["ok"], true);
        assert_eq!(document["sources"][0]["state"], state, "{config}");
        let table = bench.host(&["check"]).expect(0).stdout();
        assert!(table.contains(&format!("\nacme    {state} ")), "{table}");
    }
}

/// Whether it works is not known yet: the exit code is that of what may pass by itself.
#[test]
fn a_source_that_is_throttled_is_to_come_again() {
    let config = "do = \"error\"\nkind = \"throttled\"\ncode = \"rate_limited\"\n\
                  message = \"the API allows no more\"\nnotices = []\n\
                  limit = 50\nremaining = 12\nreset_ms = 90000\nretry_after_ms = 90000";
    let bench = Bench::with(&[acme(config)]);
    let document = document(&bench.host(&["check", "--json"]).expect(1));
    let found = &document["sources"][0];
    assert_eq!((&document["ok"], &found["state"]), (&json!(false), &json!("throttled")));
    assert_eq!((&found["kind"], &found["code"]), (&json!("throttled"), &json!("rate_limited")));
    let ended = bench.host(&["check"]).expect(1);
    let expected = "\
SOURCE  STATE      NEWEST EVENT  QUOTA LEFT                CLOCK  REQUESTS
acme    throttled  -             12 of 50, resets in 90 s  -      0

acme: throttled: come again: rate_limited: the API allows no more
acme: the API asks to be left alone for 90 s
";
    assert_eq!(ended.stdout(), expected);
}

#[test]
fn what_breaks_the_contract_is_the_failure_of_the_component() {
    for config in [
        "do = \"report\"\nnotices = [{ code = \"A b\" }]",
        "do = \"report\"\nnotices = [{}]\ncount = 101",
        "do = \"error\"\nkind = \"throttled\"\ncode = \"\"",
    ] {
        let document = document(&Bench::with(&[acme(config)]).host(&["check", "--json"]).expect(1));
        let found = &document["sources"][0];
        assert_eq!(found["code"], "component_failed", "{config}: {found}");
        assert_eq!((&found["kind"], &found["notices"]), (&json!("protocol"), &json!([])));
    }
}

#[test]
fn a_fault_of_the_configuration_is_told_before_anything_is_sent() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let keys = format!("allow = [\"{}\"]", server.url());
    let good = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let bench = Bench::with(&[
        Source { name: "good", keys: &keys, config: &good },
        source("bad", "refused_secret = \"hunter22\""),
    ]);
    let ended = bench.host(&["check"]).expect(2).says("source \"bad\": config.do: is missing");
    assert_eq!(ended.stdout(), "");
    assert_eq!(server.received().len(), 0);
}

/// What is in the folder, file by file.
fn files(bench: &Bench) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(&bench.folder).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn neither_state_nor_output_is_touched_and_a_host_may_run_meanwhile() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"follow\"\nurl = \"{}\"", server.url());
    let output = "type = \"file\"\npath = \"events\"";
    let bench =
        Bench::with_output(output, &[Source { name: "acme", keys: &keys, config: &config }]);
    let before = files(&bench);
    bench.host(&["check"]).expect(0);
    assert_eq!(files(&bench), before);

    let events = "do = \"events\"\nnext_poll_ms = 86400000";
    bench.configure(output, &[Source { name: "acme", keys: &keys, config: events }]);
    let running = bench.start();
    running.until("more=false");
    bench.configure(output, &[Source { name: "acme", keys: &keys, config: &config }]);
    let before = files(&bench);
    let ended = bench.host(&["check"]).expect(0);
    assert!(ended.stdout().contains("\nacme    ok "), "{}", ended.stdout());
    assert_eq!(files(&bench), before);
    assert_eq!(server.received().len(), 2);
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn each_way_that_a_request_can_fail_has_its_code_and_its_remedy() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (untrusted, _) = Server::start_tls("127.0.0.1", |_, _| reply(200, "", ""));
    let (renamed, renamed_pem) = Server::start_tls("elsewhere.example", |_, _| reply(200, "", ""));
    let plain = Server::start(|_, _| Vec::new());
    let silent = Server::start(|_, _| {
        loop {
            std::thread::park();
        }
    });
    let cases = [
        ("dns", "https://name.invalid".to_owned(), "check the name and this machine's DNS"),
        ("connect", format!("http://{closed}"), "Connection refused"),
        ("connect", format!("http://{closed}"), "check host and port"),
        ("tls", format!("https://{}", untrusted.address), "as `ca_file`"),
        ("tls", format!("https://{}", renamed.address), "check the host: the certificate is"),
        ("tls", format!("https://{}", plain.address), "does it speak TLS?"),
        ("timeout", silent.url(), "no complete response within 1000 ms from 127.0.0.1:"),
    ];
    let mut specs: Vec<(String, String, String)> = Vec::new();
    for (number, (code, url, _)) in cases.iter().enumerate() {
        let ca_file = if *url == format!("https://{}", renamed.address) {
            "ca_file = \"ca.pem\""
        } else {
            ""
        };
        let timeout_ms = if *code == "timeout" { 1_000 } else { 30_000 };
        specs.push((
            format!("{code}-{number}"),
            format!("allow = [\"{url}\"]\n{ca_file}"),
            format!("do = \"fetch\"\nurl = \"{url}/\"\ntimeout_ms = {timeout_ms}"),
        ));
    }
    // What `allow` does not name, by name and by address.
    specs.push((
        "denied".to_owned(),
        "allow = [\"https://api.example\"]".to_owned(),
        format!("do = \"fetch\"\nurl = \"{}/path\"", plain.url()),
    ));
    let bench = Bench::new();
    bench.write("ca.pem", renamed_pem);
    let sources: Vec<Source<'_>> =
        specs.iter().map(|(name, keys, config)| Source { name, keys, config }).collect();
    bench.configure("type = \"stdout\"", &sources);
    let document = document(&bench.host(&["check", "--json"]).expect(1));
    for (found, (code, _, text)) in document["sources"].as_array().unwrap().iter().zip(&cases) {
        assert_eq!(
            (&found["code"], &found["kind"]),
            (&json!(code), &json!("transient")),
            "{found}"
        );
        assert!(found["message"].as_str().unwrap().contains(text), "{text} is not in {found}");
        assert_eq!(found["requests"], 1);
    }
    let denied = &document["sources"][cases.len()];
    assert_eq!((&denied["code"], &denied["kind"]), (&json!("denied"), &json!("config")));
    let url = plain.url();
    let why = format!(
        "{url} is not in the allow list of this source; to allow it, add \"{url}\" to `allow`"
    );
    assert_eq!(denied["message"], why);
    assert_eq!(plain.received().len(), 0);
}

#[test]
fn a_name_that_leads_inside_is_denied_with_the_entry_that_would_allow_it() {
    let Some(names) = names() else { return };
    let url = "http://10-1-2-3.example:8080";
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"fetch\"\nurl = \"{url}/\"");
    let mut bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    bench.starter = names;
    let found = document(&bench.host(&["check", "--json"]).expect(1))["sources"][0].clone();
    assert_eq!(found["code"], "denied");
    let message = "10-1-2-3.example resolves to 10.1.2.3, which is no public address; \
                   if that is meant, add \"10.1.2.3\" to `allow_addresses`";
    assert_eq!(found["message"], message);
}

/// No reply comes before eight requests are there, and no more than eight are there at a time.
#[test]
fn sources_are_checked_at_the_same_time_within_a_bound_and_told_in_their_order() {
    let (here, most) = (Arc::new((Mutex::new(0), Condvar::new())), Arc::new(AtomicUsize::new(0)));
    let (shared, highest) = (Arc::clone(&here), Arc::clone(&most));
    let server = Server::start(move |_, _| {
        let (count, changed) = &*shared;
        let mut here = count.lock().unwrap();
        *here += 1;
        highest.fetch_max(*here, Ordering::SeqCst);
        changed.notify_all();
        let all = || highest.load(Ordering::SeqCst) >= 8;
        let wait = Duration::from_secs(20);
        drop(changed.wait_timeout_while(here, wait, |_| !all()).unwrap());
        // The time in which one too many would come.
        std::thread::sleep(Duration::from_millis(100));
        *count.lock().unwrap() -= 1;
        reply(200, "", "")
    });
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let names: Vec<String> = (0..24).map(|number| format!("s{}", number * 7 % 24)).collect();
    let sources: Vec<Source<'_>> =
        names.iter().map(|name| Source { name, keys: &keys, config: &config }).collect();
    let document = document(&Bench::with(&sources).host(&["check", "--json"]).expect(0));
    let told: Vec<&str> = document["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["source"].as_str().unwrap())
        .collect();
    assert_eq!(told, names);
    assert_eq!(most.load(Ordering::SeqCst), 8);
    assert_eq!(server.received().len(), 24);
}

#[test]
fn a_signal_ends_a_check_that_waits_for_its_api() {
    let server = Server::start(|_, _| {
        loop {
            std::thread::park();
        }
    });
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    for signal in ["TERM", "INT"] {
        let before = server.received().len();
        let output = std::fs::File::create(bench.path("stdout")).unwrap();
        let running = bench.start_command(&["check", "--json"], output);
        wait_for("the request", || server.received().len() > before);
        running.signal(signal);
        running.until("broken off: not every source was checked");
        let (code, took) = running.end();
        assert_eq!(code, Some(1), "{signal}");
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
        assert_eq!(bench.read("stdout"), "");
    }
}

#[test]
fn a_component_that_fails_fails_alone() {
    let bench = Bench::with(&[source("trap", "do = \"trap\""), source("well", WELL)]);
    let document = document(&bench.host(&["check", "--json"]).expect(1));
    let found = &document["sources"][0];
    assert_eq!((&found["kind"], &found["code"]), (&json!("protocol"), &json!("component_failed")));
    assert!(found["message"].as_str().unwrap().starts_with("the component trapped"), "{found}");
    assert_eq!(document["sources"][1]["state"], "ok");
}

#[test]
fn what_a_component_says_is_without_secrets_and_control_characters_and_bound() {
    let said = "\"\\u001b[2J hunter22\\nSOURCE  STATE\"";
    let error = format!(
        "api_key = \"hunter22\"\ndo = \"error\"\nkind = \"auth\"\ncode = \"odd\"\nmessage = {said}"
    );
    let report = format!(
        "api_key = \"hunter22\"\ndo = \"report\"\ncount = 100\n\
         notices = [{{ level = \"info\", code = \"odd\", message = {said} }}]"
    );
    let long = format!("do = \"error\"\nmessage = \"{}\"", "long ".repeat(100_000));
    let bench =
        Bench::with(&[source("error", &error), source("report", &report), source("long", &long)]);
    let clean = "\\u{1b}[2J [redacted]\\u{a}SOURCE  STATE";
    let ended = bench.host(&["check", "--json"]).expect(1);
    let document = document(&ended);
    let (error, report) = (&document["sources"][0], &document["sources"][1]);
    assert_eq!(error["message"], clean);
    let notices = report["notices"].as_array().unwrap();
    assert_eq!(notices[31], json!({"level": "info", "code": "odd", "message": clean}));
    assert_eq!(notices[32]["message"], "the component gave 68 more notices: left out");
    assert_eq!((notices.len(), &report["state"]), (33, &json!("warning")));
    assert!(ended.stdout().len() < 32_000, "{} bytes", ended.stdout().len());
    let table = bench.host(&["check"]).expect(1).stdout();
    for text in [table, ended.stdout()] {
        assert!(!text.contains("hunter22") && !text.contains('\u{1b}'), "{text}");
        assert!(text.contains("[redacted]"));
    }
}

/// What each command has to say here is longer than a pipe.
#[test]
fn a_signal_ends_a_command_whose_answer_nobody_reads_and_a_reader_that_goes_is_no_error() {
    let said = "x".repeat(2_000);
    let report = format!("do = \"report\"\ncount = 33\nnotices = [{{ message = \"{said}\" }}]");
    let mut bench = Bench::with(&[source("one", &report), source("two", &report)]);
    bench.starter = crate::signals::signals_end();
    let long = "c".repeat(100_000);
    bench.host(&["cursor", "set", "one", &long]).expect(0);
    let inspect = ["inspect", guest().to_str().unwrap()];
    for arguments in [&["check"][..], &["check", "--json"], &inspect, &["cursor", "show", "one"]] {
        for signal in ["TERM", "INT", "HUP"] {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let running = bench.start_command(arguments, writer);
            reader.read_exact(&mut [0]).unwrap();
            running.signal(signal);
            let (code, took) = running.end();
            assert!(code.is_none_or(|code| code == 1), "{arguments:?} {signal}: {code:?}");
            assert!(took < Duration::from_secs(5), "{arguments:?} {signal}: {took:?}");
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let running = bench.start_command(arguments, writer);
        let (code, _) = running.end();
        let told = bench.read("stderr");
        assert_eq!((code, told.contains(" ERROR ")), (Some(0), false), "{arguments:?}: {told}");
    }
}

#[test]
fn an_output_that_takes_nothing_is_a_failure() {
    let bench = Bench::with(&[acme(WELL)]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let running = bench.start_command(&["check"], full);
    running.until("standard output: No space left on device (os error 28); make room on the disk");
    assert_eq!(running.end().0, Some(1));
}
