//! A component that loops, balloons, traps or lies costs its own poll, and nothing else.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use source_host::commands::exit::Exit;
use source_host::commands::run::{Manner, run};
use source_host::egress::{AllowList, Origin};
use source_host::http::HttpClient;
use source_host::limits::{CallLimits, HttpLimits, Limits};
use source_host::sandbox::{CallFailure, Instance, LinkedSource, Runtime};

use crate::bench::{Bench, Source, acme, guest, skipped, wait_for};
use crate::server::{Server, reply};

fn limits() -> CallLimits {
    CallLimits { cpu: Duration::from_millis(200), ..CallLimits::default() }
}

async fn linked(limits: CallLimits) -> LinkedSource {
    let runtime = Runtime::new(limits).unwrap();
    // The ticks of the engine end with the last that needs it.
    runtime.load(guest()).await.unwrap().link(&runtime).unwrap()
}

async fn instance(limits: CallLimits) -> Instance {
    linked(limits).await.instantiate(None).await.unwrap()
}

async fn poll(limits: CallLimits, config: &str) -> Result<(), CallFailure> {
    instance(limits).await.poll(config, None).await.map(|_| ())
}

#[tokio::test]
async fn a_loop_ends_with_its_computing_time() {
    let begun = Instant::now();
    let failure = poll(limits(), r#"{"do": "loop"}"#).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component computed for more than 0.2 s");
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

/// Each request takes longer than a tick of the engine, all of them longer than the call may compute.
#[tokio::test]
async fn waiting_for_responses_is_no_computing() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(25));
        reply(200, "", "")
    });
    let limits = CallLimits { cpu: Duration::from_millis(40), ..CallLimits::default() };
    let url = server.url();
    let allow = AllowList::new(vec![Origin::parse(&url).unwrap()], Vec::new());
    let client = HttpClient::new(allow, None, &[], HttpLimits::default()).unwrap();
    let mut instance = linked(limits).await.instantiate(Some(Arc::new(client))).await.unwrap();
    let config = format!(r#"{{"do": "fetch often", "count": 8, "url": "{url}"}}"#);
    for _ in 0..3 {
        instance.poll(&config, None).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_loop_ends_with_the_time_of_its_call() {
    let limits = CallLimits { wall: Duration::from_millis(100), ..CallLimits::default() };
    let failure = poll(limits, r#"{"do": "loop"}"#).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component did not return within 0.1 s");
}

#[tokio::test]
async fn a_check_is_within_the_limits_of_a_call() {
    let failure = instance(limits()).await.check(r#"{"do": "loop"}"#).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component computed for more than 0.2 s");
}

#[tokio::test]
async fn a_balloon_ends_with_its_memory() {
    // With all the time of a call: memory that is touched first is slow where others compute, too.
    let failure = poll(CallLimits::default(), r#"{"do": "balloon"}"#).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component needs more memory than 67108864 bytes");
}

#[tokio::test]
async fn what_the_host_copies_out_of_a_component_has_a_bound() {
    let failure = poll(limits(), r#"{"do": "many of one", "count": 10000}"#).await.unwrap_err();
    assert!(failure.to_string().contains("fuel"), "{failure}");
}

#[tokio::test]
async fn a_trap_is_told() {
    let failure = poll(limits(), r#"{"do": "trap"}"#).await.unwrap_err();
    assert!(failure.to_string().starts_with("the component trapped: "), "{failure}");
}

#[tokio::test]
async fn random_bytes_have_a_bound() {
    assert!(poll(limits(), r#"{"do": "random", "count": 65536}"#).await.is_ok());
    let failure = poll(limits(), r#"{"do": "random", "count": 65537}"#).await.unwrap_err();
    assert!(failure.to_string().contains("more than 65536 random bytes"), "{failure}");
    let failure = poll(limits(), r#"{"do": "random", "count": 18446744073709551615}"#).await;
    assert!(failure.is_err());
}

#[tokio::test]
async fn an_instance_is_kept_after_a_good_call_and_thrown_away_after_a_bad_one() {
    let mut good = instance(limits()).await;
    good.poll(r#"{"do": "events"}"#, None).await.unwrap().unwrap();
    assert!(good.may_be_kept());
    good.poll(r#"{"do": "trap"}"#, None).await.unwrap_err();
    assert!(!good.may_be_kept());

    let mut dropped = instance(CallLimits::default()).await;
    let poll = dropped.poll(r#"{"do": "loop"}"#, None);
    assert!(tokio::time::timeout(Duration::from_millis(50), poll).await.is_err());
    assert!(!dropped.may_be_kept());
}

#[tokio::test]
async fn an_instance_is_not_kept_for_ever_nor_when_it_has_grown() {
    let mut worn = instance(limits()).await;
    let mut calls = 0;
    while worn.may_be_kept() {
        worn.poll(r#"{"do": "events"}"#, None).await.unwrap().unwrap();
        calls += 1;
    }
    assert_eq!(calls, 1_000);
    let mut grown = instance(CallLimits::default()).await;
    grown.poll(r#"{"do": "events", "padding": 6000000}"#, None).await.unwrap().unwrap();
    assert!(!grown.may_be_kept());
}

/// One thread only: whoever does not give it back holds up everyone.
#[tokio::test]
async fn a_loop_does_not_hold_up_its_neighbours() {
    let bench = Bench::with_output(
        "type = \"file\"\npath = \"out.ndjson\"",
        &[
            Source { name: "bad", keys: "", config: "do = \"loop\"" },
            Source { name: "good", keys: "", config: "do = \"events\"\npages = 20" },
        ],
    );
    let begun = Instant::now();
    let cpu = Duration::from_secs(20);
    let call = CallLimits { cpu, ..CallLimits::default() };
    let limits = Limits { call, http: HttpLimits::default() };
    let config = bench.path("host.toml");
    let running = run(&config, Manner::CATCHING_UP, limits);
    let done = async {
        while std::fs::read_to_string(bench.path("out.ndjson"))
            .map_or(0, |text| text.lines().count())
            < 20
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        exit = running => panic!("the loop came to an end: {exit:?}"),
        () = done => {}
    }
    assert!(begun.elapsed() < cpu, "the neighbour had to wait for the end of the loop");
}

#[tokio::test]
async fn what_breaks_the_contract_is_not_delivered_and_ends_a_source_that_cannot_go_on() {
    for (config, why) in [
        ("do = \"body\"\nbody = \"{\\n}\"", "is more than one line"),
        ("do = \"body\"\nbody = \"[]\"", "is no JSON object"),
        ("do = \"huge cursor\"\ncount = 1000001", "the cursor has 1000001 bytes"),
        (
            "do = \"events\"\nevent_kind = \"A b\"",
            "event 0 of the batch has no kind of the contract",
        ),
        ("do = \"events\"\ncounters = { \"A b\" = 1 }", "a code or a name of a counter is not"),
        ("do = \"events\"\nnotices = [{ code = \"A b\" }]", "a code or a name of a counter is not"),
        ("do = \"events\"\nnotices = [{}]\ncount = 101", "there are 101 notices; at most 100"),
        ("do = \"error\"\ncode = \"A b\"", "a code or a name of a counter is not"),
        ("do = \"trap\"", "the component trapped"),
    ] {
        let bench = Bench::with(&[acme(config)]);
        let running = bench.start();
        running.until(why);
        running.until("kind=\"protocol\" code=\"component_failed\"");
        running.signal("TERM");
        assert_eq!(running.end().0, Some(0), "{config}");
        assert_eq!(bench.read("stdout"), "", "{config}");
        bench.host(&["cursor", "show", "acme"]).expect(1);
    }
    // The largest cursor that is allowed comes back as it was.
    let bench = Bench::with(&[acme("do = \"huge cursor\"\ncount = 1000000")]);
    bench.catch_up().expect(0);
    assert_eq!(bench.host(&["cursor", "show", "acme"]).stdout().len(), 1_000_001);
}

#[tokio::test]
async fn a_component_that_loops_in_validate_is_a_fault_of_the_configuration() {
    let bench = Bench::with(&[acme("do = \"loop in validate\"")]);
    let limits = Limits { call: limits(), http: HttpLimits::default() };
    assert_eq!(
        run(&bench.path("host.toml"), Manner::CATCHING_UP, limits).await,
        Exit::Misconfigured
    );
    assert!(!bench.path("state.db").exists());
}

/// Each computes for long, and waits for the others far longer than a call may take.
#[tokio::test]
async fn what_a_call_waits_for_others_to_compute_does_not_count() {
    const CALLS: u32 = 24;
    let compute = r#"{"do": "compute", "rounds": 100000000}"#;
    let mut alone = instance(CallLimits::default()).await;
    let begun = Instant::now();
    alone.poll(compute, None).await.unwrap().unwrap();
    // Another process may take the processor at any time: what one needs has room.
    let wall = begun.elapsed() * CALLS / 2;
    let linked = linked(CallLimits { wall, ..CallLimits::default() }).await;
    let begun = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let linked = linked.clone();
        calls.spawn(async move {
            let mut instance = linked.instantiate(None).await.unwrap();
            instance.poll(compute, None).await.map(drop)
        });
    }
    for outcome in calls.join_all().await {
        assert_eq!(outcome, Ok(()));
    }
    if begun.elapsed() <= wall {
        skipped("a wait beyond the time of a call", "the others computed faster than one alone");
    }
}

/// Who runs as the same user can neither attach to it nor read what it holds, and no crash writes that
/// down.
#[test]
fn what_the_process_holds_is_no_one_elses() {
    const TEST: &str = "what the process holds";
    let mut bench = Bench::with(&[acme("do = \"events\"")]);
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        // To itself such a superuser is as any other user is.
        bench.starter = ["setpriv", "--bounding-set=-all"].map(str::to_owned).into();
    }
    let as_same_user = |program: &str, argument: String| {
        let mut command = if bench.starter.is_empty() {
            Command::new(program)
        } else {
            let mut command = Command::new(&bench.starter[0]);
            command.args(&bench.starter[1..]).arg(program);
            command
        };
        command.arg(argument);
        command
    };
    let is_open = |id: u32| {
        let read = as_same_user("cat", format!("/proc/{id}/environ")).output();
        read.is_ok_and(|ended| ended.status.success())
    };
    let Ok(mut other) = as_same_user("sleep", "60".to_owned()).spawn() else {
        return skipped(TEST, "setpriv cannot be started");
    };
    // Until then it is the program that starts it.
    let comm = format!("/proc/{}/comm", other.id());
    wait_for("the other process", || std::fs::read_to_string(&comm).unwrap() == "sleep\n");
    let others_are_open = is_open(other.id());
    other.kill().and_then(|()| other.wait()).unwrap();
    if !others_are_open {
        return skipped(TEST, "here no process can be looked into");
    }
    let running = bench.start();
    running.until("more=false");
    assert!(!is_open(running.id()));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let dumps = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(dumps.split_whitespace().filter(|word| *word == "0").count(), 2, "{dumps}");
}
