//! What passes by itself, and how long it is waited for.

use mimecast_ttp_source::{ErrorKind, Quota, Response};
use serde_json::json;

use crate::fake::{
    DAY, HOUR, T, WithHeader as _, failed, http_date, no_responses, no_rows, page, response, row,
};
use crate::{
    checked, error_object, fail, fails_always, gateway, html, meta_status, with_token,
    without_token,
};

#[test]
fn what_was_not_executed_is_waited_for_as_the_api_says_and_too_many_requests_are_no_failure() {
    for (status, kind, code) in [
        (429, ErrorKind::Throttled, "rate_limited"),
        (408, ErrorKind::Transient, "api_failed"),
        (425, ErrorKind::Transient, "api_failed"),
    ] {
        for (what, reply) in [
            ("HTTP", response(status, html())),
            ("meta.status", response(200, meta_status(status))),
        ] {
            let error = fails_always(&format!("{what} {status}"), &Ok(reply.clone()), kind);
            assert_eq!((error.code, error.retry_after_ms), (code, None));
            assert!(error.message.contains(&status.to_string()), "{error:?}");
            for (headers, wait_ms) in [
                (vec![("Retry-After", "7")], Some(7_000)),
                (vec![("Retry-After", "99999999")], Some(900_000)),
                (vec![("Retry-After", "18446744073709551615")], Some(900_000)),
                (vec![("Retry-After", "0")], Some(0)),
                (vec![("Retry-After", "-5")], None),
                (vec![("Retry-After", "soon")], None),
            ] {
                let wait = wait_ms_of(&reply, &headers);
                assert_eq!(wait, wait_ms, "{what} {status} {headers:?}");
            }
        }
    }
}

#[test]
fn a_wait_until_a_date_is_counted_by_the_apis_clock() {
    let wait = |replies: &[Response], until: i64| {
        let mut host = with_token();
        let mut replies = replies.iter();
        let outcome = host.poll_with(|_| {
            let reply = replies.next().expect("a reply for each request").clone();
            Ok(reply.header_of("Retry-After", &http_date(until)))
        });
        outcome.unwrap_err().retry_after_ms
    };
    let now = with_token().now;
    for status in [429, 503] {
        for offset_secs in [0, 30, -50, 7_000, -DAY] {
            let api_now = now + offset_secs;
            for (until, wait_ms) in [
                (api_now + 7, Some(7_000)),
                (api_now, Some(0)),
                (api_now - 1, None),
                (api_now + DAY, Some(900_000)),
            ] {
                let reply = response(status, "").dated(api_now);
                assert_eq!(wait(&[reply], until), wait_ms, "{status} {offset_secs} {until}");
            }
        }
        // Without a `Date` the host's clock is as near to it as can be.
        let reply = || response(status, "");
        assert_eq!(wait(&[reply()], now + 7), Some(7_000));
        // Or what an earlier answer of the poll told.
        let refused = || response(401, "").dated(now + HOUR);
        assert_eq!(wait(&[refused(), refused(), reply()], now + HOUR + 7), Some(7_000));
    }
    // Where the API's clock is known from an earlier poll, it is that.
    let mut host = with_token();
    host.poll(page(&[row("b", T + 2)], 700, Some("token-2")).dated(now - 40)).unwrap();
    let reply = response(429, "").header_of("Retry-After", &http_date(now));
    assert_eq!(failed(host.poll(reply), ErrorKind::Throttled).retry_after_ms, Some(40_000));
}

#[test]
fn the_reset_time_is_waited_for_where_the_quota_is_spent() {
    let spent = ("X-RateLimit-Remaining", "0");
    let left = ("X-RateLimit-Remaining", "7");
    let reset = |ms| ("X-RateLimit-Reset", ms);
    for (status, headers, wait_ms) in [
        (429, vec![reset("1500")], Some(1_500)),
        (429, vec![("x-rate-limit-reset", "1500")], Some(1_500)),
        (429, vec![left, reset("1500")], Some(1_500)),
        (429, vec![reset("1500"), ("retry-after", "1")], Some(1_500)),
        (429, vec![reset("1500"), ("retry-after", "2")], Some(2_000)),
        (429, vec![reset("86400000")], Some(900_000)),
        (503, vec![spent, reset("1500")], Some(1_500)),
        (408, vec![spent, reset("1500")], Some(1_500)),
        (503, vec![left, reset("1500")], None),
        (503, vec![left, reset("1500"), ("retry-after", "1")], Some(1_000)),
    ] {
        let wait = wait_ms_of(&response(status, ""), &headers);
        assert_eq!(wait, wait_ms, "{status} {headers:?}");
    }
}

fn wait_ms_of(reply: &Response, headers: &[(&str, &str)]) -> Option<u64> {
    let reply =
        headers.iter().fold(reply.clone(), |reply, (name, value)| reply.header_of(name, value));
    with_token().poll(reply).unwrap_err().retry_after_ms
}

#[test]
fn what_fails_while_no_request_is_left_is_throttled_and_what_a_wait_cannot_mend_is_not() {
    let outcome = |status, remaining| {
        let reply = response(status, "{}").header_of("X-RateLimit-Remaining", remaining);
        let error = without_token().poll(reply).unwrap_err();
        (error.kind, error.code)
    };
    for status in [500, 503, 408] {
        assert_eq!(outcome(status, "0"), (ErrorKind::Throttled, "rate_limited"), "{status}");
        assert_eq!(outcome(status, "1"), (ErrorKind::Transient, "api_failed"), "{status}");
    }
    assert_eq!(outcome(403, "0").0, ErrorKind::Auth);
    assert_eq!(outcome(404, "0").0, ErrorKind::Protocol);
}

#[test]
fn server_errors_and_what_the_api_calls_retryable_are_transient() {
    for status in [500, 502, 503, 504, 509, 599] {
        for (what, body) in [
            ("HTML", html()),
            ("nothing", String::new()),
            ("error", error_object("down").to_string()),
        ] {
            fails_always(
                &format!("{status} {what}"),
                &Ok(response(status, body)),
                ErrorKind::Transient,
            );
        }
        let error = fails_always(
            &format!("meta.status {status}"),
            &Ok(response(200, meta_status(status))),
            ErrorKind::Transient,
        );
        assert!(error.message.contains(&status.to_string()), "{error:?}");
    }
    let mut retryable = fail("err_busy", "come again");
    retryable["fail"][0]["errors"][0]["retryable"] = json!(true);
    let mut gateway = gateway("busy", "come again");
    gateway["fail"][0]["retryable"] = json!(true);
    for (status, body) in [(200, &retryable), (400, &retryable), (409, &gateway)] {
        let reply = Ok(response(status, body.clone()).header_of("Retry-After", "3"));
        let error = fails_always("retryable", &reply, ErrorKind::Transient);
        assert_eq!(error.retry_after_ms, Some(3_000));
        assert!(error.message.contains("come again"), "{error:?}");
    }
}

#[test]
fn a_request_without_a_response_is_transient() {
    for (error, code) in no_responses() {
        let told = fails_always(&format!("{error:?}"), &Err(error), ErrorKind::Transient);
        assert_eq!(told.code, code);
        assert!(told.message.contains("why") && told.retry_after_ms.is_none(), "{told:?}");
    }
}

#[test]
fn what_the_api_says_of_its_quota_comes_with_batches_and_with_errors() {
    let limited = |response: Response, remaining: &str| {
        response
            .header_of("X-RateLimit-Limit", "50")
            .header_of("X-RateLimit-Remaining", remaining)
            .header_of("x-ratelimit-reset", "9000")
    };
    let quota = |remaining| Some(Quota { limit: Some(50), remaining, reset_ms: 9_000 });
    let batch = without_token().poll(limited(no_rows(), "4")).unwrap();
    assert_eq!((batch.quota, batch.next_poll_ms), (quota(4), 60_000));
    let error = failed(without_token().poll(limited(response(429, ""), "0")), ErrorKind::Throttled);
    assert_eq!(error.quota, quota(0));
    assert_eq!(checked(&Ok(limited(no_rows(), "3"))).unwrap().quota, quota(3));
    assert_eq!(without_token().poll(no_rows()).unwrap().quota, None);
}
