//! A machine, or limits on the process, with too little of something: the host says what it is and
//! which limit to raise, blames neither component nor configuration, and goes on when there is enough.
//!
//! Fails when: what the system says is short counts as a failure of the component; descriptors are not
//! raised to what is allowed, or are told of without numbers; threads that cannot be started end in a
//! panic.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use crate::bench::{Bench, Finished, Source, acme, events, skipped, wait_for};
use crate::server::{Server, reply};

const MEMORY: &str = "raise the limit on memory of the process (`ulimit -v`, `LimitAS=`)";
const FILES: &str = "raise the limit on open files of the process (`ulimit -n`, `LimitNOFILE=`)";
const THREADS: &str = "raise the limit on threads of the user (`ulimit -u`, `LimitNPROC=`)";

/// What starts the host with less of something.
fn limited(limit: &str) -> Vec<String> {
    ["sh", "-c", &format!("ulimit {limit}; exec \"$@\""), "sh"].map(str::to_owned).into()
}

#[test]
fn too_little_memory_is_told_by_the_limit_and_waited_for_in_service() {
    let mut bench = Bench::with(&[acme("do = \"events\"")]);
    // Less than the addresses of one instance.
    bench.starter = limited("-S -v 4000000");
    for arguments in [vec!["run", "--until-caught-up"], vec!["check"]] {
        let ended = bench.host(&arguments).expect(1).says(MEMORY);
        assert!(!ended.stderr().contains("another component"), "{}", ended.stderr());
    }
    let running = bench.start();
    running.until("the host cannot begin yet");
    let pid = running.id().to_string();
    let lifted = Command::new("prlimit").args(["--as=unlimited:", "--pid", &pid]).status();
    assert!(lifted.unwrap().success());
    running.until("more=false");
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

/// What comes of each limit on memory, up to the first that is enough. How much a process has taken before it
/// calls a component differs from machine to machine.
fn within_each_limit(bench: &mut Bench, arguments: &[&str]) -> Vec<Finished> {
    let mut all = Vec::new();
    for mebibytes in (32..8_192).step_by(16) {
        bench.starter = limited(&format!("-d {}", mebibytes << 10));
        let ended = bench.host(arguments);
        let is_enough = ended.code() == Some(0);
        all.push(ended);
        if is_enough {
            return all;
        }
    }
    panic!("{arguments:?}: {}", all.last().unwrap().stderr());
}

#[test]
fn too_little_memory_for_a_component_that_takes_more_is_no_failure_of_it() {
    let mut bench = Bench::with(&[acme("do = \"hold\"\nmebibytes = 40")]);
    let all = within_each_limit(&mut bench, &["check", "--json"]);
    let told: Vec<String> = all.iter().map(Finished::stdout).collect();
    assert!(told.iter().all(|told| !told.contains("component_failed")), "{told:?}");
    let short = |told: &&String| told.contains("\"machine_short\"") && told.contains(MEMORY);
    assert!(told.iter().filter(short).count() > 0, "{told:?}");
}

#[test]
fn too_little_memory_to_ask_a_component_is_no_verdict_on_the_cursor() {
    let mut bench = Bench::with(&[acme("do = \"events\"")]);
    let all = within_each_limit(&mut bench, &["cursor", "set", "acme", "hold 40"]);
    let told: Vec<String> = all.iter().map(Finished::stderr).collect();
    assert!(all.iter().all(|ended| ended.code() != Some(2)), "{told:?}");
    assert!(told.iter().any(|told| told.contains(MEMORY)), "{told:?}");
}

/// Sources with a connection each, all at the same time.
fn with_connections(url: &str) -> Bench {
    let names: Vec<String> = (0..30).map(|number| format!("s{number}")).collect();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"fetch\"\nurl = \"{url}\"\nnext_poll_ms = 1000");
    let sources: Vec<Source<'_>> =
        names.iter().map(|name| Source { name, keys: &keys, config: &config }).collect();
    Bench::with_output("type = \"stdout\"\nenvelope = true", &sources)
}

fn slow_api() -> Server {
    Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(500));
        reply(200, "Connection: close\r\n", "")
    })
}

#[test]
fn as_many_files_are_opened_as_are_allowed() {
    let api = slow_api();
    let mut bench = with_connections(&api.url());
    bench.starter = limited("-S -n 20");
    let ended = bench.catch_up().expect(0);
    assert_eq!(ended.events().len(), 30);
    assert!(ended.events().iter().all(|event| event["event"]["status"] == 200));
    assert!(!ended.stderr().contains("WARN"), "{}", ended.stderr());
}

#[test]
fn too_few_files_are_told_by_the_limit_and_each_source_gets_its_turn() {
    let api = slow_api();
    let mut bench = with_connections(&api.url());
    bench.starter = limited("-n 20");
    let running = bench.start();
    running.until("the process may open 20 files: 30 sources may need ");
    running.until(FILES);
    let written = || {
        let text = bench.read("stdout");
        events(text.rfind('\n').map_or("", |end| &text[..end]))
    };
    wait_for("all sources", || {
        let served = written().into_iter().filter(|event| event["event"]["status"] == 200);
        served.map(|event| event["source"].to_string()).collect::<BTreeSet<_>>().len() == 30
    });
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    let events = written();
    let short: Vec<_> = events.iter().filter(|event| event["event"]["status"] != 200).collect();
    assert!(!short.is_empty());
    for event in short {
        assert!(event["event"]["error"] == "connect", "{event}");
        assert!(event["event"]["why"].to_string().contains(FILES), "{event}");
    }
}

/// Too few for what the process itself waits with.
#[test]
fn a_process_that_can_open_next_to_nothing_says_so_and_ends() {
    let mut bench = Bench::with(&[acme("do = \"events\"")]);
    for files in [6, 8, 10, 12, 14, 16] {
        bench.starter = limited(&format!("-n {files}"));
        for arguments in [&["run", "--until-caught-up"][..], &["check"], &["cursor", "list"]] {
            let ended = bench.host(arguments);
            let is_told = ended.stderr().contains(FILES);
            assert!(
                is_told || ended.code() == Some(0),
                "{files} {arguments:?}: {}",
                ended.stderr()
            );
            assert_ne!(ended.code(), Some(101), "{files} {arguments:?}: {}", ended.stderr());
        }
    }
    bench.starter.clear();
    bench.catch_up().expect(0);
}

/// The limit counts all threads of a user, and none of a superuser: the host runs as a user of its own.
#[test]
fn too_few_threads_are_told_by_the_limit() {
    const TEST: &str = "too few threads";
    let user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    let mut bench = Bench::with(&[acme("do = \"events\"")]);
    let everyone = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&bench.folder, everyone).unwrap();
    bench.starter = user.map(str::to_owned).into();
    let started = bench.command(&["run", "--until-caught-up"]).output();
    if !started.is_ok_and(|ended| ended.status.success()) {
        skipped(TEST, "the host cannot be run as another user here");
        return;
    }
    for threads in 1..6 {
        let limit = ["prlimit", &format!("--nproc={threads}:{threads}")].map(str::to_owned);
        bench.starter = user.map(str::to_owned).into_iter().chain(limit).collect();
        bench.catch_up().expect(1).says("no thread could be started").says(THREADS);
    }
}
