//! What each kind of reply leads to: the outcome, the wait, what a person is told and where the
//! next request starts. One test a row of the table, and one for the order of its rows.
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod fake;

use fake::{
    Asked, DAY, Given, HOUR, Host, Reply, T, WithHeader as _, codes, config, config_with, failed,
    ids, no_responses, no_rows, page, page_of_text, response, row,
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
    assert_eq!(error.stats.requests, 1, "{what}");
    assert_told(what, &error);
    let error_of_check = checked(reply.clone()).unwrap_err();
    assert_eq!((error_of_check.kind, &error_of_check.message), (kind, &error.message), "{what}");
    assert_eq!(error_of_check.code, error.code, "{what}");
    let snake_case = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(!error.code.is_empty() && error.code.chars().all(snake_case), "{what}: {}", error.code);
    error
}

/// Counts as a refused token: no event, a notice, half the window from the same start, no token;
/// and the rows that came before do not come again.
#[track_caller]
fn refuses_the_token(what: &str, reply: Reply) {
    let mut host = with_token();
    let (from, to) = (host.next().from, host.next().to);
    let batch = match host.poll(reply) {
        Ok(batch) => batch,
        Err(error) => panic!("{what}: {error:?}"),
    };
    assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0, "{what}: {batch:?}");
    assert!(codes(&batch.notices).contains(&"page_token_refused"), "{what}: {batch:?}");
    assert!(batch.notices.iter().all(|notice| notice.level == Level::Warn), "{what}");
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

fn checked(reply: Reply) -> Result<Report, PollError> {
    let config = Config::parse(&config().to_string()).unwrap();
    let at =
        Moment { unix_nanos: u64::try_from(T + HOUR).unwrap() * 1_000_000_000, random: [0; 16] };
    match check(&config, &mut TokenCache::new(), at) {
        Step::Send(_, pending) => match pending.reply(reply, at) {
            Step::Done(outcome) => outcome,
            Step::Send(..) => panic!("one request"),
        },
        Step::Done(outcome) => outcome,
    }
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
    let same_token = page(&[row("b", T + 2)], 700, Some("token-1"));
    let many = vec!["{}"; 10_001].join(",");
    let deep = format!("{{\"id\":{}1{}}}", "[".repeat(200), "]".repeat(200));
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
        ("the same token again", same_token),
        ("10,001 rows", response(200, page_of_text(&many))),
        ("nested too deep", response(200, page_of_text(&deep))),
        ("more than 16 MiB", response(200, vec![b' '; 16 * 1024 * 1024 + 1])),
    ] {
        refuses_the_token(what, Ok(reply));
    }
    refuses_the_token("too large for the host", Err(HttpError::TooLarge("20 MB".into())));
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
        for body in [html(), String::new(), gateway("unheard_of", "no").to_string()] {
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
    let too_large = || Given::from(HttpError::TooLarge("more than 16 MiB".into()));
    let mut host = without_token();
    let mut secs = host.next().to - host.next().from;
    while secs > 1 {
        let batch = host.poll(too_large()).unwrap();
        assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0);
        assert_eq!(codes(&batch.notices), ["reply_too_large"]);
        host.skip_newest();
        let next = host.next();
        assert_eq!((next.from, next.to, next.token), (T, T + secs / 2, None));
        secs /= 2;
    }
    let error = failed(host.poll(too_large()), ErrorKind::Protocol);
    assert_says(&error, &["too_large", "second", "2026-11-01T00:00:00Z", "page_size"]);
    let batch = host.poll(page(&[row("a", T)], 1, None)).unwrap();
    assert_eq!(ids(&batch), ["a"]);
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
        ("403 before a refused token", response(403, html()), ErrorKind::Auth),
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
    assert_eq!(checked(Ok(limited(no_rows(), "3"))).unwrap().quota, quota(3));
    assert_eq!(without_token().poll(no_rows()).unwrap().quota, None);
}

#[test]
fn a_check_tells_the_newest_rows_time_and_the_apis_clock_and_asks_for_one_row() {
    let reply = page(&[row("a", T + 1_000)], 5, Some("t")).dated(T + HOUR + 90);
    let report = checked(Ok(reply)).unwrap();
    assert_eq!(report.newest_unix_nanos, Some(u64::try_from(T + 1_000).unwrap() * 1_000_000_000));
    assert_eq!(report.clock_offset_ms, Some(90_000));
    assert_eq!((report.stats.requests, report.stats.rows), (1, 1));
    let nothing = checked(Ok(no_rows())).unwrap();
    assert_eq!((nothing.newest_unix_nanos, nothing.clock_offset_ms), (None, None));
    assert_eq!(codes(&nothing.notices), ["no_rows"]);
    assert!(report.notices.is_empty() && nothing.notices[0].message.contains("24 hours"));
}

#[test]
fn a_check_looks_back_for_a_day_however_short_windows_are() {
    let config = config_with(json!({"window_max_secs": 900})).to_string();
    let config = Config::parse(&config).unwrap();
    let mut tokens = TokenCache::new();
    let at =
        Moment { unix_nanos: u64::try_from(T + DAY).unwrap() * 1_000_000_000, random: [0; 16] };
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
    host.now += DAY;
    failed(host.poll(response(503, html())), ErrorKind::Transient);
    let mut twin = Host::new(&config_with(json!({"poll_interval_secs": 5})));
    twin.cursor.clone_from(&host.cursor);
    twin.now = host.now;
    assert_eq!(twin.next().body, host.next().body);
    assert_eq!(host.next().from, T);
}
