//! The API is left alone for as long as it asks, and no request comes before: by its own record.
//!
//! Fails when: one spelling of the headers is not read; seconds are taken for milliseconds; the token
//! endpoint's wish is not heard; a budget is held by nobody.

use std::thread;

use end_to_end::collector::{self, Auth, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Fault, FaultRule, LedgerQuery, Options, Quota, RateHeaders, RequestRecord, Running, Scope,
    Style, When, WorldOptions,
};

const SPELLINGS: [RateHeaders; 2] = [RateHeaders::Joined, RateHeaders::Dashed];

#[test]
fn a_spent_quota_is_waited_for_to_the_millisecond_in_both_spellings() {
    const QUOTA: Quota = Quota { limit: 6, window_ms: 700 };
    each_at_once(|auth, rate_headers| {
        let options = Options { quota: QUOTA, world: world(900), ..Options::default() };
        let api = options_with(options, rate_headers).start().unwrap();
        let test = format!("quota-{auth:?}-{rate_headers:?}");
        let collector = Collector::new(&test, &api, "page_size = 50").with_auth(auth);
        // If milliseconds were taken for seconds, this would take far too long.
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
        let records = api.requests();
        assert!(records.len() > 18, "{} requests", records.len());
        assert!(records.iter().all(|record| record.outcome == "page"), "{test}: {records:?}");
        let windows: Vec<i64> = records.chunks(6).map(|window| window[0].time_ms).collect();
        for pair in windows.windows(2) {
            assert!(pair[1] - pair[0] >= i64::from(QUOTA.window_ms), "{test}: {windows:?}");
        }
    });
}

#[test]
fn a_refusal_for_too_many_requests_is_waited_out_by_either_header() {
    each_at_once(|auth, rate_headers| {
        // Both are longer than the first wait by itself, which is 600 ms at most.
        for (reset_ms, retry_after_secs, wait_ms) in [(1_100, None, 1_100), (0, Some(2), 2_000)] {
            let fault = Fault::RateLimit { reset_ms, retry_after_secs };
            let faults = vec![FaultRule::new(fault, When::Nth(4))];
            let options = Options { faults, world: world(600), ..Options::default() };
            let api = options_with(options, rate_headers).start().unwrap();
            let test = format!("refused-{auth:?}-{rate_headers:?}-{wait_ms}");
            let collector = Collector::new(&test, &api, "page_size = 50").with_auth(auth);
            collector.catch_up();
            assert_each_once(&collector.events(), &everything(&api));
            let records = api.requests();
            let waited = records[4].time_ms - records[3].time_ms;
            assert_eq!(records[3].outcome, "fault 429");
            assert!(waited >= wait_ms, "{test}: {waited} ms");
        }
    });
}

#[test]
fn a_token_endpoint_that_has_too_many_requests_is_waited_for_by_either_header() {
    each_at_once(|auth, rate_headers| {
        if auth == Auth::Hmac {
            return;
        }
        for (reset_ms, retry_after_secs) in [(3_000, None), (0, Some(3))] {
            let fault = Fault::RateLimit { reset_ms, retry_after_secs };
            let faults = vec![FaultRule::new(fault, When::Nth(1)).on(Scope::Token)];
            let options = Options { faults, world: world(100), ..Options::default() };
            let api = options_with(options, rate_headers).start().unwrap();
            let test = format!("refused-token-{rate_headers:?}-{reset_ms}");
            let collector = Collector::new(&test, &api, "").with_auth(auth);
            let begun_ms = api.now_secs() * 1_000;
            collector.catch_up();
            assert_each_once(&collector.events(), &everything(&api));
            let waited = api.requests()[0].time_ms - begun_ms;
            assert!(waited >= 3_000, "{test}: {waited} ms");
            assert_eq!(api.stats().token_requests, 2);
        }
    });
}

#[test]
fn sources_of_one_budget_all_wait_when_one_is_told_to() {
    const RESET_MS: i64 = 3_000;
    // What was under way when the 429 came may still arrive, on a machine that is busy.
    const UNDER_WAY_MS: i64 = 1_500;
    for auth in Auth::BOTH {
        let reset_ms = RESET_MS.unsigned_abs();
        let fault = Fault::RateLimit { reset_ms, retry_after_secs: None };
        // Slow enough that neither is done before.
        let slow = FaultRule::new(Fault::Slow { delay_ms: 40 }, When::Every(1));
        let faults = vec![FaultRule::new(fault, When::Nth(20)), slow];
        let api = Options { faults, world: world(2_400), ..Options::default() }.start().unwrap();
        let sources = [true, false].map(|tagged| {
            let settings = format!("page_size = 10\nfilters = {{ tagged_malicious = {tagged} }}");
            let source = collector::source(&format!("tagged-{tagged}"), &api, &settings);
            source.replace("component =", "budget = \"shared\"\ncomponent =")
        });
        let file = "type = \"file\"\npath = \"events.json\"";
        let config = collector::config(file, &sources.concat());
        let test = format!("budget-{auth:?}");
        let collector = Collector::with_config(&test, api.keys(), &config).with_auth(auth);
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));

        let records = api.requests();
        let told_ms = records.iter().find(|record| record.outcome == "fault 429").unwrap().time_ms;
        let within = |from_ms, to_ms| {
            let span = told_ms + from_ms..told_ms + to_ms;
            records.iter().filter(move |record| span.contains(&record.time_ms))
        };
        let early: Vec<&RequestRecord> = within(UNDER_WAY_MS, RESET_MS).collect();
        assert!(early.is_empty(), "{} requests before the reset: {early:?}", early.len());
        // Both had something to do before and after.
        for tagged in ["\"taggedMalicious\":true", "\"taggedMalicious\":false"] {
            let of_source = |record: &&RequestRecord| record.body.contains(tagged);
            assert!(within(-60_000, 0).any(|record| of_source(&record)), "{records:?}");
            assert!(within(RESET_MS, 60_000).any(|record| of_source(&record)), "{records:?}");
        }
    }
}

/// Runs a case for both kinds of credentials and both spellings: most of it is waiting.
fn each_at_once(case: impl Fn(Auth, RateHeaders) + Sync) {
    thread::scope(|scope| {
        for (auth, spelling) in Auth::BOTH.into_iter().flat_map(|auth| SPELLINGS.map(|s| (auth, s)))
        {
            let case = &case;
            scope.spawn(move || case(auth, spelling));
        }
    });
}

fn options_with(options: Options, rate_headers: RateHeaders) -> Options {
    Options { style: Style { rate_headers, ..Style::default() }, ..options }
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

fn world(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}
