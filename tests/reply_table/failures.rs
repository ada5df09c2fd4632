//! All other failures, and what a person is told of them.

use mimecast_ttp_source::ErrorKind;
use serde_json::{Value, json};

use crate::fake::{
    HOUR, T, WithHeader as _, codes, config_with, failed, ids, no_rows, page, response, row,
};
use crate::{
    assert_says, error_object, fail, fails_always, fails_without_token, gateway, html, meta_status,
    with_token, without_token,
};

#[test]
fn other_failures_and_statuses_are_told_with_code_and_message() {
    for (status, body, words) in [
        (
            200,
            fail("err_validation_null", "must not be null"),
            &["err_validation_null", "must not be null"][..],
        ),
        (400, fail("err_validation_blank", "no"), &["400", "err_validation_blank"]),
        (200, gateway("not_found", "No such API"), &["not_found", "No such API"]),
        (200, error_object("went wrong"), &["went wrong"]),
        (200, json!({"error": "went wrong", "data": []}), &["went wrong"]),
        (200, meta_status(400), &["400"]),
        (200, meta_status(404), &["404"]),
        (200, json!({"fail": [{}], "data": []}), &["failure"]),
        (200, json!({"fail": [{"errors": []}], "data": []}), &["failure"]),
        (404, json!({}), &["404"]),
        (404, meta_status(200), &["404"]),
    ] {
        let error = fails_without_token(
            &body.to_string(),
            &Ok(response(status, body.clone())),
            ErrorKind::Protocol,
        );
        assert_says(&error, &[&["api_refused"], words].concat());
        assert_eq!(error.retry_after_ms, None);
    }
    for status in [201, 204, 301, 302, 307, 308, 400, 404, 405, 409, 410, 451] {
        for body in [html(), String::new(), meta_status(200).to_string()] {
            let reply = Ok(response(status, body));
            let error = fails_without_token(&status.to_string(), &reply, ErrorKind::Protocol);
            assert_says(&error, &["api_refused", &status.to_string()]);
        }
    }
}

#[test]
fn a_failure_names_the_field_that_the_api_names() {
    let mut body = fail("err_validation_blank", "must not be blank");
    body["fail"][0]["errors"][0]["field"] = json!("searchField");
    let error = failed(without_token().poll(response(400, body)), ErrorKind::Protocol);
    assert_says(
        &error,
        &["api_refused", "err_validation_blank", "must not be blank", "searchField"],
    );
}

#[test]
fn rows_that_come_with_a_failure_are_not_events() {
    let mut body: Value = serde_json::from_slice(&page(&[row("a", T + 1)], 1, None).body).unwrap();
    body["fail"] = json!([{"errors": [{"code": "err_half", "message": "half of it"}]}]);
    let mut host = without_token();
    failed(host.poll(response(200, body)), ErrorKind::Protocol);
    assert_eq!(ids(&host.poll(page(&[row("a", T + 1)], 1, None)).unwrap()), ["a"]);
}

#[test]
fn the_rows_of_the_table_are_tried_in_its_order() {
    let key_code = |status| response(status, fail("err_xdk_invalid_signature", "no"));
    let mut retryable = fail("err_x", "no");
    retryable["fail"][0]["errors"][0]["retryable"] = json!(true);
    let mut retryable_key = fail("err_developer_key", "no");
    retryable_key["fail"][0]["errors"][0]["retryable"] = json!(true);
    let mut both = meta_status(503);
    both["fail"] = json!([{"errors": [{"code": "err_x", "message": "no"}]}]);
    for (what, reply, kind) in [
        ("429 before key codes", key_code(429), ErrorKind::Throttled),
        ("credentials before 5xx", key_code(503), ErrorKind::Auth),
        ("credentials before retryable", response(200, retryable_key), ErrorKind::Auth),
        ("401 before retryable", response(401, retryable.clone()), ErrorKind::Auth),
        ("403 before a refused token", response(403, "{}"), ErrorKind::Auth),
        ("another machine before 403", response(403, html()), ErrorKind::Transient),
        ("418 before a refused token", response(418, ""), ErrorKind::Auth),
        ("5xx before a refused token", response(500, html()), ErrorKind::Transient),
        ("retryable before a refused token", response(404, retryable), ErrorKind::Transient),
        ("meta.status 5xx before other codes", response(200, both), ErrorKind::Transient),
        (
            "the HTTP status before meta.status",
            response(503, meta_status(403)),
            ErrorKind::Transient,
        ),
    ] {
        fails_always(what, &Ok(reply), kind);
    }
}

#[test]
fn words_of_the_api_come_on_one_line_and_not_without_end() {
    let words = format!("first\r\n\u{1b}[31msecond\u{0}{}", "long ".repeat(5_000));
    for body in [fail("err_x", &words), gateway("x", &words), error_object(&words)] {
        for mut host in [with_token(), without_token()] {
            let shown = match host.poll(response(400, body.clone())) {
                Ok(batch) => batch.notices[0].message.clone(),
                Err(error) => error.message,
            };
            assert!(shown.contains("first") && shown.len() < 1_000, "{shown}");
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}

#[test]
fn a_status_of_another_server_points_to_the_base_url() {
    for status in [301, 307, 404, 405] {
        let reply = Ok(response(status, html()));
        let error = fails_without_token("another server", &reply, ErrorKind::Protocol);
        assert_says(&error, &["api_refused", &status.to_string(), "base_url"]);
    }
}

#[test]
fn an_error_carries_no_notice_and_what_it_kept_back_comes_with_the_next_batch() {
    let changed = config_with(json!({"filters": {"query": "changed"}}));
    let mut host = without_token();
    host.poll(no_rows()).unwrap();
    host.reconfigure(&changed);
    let (mut odd, now) = (page(&[], 0, None).body, host.now);
    odd.push(0xff);
    for reply in [
        response(500, ""),
        response(403, ""),
        response(400, fail("err_x", "no")),
        // Not UTF-8, and no page.
        response(200, odd),
        // By a clock that is off.
        response(429, "").dated(now + 2 * HOUR),
        response(401, "").dated(now + 2 * HOUR),
    ] {
        let told = format!("{reply:?}");
        let error = host.poll(reply).expect_err(&told);
        assert_eq!(error.notices, [], "{told}");
    }
    assert_eq!(codes(&host.poll(no_rows()).unwrap().notices), ["filters_changed"]);
    assert_eq!(host.poll(no_rows()).unwrap().notices, []);
}
