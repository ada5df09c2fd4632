//! What a reply of the token endpoint means, and that none of its words come out.

use mimecast_ttp_source::{ErrorKind, HttpError};
use serde_json::{Value, json};

use crate::fake::{HOUR, T, WithHeader as _, failed, http_date, no_responses, response};
use crate::instance::{Instance, SECRET, empty, grant, oauth2};

#[test]
fn credentials_are_judged_at_the_token_endpoint_and_none_of_its_words_come_out() {
    for status in [400, 401, 403] {
        let echo = json!({"error": "invalid_client", "error_description": format!("{SECRET}?"),
            "fail": [{"code": "InvalidClient", "message": format!("client/1:{SECRET} unknown")}]});
        let error = failed(Instance::new(oauth2()).poll([response(status, echo)]), ErrorKind::Auth);
        assert_eq!(error.code, "client_refused");
        for word in ["client_id", "client_secret", "base_url"] {
            assert!(error.message.contains(word), "{error:?}");
        }
        let told = format!("{error:?}");
        assert!(!told.contains(SECRET) && !told.contains("unknown"), "{told}");
        assert!(!told.contains("InvalidClient") && !told.contains("invalid_client"), "{told}");
    }
    let lapsed = failed(Instance::new(oauth2()).poll([response(418, "")]), ErrorKind::Auth);
    assert_eq!(lapsed.code, "keys_lapsed");
}

#[test]
fn a_refusal_that_is_not_the_token_endpoints_blames_no_credentials() {
    for status in [400, 401, 403, 418] {
        for body in
            ["<html>WORDS</html>", "WORDS", "\"WORDS\"", "[\"WORDS\"]", "{\"WORDS\"", "null"]
        {
            let reply = response(status, body).header_of("Retry-After", "7");
            let mut instance = Instance::new(oauth2());
            let error = failed(instance.poll([reply.clone()]), ErrorKind::Transient);
            assert_eq!((error.code, error.retry_after_ms), ("not_the_api", Some(7_000)), "{body}");
            for word in ["token endpoint", &status.to_string(), "proxy", "base_url"] {
                assert!(error.message.contains(word), "{word}: {error:?}");
            }
            assert!(!format!("{error:?}").contains("WORDS"), "{error:?}");
            assert_eq!(instance.check([reply]).unwrap_err().message, error.message);
        }
        // The endpoint's own are JSON, or nothing.
        for body in ["", "\r\n", "{}", "{\"error\":\"WORDS\"}"] {
            let outcome = Instance::new(oauth2()).poll([response(status, body)]);
            assert!(failed(outcome, ErrorKind::Auth).code != "not_the_api", "{status} {body}");
        }
    }
}

#[test]
fn a_byte_order_mark_before_a_token_is_stepped_over() {
    let mut granted = grant("t", 1_799);
    granted.body.splice(0..0, "\u{feff}".bytes());
    let mut instance = Instance::new(oauth2());
    instance.poll([granted, empty()]).unwrap();
    assert_eq!(instance.asked(), ["token", "Bearer t"]);
}

#[test]
fn a_token_endpoint_in_trouble_is_waited_for() {
    let until = |second| response(429, "").header_of("Retry-After", &http_date(second));
    let waits = [
        (response(429, "").header_of("X-RateLimit-Reset", "1500"), Some(1_500)),
        (response(429, "").header_of("X-Rate-Limit-Reset", "2500"), Some(2_500)),
        (response(429, "").header_of("Retry-After", "3"), Some(3_000)),
        (response(429, "").header_of("X-RateLimit-Reset", "99999999"), Some(900_000)),
        (until(T + 90 * HOUR + 9).dated(T + 90 * HOUR), Some(9_000)),
        (until(T + HOUR + 5), Some(5_000)),
        (response(503, "<html>").header_of("Retry-After", "4"), Some(4_000)),
        (response(200, json!({"meta": {"status": 500}, "fail": []})), None),
        (response(400, json!({"fail": [{"errors": [{"retryable": true}]}]})), None),
        (response(509, ""), None),
    ];
    for (reply, wait) in waits {
        let told = format!("{reply:?}");
        let is_limit = reply.status == 429;
        let error = Instance::new(oauth2()).poll([reply]).unwrap_err();
        assert_eq!(error.retry_after_ms, wait, "{told}");
        let expected = if is_limit {
            (ErrorKind::Throttled, "rate_limited")
        } else {
            (ErrorKind::Transient, "api_failed")
        };
        assert_eq!((error.kind, error.code), expected, "{told}");
    }
    for (error, code) in no_responses() {
        let error = failed(Instance::new(oauth2()).poll_with([Err(error)]), ErrorKind::Transient);
        assert!(error.code == code && error.message.contains("why"), "{error:?}");
    }
    let denied = HttpError::Denied("api.example is not in the list".into());
    let error = failed(Instance::new(oauth2()).poll_with([Err(denied)]), ErrorKind::Config);
    assert!(error.code == "denied" && error.message.contains("base_url"), "{error:?}");
}

#[test]
fn what_is_no_token_endpoint_is_told_and_none_of_its_words_come_out() {
    let refused = |status| (response(status, "WORDS"), "api_refused");
    let odd = |body: Value| (response(200, body), "not_understood");
    let token = |token: &str| odd(json!({"access_token": token, "words": "WORDS"}));
    for (reply, code) in [
        refused(301),
        refused(404),
        refused(405),
        (response(200, json!({"fail": [{"code": "WORDS"}]})), "api_refused"),
        (response(200, "WORDS"), "not_understood"),
        (response(200, ""), "not_understood"),
        odd(json!({"WORDS": 1})),
        odd(json!(["WORDS"])),
        odd(json!({"access_token": 5})),
        odd(json!({"access_token": "WORDS", "token_type": "mac"})),
        token(""),
        token("WORDS WORDS"),
        token("WORDS\r\nx-evil: 1"),
        token("WÖRDS"),
        token(&"x".repeat(8 * 1_024 + 1)),
        odd(json!({"access_token": "t", "more": "x".repeat(64 * 1_024)})),
    ] {
        let error = failed(Instance::new(oauth2()).poll([reply]), ErrorKind::Protocol);
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.message.contains("token endpoint"), "{error:?}");
        assert!(error.message.contains("API 2.0") && !error.message.contains("WORDS"), "{error:?}");
    }
    let too_large = Err(HttpError::TooLarge("WORDS".into()));
    failed(Instance::new(oauth2()).poll_with([too_large]), ErrorKind::Protocol);
}
