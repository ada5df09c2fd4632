//! Whatever goes wrong on the way, nothing is lost and nothing comes twice, with API 1.0 and 2.0.
//!
//! Fails when: a request ends before its slow answer.

use std::thread;

use end_to_end::collector::{Auth, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Fault, FaultRule, LedgerQuery, Options, Paging, PagingMode, Quota, Running, Scope, When,
    WorldOptions,
};

#[test]
fn statuses_that_pass_are_waited_out() {
    let rate_limit = Fault::RateLimit { reset_ms: 50, retry_after_secs: None };
    nothing_is_lost(&[
        ("rate-limit", rate_limit, Scope::Any),
        ("status-500", Fault::Status(500), Scope::Any),
        ("status-502", Fault::Status(502), Scope::Any),
        ("status-503", Fault::Status(503), Scope::Any),
        ("status-509", Fault::Status(509), Scope::Any),
        ("html", Fault::Html, Scope::Any),
    ]);
}

#[test]
fn connections_that_break_are_waited_out() {
    nothing_is_lost(&[("drop", Fault::Drop, Scope::Any), ("cut", Fault::Cut, Scope::Any)]);
}

#[test]
fn a_slow_answer_is_an_answer() {
    for (auth, met) in [(Auth::Hmac, &["page"][..]), (Auth::Oauth2, &["page", "token given"])] {
        let slow = FaultRule::new(Fault::Slow { delay_ms: 500 }, When::Every(6));
        let options = Options { faults: vec![slow], world: world(2_000), ..Options::default() };
        let api = options.start().unwrap();
        let test = format!("fault-slow-{auth:?}");
        let collector = Collector::new(&test, &api, "page_size = 100").with_auth(auth);
        let run = collector.catch_up();
        assert!(!run.stderr.contains("poll failed"), "asked for twice: {}", run.stderr);
        assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
        let outcomes = api.stats().outcomes;
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), met);
    }
}

#[test]
fn failures_inside_a_success_are_no_empty_pages() {
    nothing_is_lost(&[
        ("fail", Fault::Fail { retryable: false }, Scope::Any),
        ("fail-retryable", Fault::Fail { retryable: true }, Scope::Any),
        ("meta-status", Fault::MetaStatus, Scope::Any),
        ("garbage-first", Fault::Garbage, Scope::FirstPage),
        ("garbage-later", Fault::Garbage, Scope::LaterPage),
    ]);
}

#[test]
fn page_tokens_that_die_or_loop_are_left_behind() {
    nothing_is_lost(&[
        ("dead-token", Fault::DeadToken, Scope::LaterPage),
        ("same-token", Fault::SameToken, Scope::LaterPage),
    ]);
}

#[test]
fn replies_that_are_too_large_are_asked_for_in_smaller_windows() {
    nothing_is_lost(&[("oversized", Fault::Oversized { body_bytes: 20 << 20 }, Scope::Any)]);
}

#[test]
fn a_quota_that_is_spent_is_waited_for() {
    let quota = Quota { limit: 5, window_ms: 300 };
    let api = Options { quota, world: world(2_000), ..Options::default() }.start().unwrap();
    let collector = Collector::new("quota", &api, "page_size = 100");
    collector.catch_up();
    assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
}

#[test]
fn everything_at_once_loses_nothing() {
    let faults = "503=3% cut=3% drop=3% meta-status=3% dead-token=5% same-token=3% html=2%";
    let faults = faults.split(' ').map(|fault| fault.parse().unwrap()).collect();
    for (mode, auth) in [(PagingMode::Live, Auth::Hmac), (PagingMode::Snapshot, Auth::Oauth2)] {
        let paging = Paging { mode, ..Paging::default() };
        let options = Options { paging, world: world(5_000), ..Options::default() };
        let api = Options { faults: Vec::clone(&faults), ..options }.start().unwrap();
        let test = format!("all-faults-{mode:?}");
        let collector = Collector::new(&test, &api, "page_size = 200").with_auth(auth);
        collector.catch_up();
        assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
        assert!(faults_met(&api) > 3, "{:?}", api.stats().outcomes);
    }
}

#[test]
fn a_server_that_is_down_ends_a_bounded_run_with_the_position_kept() {
    let api = Options { world: world(600), ..Options::default() }.start().unwrap();
    let settings = "page_size = 500\nwindow_max_secs = 2592000";
    let collector = Collector::new("down", &api, settings);
    collector.catch_up();
    let cursor = collector.cursor();
    // An error that waiting is not expected to mend is given up on at once.
    api.set_standing(mimecast_sim::Standing::NotPermitted);
    assert_eq!(collector.run().code, Some(1));
    assert_eq!(collector.cursor(), cursor);
    api.set_standing(mimecast_sim::Standing::Good);
    collector.catch_up();
    assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
}

/// Collects over each of these faults. All at the same time, since most of it is waiting.
fn nothing_is_lost(faults: &[(&str, Fault, Scope)]) {
    thread::scope(|scope| {
        for (auth, (name, fault, on)) in
            Auth::BOTH.iter().flat_map(|auth| faults.iter().map(move |fault| (*auth, fault)))
        {
            scope.spawn(move || {
                let rule = FaultRule::new(fault.clone(), When::Every(6)).on(*on);
                let options =
                    Options { faults: vec![rule], world: world(2_000), ..Options::default() };
                let api = options.start().unwrap();
                let test = format!("fault-{name}-{auth:?}");
                let collector = Collector::new(&test, &api, "page_size = 100").with_auth(auth);
                collector.catch_up();
                assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
                assert!(faults_met(&api) > 0, "{test}: {:?}", api.stats().outcomes);
            });
        }
    });
}

fn faults_met(api: &Running) -> u64 {
    let outcomes = api.stats().outcomes;
    outcomes.iter().filter(|(name, _)| name.starts_with("fault")).map(|(_, count)| count).sum()
}

fn world(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}
