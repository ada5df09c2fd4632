//! With access tokens of API 2.0 nothing is lost and nothing comes twice either, whatever becomes of
//! the tokens and of their endpoint; and no more of them are asked for than are needed.
//!
//! Fails when: a token is not kept, or used in its last minute; one that is refused is not replaced; a
//! status of the endpoint that may pass is taken for a refusal; a request ends before its slow answer.

use std::fs;
use std::thread;

use end_to_end::collector::{Auth, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Fault, FaultRule, LedgerQuery, Options, Running, Scope, Stats, When, WorldOptions,
};

/// Too short to be used twice: a client gives a token up a minute before its end.
const SHORT_LIFE_SECS: u32 = 60;

#[test]
fn every_row_comes_once_and_one_token_serves_for_all_pages() {
    let api = Options { world: world(2_000), ..Options::default() }.start().unwrap();
    let collector = Collector::new("oauth-file", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
    let Stats { requests, token_requests, .. } = api.stats();
    assert!(requests > 20 && token_requests == 1, "{:?}", api.stats());

    let collector = Collector::to_stdout("oauth-stdout", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    assert_each_once(&collector.catch_up().stdout, &everything(&api));
    assert_eq!(collector.catch_up().stdout, "");
    assert_eq!(api.stats().token_requests, 3, "one for each process");
}

#[test]
fn a_token_of_a_short_life_is_asked_for_again_in_time() {
    let options = Options { access_token_life_secs: SHORT_LIFE_SECS, ..Options::default() };
    let api = Options { world: world(1_000), ..options }.start().unwrap();
    let collector = Collector::new("oauth-short", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
    let Stats { requests, token_requests, outcomes, .. } = api.stats();
    assert_eq!(token_requests, requests);
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["page", "token given"]);
}

#[test]
fn tokens_that_die_on_the_way_are_replaced_by_one_request_each() {
    let api = slow_api();
    let collector = Collector::new("oauth-died", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    let mut host = collector.start(&["run", "--until-caught-up"]);
    for deaths in 1..=3 {
        let requests = api.stats().requests;
        host.wait_until("some pages", || api.stats().requests > requests + 3);
        api.expire_tokens();
        host.wait_until("another token", || api.stats().token_requests > deaths);
    }
    let run = host.wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_each_once(&collector.events(), &everything(&api));
    let Stats { token_requests, outcomes, .. } = api.stats();
    assert_eq!((token_requests, outcomes["refused token_expired"]), (4, 3));
    assert!(!run.stderr.contains("WARN"), "nobody needs to know: {}", run.stderr);
}

#[test]
fn good_tokens_that_are_refused_are_replaced() {
    // The second refuses new tokens, too, now and then: then it is waited.
    for (number, fault) in ["token-expired=every:4", "token-unverified=15%"].iter().enumerate() {
        let faults = vec![fault.parse().unwrap()];
        let api = Options { faults, world: world(1_500), ..Options::default() }.start().unwrap();
        let test = format!("oauth-refused-{number}");
        let collector = Collector::new(&test, &api, SMALL_PAGES).with_auth(Auth::Oauth2);
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
        let Stats { token_requests, outcomes, .. } = api.stats();
        let refused: u64 = faults_of(&outcomes, "fault token-");
        assert!(refused > 2, "{outcomes:?}");
        assert!((2..=refused + 1).contains(&token_requests), "{outcomes:?}");
    }
}

#[test]
fn whatever_the_token_endpoint_answers_it_is_asked_again_and_nothing_is_lost() {
    thread::scope(|scope| {
        for (name, fault) in [
            ("429", Fault::RateLimit { reset_ms: 50, retry_after_secs: None }),
            ("500", Fault::Status(500)),
            ("502", Fault::Status(502)),
            ("503", Fault::Status(503)),
            ("509", Fault::Status(509)),
            ("html", Fault::Html),
            ("drop", Fault::Drop),
            ("cut", Fault::Cut),
            ("garbage", Fault::Garbage),
            ("oversized", Fault::Oversized { body_bytes: 20 << 20 }),
        ] {
            scope.spawn(move || {
                // Each page takes a token of its own, and so meets the endpoint.
                let rule = FaultRule::new(fault, When::Every(4)).on(Scope::Token);
                let options =
                    Options { access_token_life_secs: SHORT_LIFE_SECS, ..Options::default() };
                let options = Options { faults: vec![rule], world: world(600), ..options };
                let api = options.start().unwrap();
                let test = format!("oauth-endpoint-{name}");
                let collector = Collector::new(&test, &api, SMALL_PAGES).with_auth(Auth::Oauth2);
                let run = collector.catch_up();
                assert_each_once(&collector.events(), &everything(&api));
                let Stats { requests, tokens_given, outcomes, .. } = api.stats();
                let met = faults_of(&outcomes, "token fault ");
                assert!(met > 1, "{name}: {outcomes:?}");
                assert_eq!((tokens_given, outcomes["page"]), (requests, requests), "{name}");
                let what = if name == "429" { " INFO throttled: " } else { " WARN poll failed: " };
                let told = run.stderr.matches(what).count() as u64;
                assert_eq!(told, met, "{name}: {}", run.stderr);
            });
        }
    });
}

#[test]
fn a_slow_token_endpoint_is_waited_for() {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 1_000 }, When::Every(1)).on(Scope::Token);
    let api = Options { faults: vec![slow], world: world(600), ..Options::default() };
    let api = api.start().unwrap();
    let collector = Collector::new("oauth-slow", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
    assert_eq!(api.stats().token_requests, 1, "asked for twice");
}

#[test]
fn a_killed_host_asks_for_one_token_more_and_a_file_has_every_row_once() {
    let api = slow_api();
    let collector = Collector::new("oauth-killed", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    for kills in 1..=3 {
        let requests = api.stats().requests;
        let mut host = collector.start(&["run"]);
        host.wait_until("some pages", || api.stats().requests > requests + 4);
        host.kill();
        assert_eq!(api.stats().token_requests, kills);
    }
    assert!(collector.events().lines().count() < everything(&api).len(), "nothing was left");
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
    assert_eq!(api.stats().token_requests, 4);
}

#[test]
fn on_stdout_a_kill_repeats_a_page_at_most() {
    let api = slow_api();
    let collector =
        Collector::to_stdout("oauth-killed-stdout", &api, SMALL_PAGES).with_auth(Auth::Oauth2);
    let path = collector.dir().join("stdout.1");
    let mut host = collector.start(&["run"]);
    host.wait_until("some pages", || fs::metadata(&path).is_ok_and(|file| file.len() > 200_000));
    host.kill();
    let stdout = fs::read_to_string(path).unwrap() + &collector.catch_up().stdout;
    let rows = everything(&api);
    // After a kill a line break comes first.
    let mut lines: Vec<&str> = stdout.lines().filter(|line| !line.is_empty()).collect();
    assert!((rows.len()..=rows.len() + PAGE_ROWS).contains(&lines.len()), "{}", lines.len());
    lines.sort_unstable();
    lines.dedup();
    assert_each_once(&(lines.join("\n") + "\n"), &rows);
    assert_eq!(api.stats().token_requests, 2);
}

fn faults_of(outcomes: &std::collections::BTreeMap<String, u64>, kind: &str) -> u64 {
    outcomes.iter().filter(|(name, _)| name.starts_with(kind)).map(|(_, count)| count).sum()
}

/// An API whose every answer takes a while, so that there is time for things to happen.
fn slow_api() -> Running {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 10 }, When::Every(1));
    Options { world: world(5_000), faults: vec![slow], ..Options::default() }.start().unwrap()
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

fn world(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}

const PAGE_ROWS: usize = 50;
const SMALL_PAGES: &str = "page_size = 50";
