//! How long the host waits, what ends a source, and what ends the host.
//!
//! Fails when: a wish to wait, or a spent quota of an error, does not hold its budget; an instance is
//! kept after a trap, or for 1,001 calls.

use std::time::Duration;

use source_host::commands::exit::Exit;
use source_host::commands::run::{Manner, run};
use source_host::limits::Limits;

use crate::bench::{Bench, Source, acme, wait_for};
use crate::server::{Server, reply};

#[test]
fn what_waiting_cannot_mend_ends_its_source_and_the_others_finish() {
    for kind in ["auth", "config", "cursor"] {
        let bad = format!("do = \"error\"\nkind = \"{kind}\"\nmessage = \"ask the administrator\"");
        let bench = Bench::with(&[
            Source { name: "bad", keys: "", config: &bad },
            Source { name: "good", keys: "", config: "do = \"events\"\npages = 5" },
        ]);
        let ended = bench.catch_up().expect(1);
        assert_eq!(ended.events().len(), 5);
        assert_eq!(ended.stderr().matches("poll failed").count(), 1, "{}", ended.stderr());
        let kind = format!("source ended: ask the administrator source=\"bad\" kind=\"{kind}\"");
        ended.says(&kind);
    }
}

#[test]
fn errors_that_may_pass_are_waited_out() {
    let bench = Bench::with(&[acme("do = \"stumble\"\npages = 3")]);
    let ended = bench.catch_up().expect(0);
    assert_eq!(ended.events().len(), 3);
    assert_eq!(ended.stderr().matches("poll failed: stumbled").count(), 2);
    // Each wait is the first one again: a success resets it. (400 to 600 ms)
    let waits = ended
        .stderr()
        .lines()
        .filter_map(|line| line.split_once("wait_ms="))
        .map(|(_, wait)| wait.split_whitespace().next().unwrap().parse::<u64>().unwrap())
        .collect::<Vec<_>>();
    assert!(waits.iter().all(|wait_ms| (400..=600).contains(wait_ms)), "{waits:?}");
}

/// The clock of this test jumps over every wait.
#[tokio::test(start_paused = true)]
async fn ten_errors_in_a_row_end_a_source_that_is_only_to_catch_up() {
    let bench = Bench::with(&[acme("do = \"error\"\nkind = \"transient\"")]);
    let begun = tokio::time::Instant::now();
    assert_eq!(
        run(&bench.path("host.toml"), Manner::CATCHING_UP, Limits::default()).await,
        Exit::Failed
    );
    // Nine waits lie between ten errors: 0.5 + 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 s, with their jitter.
    let waited = begun.elapsed();
    assert!((Duration::from_secs(146)..Duration::from_secs(221)).contains(&waited), "{waited:?}");
}

const THROTTLED: &str = "kind = \"throttled\"\ncode = \"rate_limited\"\n\
                         message = \"the API allows no more\"\nnotices = []";

#[test]
fn to_be_throttled_is_told_as_information_and_is_no_failure() {
    let bench = Bench::with(&[acme(&format!("do = \"errors at first\"\ncount = 2\n{THROTTLED}"))]);
    let ended = bench.catch_up().expect(0);
    let told = "INFO throttled: the API allows no more source=\"acme\" kind=\"throttled\" \
                code=\"rate_limited\" requests=0 wait_ms=";
    assert_eq!(ended.stderr().matches(told).count(), 2, "{}", ended.stderr());
    assert!(!ended.stderr().contains("failed"), "{}", ended.stderr());
}

/// With waits as after what may pass by itself: 0.5 + 1 + ... + 32 s, then 60 s each.
#[tokio::test(start_paused = true)]
async fn a_throttled_source_that_is_only_to_catch_up_waits_on() {
    let config = format!("do = \"errors at first\"\ncount = 30\n{THROTTLED}");
    let bench = Bench::with_output("type = \"blackhole\"", &[acme(&config)]);
    let begun = tokio::time::Instant::now();
    assert_eq!(
        run(&bench.path("host.toml"), Manner::CATCHING_UP, Limits::default()).await,
        Exit::Done
    );
    let waited = begun.elapsed();
    assert!((Duration::from_mins(20)..Duration::from_mins(25)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_only_ever_throttles_ends_a_source_that_is_only_to_catch_up_after_a_day() {
    let config = format!("do = \"error\"\nretry_after_ms = 86400000000\n{THROTTLED}");
    let bench = Bench::with_output("type = \"blackhole\"", &[acme(&config)]);
    let begun = tokio::time::Instant::now();
    assert_eq!(
        run(&bench.path("host.toml"), Manner::CATCHING_UP, Limits::default()).await,
        Exit::Failed
    );
    let (day, waited) = (Duration::from_hours(24), begun.elapsed());
    assert!((day..day + Duration::from_mins(15)).contains(&waited), "{waited:?}");
}

#[test]
fn a_signal_ends_the_wait_of_a_throttled_source() {
    let config = format!("do = \"error\"\nretry_after_ms = 60000\n{THROTTLED}");
    let bench = Bench::with_output("type = \"blackhole\"", &[acme(&config)]);
    let running = bench.start_command(&["run", "--until-caught-up"], std::process::Stdio::null());
    running.until("wait_ms=60000");
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn the_wish_of_the_api_is_honoured() {
    let bench = Bench::with(&[acme("do = \"error\"\nretry_after_ms = 77777")]);
    let running = bench.start();
    running.until("wait_ms=77777");
}

#[test]
fn in_service_nothing_ends_a_source() {
    let server = Server::start(|number, _| match number {
        0 => reply(401, "", ""),
        1 => reply(503, "", ""),
        _ => reply(200, "", ""),
    });
    let url = server.url();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"follow\"\nurl = \"{url}\"");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let running = bench.start();
    running.until("ERROR poll failed: the API refuses the key");
    running.until("WARN poll failed: the API does not answer");
    running.until("more=false");
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
    // An error changed nothing: the first event is that of the first page.
    assert!(bench.read("stdout").starts_with("{\"page\":0}\n"));
}

/// The first source meets the end of the quota while the second is held up in its first poll: what
/// the second does after that is seen by the requests that it sends.
#[test]
fn sources_of_one_budget_share_its_waits_and_others_do_not_wait() {
    for (first, met) in [
        ("do = \"error\"\nretry_after_ms = 600000", "poll failed: scripted source=\"first\""),
        (
            "do = \"error\"\nremaining = 0\nreset_ms = 600000",
            "poll failed: scripted source=\"first\"",
        ),
        ("do = \"quota spent\"\nreset_ms = 600000\npages = 2", "source=\"first\" events=1"),
    ] {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let second = Server::start(move |number, _| {
            if number == 0 {
                // Open once the test has ended, too.
                let _ = gate.lock().unwrap().recv();
            }
            reply(200, "", "")
        });
        let others =
            [Server::start(|_, _| reply(200, "", "")), Server::start(|_, _| reply(200, "", ""))];
        let follow = |server: &Server| {
            let url = server.url();
            (
                format!("allow = [\"{url}\"]"),
                format!("do = \"follow\"\nmore = true\nurl = \"{url}\""),
            )
        };
        let (allow, config) = follow(&second);
        let shared = format!("{allow}\nbudget = \"account\"");
        let [(other, other_config), (none, none_config)] = others.each_ref().map(follow);
        let other = format!("{other}\nbudget = \"another account\"");
        let bench = Bench::with(&[
            Source { name: "first", keys: "budget = \"account\"", config: first },
            Source { name: "second", keys: &shared, config: &config },
            Source { name: "other", keys: &other, config: &other_config },
            Source { name: "none", keys: &none, config: &none_config },
        ]);
        let running = bench.start();
        running.until(met);
        open.send(()).unwrap();
        for server in &others {
            let before = server.received().len();
            wait_for("sources of other budgets", || server.received().len() > before + 20);
        }
        let polls = running.log().matches("source=\"first\"").count();
        assert_eq!(polls - running.log().matches("WARN scripted").count(), 1, "{}", running.log());
        assert!(second.received().len() <= 1, "{first}: {} requests", second.received().len());
        running.signal("TERM");
        let (code, took) = running.end();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_signal_ends_a_poll_that_waits_for_its_api() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_mins(1));
        Vec::new()
    });
    let url = server.url();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"fetch\"\nurl = \"{url}\"");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    for signal in ["TERM", "INT"] {
        let before = server.received().len();
        let running = bench.start();
        wait_for("the request", || server.received().len() > before);
        running.signal(signal);
        let (code, took) = running.end();
        assert_eq!(code, Some(0), "{signal}");
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
    }
}

#[test]
fn a_signal_ends_a_host_that_still_judges_its_configuration() {
    let bench = Bench::with(&[acme("do = \"loop in validate\"")]);
    let running = bench.start();
    // It says nothing for the ten seconds of the loop.
    wait_for("the watch for signals", || running.catches_signal(15));
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn instances_are_kept_between_polls() {
    let bench = Bench::with(&[acme("do = \"count\"\npages = 4")]);
    let asked: Vec<_> = bench
        .catch_up()
        .expect(0)
        .events()
        .iter()
        .map(|event| event["asked"].as_u64().unwrap())
        .collect();
    assert_eq!(asked, [0, 1, 2, 3]);
}

/// A call that traps acknowledges nothing: a fresh instance gives the page that it did not.
#[test]
fn a_source_that_loses_its_instance_goes_on_as_if_nothing_had_happened() {
    let bench = Bench::with(&[acme("do = \"count\"\npages = 5\ntrap_at = 2")]);
    let ended = bench.catch_up().expect(0);
    let told: Vec<_> = ended
        .events()
        .iter()
        .map(|event| (event["page"].as_u64(), event["asked"].as_u64()))
        .collect();
    let expected = [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)];
    assert_eq!(told, expected.map(|(page, asked)| (Some(page), Some(asked))));
    assert_eq!(ended.stderr().matches("the component trapped").count(), 2, "{}", ended.stderr());
}

#[test]
fn an_instance_that_was_called_often_is_replaced_and_its_source_goes_on() {
    let file = "type = \"file\"\npath = \"events\"";
    let bench = Bench::with_output(file, &[acme("do = \"count\"\npages = 1002")]);
    bench.catch_up().expect(0);
    let told = crate::bench::events(&bench.read("events"));
    for (page, event) in told.iter().enumerate() {
        assert_eq!((&event["page"], &event["asked"]), (&page.into(), &(page % 1_000).into()));
    }
    assert_eq!(told.len(), 1_002);
}

#[test]
fn no_secret_is_in_any_log_output_or_state() {
    // As they are, and as an API may repeat them.
    let config = "do = \"error\"\nkind = \"auth\"\n\
        message = \"${PASS} and plain-one are\\nwrong, HUNTER22, plain%2Dtwo, aHVudGVyMjI=, \
        dTpodW50ZXIyMgo=, 68756e7465723232, \\\\u0068unter22\"\n\
        api_key = \"plain-one\"\nmarked = { deep = [\"plain-two\"] }";
    let bench = Bench::with(&[acme(config)]);
    for arguments in
        [&["run", "--until-caught-up"][..], &["run", "--until-caught-up", "--log-format", "json"]]
    {
        let mut command = bench.command(arguments);
        let ended = command.env("PASS", "hunter22\n").output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let log = String::from_utf8(ended.stderr).unwrap();
        // The message and the notice: secrets out, control characters told.
        assert_eq!(log.matches("and [redacted] are").count(), 2, "{log}");
        assert_eq!(log.matches("[redacted]").count(), 16, "{log}");
        for secret in ["unter22", "plain", "HUNTER", "aHVud", "dTpod", "6875"] {
            assert!(!log.contains(secret), "{secret} is in: {log}");
        }
        // Beside the line that the host begins with.
        assert_eq!(log.lines().count(), 3, "{log}");
    }
    for entry in std::fs::read_dir(&bench.folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in ["hunter22", "plain-one"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}

#[test]
fn the_log_can_be_json() {
    let bench = Bench::with(&[acme("do = \"events\"\ncount = 3")]);
    let ended = bench.host(&["run", "--until-caught-up", "--log-format", "json"]).expect(0);
    let lines = crate::bench::events(&ended.stderr());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["message"], "host begins");
    assert_eq!(lines[0]["sources"], 1);
    assert_eq!(lines[1]["message"], "batch");
    assert_eq!(lines[1]["level"], "INFO");
    assert_eq!(lines[1]["source"], "acme");
    assert_eq!(lines[1]["events"], 3);
    assert_eq!(lines[1]["more"], false);
}
