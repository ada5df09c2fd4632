//! What each kind of reply leads to: the outcome, the wait, what a person is told and where the
//! next request starts. One test a row of the table, and one for the order of its rows.
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod ahead;
mod check;
mod failures;
#[path = "../fake/mod.rs"]
mod fake;
mod less;
mod pages;
mod refusals;
mod waits;

use fake::{
    Asked, HOUR, Host, Reply, T, codes, config, failed, ids, no_responses, page, response, row,
};
use mimecast_ttp_source::{
    Config, ErrorKind, HttpError, Level, Memory, Moment, PollError, Report, Step, check,
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
    let mut memory = Memory::new();
    let mut step = check(&config, &mut memory, at);
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

/// The first word is the error's code, the others are in its message.
#[track_caller]
fn assert_says(error: &PollError, words: &[&str]) {
    let [code, words @ ..] = words else { panic!("no code to look for") };
    assert_eq!(error.code, *code, "{error:?}");
    for word in words {
        assert!(error.message.contains(word), "{word}: {error:?}");
    }
}
