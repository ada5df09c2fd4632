//! API 2.0: access tokens are asked for, kept, replaced and given up as the contract says.
//!
//! Seen to fail, each by the fault put into the code: a token used to its end or past it, for other
//! credentials or another base URL; no cap on its life; 403 of the endpoint not judged; a reply too
//! long, or a token too long or of another type, taken; a failure in HTTP 200 overlooked; `retryable`
//! overlooked; a form not encoded; a refused token kept, or asked for anew without end; a fresh token
//! that is refused taken for bad credentials; a missing product told as a missing role.
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod fake;

use fake::{
    HOUR, Outcome, Reply, T, WithHeader as _, config, config_with, failed, ids, page, response, row,
};
use mimecast_ttp_source::{
    Config, ErrorKind, HttpError, Moment, Report, Request, Response, Step, TokenCache, check, poll,
};
use serde_json::{Value, json};

const SECRET: &str = "cs/7Qw3-Zr+distinctive";

fn oauth2() -> Value {
    config_with(json!({"auth":
        {"type": "oauth2", "client_id": "client/1", "client_secret": SECRET}}))
}

/// One instance of the component, and the cursor that its host stores.
struct Instance {
    config: Value,
    tokens: TokenCache,
    now: i64,
    cursor: Option<String>,
    /// The requests of the last poll or check.
    sent: Vec<Request>,
}

impl Instance {
    fn new(config: Value) -> Self {
        Self { config, tokens: TokenCache::new(), now: T + HOUR, cursor: None, sent: Vec::new() }
    }

    /// An instance that has a token, called `old`.
    fn with_token() -> Self {
        let mut instance = Self::new(oauth2());
        instance.poll([grant("old", 1_799), empty()]).unwrap();
        instance
    }

    fn poll<const N: usize>(&mut self, replies: [Response; N]) -> Outcome {
        self.poll_with(replies.map(Ok))
    }

    /// A poll that takes just these replies.
    fn poll_with<const N: usize>(&mut self, replies: [Reply; N]) -> Outcome {
        let config = Config::parse(&self.config.to_string()).unwrap();
        let at = self.at();
        let step = poll(&config, &mut self.tokens, self.cursor.as_deref(), at);
        let outcome =
            drive(step, replies, &mut self.sent, |pending, reply| pending.reply(reply, at));
        if let Ok(batch) = &outcome {
            self.cursor = Some(batch.cursor.clone());
        }
        outcome
    }

    fn check<const N: usize>(
        &mut self,
        replies: [Response; N],
    ) -> Result<Report, mimecast_ttp_source::PollError> {
        let config = Config::parse(&self.config.to_string()).unwrap();
        let at = self.at();
        let step = check(&config, &mut self.tokens, at);
        drive(step, replies.map(Ok), &mut self.sent, |pending, reply| pending.reply(reply, at))
    }

    fn at(&self) -> Moment {
        let unix_nanos = u64::try_from(self.now).unwrap() * 1_000_000_000;
        Moment { unix_nanos, random: [3; 16] }
    }

    /// What the last poll asked for: `token`, or logs with which token.
    fn asked(&self) -> Vec<&str> {
        self.sent.iter().map(|sent| sent.header("authorization").unwrap_or("token")).collect()
    }
}

fn drive<P, T, const N: usize>(
    mut step: Step<P, T>,
    replies: [Reply; N],
    sent: &mut Vec<Request>,
    reply: impl Fn(P, Reply) -> Step<P, T>,
) -> Result<T, mimecast_ttp_source::PollError> {
    sent.clear();
    let mut replies = replies.into_iter();
    loop {
        step = match step {
            Step::Send(request, pending) => {
                sent.push(request);
                reply(pending, replies.next().expect("one request less"))
            }
            Step::Done(outcome) => {
                assert!(replies.next().is_none(), "a reply is left");
                return outcome;
            }
        };
    }
}

fn grant(token: &str, expires_in: impl Into<Value>) -> Response {
    let expires_in: Value = expires_in.into();
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in,
        "scope": ""});
    response(200, body)
}

fn empty() -> Response {
    page(&[], 0, None)
}

/// As the gateway tells of a failure.
fn gateway(status: u16, code: &str) -> Response {
    response(status, json!({"fail": [{"code": code, "message": "no"}]}))
}

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
        response(401, "<html>"),
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
fn a_token_endpoint_in_trouble_is_waited_for() {
    let waits = [
        (response(429, "").header_of("X-RateLimit-Reset", "1500"), Some(1_500)),
        (response(429, "").header_of("X-Rate-Limit-Reset", "2500"), Some(2_500)),
        (response(429, "").header_of("Retry-After", "3"), Some(3_000)),
        (response(429, "").header_of("X-RateLimit-Reset", "99999999"), Some(900_000)),
        (response(503, "<html>").header_of("Retry-After", "4"), Some(4_000)),
        (response(200, json!({"meta": {"status": 500}, "fail": []})), None),
        (response(400, json!({"fail": [{"errors": [{"retryable": true}]}]})), None),
        (response(509, ""), None),
    ];
    for (reply, wait) in waits {
        let told = format!("{reply:?}");
        let error = failed(Instance::new(oauth2()).poll([reply]), ErrorKind::Transient);
        assert_eq!(error.retry_after_ms, wait, "{told}");
        assert!(["rate_limited", "api_failed"].contains(&error.code), "{error:?}");
    }
    for (error, code) in [
        (HttpError::Dns("why".into()), "dns"),
        (HttpError::Connect("why".into()), "connect"),
        (HttpError::Tls("why".into()), "tls"),
        (HttpError::Timeout("why".into()), "timeout"),
        (HttpError::Other("why".into()), "exchange_failed"),
    ] {
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

#[test]
fn the_position_is_kept_from_api_1_to_api_2_and_over_new_keys() {
    let rows = |names: &[&str], next| {
        let rows: Vec<_> = names.iter().map(|name| row(name, T + 1)).collect();
        page(&rows, 6, next)
    };
    let mut instance = Instance::new(config());
    instance.poll([rows(&["a", "b"], Some("p2"))]).unwrap();
    let cursor = instance.cursor.clone().unwrap();
    instance.config = oauth2();
    let batch = instance.poll([grant("t", 1_799), rows(&["b", "c"], Some("p3"))]).unwrap();
    assert_eq!(ids(&batch), ["c"]);
    assert_eq!(page_token(&instance.sent[1]), json!("p2"));
    instance.config["auth"]["client_secret"] = json!("another");
    let batch = instance.poll([grant("u", 1_799), rows(&["d"], Some("p4"))]).unwrap();
    assert_eq!((ids(&batch), page_token(&instance.sent[1])), (vec!["d"], json!("p3")));
    let by_api_2 = instance.cursor.clone();
    // The same way with API 1.0 alone leads to the same cursor, to the byte.
    let mut alone = Instance { cursor: Some(cursor), ..Instance::new(config()) };
    alone.poll([rows(&["b", "c"], Some("p3"))]).unwrap();
    alone.poll([rows(&["d"], Some("p4"))]).unwrap();
    assert_eq!(alone.cursor, by_api_2);
    instance.config = config();
    let batch = instance.poll([rows(&["e"], Some("p5"))]).unwrap();
    assert_eq!((ids(&batch), page_token(&instance.sent[0])), (vec!["e"], json!("p4")));
}

fn page_token(request: &Request) -> Value {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["meta"]["pagination"]["pageToken"].clone()
}

#[test]
fn a_token_is_used_for_the_credentials_and_the_api_that_it_was_given_for() {
    for (key, value) in [
        ("/auth/client_id", "client-2"),
        ("/auth/client_secret", "another"),
        ("/base_url", "https://uk-api.example"),
    ] {
        let mut instance = Instance::with_token();
        *instance.config.pointer_mut(key).unwrap() = json!(value);
        instance.poll([grant("other", 1_799), empty()]).unwrap();
        assert_eq!(instance.asked(), ["token", "Bearer other"], "{key}");
    }
    let mut instance = Instance::with_token();
    instance.config["page_size"] = json!(7);
    instance.poll([empty()]).unwrap();
    assert_eq!(instance.asked(), ["Bearer old"]);
}

#[test]
fn a_lost_instance_costs_one_token_request_and_nothing_else() {
    let mut instance = Instance::with_token();
    instance.tokens = TokenCache::new();
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
    let error = Instance::new(oauth2()).check([response(401, SECRET)]).unwrap_err();
    assert!(error.code == "client_refused" && !error.message.contains(SECRET), "{error:?}");
}
