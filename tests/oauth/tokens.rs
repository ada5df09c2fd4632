//! The life of an access token: asked for, kept, replaced, refused, lost.

use mimecast_ttp_source::{ErrorKind, Memory};
use serde_json::json;

use crate::fake::{HOUR, T, WithHeader as _, failed, ids, page, response, row};
use crate::instance::{Instance, SECRET, empty, gateway, grant, oauth2};

#[test]
fn a_first_poll_asks_for_a_token_and_then_with_it_for_the_page() {
    let mut instance = Instance::new(oauth2());
    let batch = instance.poll([grant("t0k", 1_799), page(&[row("a", T + 1)], 1, None)]).unwrap();
    assert_eq!((ids(&batch), batch.stats.requests), (vec!["a"], 2));
    let [token, logs] = &*instance.sent else { panic!("{:?}", instance.sent) };
    assert_eq!(token.url, "https://api.example/oauth/token");
    assert_eq!(token.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        String::from_utf8_lossy(&token.body),
        "grant_type=client_credentials&client_id=client%2F1\
         &client_secret=cs%2F7Qw3-Zr%2Bdistinctive"
    );
    assert_eq!(token.header("authorization"), None);
    assert_eq!(logs.url, "https://api.example/api/ttp/impersonation/get-logs");
    assert_eq!(logs.header("authorization"), Some("Bearer t0k"));
    assert_eq!(logs.header("content-type"), Some("application/json"));
    assert!(logs.headers.iter().all(|(name, _)| !name.starts_with("x-mc-")), "{logs:?}");
    let sent = u64::try_from(token.body.len() + logs.body.len()).unwrap();
    assert_eq!(batch.stats.sent_bytes, sent);
}

#[test]
fn a_token_serves_until_a_minute_before_its_end() {
    let mut instance = Instance::with_token();
    let begun = instance.now;
    for after in [1, 60, 1_738] {
        instance.now = begun + after;
        instance.poll([empty()]).unwrap();
        assert_eq!(instance.asked(), ["Bearer old"], "after {after} s");
    }
    instance.now = begun + 1_739;
    instance.poll([grant("new", 1_799), empty()]).unwrap();
    assert_eq!(instance.asked(), ["token", "Bearer new"]);
}

#[test]
fn a_life_that_is_not_told_is_the_usual_one_and_an_absurd_one_ends_within_a_day() {
    for (expires_in, serves_until) in [
        (json!(null), 1_739),
        (json!("soon"), 1_739),
        (json!(-5), 1_739),
        (json!(300), 240),
        (json!(u64::MAX), 1_739),
        (json!(i64::MAX), 86_340),
    ] {
        let mut instance = Instance::new(oauth2());
        instance.poll([grant("old", expires_in.clone()), empty()]).unwrap();
        instance.now += serves_until - 1;
        instance.poll([empty()]).unwrap();
        instance.now += 1;
        instance.poll([grant("new", 1_799), empty()]).unwrap();
        assert_eq!(instance.asked(), ["token", "Bearer new"], "{expires_in}");
    }
}

#[test]
fn a_token_that_ends_at_once_serves_its_poll_and_no_other() {
    for expires_in in [0, 1, 60] {
        let mut instance = Instance::new(oauth2());
        for _ in 0..2 {
            instance.poll([grant("short", expires_in), empty()]).unwrap();
            assert_eq!(instance.asked(), ["token", "Bearer short"], "{expires_in}");
        }
    }
}

#[test]
fn a_token_that_ran_out_is_replaced_once_and_the_request_repeated() {
    for refusal in [
        gateway(401, "token_expired"),
        gateway(401, "token_verification_failed"),
        gateway(403, "token_verification_failed"),
        gateway(200, "Unauthorized Request"),
        gateway(401, "err_xdk_client_unauthorized"),
        gateway(400, "err_xdk_invalid_signature"),
        response(401, ""),
        response(401, "{}"),
        response(200, json!({"meta": {"status": 401}, "data": [], "fail": []})),
    ] {
        let mut instance = Instance::with_token();
        let rows = page(&[row("a", T + 1)], 1, None);
        let batch = instance.poll([refusal.clone(), grant("new", 1_799), rows]).unwrap();
        assert_eq!((ids(&batch), batch.stats.requests), (vec!["a"], 3), "{refusal:?}");
        assert_eq!(instance.asked(), ["Bearer old", "token", "Bearer new"]);
        let bodies: Vec<_> = [0, 2].map(|n| instance.sent[n].body.clone()).into();
        assert_eq!(bodies[0], bodies[1]);
        // And it is kept.
        instance.poll([empty()]).unwrap();
        assert_eq!(instance.asked(), ["Bearer new"]);
    }
}

#[test]
fn a_refusal_that_is_not_the_apis_asks_for_no_token_and_blames_no_credentials() {
    for status in [401, 403, 418] {
        let mut instance = Instance::with_token();
        let reply = response(status, "<html>WORDS</html>").header_of("Retry-After", "7");
        let error = failed(instance.poll([reply]), ErrorKind::Transient);
        assert_eq!((error.code, error.stats.requests), ("not_the_api", 1));
        assert_eq!(error.retry_after_ms, Some(7_000));
        assert!(error.message.contains("proxy") && !error.message.contains("WORDS"), "{error:?}");
        assert_eq!(instance.asked(), ["Bearer old"]);
    }
}

#[test]
fn what_is_asked_again_in_a_poll_is_asked_with_the_same_token() {
    let begin = || Instance { now: T + 5 * HOUR, ..Instance::new(oauth2()) };
    let rows = || page(&[row("a", T + 1)], 1, None);
    // Less of it, where it is not answered, and up to the API's clock, where that is behind.
    for refusal in [response(503, ""), gateway(400, "err_future").dated(T + 5 * HOUR - 5)] {
        let mut instance = begin();
        let batch = instance.poll([grant("t", 1_799), refusal, rows()]).unwrap();
        assert_eq!((ids(&batch), batch.stats.requests), (vec!["a"], 3));
        assert_eq!(instance.asked(), ["token", "Bearer t", "Bearer t"]);
    }
    // However short its life: a poll asks for one token at most.
    let mut instance = begin();
    let replies = [grant("t", 60), response(503, ""), rows()];
    assert_eq!(ids(&instance.poll(replies).unwrap()), ["a"]);
    assert_eq!(instance.asked(), ["token", "Bearer t", "Bearer t"]);
}

#[test]
fn a_token_that_is_refused_right_after_it_was_given_may_pass_by_itself() {
    let refusal = || gateway(401, "token_verification_failed").header_of("Retry-After", "7");
    let mut instance = Instance::with_token();
    let cursor = instance.cursor.clone();
    let outcome = instance.poll([refusal(), grant("new", 1_799), refusal()]);
    let error = failed(outcome, ErrorKind::Transient);
    assert_eq!((error.code, error.stats.requests), ("token_refused", 3));
    assert_eq!(error.retry_after_ms, Some(7_000));
    assert_eq!(instance.cursor, cursor);
    // The next poll begins with a new one, and refused again it asks for no other.
    let error = failed(instance.poll([grant("newer", 1_799), refusal()]), ErrorKind::Transient);
    assert_eq!((error.code, error.stats.requests), ("token_refused", 2));
    instance.poll([grant("good", 1_799), empty()]).unwrap();
}

#[test]
fn a_missing_product_and_a_missing_role_say_what_to_add_and_the_next_poll_asks_anew() {
    let role = response(
        403,
        json!({"fail": [{"errors": [{"code": "err_xdk_forbidden", "message": "no"}]}]}),
    );
    for (reply, code, word) in [
        (gateway(403, "app_forbidden"), "product_missing", "Security Events"),
        (role, "permission_missing", "Monitoring | Impersonation Protection | Read"),
        (response(403, ""), "permission_missing", "role"),
    ] {
        let mut instance = Instance::with_token();
        let error = failed(instance.poll([reply]), ErrorKind::Auth);
        assert_eq!(error.code, code);
        assert!(error.message.contains(word), "{error:?}");
        assert_eq!(instance.asked(), ["Bearer old"]);
        // A token may say what its application may do: what was added meanwhile is in a new one.
        instance.poll([grant("new", 1_799), empty()]).unwrap();
        assert_eq!(instance.asked(), ["token", "Bearer new"]);
    }
}

#[test]
fn a_lost_instance_costs_one_token_request_and_nothing_else() {
    let mut instance = Instance::with_token();
    instance.memory = Memory::new();
    let rows = || page(&[row("a", T + 1)], 1, None);
    let batch = instance.poll([grant("new", 1_799), rows()]).unwrap();
    assert_eq!(ids(&batch), ["a"]);
    assert_eq!(instance.asked(), ["token", "Bearer new"]);
}

#[test]
fn a_wrong_clock_is_no_reason_for_a_refused_token() {
    let refusal = || gateway(401, "token_expired").dated(T + 50 * HOUR);
    let mut instance = Instance::new(oauth2());
    let error = failed(instance.poll([grant("t", 1_799), refusal()]), ErrorKind::Transient);
    assert_eq!(error.code, "token_refused");
}

#[test]
fn a_check_gets_its_token_and_shares_it_with_polls() {
    let mut instance = Instance::new(oauth2());
    let newest = page(&[row("a", T + 1)], 1, None).dated(T + HOUR + 300);
    let report = instance.check([grant("t", 1_799), newest]).unwrap();
    assert_eq!(report.newest_unix_nanos, Some(u64::try_from(T + 1).unwrap() * 1_000_000_000));
    assert_eq!((report.clock_offset_ms, report.stats.requests), (Some(300_000), 2));
    instance.poll([empty()]).unwrap();
    assert_eq!(instance.asked(), ["Bearer t"]);
    let report = instance.check([gateway(401, "token_expired"), grant("u", 1_799), empty()]);
    assert_eq!(report.unwrap().stats.requests, 3);
    for (reply, code) in [
        (gateway(403, "app_forbidden"), "product_missing"),
        (response(503, ""), "api_failed"),
        (response(200, "{"), "not_understood"),
    ] {
        assert_eq!(instance.check([reply]).unwrap_err().code, code);
    }
    let echo = json!({"message": SECRET});
    for (reply, code) in
        [(response(401, echo), "client_refused"), (response(401, SECRET), "not_the_api")]
    {
        let error = Instance::new(oauth2()).check([reply]).unwrap_err();
        assert!(error.code == code && !error.message.contains(SECRET), "{error:?}");
    }
}
