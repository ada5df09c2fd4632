//! What goes wrong, when it is told to.
//!
//! Seen to fail when: a fault of access tokens strikes or counts a request of API 1.0; a rule of one
//! endpoint strikes or counts at the other; a fault of pages is taken for the token endpoint.

use std::time::{Duration, Instant};

use mimecast_sim::{Fault, FaultRule, LedgerQuery, Options, Quota, Running, Scope, When};
use serde_json::{Value, json};

use crate::client::{
    Call, Reply, ask, ask_token, ask_with, last_day, token, with_page_size, with_token, world_of,
};

fn always(fault: Fault) -> FaultRule {
    FaultRule::new(fault, When::Every(1))
}

fn broken(fault: Fault) -> Running {
    Options { faults: vec![always(fault)], ..world_of(50) }.start().unwrap()
}

fn page(sim: &Running) -> Reply {
    ask(sim, &last_day(&json!({})))
}

#[test]
fn a_rate_limit_answers_429_with_its_times() {
    let sim = broken(Fault::RateLimit { reset_ms: 2500, retry_after_secs: Some(3) });
    let reply = page(&sim);
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("x-ratelimit-reset"), Some("2500"));
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(reply.header("retry-after"), Some("3"));
    let sim = broken(Fault::RateLimit { reset_ms: 2500, retry_after_secs: None });
    assert_eq!(page(&sim).header("retry-after"), None);
}

#[test]
fn a_gateway_in_trouble_answers_its_status() {
    for status in [500, 502, 503, 504, 509] {
        let reply = page(&broken(Fault::Status(status)));
        assert_eq!(reply.status, status);
        if status == 509 {
            assert!(reply.body.is_empty());
        } else {
            assert!(reply.json()["error"]["message"].is_string());
        }
        assert!(reply.header("x-ratelimit-limit").is_some() && reply.header("date").is_some());
    }
    let reply = page(&broken(Fault::Html));
    assert_eq!(reply.status, 503);
    assert!(reply.header("content-type").unwrap().starts_with("text/html"));
    assert!(reply.text().starts_with("<!DOCTYPE html>"));
}

#[test]
fn a_firewall_answers_with_its_own_page() {
    for (fault, status) in [(Fault::ForbiddenHtml, 403), (Fault::UnauthorizedHtml, 401)] {
        let reply = page(&broken(fault));
        assert_eq!(reply.status, status);
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        assert!(reply.text().starts_with("<!DOCTYPE html>") && reply.text().contains("firewall"));
    }
}

#[test]
fn retry_after_can_be_a_date_by_the_servers_clock() {
    for (status, reset) in [(429, "0"), (503, "60000")] {
        let sim = broken(Fault::RetryDate { status, after_secs: 45 });
        let reply = page(&sim);
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("date"), Some("Tue, 14 Nov 2023 22:13:20 GMT"));
        assert_eq!(reply.header("retry-after"), Some("Tue, 14 Nov 2023 22:14:05 GMT"));
        assert_eq!(reply.header("x-ratelimit-reset"), Some(reset));
        assert_eq!(sim.stats().outcomes[&format!("fault {status}-date")], 1);
    }
}

#[test]
fn a_dropped_connection_brings_nothing() {
    let reply = page(&broken(Fault::Drop));
    assert_eq!((reply.status, reply.body.len()), (0, 0));
}

#[test]
fn a_cut_connection_brings_the_head_and_half_of_the_body() {
    let reply = page(&broken(Fault::Cut));
    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, promised / 2));
    assert!(reply.text().starts_with(r#"{"meta":{"pagination""#));
}

#[test]
fn a_slow_answer_is_late_and_whole() {
    let sim = broken(Fault::Slow { delay_ms: 300 });
    let start = Instant::now();
    assert_eq!(page(&sim).rows().len(), 50);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(sim.stats().outcomes["page"], 1);
}

#[test]
fn a_fail_can_hide_behind_200_and_says_whether_to_try_again() {
    for retryable in [true, false] {
        let reply = page(&broken(Fault::Fail { retryable }));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json()["fail"][0]["errors"][0]["retryable"], retryable);
    }
}

#[test]
fn a_status_in_meta_can_hide_behind_200() {
    let reply = page(&broken(Fault::MetaStatus));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"meta": {"status": 500}, "data": [], "fail": []}));
}

#[test]
fn garbage_is_not_json() {
    let reply = page(&broken(Fault::Garbage));
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
}

#[test]
fn an_oversized_reply_is_valid_json_of_that_length() {
    let reply = page(&broken(Fault::Oversized { body_bytes: 100_000 }));
    assert!((100_000..101_000).contains(&reply.body.len()), "{}", reply.body.len());
    assert_eq!(reply.rows().len(), 1);
}

#[test]
fn page_token_faults_strike_later_pages_only() {
    let body = with_page_size(&last_day(&json!({})), 10);
    let sim = broken(Fault::DeadToken);
    let token = ask(&sim, &body).next().unwrap();
    let reply = ask(&sim, &with_token(&body, &token));
    assert_eq!((reply.status, reply.code().as_str()), (400, "err_validation_page_token"));
    sim.set_faults(vec![always(Fault::SameToken)]);
    let reply = ask(&sim, &with_token(&body, &token));
    assert_eq!((reply.rows().len(), reply.next()), (10, Some(token)));
}

#[test]
fn a_rule_can_be_kept_to_first_or_later_pages() {
    let body = with_page_size(&last_day(&json!({})), 10);
    let sim = world_of(50).start().unwrap();
    let token = ask(&sim, &body).next().unwrap();
    for (scope, first, later) in [(Scope::FirstPage, 503, 200), (Scope::LaterPage, 200, 503)] {
        sim.set_faults(vec![always(Fault::Status(503)).on(scope)]);
        assert_eq!(ask(&sim, &body).status, first);
        assert_eq!(ask(&sim, &with_token(&body, &token)).status, later);
    }
}

#[test]
fn a_good_access_token_can_be_said_to_have_expired_or_not_to_be_verified() {
    let body = last_day(&json!({}));
    for (fault, code) in [
        (Fault::TokenExpired, "token_expired"),
        (Fault::TokenUnverified, "token_verification_failed"),
    ] {
        let sim = Options { faults: vec![FaultRule::new(fault, When::Every(2))], ..world_of(5) };
        let sim = sim.start().unwrap();
        let token = token(&sim);
        let by_token = || ask_with(&sim, &token, &body);
        assert_eq!(by_token().status, 200);
        assert_eq!(page(&sim).status, 200, "API 1.0 is not counted");
        let refused = by_token();
        assert_eq!((refused.status, refused.gateway_code().as_str()), (401, code));
        assert_eq!(page(&sim).status, 200);
        assert_eq!(by_token().status, 200, "the token was good all along");
    }
}

#[test]
fn the_token_endpoint_goes_wrong_by_rules_of_its_own() {
    let on_tokens = |fault| Options { faults: vec![always(fault).on(Scope::Token)], ..world_of(5) };
    for (fault, status) in [
        (Fault::RateLimit { reset_ms: 2500, retry_after_secs: Some(3) }, 429),
        (Fault::Status(502), 502),
        (Fault::Html, 503),
        (Fault::ForbiddenHtml, 403),
        (Fault::UnauthorizedHtml, 401),
        (Fault::RetryDate { status: 503, after_secs: 3 }, 503),
        (Fault::Drop, 0),
        (Fault::Cut, 200),
        (Fault::Garbage, 200),
    ] {
        let sim = on_tokens(fault.clone()).start().unwrap();
        let reply = ask_token(&sim);
        assert_eq!(reply.status, status, "{fault:?}");
        assert!(
            serde_json::from_slice::<Value>(&reply.body)
                .map_or(true, |json| { json.get("access_token").is_none() })
        );
        if status == 429 {
            assert_eq!(reply.header("x-ratelimit-reset"), Some("2500"));
            assert_eq!(reply.header("retry-after"), Some("3"));
        }
        assert_eq!((page(&sim).status, sim.stats().tokens_given), (200, 0), "{fault:?}");
    }
    let reply = ask_token(&on_tokens(Fault::Oversized { body_bytes: 100_000 }).start().unwrap());
    assert!(reply.json()["access_token"].as_str().unwrap().len() > 99_000);
    let start = Instant::now();
    let reply = ask_token(&on_tokens(Fault::Slow { delay_ms: 300 }).start().unwrap());
    assert!(reply.status == 200 && start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_rule_without_the_scope_of_tokens_neither_strikes_nor_counts_there() {
    let faults = vec![
        FaultRule::new(Fault::Status(502), When::Every(2)),
        FaultRule::new(Fault::Status(503), When::Every(3)).on(Scope::FirstPage),
        FaultRule::new(Fault::Status(500), When::Nth(2)).on(Scope::Token),
    ];
    let sim = Options { faults, ..world_of(1) }.start().unwrap();
    let statuses: Vec<_> = (0..6).map(|_| (ask_token(&sim).status, page(&sim).status)).collect();
    let (tokens, pages): (Vec<u16>, Vec<u16>) = statuses.into_iter().unzip();
    assert_eq!(pages, [200, 502, 503, 502, 200, 502]);
    assert_eq!(tokens, [200, 500, 200, 200, 200, 200]);

    let page_faults = [Fault::Fail { retryable: true }, Fault::MetaStatus, Fault::DeadToken];
    sim.set_faults(page_faults.map(|fault| always(fault).on(Scope::Token)).into());
    assert_eq!((ask_token(&sim).status, page(&sim).rows().len()), (200, 1));
}

#[test]
fn rules_strike_when_they_say() {
    let strikes = |rule: FaultRule, seed: u64| -> Vec<usize> {
        let sim = Options { faults: vec![rule], seed, ..world_of(1) }.start().unwrap();
        (1..=40).filter(|_| page(&sim).status == 503).collect()
    };
    let rule = |when| FaultRule::new(Fault::Status(503), when);
    assert_eq!(strikes(rule(When::Every(9)), 1), [9, 18, 27, 36]);
    assert_eq!(strikes(rule(When::Nth(3)), 1), [3]);
    let by_chance = strikes(rule(When::Chance(0.3)), 1);
    assert!((4..22).contains(&by_chance.len()), "{by_chance:?}");
    assert_eq!(by_chance, strikes(rule(When::Chance(0.3)), 1), "the same seed, the same faults");
    assert_ne!(by_chance, strikes(rule(When::Chance(0.3)), 2));
}

#[test]
fn the_first_rule_that_strikes_wins() {
    let faults = vec![
        FaultRule::new(Fault::Status(502), When::Every(2)),
        FaultRule::new(Fault::Status(503), When::Every(3)),
    ];
    let sim = Options { faults, ..world_of(1) }.start().unwrap();
    let statuses: Vec<u16> = (0..6).map(|_| page(&sim).status).collect();
    assert_eq!(statuses, [200, 502, 503, 502, 200, 502]);
}

#[test]
fn rules_are_read_from_their_short_form() {
    let rule = |text: &str| text.parse::<FaultRule>();
    assert_eq!(rule("503=5%"), Ok(FaultRule::new(Fault::Status(503), When::Chance(0.05))));
    assert_eq!(rule("drop=every:7"), Ok(FaultRule::new(Fault::Drop, When::Every(7))));
    let later = FaultRule::new(Fault::MetaStatus, When::Nth(3)).on(Scope::LaterPage);
    assert_eq!(rule("later:meta-status=nth:3"), Ok(later));
    let on_tokens = FaultRule::new(Fault::Status(503), When::Every(2)).on(Scope::Token);
    assert_eq!(rule("token:503=every:2"), Ok(on_tokens));
    for wrong in [
        "503",
        "503=5",
        "503=101%",
        "503=NaN%",
        "503=every:0",
        "505=5%",
        "last:503=5%",
        "token:fail=5%",
        "token:dead-token=5%",
        "token:empty-page=5%",
        "token:out-of-order=5%",
        "token:token-expired=5%",
    ] {
        assert!(rule(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_fault_changes_neither_the_rows_nor_what_comes_after() {
    let sim = broken(Fault::Cut);
    let ledger = || sim.ledger(&LedgerQuery::default()).collect::<Vec<_>>();
    let before = ledger();
    page(&sim);
    assert!(before == ledger());
    assert_eq!(sim.stats().rows_sent, 0);
    sim.set_faults(Vec::new());
    assert_eq!(page(&sim).rows().len(), 50);
    assert_eq!(sim.stats().rows_sent, 50);
}

#[test]
fn a_request_that_never_reached_the_api_leaves_its_id_unused() {
    let sim = broken(Fault::Status(503));
    let call = Call::new(&last_day(&json!({})));
    assert_eq!(call.send(&sim).status, 503);
    sim.set_faults(Vec::new());
    assert_eq!(call.send(&sim).status, 200);
}

#[test]
fn a_quota_that_is_spent_answers_429_until_it_resets() {
    let quota = Quota { limit: 2, window_ms: 30_000 };
    let sim = Options { quota, ..world_of(1) }.start().unwrap();
    for remaining in ["1", "0"] {
        let reply = page(&sim);
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining")), (200, Some(remaining)));
        assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
    }
    sim.advance_secs(10);
    let reply = page(&sim);
    assert_eq!((reply.status, reply.header("x-ratelimit-reset")), (429, Some("20000")));
    sim.advance_secs(20);
    assert_eq!(page(&sim).status, 200);
}
