//! What each kind of reply leads to: the outcome, the wait, what a person is told and where the
//! next request starts. One test a row of the table, and one for the order of its rows.
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod fake;

use fake::{
    Asked, DAY, Given, HOUR, Host, Reply, T, WithHeader as _, codes, config, config_with, failed,
    http_date, ids, no_responses, no_rows, page, page_of_text, response, row,
};
use mimecast_ttp_source::{
    Config, ErrorKind, HttpError, Level, Moment, PollError, Quota, Report, Response, Step,
    TokenCache, check,
};
use serde_json::{Value, json};

/// Stands where the API's words are of no use to anybody: no output may hold it.
const BODY: &str = "body-of-the-reply";

/// A host whose next request carries the page token `token-1`.
fn with_token() -> Host {
    let mut host = Host::new(&config());
    let batch = host.poll(page(&[row("a", T + 1)], 700, Some("token-1"))).unwrap();
    assert_eq!((ids(&batch), batch.more), (vec!["a"], true));
    assert_eq!(host.next().token.as_deref(), Some("token-1"));
    host
}

fn without_token() -> Host {
    Host::new(&config())
}

/// Polls with a token, polls without one and checks: all must fail in this way, and the same
/// cursor must ask the same afterwards.
#[track_caller]
fn fails_always(what: &str, reply: &Reply, kind: ErrorKind) -> PollError {
    failed(with_token().poll(reply.clone()), kind);
    fails_without_token(what, reply, kind)
}

#[track_caller]
fn fails_without_token(what: &str, reply: &Reply, kind: ErrorKind) -> PollError {
    let mut host = without_token();
    let before = host.next().body;
    let Err(error) = host.poll(reply.clone()) else { panic!("{what}: the poll must fail") };
    assert_eq!(error.kind, kind, "{what}: {error:?}");
    assert_eq!(host.next().body, before, "{what}");
    let requests = if may_be_too_much(&error) { 2 } else { 1 };
    assert_eq!(error.stats.requests, requests, "{what}");
    assert_eq!(error.notices, [], "{what}");
    assert_told(what, &error);
    let error_of_check = checked(reply).unwrap_err();
    assert_eq!((error_of_check.kind, &error_of_check.message), (kind, &error.message), "{what}");
    assert_eq!(error_of_check.code, error.code, "{what}");
    let snake_case = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(!error.code.is_empty() && error.code.chars().all(snake_case), "{what}: {}", error.code);
    error
}

/// Less is asked for at once, where there was no poll before.
fn may_be_too_much(error: &PollError) -> bool {
    let is_given_up = ["502", "503", "504"].iter().any(|status| error.message.contains(status));
    matches!(error.code, "timeout" | "not_understood")
        || (error.code == "api_failed" && is_given_up)
}

/// No event, a notice, half the window from the same start, no token; and the rows that came before
/// do not come again.
#[track_caller]
fn leaves_the_token(what: &str, reply: Reply, code: &str) {
    let mut host = with_token();
    let (from, to) = (host.next().from, host.next().to);
    let batch = match host.poll(reply) {
        Ok(batch) => batch,
        Err(error) => panic!("{what}: {error:?}"),
    };
    assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0, "{what}: {batch:?}");
    assert_eq!(codes(&batch.notices), [code], "{what}");
    assert_eq!(batch.notices[0].level, Level::Warn, "{what}");
    assert!(!format!("{batch:?}").contains(BODY), "{what}: {batch:?}");
    host.skip_newest();
    let next = host.next();
    assert_eq!((next.from, next.to, next.token), (from, from + (to - from) / 2, None), "{what}");
    let batch = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 2, None)).unwrap();
    assert_eq!(ids(&batch), ["b"], "{what}");
}

fn assert_told(what: &str, error: &PollError) {
    let told = format!("{error:?}");
    assert!(!error.message.is_empty() && !told.contains(BODY), "{what}: {told}");
}

/// A check whose requests all get the same answer.
fn checked(reply: &Reply) -> Result<Report, PollError> {
    checked_with(|_| reply.clone())
}

fn checked_with(mut answer: impl FnMut(Asked) -> Reply) -> Result<Report, PollError> {
    let config = Config::parse(&config().to_string()).unwrap();
    let at = moment(T + HOUR);
    let mut tokens = TokenCache::new();
    let mut step = check(&config, &mut tokens, at);
    for _ in 0..=2 {
        step = match step {
            Step::Send(request, pending) => pending.reply(answer(Asked::of(request)), at),
            Step::Done(outcome) => return outcome,
        };
    }
    panic!("a check asks more than twice")
}

fn moment(unix_secs: i64) -> Moment {
    Moment { unix_nanos: u64::try_from(unix_secs).unwrap() * 1_000_000_000, random: [0; 16] }
}

/// Shape 1: the API's own failures.
fn fail(code: &str, message: &str) -> Value {
    json!({"meta": {"status": 200}, "data": [], "fail": [{"key": {"pageSize": 500},
        "errors": [{"code": code, "message": message, "retryable": false}]}]})
}

/// Shape 2: the failures of the API's gateway.
fn gateway(code: &str, message: &str) -> Value {
    json!({"fail": [{"code": code, "message": message}]})
}

/// Shape 3, one of three forms.
fn error_object(message: &str) -> Value {
    json!({"error": {"message": message}})
}

/// Shape 4: a status inside HTTP 200.
fn meta_status(status: u16) -> Value {
    json!({"meta": {"status": status}, "data": [], "fail": []})
}

fn html() -> String {
    format!("<html><body><h1>{BODY}</h1></body></html>")
}

#[test]
fn a_page_with_next_gives_its_unseen_rows_and_leads_to_the_next_page_of_the_same_window() {
    let mut host = without_token();
    let first = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 4, Some("t1"))).unwrap();
    assert_eq!((ids(&first), first.more, first.next_poll_ms), (vec!["a", "b"], true, 0));
    let window = (host.last().from, host.last().to);
    let second = host.poll(page(&[row("b", T + 2), row("c", T + 3)], 4, Some("t2"))).unwrap();
    assert_eq!((host.last().from, host.last().to), window);
    assert_eq!(host.last().token.as_deref(), Some("t1"));
    assert_eq!((ids(&second), second.more, second.stats.duplicates), (vec!["c"], true, 1));
    assert_eq!(host.next().token.as_deref(), Some("t2"));
    assert_eq!(second.stats.rows, 2);
}

#[test]
fn a_page_without_next_ends_the_window() {
    let mut host = with_token();
    let last = host.poll(page(&[row("b", T + 2)], 2, None)).unwrap();
    assert_eq!((ids(&last), last.more), (vec!["b"], false));
    assert_eq!(last.next_poll_ms, 60_000);
    assert_eq!(host.next().token, None);
}

#[test]
fn a_token_that_leads_nowhere_is_left_behind_with_half_the_window() {
    let many = vec!["{}"; 10_001].join(",");
    for (what, reply) in [
        ("404", response(404, html())),
        ("400 with a code", response(400, fail("err_validation_blank", "no"))),
        ("409", response(409, "")),
        ("302", response(302, html())),
        ("HTML", response(200, html())),
        ("nothing", response(200, "")),
        ("cut", response(200, format!("{{\"data\":[{{\"impersonationLogs\":[{{\"a\":\"{BODY}"))),
        ("no data", response(200, json!({"meta": {"status": 200}}))),
        ("fail in 200", response(200, fail("err_unknown_page", "no such page"))),
        ("fail of the gateway", response(200, gateway("page_gone", "gone"))),
        ("error object", response(400, error_object("gone"))),
        ("meta.status 400", response(200, meta_status(400))),
        ("10,001 rows", response(200, page_of_text(&many))),
    ] {
        leaves_the_token(what, Ok(reply), "page_token_refused");
    }
    let too_large = response(200, vec![b' '; 16 * 1024 * 1024 + 1]);
    leaves_the_token("more than 16 MiB", Ok(too_large), "reply_too_large");
    let too_large = HttpError::TooLarge("20 MB".into());
    leaves_the_token("too large for the host", Err(too_large), "reply_too_large");
}

#[test]
fn a_page_that_leads_back_to_itself_gives_its_rows_and_half_the_window_is_read_again() {
    let mut host = with_token();
    let batch = host.poll(page(&[row("b", T + 2)], 700, Some("token-1"))).unwrap();
    assert_eq!((ids(&batch), batch.more), (vec!["b"], true));
    host.skip_newest();
    let next = host.next();
    assert_eq!((next.from, next.to, next.token), (T, T + HOUR / 2, None));
    let rows = [row("a", T + 1), row("b", T + 2), row("c", T + 3)];
    assert_eq!(ids(&host.poll(page(&rows, 3, None)).unwrap()), ["c"]);
}

#[test]
fn too_many_requests_are_transient_and_the_apis_wait_is_passed_on() {
    for status in [429, 408, 425] {
        for (what, reply) in [
            ("HTTP", response(status, html())),
            ("meta.status", response(200, meta_status(status))),
        ] {
            let error =
                fails_always(&format!("{what} {status}"), &Ok(reply.clone()), ErrorKind::Transient);
            assert_eq!(error.retry_after_ms, None);
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
        failed(outcome, ErrorKind::Transient).retry_after_ms
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
    assert_eq!(failed(host.poll(reply), ErrorKind::Transient).retry_after_ms, Some(40_000));
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
    failed(with_token().poll(reply), ErrorKind::Transient).retry_after_ms
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
fn refused_credentials_say_what_a_person_must_do() {
    let keys = &["keys_refused", "access_key", "secret_key", "app_id", "app_key", "base_url"][..];
    let lapsed = &["keys_lapsed", "lapsed", "make a new pair", "Never Expires"][..];
    let permission = &["permission_missing", "Monitoring | Impersonation Protection | Read"][..];
    for (status, words) in [(401, keys), (403, permission), (418, lapsed)] {
        for body in
            [String::new(), "\r\n".into(), "{}".into(), gateway("unheard_of", "no").to_string()]
        {
            let error = fails_always("status", &Ok(response(status, body)), ErrorKind::Auth);
            assert_says(&error, words);
        }
        let inside = Ok(response(200, meta_status(status)));
        assert_says(&fails_always("meta.status", &inside, ErrorKind::Auth), words);
    }
    for (code, words) in [
        ("err_xdk_binding_expired", lapsed),
        ("err_xdk_client_unauthorized", &["access_key_unknown", "access_key", "app_id", "region"]),
        ("err_xdk_invalid_signature", &["signature_refused", "secret_key", "app_key"]),
        ("err_developer_key", &["application_unknown", "app_id", "app_key"]),
        ("token_expired", &["wrong_api", "access token", "API 1.0", "oauth2"]),
        ("app_forbidden", &["product_missing", "Security Events"]),
    ] {
        for status in [200, 400, 401, 403, 500] {
            for body in [fail(code, "no"), gateway(code, "no")] {
                let what = format!("{code} {status}");
                let error = fails_always(&what, &Ok(response(status, body)), ErrorKind::Auth);
                assert_says(&error, words);
                assert_eq!(error.retry_after_ms, None, "{what}");
            }
        }
    }
}

#[test]
fn a_refusal_in_words_that_are_not_the_apis_is_no_refusal_of_the_keys() {
    for status in [401, 403, 418] {
        for body in [
            html(),
            format!("  {BODY}"),
            format!("\"{BODY}\""),
            format!("[{{\"{BODY}\":1}}]"),
            format!("{{\"{BODY}\""),
            "null".into(),
        ] {
            let what = format!("{status} {body}");
            let reply = response(status, body).header_of("Retry-After", "9");
            // However far off its clock is: it may be any machine's.
            for reply in [reply.clone(), reply.dated(T + 9 * HOUR)] {
                let error = fails_always(&what, &Ok(reply), ErrorKind::Transient);
                assert_says(&error, &["not_the_api", &status.to_string(), "proxy", "base_url"]);
                assert_eq!(error.retry_after_ms, Some(9_000), "{what}");
            }
        }
    }
}

/// The first word is the error's code, the others are in its message.
#[track_caller]
fn assert_says(error: &PollError, words: &[&str]) {
    let [code, words @ ..] = words else { panic!("no code to look for") };
    assert_eq!(error.code, *code, "{error:?}");
    for word in words {
        assert!(error.message.contains(word), "{word}: {error:?}");
    }
}

#[test]
fn a_request_that_the_host_denies_is_a_fault_of_the_configuration() {
    let reply = Err(HttpError::Denied("api.example is not in the list".into()));
    let error = fails_always("denied", &reply, ErrorKind::Config);
    assert_says(&error, &["denied", "api.example is not in the list", "allow", "base_url"]);
}

#[test]
fn a_page_that_is_too_large_is_asked_for_again_in_half_the_window_down_to_a_second() {
    let mut host = without_token();
    let mut secs = host.next().to - host.next().from;
    let mut told = vec!["reply_too_large"];
    while secs > 1 {
        let batch = host.poll(too_large()).unwrap();
        assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0);
        // Told once, and again after an hour.
        assert_eq!(codes(&batch.notices), std::mem::take(&mut told));
        host.skip_newest();
        let next = host.next();
        assert_eq!((next.from, next.to, next.token), (T, T + secs / 2, None));
        secs /= 2;
    }
    host.now += HOUR;
    let batch = host.poll(too_large()).unwrap();
    assert_eq!(codes(&batch.notices), ["reply_too_large"]);
    let since = "so since 2026-11-01T01:00:00Z";
    assert!(batch.notices[0].message.contains(since), "{batch:?}");
}

fn too_large() -> Given {
    Given::from(HttpError::TooLarge("more than 16 MiB".into()))
}

#[test]
fn a_second_that_is_too_large_is_read_row_by_row_from_both_ends_and_the_rest_left_behind() {
    let mut host = without_token();
    let way = |host: &Host| {
        let next = host.next();
        let size = next.body["meta"]["pagination"]["pageSize"].as_u64();
        let is_oldest_first = next.body["data"][0]["oldestFirst"].as_bool();
        (next.from, next.to, size.unwrap(), is_oldest_first.unwrap(), next.token)
    };
    while host.next().to - host.next().from > 1 {
        host.poll(too_large()).unwrap();
        host.skip_newest();
    }
    // The same again, before it is taken for more than a whim.
    for _ in 0..4 {
        assert_eq!(way(&host), (T, T + 1, 500, true, None));
        host.poll(too_large()).unwrap();
    }
    for (is_oldest_first, rows) in [(true, ["a", "b"]), (false, ["e", "d"])] {
        assert_eq!(way(&host), (T, T + 1, 1, is_oldest_first, None));
        for id in rows {
            let batch = host.poll(page(&[row(id, T)], 5, Some(id))).unwrap();
            assert_eq!((ids(&batch), batch.more), (vec![id], true));
            assert_eq!(way(&host), (T, T + 1, 1, is_oldest_first, Some(id.to_owned())));
        }
        let (before, mut polls) = (way(&host), 0);
        let batch = loop {
            let batch = host.poll(too_large()).unwrap();
            assert_eq!((ids(&batch), batch.more), (vec![], true));
            polls += 1;
            if way(&host) != before {
                break batch;
            }
            // The same row again, but not for ever.
            assert!(batch.notices.is_empty() && polls < 10, "{batch:?}");
        };
        let told = if is_oldest_first { vec![] } else { vec!["rows_withheld"] };
        assert_eq!(codes(&batch.notices), told);
        if let [notice] = &*batch.notices {
            assert!(notice.message.contains("the second 2026-11-01T00:00:00Z is left behind"));
            assert_eq!(notice.level, Level::Warn);
        }
    }
    // It goes on behind it, as usual.
    let next = host.next();
    assert_eq!((next.from, next.token), (T + 1, None));
    assert_eq!(next.body["meta"]["pagination"]["pageSize"], 500);
    assert_eq!(ids(&host.poll(page(&[row("f", T + 1)], 1, None)).unwrap()), ["f"]);
}

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
        ("429 before key codes", key_code(429), ErrorKind::Transient),
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
fn what_the_api_says_of_its_quota_comes_with_batches_and_with_errors() {
    let limited = |response: Response, remaining: &str| {
        response
            .header_of("X-RateLimit-Remaining", remaining)
            .header_of("x-ratelimit-reset", "9000")
    };
    let quota = |remaining| Some(Quota { remaining, reset_ms: 9_000 });
    let batch = without_token().poll(limited(no_rows(), "4")).unwrap();
    assert_eq!((batch.quota, batch.next_poll_ms), (quota(4), 60_000));
    let error = failed(without_token().poll(limited(response(429, ""), "0")), ErrorKind::Transient);
    assert_eq!(error.quota, quota(0));
    assert_eq!(checked(&Ok(limited(no_rows(), "3"))).unwrap().quota, quota(3));
    assert_eq!(without_token().poll(no_rows()).unwrap().quota, None);
}

#[test]
fn a_check_tells_the_newest_rows_time_and_the_apis_clock_and_asks_for_one_row() {
    let reply = page(&[row("a", T + 1_000)], 5, Some("t")).dated(T + HOUR + 90);
    let report = checked(&Ok(reply)).unwrap();
    assert_eq!(report.newest_unix_nanos, Some(u64::try_from(T + 1_000).unwrap() * 1_000_000_000));
    assert_eq!(report.clock_offset_ms, Some(90_000));
    assert_eq!((report.stats.requests, report.stats.rows), (1, 1));
    let nothing = checked(&Ok(no_rows())).unwrap();
    assert_eq!((nothing.newest_unix_nanos, nothing.clock_offset_ms), (None, None));
    assert_eq!(codes(&nothing.notices), ["no_rows"]);
    assert!(report.notices.is_empty() && nothing.notices[0].message.contains("24 hours"));
}

#[test]
fn a_check_looks_back_for_a_day_however_short_windows_are() {
    let config = config_with(json!({"window_max_secs": 900})).to_string();
    let config = Config::parse(&config).unwrap();
    let mut tokens = TokenCache::new();
    let at = moment(T + DAY);
    let Step::Send(request, _) = check(&config, &mut tokens, at) else { panic!("nothing is sent") };
    let asked = Asked::of(request);
    assert_eq!((asked.from, asked.to), (T, T + DAY));
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
fn a_poll_that_failed_for_a_day_goes_on_where_it_stood() {
    let mut host = with_token();
    failed(host.poll(response(503, html())), ErrorKind::Transient);
    host.now += DAY;
    let batch = host.poll(response(503, html())).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec!["unanswered"]));
    assert_eq!(batch.progress.complete_until.unix_secs(), T);
    let mut twin = Host::new(&config_with(json!({"poll_interval_secs": 5})));
    twin.cursor.clone_from(&host.cursor);
    twin.now = host.now;
    assert_eq!(twin.next().body, host.next().body);
    assert_eq!((host.next().from, host.next().token), (T, None));
    let rows = [row("a", T + 1), row("b", T + 2)];
    assert_eq!(ids(&host.poll(page(&rows, 2, None)).unwrap()), ["b"]);
}

/// What may have been too much to ask for at once, and all else that is no answer.
fn no_answers() -> (Vec<Reply>, Vec<Reply>) {
    let cut = format!("{{\"data\":[{{\"impersonationLogs\":[{{\"a\":\"{BODY}");
    let too_much = vec![
        Ok(response(502, html())),
        Ok(response(503, "")),
        Ok(response(504, error_object("timed out"))),
        Ok(response(200, meta_status(504))),
        Ok(response(200, html())),
        Ok(response(200, cut)),
        Ok(response(200, "{}")),
        Err(HttpError::Timeout("why".into())),
    ];
    let mut others: Vec<Reply> =
        [400, 401, 403, 404, 418, 429, 500, 509].map(|status| Ok(response(status, "{}"))).into();
    let is_other = |error: &HttpError| !matches!(error, HttpError::Timeout(_));
    others.extend(no_responses().map(|(error, _)| error).into_iter().filter(is_other).map(Err));
    others.push(Err(HttpError::Denied("why".into())));
    (too_much, others)
}

#[test]
fn a_first_question_that_is_too_much_is_asked_for_less_in_the_same_poll() {
    let (too_much, others) = no_answers();
    let host = || {
        let mut host = Host::new(&config());
        host.now = T + 5 * HOUR;
        host
    };
    // An hour of it, then a second.
    let spans = [5 * HOUR, HOUR, 1].map(|secs| (T, T + secs));
    for reply in too_much {
        let told = format!("{reply:?}");
        let mut failing = host();
        let error = failing.poll(reply.clone()).expect_err(&told);
        assert_eq!(error.stats.requests, 3, "{told}");
        let asked: Vec<_> = failing.asked.iter().map(|asked| (asked.from, asked.to)).collect();
        assert_eq!(asked, spans, "{told}");
        let timeout_ms: u32 = failing.asked.iter().map(|asked| asked.request.timeout_ms).sum();
        assert!(timeout_ms <= 90_000, "{told}");
        assert_told(&told, &error);
        for (failed, (_, end)) in [(1, spans[1]), (2, spans[2])] {
            let (mut host, mut requests) = (host(), 0);
            let outcome = host.poll_with(|_| {
                requests += 1;
                if requests > failed { Ok(page(&[row("a", T)], 1, None)) } else { reply.clone() }
            });
            let batch = outcome.expect(&told);
            assert_eq!((ids(&batch), batch.stats.requests), (vec!["a"], failed + 1), "{told}");
            // It goes on from there, and asks for no more than is answered.
            let next = host.next();
            assert!(batch.more && next.from == end && next.to - end < 5 * HOUR, "{told}: {next:?}");
        }
    }
    for reply in others {
        let error = host().poll(reply.clone()).expect_err("no answer");
        assert_eq!(error.stats.requests, 1, "{reply:?}");
        assert_eq!(checked(&reply).expect_err("no answer").stats.requests, 1, "{reply:?}");
    }
}

#[test]
fn a_check_that_is_too_much_tells_what_the_last_hour_shows() {
    for reply in no_answers().0 {
        let told = format!("{reply:?}");
        let mut spans = Vec::new();
        let report = checked_with(|asked| {
            spans.push((asked.from, asked.to));
            if spans.len() > 1 { Ok(page(&[row("a", T + 1)], 1, None)) } else { reply.clone() }
        });
        let report = report.expect(&told);
        assert_eq!((report.stats.rows, codes(&report.notices)), (1, vec!["unanswered"]), "{told}");
        assert_eq!(spans, [(T + HOUR - DAY, T + HOUR), (T, T + HOUR)], "{told}");
        assert!(!format!("{report:?}").contains(BODY), "{report:?}");
        assert_eq!(checked(&reply).expect_err(&told).stats.requests, 2, "{told}");
    }
}

#[test]
fn what_is_not_answered_again_is_asked_for_by_halves_and_all_else_stays_an_error() {
    let (too_much, others) = no_answers();
    let host = || {
        let mut host = Host::new(&config());
        assert_eq!(ids(&host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap()), ["a"]);
        host.now += HOUR;
        // So that no question is late at first.
        assert_eq!(host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap().next_poll_ms, 60_000);
        host.now += 60;
        host
    };
    for reply in too_much {
        let told = format!("{reply:?}");
        let mut host = host();
        let before = host.next();
        let error = host.poll(reply.clone()).expect_err(&told);
        assert_eq!((error.stats.requests, host.next().body), (1, before.body), "{told}");
        assert_told(&told, &error);
        assert!(error.message.contains("if it goes on, less is asked for"), "{error:?}");
        assert_eq!(error.notices, [], "{told}");
        host.now += 30;
        let (from, secs) = (host.next().from, host.next().to - host.next().from);
        let batch = host.poll(reply.clone()).expect(&told);
        assert_eq!((ids(&batch), batch.more, batch.stats.requests), (vec![], true, 1), "{told}");
        assert_eq!(codes(&batch.notices), ["unanswered"], "{told}");
        assert!(!format!("{batch:?}").contains(BODY), "{batch:?}");
        let next = host.next();
        assert_eq!((next.from, next.to, next.token), (from, from + secs / 2, None), "{told}");
        // The same once more: less again, and no more is said of it.
        host.now += 30;
        let batch = host.poll(reply).expect(&told);
        assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec![]), "{told}");
        assert_eq!((host.next().from, host.next().to), (from, from + secs / 4), "{told}");
        let rows = [row("a", T + 1_000), row("b", from + 1)];
        let batch = host.poll(page(&rows, 2, None)).unwrap();
        assert_eq!((ids(&batch), batch.more), (vec!["b"], true), "{told}");
        assert_eq!(host.next().from, from + secs / 4, "{told}");
    }
    for reply in others {
        let mut host = host();
        for _ in 0..3 {
            let before = host.next();
            let error = host.poll(reply.clone()).expect_err("no answer");
            assert_eq!((host.next().from, error.stats.requests), (before.from, 1), "{reply:?}");
            assert_eq!(error.notices, [], "{reply:?}");
            host.now += HOUR;
        }
    }
}

#[test]
fn what_is_asked_for_by_halves_waits_as_long_as_the_api_says() {
    let mut host = without_token();
    host.poll(page(&[row("a", T + 1_000)], 1, None)).unwrap();
    host.now += HOUR;
    let batch = host.poll(response(503, "").header_of("Retry-After", "40")).unwrap();
    assert_eq!((codes(&batch.notices), batch.next_poll_ms), (vec!["unanswered"], 40_000));
    // A question in time, in vain, is an error again.
    host.now += 40;
    failed(host.poll(response(503, "")), ErrorKind::Transient);
}

/// Refuses a question that reaches into its future, in one of the shapes that a failure has. It has
/// a row every ten minutes.
fn refuse_the_future(asked: &Asked, api_now: i64, refusal: &Response) -> Response {
    if asked.to > api_now {
        return refusal.clone().dated(api_now);
    }
    let rows: Vec<_> = (asked.from..=asked.to)
        .filter(|second| second % 600 == 1)
        .map(|second| row(&(second - T).to_string(), second))
        .collect();
    page(&rows, rows.len(), None).dated(api_now)
}

/// The ids of its rows up to that many seconds past `T`.
fn rows_up_to(secs: i64) -> Vec<String> {
    (1..=secs).step_by(600).map(|second| second.to_string()).collect()
}

/// Shapes 1 to 4, of a `to` that is ahead of the API's clock.
fn refusals_of_the_future() -> [Response; 7] {
    let (code, message) = ("err_validation_date_range", "to is in the future");
    [
        response(400, fail(code, message)),
        response(200, fail(code, message)),
        response(400, gateway(code, message)),
        response(400, error_object(message)),
        response(400, html()),
        response(400, ""),
        response(200, meta_status(400)),
    ]
}

#[test]
fn a_question_that_ends_ahead_of_the_apis_clock_is_asked_up_to_it_in_the_same_poll() {
    for refusal in refusals_of_the_future() {
        for (ahead_secs, is_first) in
            [1, 2, 5, 59, 61, 600].into_iter().flat_map(|secs| [(secs, true), (secs, false)])
        {
            let what = format!("{ahead_secs} s, {refusal:?}");
            let mut host = without_token();
            if !is_first {
                // It was right, and is put forward then.
                host.poll(no_rows().dated(host.now)).unwrap();
                host.now += ahead_secs;
            }
            let api_now = host.now - ahead_secs;
            for polls in 0..3 {
                let api_now = api_now + 60 * polls;
                let batch = host
                    .poll_with(|asked| Ok(refuse_the_future(asked, api_now, &refusal)))
                    .unwrap_or_else(|error| panic!("{what}: {error:?}"));
                // Before a jump is believed, it is asked the same. From then on its clock is known.
                let requests = match polls {
                    0 if ahead_secs > 60 && !is_first => 3,
                    0 => 2,
                    _ => 1,
                };
                assert_eq!((batch.stats.requests, host.last().to), (requests, api_now), "{what}");
                assert!(!batch.more, "{what}: {batch:?}");
                if polls == 0 {
                    assert_eq!(ids(&batch), rows_up_to(api_now - T), "{what}");
                }
                host.now += 60;
            }
        }
        // And in a check.
        let api_now = T + HOUR - 5;
        let report = checked_with(|asked| Ok(refuse_the_future(&asked, api_now, &refusal)));
        let report = report.unwrap_or_else(|error| panic!("{refusal:?}: {error:?}"));
        assert_eq!((report.stats.requests, report.notices), (2, vec![]), "{refusal:?}");
    }
}

#[test]
fn a_way_of_several_windows_ends_at_the_apis_clock_too() {
    for refusal in refusals_of_the_future() {
        let mut host = without_token();
        host.now = T + 3 * DAY + 5;
        let (api_now, mut found, mut requests) = (T + 3 * DAY, Vec::new(), Vec::new());
        loop {
            let outcome = host.poll_with(|asked| Ok(refuse_the_future(asked, api_now, &refusal)));
            let batch = outcome.unwrap_or_else(|error| panic!("{refusal:?}: {error:?}"));
            found.extend(ids(&batch).into_iter().map(str::to_owned));
            requests.push(batch.stats.requests);
            if !batch.more {
                break;
            }
        }
        // The newest row, then a day each.
        assert_eq!((found, requests), (rows_up_to(3 * DAY), vec![2, 1, 1, 1]), "{refusal:?}");
    }
}

#[test]
fn a_question_that_is_refused_for_another_reason_is_not_asked_again() {
    let refused = || response(400, fail("err_validation_blank", "no"));
    let now = T + HOUR;
    for (what, reply, requests) in [
        ("without a Date", refused(), 1),
        ("by a clock that is right", refused().dated(now), 1),
        ("by a clock that is ahead", refused().dated(now + 30), 1),
        ("by a clock behind its beginning", refused().dated(T), 1),
        ("404", response(404, "").dated(now - 5), 1),
        ("500", response(500, "").dated(now - 5), 1),
        ("by any clock", refused().dated(now - 5), 2),
    ] {
        let mut host = without_token();
        let error = host.poll(reply).expect_err(what);
        assert_eq!((error.stats.requests, host.cursor), (requests, None), "{what}");
    }
    // With a page token it is the token that is refused.
    let mut host = with_token();
    let batch = host.poll(refused().dated(now - 5)).unwrap();
    assert_eq!((batch.stats.requests, codes(&batch.notices)), (1, vec!["page_token_refused"]));
}

#[test]
fn a_refused_question_that_begins_more_than_a_day_ago_names_start() {
    let refused = || response(400, fail("err_validation_date_range", "no"));
    for (secs, is_old) in [(DAY - 1, false), (DAY, false), (DAY + 1, true), (30 * DAY, true)] {
        let mut host = Host::new(&config_with(json!({"window_max_secs": 30 * DAY})));
        host.now = T + secs;
        for reply in [refused(), response(200, fail("err_x", "no")), refused().dated(host.now)] {
            let error = failed(host.poll(reply), ErrorKind::Protocol);
            assert_eq!(error.code, "api_refused");
            assert_eq!(error.message.contains("`start` to a later time"), is_old, "{error:?}");
            assert_eq!(error.message.contains("2026-11-01T00:00:00Z"), is_old, "{error:?}");
            assert!(!error.message.contains("reset the cursor"), "{error:?}");
        }
    }
    let mut host = without_token();
    host.poll(no_rows()).unwrap();
    host.now += 2 * DAY;
    // The question for the newest row can be done without; then the window is asked for.
    let outcome = host.poll(refused()).and_then(|_| host.poll(refused()));
    let error = failed(outcome, ErrorKind::Protocol);
    for words in ["`start` to a later time", "reset the cursor", "2026-11-01T00:00:00Z"] {
        assert!(error.message.contains(words), "{words}: {error:?}");
    }
    // What other failures tell has nothing to do with it.
    for reply in [response(404, ""), response(500, ""), response(403, ""), response(200, "{}")] {
        let mut host = Host::new(&config_with(json!({"window_max_secs": 30 * DAY})));
        host.now += 9 * DAY;
        let error = host.poll(reply).expect_err("it failed");
        assert!(!error.message.contains("`start`"), "{error:?}");
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
