//! What is wrong with a configuration is told all at once, before anything is sent or stored.

use std::process::Command;

use crate::bench::{Bench, Source, acme, foreign_guest, guest, long_schema_guest};
use crate::server::{Server, reply};

#[test]
fn every_fault_is_told_at_once_with_its_path() {
    let bench = Bench::new();
    let component = guest().display();
    bench.write(
        "host.toml",
        format!(
            r#"
            stray = 1
            [state]
            path = "nowhere/state.db"
            [output]
            type = "file"
            envelop = true
            [[source]]
            name = "acme"
            component = "missing.wasm"
            allow = ["https://a.example/path", 7]
            [source.config]
            token = "${{NOT_SET_ANYWHERE}}"
            [[source]]
            name = "acme"
            component = "{component}"
            proxy = "ftp://proxy"
            ca_file = "host.toml"
            [[source]]
            name = "no name"
            component = "{component}"
            budget = 3
            "#
        ),
    );
    let ended = bench.catch_up().expect(2);
    for fault in [
        "stray: is no key of this section",
        "state.path: there is no folder",
        "output.envelop: is no key of this section",
        "output.path: is missing",
        "source \"acme\": component: there is no file",
        "source \"acme\": allow[0]: holds more than a scheme, a host and a port",
        "source \"acme\": allow[1]: is not a string",
        "source \"acme\": config.token: the environment variable NOT_SET_ANYWHERE is not set",
        "source[1].name: another source is called \"acme\" too",
        "source[1].proxy: is no proxy",
        "source[1].ca_file: holds no certificate",
        "source[2].name: is no name for a source",
        "source[2].budget: is not a string",
    ] {
        assert!(ended.stderr().contains(fault), "{fault:?} is not in:\n{}", ended.stderr());
    }
    assert_eq!(ended.stderr().lines().count(), 13, "{}", ended.stderr());
    assert_eq!(ended.stdout(), "");
}

#[test]
fn addresses_that_names_may_lead_to_are_ranges_of_one_kind_that_is_not_public() {
    let bench = Bench::with(&[Source {
        name: "acme",
        keys: "allow_addresses = [\"198.18.0.0/15\", \"0.0.0.0/0\", \"198.18.3.4/15\", \"api.example\", 7]",
        config: "do = \"events\"",
    }]);
    let ended = bench.catch_up().expect(2);
    let remedy =
        "; name a range of addresses that are not public, such as 198.18.0.0/15, or one of them";
    for fault in [
        "allow_addresses[1]: holds public addresses, or more than one kind of others",
        "allow_addresses[2]: begins within its range, which is 198.18.0.0/15",
        "allow_addresses[3]: is no address, and no range of addresses",
    ] {
        let fault = format!("source \"acme\": {fault}{remedy}");
        assert!(ended.stderr().contains(&fault), "{fault:?} is not in:\n{}", ended.stderr());
    }
    let ended = ended.says("source \"acme\": allow_addresses[4]: is not a string");
    assert_eq!(ended.stderr().lines().count(), 4, "{}", ended.stderr());

    let keys = "allow_addresses = [\"10.0.0.0/8\"]\nproxy = \"http://proxy.example:3128\"";
    let bench = Bench::with(&[Source { name: "acme", keys, config: "do = \"events\"" }]);
    bench.catch_up().expect(2).says("allow_addresses: has no effect beside `proxy`");
}

#[test]
fn an_output_that_is_another_file_of_the_configuration_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    std::fs::copy(guest(), bench.path("own.wasm")).unwrap();
    for (path, what) in [
        ("host.toml", "the configuration file"),
        ("./state.db", "the state file"),
        ("state.db-wal", "a file of the state"),
        ("state.db-shm", "a file of the state"),
        ("state.db-journal", "a file of the state"),
        ("state.db-new", "a file of the state"),
        ("own.wasm", "a component"),
    ] {
        bench.configure(&format!("type = \"file\"\npath = {path:?}"), &[acme("do = \"events\"")]);
        let text = bench.read("host.toml").replace(&guest().display().to_string(), "own.wasm");
        bench.write("host.toml", text);
        bench.catch_up().expect(2).says(&format!("output.path: is also {what}"));
        assert!(!bench.path("state.db-new").exists());
    }
    // What is beside a state is where a link leads.
    std::fs::create_dir(bench.path("real")).unwrap();
    std::fs::write(bench.path("real/state.db"), "").unwrap();
    std::os::unix::fs::symlink("real/state.db", bench.path("state.db")).unwrap();
    bench.configure("type = \"file\"\npath = \"real/state.db-wal\"", &[acme("do = \"events\"")]);
    bench.catch_up().expect(2).says("output.path: is also a file of the state");
}

#[test]
fn a_state_that_is_no_regular_file_is_a_fault() {
    for make in ["mkdir", "mkfifo"] {
        let bench = Bench::with(&[acme("do = \"events\"")]);
        let made = Command::new(make).arg(bench.path("state.db")).status().unwrap();
        assert!(made.success());
        for arguments in [&["run", "--until-caught-up"][..], &["cursor", "reset", "acme"]] {
            bench.host(arguments).expect(2).says("state.path: is no regular file");
        }
    }
}

#[test]
fn a_configuration_that_is_a_pipe_is_refused_and_not_waited_for() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    std::fs::remove_file(bench.path("host.toml")).unwrap();
    let made = Command::new("mkfifo").arg(bench.path("host.toml")).status().unwrap();
    assert!(made.success());
    for arguments in [&["run"][..], &["check"], &["cursor", "list"]] {
        bench.host(arguments).expect(2).says("it is no regular file");
    }
}

#[test]
fn a_required_value_that_is_empty_is_not_to_be_left_out() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let text = bench.read("host.toml");
    bench.write("host.toml", text.replace("\"state.db\"", "\"\""));
    let ended = bench.catch_up().expect(2).says("state.path: is empty; give it a value");
    assert!(!ended.stderr().contains("leave it out"), "{}", ended.stderr());
    bench.write("host.toml", text.replace(&guest().display().to_string(), "/"));
    bench.catch_up().expect(2).says("component: / is no regular file");
}

#[test]
fn the_log_begins_with_what_runs() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    bench.catch_up().expect(0).says("host begins").says(version).says("output=\"standard output\"");
}

#[test]
fn a_component_tells_its_own_faults_and_nothing_is_sent() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let good = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let keys = format!("allow = [\"{}\"]", server.url());
    let bench = Bench::with(&[
        Source { name: "good", keys: &keys, config: &good },
        Source { name: "bad", keys: "", config: "refused_secret = \"${PASS}\"" },
    ]);
    let ended = bench.catch_up_with("PASS", "hunter22").expect(2);
    let ended = ended
        .says("source \"bad\": config.do: is missing; say what to do")
        .says("source \"bad\": config.refused_secret: [redacted] is\\u{a}no good; use another");
    assert!(!ended.stderr().contains("hunter22"));
    assert_eq!(server.received().len(), 0);
    assert!(!bench.path("state.db").exists());
}

#[test]
fn faults_of_a_component_without_measure_are_counted_and_not_told() {
    let bench = Bench::with(&[acme("do = \"events\"\nfaults = 1000")]);
    let log = bench.catch_up().expect(2).stderr();
    assert_eq!(log.matches("source \"acme\": config.faults: too many").count(), 100, "{log}");
    let more = "source \"acme\": config: the component finds 900 more faults: left out";
    assert!(log.contains(more), "{log}");
}

#[test]
fn a_component_that_wants_more_than_the_contract_gives_is_refused_by_the_name_of_it() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let text = bench.read("host.toml");
    let foreign = foreign_guest().display().to_string();
    bench.write("host.toml", text.replace(&guest().display().to_string(), &foreign));
    bench
        .catch_up()
        .expect(2)
        .says("source \"acme\": component: ")
        .says("it imports test:guest/door, which this host does not give");
    let ended = bench.host(&["inspect", &foreign]).expect(2).says("it imports test:guest/door");
    assert!(ended.stdout().contains("import   test:guest/door\n"));
}

#[test]
fn a_component_whose_kinds_are_none_is_refused() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let (good, bad) = (b"scripted.other", b"scripted/other");
    let mut component = std::fs::read(guest()).unwrap();
    let places: Vec<usize> =
        (0..component.len()).filter(|at| component[*at..].starts_with(good)).collect();
    assert!(!places.is_empty());
    for at in places {
        component[at..at + bad.len()].copy_from_slice(bad);
    }
    let path = bench.path("odd.wasm").display().to_string();
    bench.write("odd.wasm", component);
    let own = bench.read("host.toml");
    bench.write("host.toml", own.replace(&guest().display().to_string(), &path));
    let why = "one of its kinds of events is none";
    bench.catch_up().expect(2).says("source \"acme\": config: ").says(why);
    let ended = bench.host(&["inspect", &path]).expect(2).says(why);
    assert!(ended.stdout().contains("kind     scripted/other\n"), "{:.500}", ended.stdout());
}

#[test]
fn a_component_whose_schema_is_too_large_is_refused() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let path = long_schema_guest().display().to_string();
    let own = bench.read("host.toml");
    bench.write("host.toml", own.replace(&guest().display().to_string(), &path));
    let why = "bytes; at most 1048576 are allowed";
    bench.catch_up().expect(2).says("source \"acme\": config: its schema has 1048").says(why);
    bench.host(&["cursor", "set", "acme", "2"]).expect(2).says(why);
    let ended = bench.host(&["inspect", &path]).expect(2).says("cannot run it: ").says(why);
    assert!(ended.stdout().ends_with("\nexport   polling-source:contract/source@0.2.0\n"));
}

#[test]
fn a_file_that_is_no_component_is_refused() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    bench.write("not.wasm", "not a component");
    let text = bench.read("host.toml");
    bench.write("host.toml", text.replace(&guest().display().to_string(), "not.wasm"));
    bench.catch_up().expect(2).says("the file is no WebAssembly component");
}

#[test]
fn a_fault_of_the_file_itself_is_told_without_its_line() {
    let bench = Bench::new();
    for line in [
        "k = hunter22",
        "k = \"hunter22",
        "k = \"x\" hunter22",
        "hunter22",
        "[hunter22",
        "k = \"hunter22\\q\"",
        "k = 12hunter22",
        "k hunter22 = 1",
        "k = [1, hunter22]",
        "k = { a = hunter22 }",
        "k = 'hunter22\n'",
        "k = 2026-13-41T99:00:00Zhunter22",
    ] {
        bench.write("host.toml", format!("[state]\npath = \"state.db\"\n{line}\n"));
        let ended = bench.catch_up().expect(2).says("is not TOML: ");
        assert!(!ended.stderr().contains("hunter22"), "{line}: {}", ended.stderr());
    }
}

#[test]
fn the_environment_dates_and_nested_values_reach_the_component() {
    let bench = Bench::with(&[acme("do = \"body\"\nbody = '{\"got\": \"${WORD} $${WORD}\"}'")]);
    let ended = bench.catch_up_with("WORD", "some-word").expect(0);
    assert_eq!(ended.stdout(), "{\"got\": \"some-word ${WORD}\"}\n");
    bench.configure("type = \"stdout\"", &[acme("do = 2026-11-01T00:00:00Z")]);
    // The scripted component repeats what it was told to do: the date came as a text.
    bench.catch_up().expect(1).says("nothing scripted for \"2026-11-01T00:00:00Z\"");
}

#[test]
fn bad_usage_and_a_missing_file_exit_with_2() {
    let bench = Bench::new();
    assert_eq!(bench.host(&["run", "--no-such-flag"]).code(), Some(2));
    bench.catch_up().expect(2).says("host.toml: cannot be read");
    assert_eq!(bench.host(&["inspect", "/no/such/file.wasm"]).code(), Some(2));
}

#[test]
fn inspect_tells_what_a_component_is_and_wants() {
    let bench = Bench::new();
    let ended = bench.host(&["inspect", guest().to_str().unwrap()]).expect(0);
    for line in [
        "name     scripted\n",
        "version  1.2.3\n",
        "kind     scripted.row\n",
        "kind     scripted.other\n",
        "import   polling-source:contract/http@0.2.0\n",
        "import   wasi:clocks/wall-clock@0.2.12\n",
        "import   wasi:random/random@0.2.12\n",
        "export   polling-source:contract/source@0.2.0\n",
        "\"properties\"",
    ] {
        assert!(ended.stdout().contains(line), "{line:?} is not in:\n{}", ended.stdout());
    }
    // What a terminal would obey is written out, and in its schema still the same.
    let told = ended.stdout();
    let (_, schema) = told.split_once("schema of the configuration:\n").unwrap();
    assert!(schema.contains("\"title\": \"\\u009b2J \\u202etxet\""), "{schema:.200}");
    assert!(told.chars().all(|c| c == '\n' || matches!(c, ' '..='~')));
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    assert_eq!(schema["title"], "\u{9b}2J \u{202e}txet");
}
