//! The command over whatever the API and the network do.

use std::thread;

use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Compression, Fault, FaultRule, LedgerQuery, Options, Scope, Style, When, WorldOptions,
};

use super::runtime::Collector;

#[test]
fn what_passes_by_itself_is_lived_through() {
    let rate_limit = Fault::RateLimit { reset_ms: 50, retry_after_secs: None };
    let faults = [
        ("rate-limit", rate_limit, Scope::Any),
        ("status", Fault::Status(503), Scope::Any),
        ("html", Fault::Html, Scope::Any),
        ("drop", Fault::Drop, Scope::Any),
        ("cut", Fault::Cut, Scope::Any),
        ("token-endpoint", Fault::Drop, Scope::Token),
        ("garbage", Fault::Garbage, Scope::LaterPage),
        ("dead-token", Fault::DeadToken, Scope::LaterPage),
        ("oversized", Fault::Oversized { body_bytes: 20 << 20 }, Scope::Any),
    ];
    thread::scope(|scope| {
        for (name, fault, on) in faults {
            scope.spawn(move || {
                // Of the token endpoint's requests there may be no other than the first.
                let when = if on == Scope::Token { When::Nth(1) } else { When::Every(5) };
                let world = WorldOptions { rows: 600, late_max_secs: 0, ..WorldOptions::default() };
                let faults = vec![FaultRule::new(fault, when).on(on)];
                let api = Options { world, faults, ..Options::default() }.start().unwrap();
                let test = format!("fault-{name}");
                let collector = Collector::new(&test, &api, r#", "page_size": 60"#);
                let run = collector.catch_up();
                assert_each_once(&run.stdout, &ledger(&api, &LedgerQuery::default()));
                let outcomes = api.stats().outcomes;
                assert!(outcomes.keys().any(|name| name.contains("fault")), "{test}: {outcomes:?}");
            });
        }
    });
}

#[test]
fn replies_are_read_with_and_without_gzip() {
    let mut bytes = Vec::new();
    for compression in [Compression::Gzip, Compression::Off] {
        let style = Style { compression, ..Style::default() };
        let world = WorldOptions { rows: 200, late_max_secs: 0, ..WorldOptions::default() };
        let api = Options { world, style, ..Options::default() }.start().unwrap();
        let collector = Collector::new(&format!("{compression:?}"), &api, "");
        let run = collector.catch_up();
        assert_each_once(&run.stdout, &ledger(&api, &LedgerQuery::default()));
        bytes.push(run.stdout.len());
    }
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn an_api_that_is_away_ends_a_bounded_run_and_is_found_again_later() {
    let world = WorldOptions { rows: 100, late_max_secs: 0, ..WorldOptions::default() };
    let down = FaultRule::new(Fault::Status(500), When::Every(1));
    let api = Options { world, faults: vec![down], ..Options::default() }.start().unwrap();
    let collector = Collector::new("away", &api, "");
    // Ten tries with growing waits would take minutes: a kill stands for a scheduler's patience.
    let mut process = collector.start(&["--until-caught-up"]);
    let told = "warn transient ";
    assert!(process.wait_until("a second try", |p| p.stderr().matches(told).count() >= 2));
    assert_eq!(process.kill(), "");
    api.set_faults(Vec::new());
    assert_each_once(&collector.catch_up().stdout, &ledger(&api, &LedgerQuery::default()));
}
