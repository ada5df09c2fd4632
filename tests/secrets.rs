//! No secret of the configuration comes out, however hard the API tries to give it back. // I4
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod fake;

use fake::{
    Api, HOUR, Host, Reply, T, WithHeader as _, codes, config_with, ids, numbered, page,
    page_of_text, response, row,
};
use mimecast_ttp_source::{Config, HttpError, Memory, Moment, Response, Step, check, poll};
use serde_json::{Value, json};

const ACCESS_KEY: &str = "ak-7Qw3Zr-distinctive";
const APP_KEY: &str = "pk-9Lm5Xt-distinctive";
/// base64 of `sk-2Vb8Nc-distinctive+`
const SECRET_KEY: &str = "c2stMlZiOE5jLWRpc3RpbmN0aXZlKw==";

/// All forms of a secret that an API could echo.
const SECRETS: [&str; 5] =
    [ACCESS_KEY, APP_KEY, SECRET_KEY, "c2stMlZiOE5jLWRpc3RpbmN0aXZlKw", "sk-2Vb8Nc-distinctive+"];

fn secretive() -> Value {
    config_with(json!({"auth": {"type": "hmac", "access_key": ACCESS_KEY, "app_key": APP_KEY,
        "secret_key": SECRET_KEY, "app_id": "app-id"}}))
}

#[track_caller]
fn assert_hides(output: &str) {
    for secret in SECRETS {
        assert!(!output.contains(secret), "{secret}: {output}");
    }
}

/// Every way in which the API's words can come into an output, each with the secret in it.
fn echoes(secret: &str) -> Vec<Reply> {
    let words = format!("you sent {secret}, {secret}");
    let mut replies = Vec::new();
    for status in [200, 400, 401, 403, 404, 408, 418, 429, 500, 503] {
        for body in [
            json!({"fail": [{"errors": [{"code": "err_x", "message": words}]}]}),
            json!({"fail": [{"errors": [{"code": words, "message": ""}]}]}),
            json!({"fail": [{"errors": [{"code": "x", "message": "m", "field": words}]}]}),
            json!({"fail": [{"errors": [{"code": "x", "message": words, "retryable": true}]}]}),
            json!({"fail": [{"code": "gateway", "message": words}]}),
            json!({"fail": [words]}),
            json!({"error": {"message": words}}),
            json!({"error": words}),
            json!({"meta": {"status": words}, "data": words}),
            json!({words.as_str(): 1}),
            json!(words),
        ] {
            replies.push(Ok(response(status, body)));
        }
        replies.push(Ok(response(status, format!("<html>{words}</html>"))));
        replies.push(Ok(response(status, words.clone())));
        let header =
            response(status, "").header_of("Date", &words).header_of("Retry-After", &words);
        replies.push(Ok(header.header_of("X-RateLimit-Remaining", &words)));
    }
    // A long message may not be cut in the middle of a secret.
    for padding in 200..300 {
        let message = format!("{}{secret}", "x".repeat(padding));
        replies.push(Ok(response(400, json!({"fail": [{"code": "y", "message": message}]}))));
    }
    for error in [
        HttpError::Denied,
        HttpError::Dns,
        HttpError::Connect,
        HttpError::Tls,
        HttpError::Timeout,
        HttpError::TooLarge,
        HttpError::Other,
    ] {
        replies.push(Err(error(words.clone())));
    }
    replies
}

#[test]
fn no_failure_of_a_poll_gives_a_secret_back() {
    for secret in SECRETS {
        for reply in echoes(secret) {
            let mut host = Host::new(&secretive());
            assert_hides(&format!("{:?}", host.poll(reply.clone())));
            // And with a page token, where failures become notices.
            host.cursor = None;
            host.poll(page(&[row("a", T + 1)], 9, Some("t"))).unwrap();
            assert_hides(&format!("{:?}", host.poll(reply.clone())));
            // And late, where it is no longer an error that a question is not answered.
            host.now += 600;
            assert_hides(&format!("{:?}", host.poll(reply)));
            assert_hides(&host.cursor.unwrap());
        }
    }
}

#[test]
fn no_failure_of_a_check_gives_a_secret_back() {
    let config = Config::parse(&secretive().to_string()).unwrap();
    for secret in SECRETS {
        // What is asked for a second time may be answered then.
        let answered =
            |reply: Reply| [(reply.clone(), Ok(page(&[], 0, None))), (reply.clone(), reply)];
        for (mut reply, again) in echoes(secret).into_iter().flat_map(answered) {
            let mut memory = Memory::new();
            let mut step = check(&config, &mut memory, at());
            loop {
                assert_hides(&format!("{step:?} {step:#?}"));
                step = match step {
                    Step::Send(_, pending) => {
                        pending.reply(std::mem::replace(&mut reply, again.clone()), at())
                    }
                    Step::Done(_) => break,
                };
            }
        }
    }
}

#[test]
fn rows_alone_may_hold_what_they_hold() {
    for secret in SECRETS {
        let mut host = Host::new(&secretive());
        let mut batch = host.poll(page(&[row(secret, T + 1)], 1, None)).unwrap();
        assert!(batch.events[0].body.contains(secret) && ids(&batch) == [secret]);
        batch.events.clear();
        assert_hides(&format!("{batch:?}"));
    }
}

#[test]
fn odd_rows_are_told_of_without_their_words() {
    for secret in SECRETS {
        for odd in [json!(secret), json!({"id": [secret]}), json!({"id": "a", "eventTime": secret})]
        {
            let mut batch = Host::new(&secretive()).poll(page(&[odd], 1, None)).unwrap();
            assert!(!batch.notices.is_empty());
            batch.events.clear();
            assert_hides(&format!("{batch:?}"));
        }
    }
}

#[test]
fn rows_that_cannot_be_read_are_told_of_without_their_words() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for secret in SECRETS {
        for unreadable in [
            secret.to_owned(),
            format!(r#"{{"id":"{secret}" "{secret}"}}"#),
            format!(r#"{{"id":"{secret}","{secret}":"a\x"}}"#),
            format!(r#"{{"id":"{secret}","{secret}":{deep}}}"#),
        ] {
            let mut host = Host::new(&secretive());
            let batch = host.poll(response(200, page_of_text(&unreadable))).unwrap();
            assert_eq!((ids(&batch), codes(&batch.notices)), (vec![], vec!["row_unreadable"]));
            assert_hides(&format!("{batch:?}"));
        }
    }
}

#[test]
fn neither_the_cursor_nor_any_batch_holds_a_secret() {
    let mut host = Host::new(&secretive());
    let api = Api { page_size: 100, ..numbered(0..1_000, |n| T + n) };
    for _ in 0..14 {
        let now = host.now;
        let batch = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        assert_hides(&format!("{batch:?}"));
        host.now += 10;
    }
}

#[test]
fn a_request_shows_its_access_key_where_it_is_sent_and_nowhere_else() {
    let mut host = Host::new(&secretive());
    host.poll(page(&[], 0, None)).unwrap();
    let request = &host.last().request;
    assert!(request.header("authorization").unwrap().starts_with(&format!("MC {ACCESS_KEY}:")));
    assert_eq!(request.header("x-mc-app-id"), Some("app-id"));
    let debug = format!("{request:?} {request:#?}");
    assert_hides(&debug);
    let signature = request.header("authorization").unwrap().rsplit_once(':').unwrap().1;
    assert!(!debug.contains(signature));
    for (name, value) in &request.headers {
        let sent = value.replace(&format!("MC {ACCESS_KEY}"), "");
        assert_hides(&format!("{name}: {sent}"));
    }
    assert_hides(&String::from_utf8_lossy(&request.body));
}

#[test]
fn debug_of_what_is_public_hides_the_keys() {
    let config = Config::parse(&secretive().to_string()).unwrap();
    let decoded = format!("{:?}", b"sk-2Vb8Nc-distinctive+");
    for debug in [format!("{config:?}"), format!("{config:#?}")] {
        assert_hides(&debug);
        assert!(debug.contains("[redacted]") && !debug.contains(&decoded), "{debug}");
        assert!(!debug.contains("sk-2Vb8Nc"), "{debug}");
    }
    let mut memory = Memory::new();
    let step = poll(&config, &mut memory, None, at());
    assert_hides(&format!("{step:?} {step:#?}"));
    assert!(!format!("{step:?}").contains(decoded.trim_matches(['[', ']'])));
}

#[test]
fn diagnostics_of_a_bad_configuration_hide_the_keys() {
    let bad = [
        ("access_key", json!(format!("{ACCESS_KEY}\n"))),
        ("access_key", json!([ACCESS_KEY])),
        ("app_key", json!({"key": APP_KEY})),
        ("secret_key", json!(format!("{SECRET_KEY}!"))),
        ("secret_key", json!(format!(" {SECRET_KEY}"))),
        ("app_id", json!(format!("{APP_KEY}\u{0}"))),
        ("type", json!(ACCESS_KEY)),
    ];
    for (key, value) in bad {
        let mut config = secretive();
        config["auth"][key] = value;
        config["base_url"] = json!(format!("https://user:{APP_KEY}@api.example"));
        config["start"] = json!(SECRET_KEY);
        let faults = Config::parse(&config.to_string()).unwrap_err();
        assert_eq!(faults.0.len(), 3, "{faults:?}");
        assert_hides(&format!("{faults:?}"));
    }
    for text in [
        secretive().to_string().replace('}', ""),
        secretive().to_string().replace(',', ""),
        format!("{} {ACCESS_KEY}", secretive()),
        format!("{ACCESS_KEY} {APP_KEY} {SECRET_KEY}"),
    ] {
        assert_hides(&format!("{:?}", Config::parse(&text).unwrap_err()));
    }
}

#[test]
fn a_configuration_in_the_place_of_a_cursor_is_refused_without_its_words() {
    let mut host = Host::new(&secretive());
    let mut versioned = secretive();
    versioned["version"] = json!(1);
    let mut key_as_name = json!({"version": 1});
    key_as_name[ACCESS_KEY] = json!(APP_KEY);
    for cursor in
        [secretive().to_string(), versioned.to_string(), key_as_name.to_string(), SECRET_KEY.into()]
    {
        host.cursor = Some(cursor);
        let outcome = host.poll_with(|_| panic!("nothing may be sent"));
        assert_hides(&format!("{:?}", outcome.unwrap_err()));
    }
}

#[test]
fn secrets_in_the_headers_of_a_good_page_go_no_further() {
    for secret in SECRETS {
        let names = ["Date", "Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Echo"];
        let reply: Response =
            names.iter().fold(page(&[], 0, None), |reply, name| reply.header_of(name, secret));
        assert_hides(&format!("{:?}", Host::new(&secretive()).poll(reply).unwrap()));
    }
}

fn at() -> Moment {
    Moment { unix_nanos: u64::try_from(T + HOUR).unwrap() * 1_000_000_000, random: [9; 16] }
}

#[test]
fn a_page_token_that_holds_a_key_never_gets_into_a_cursor() {
    let config = Config::parse(&secretive().to_string()).unwrap();
    for secret in [ACCESS_KEY, APP_KEY, SECRET_KEY, "sk-2Vb8Nc-distinctive+"] {
        let page = json!({"meta": {"pagination": {"next": format!("next {secret}")}},
            "data": [{"resultCount": 9, "impersonationLogs": [{"id": "a"}]}]});
        let at = Moment { unix_nanos: 1_793_500_000_000_000_000, random: [1; 16] };
        let mut memory = Memory::new();
        let Step::Send(_, pending) = poll(&config, &mut memory, None, at) else {
            panic!("nothing is sent")
        };
        let Step::Done(outcome) = pending.reply(Ok(response(200, page)), at) else {
            panic!("a second request")
        };
        let error = outcome.unwrap_err();
        assert_hides(&format!("{error:?}"));
        assert!(error.message.contains("page token holds a key"), "{}", error.message);
    }
}

const CLIENT_SECRET: &str = "cs/4Gh6Jk+distinctive";
const ACCESS_TOKEN: &str = "at/8Yt5Re+distinctive";
const ACCESS_TOKEN_IN_A_FORM: &str = "at%2F8Yt5Re%2Bdistinctive";
/// The same in the forms of a form and of HTTP's basic authorization, and the token that it gives.
const SECRETS_OF_API_2: [&str; 5] = [
    CLIENT_SECRET,
    "cs%2F4Gh6Jk%2Bdistinctive",
    "Y2xpZW50LTE6Y3MvNEdoNkprK2Rpc3RpbmN0aXZl",
    ACCESS_TOKEN,
    ACCESS_TOKEN_IN_A_FORM,
];

fn of_api_2() -> Config {
    let config = config_with(json!({"auth":
        {"type": "oauth2", "client_id": "client-1", "client_secret": CLIENT_SECRET}}));
    Config::parse(&config.to_string()).unwrap()
}

#[track_caller]
fn assert_hides_api_2(output: &str) {
    for secret in SECRETS_OF_API_2 {
        assert!(!output.contains(secret), "{secret}: {output}");
    }
}

/// A poll with API 2.0: all that it shows on its way and at its end, and the cursor. The last reply
/// is given as often as it is asked for.
fn poll_api_2(cursor: Option<&str>, replies: &[Reply]) -> (String, Option<String>) {
    let (config, mut memory) = (of_api_2(), Memory::new());
    let mut shown = format!("{config:?} {config:#?}");
    let mut step = poll(&config, &mut memory, cursor, at());
    let mut replies = replies.iter().chain(std::iter::repeat(replies.last().unwrap()));
    let outcome = loop {
        step = match step {
            Step::Send(request, pending) => {
                shown = format!("{shown} {request:?} {request:#?} {pending:?}");
                pending.reply(replies.next().unwrap().clone(), at())
            }
            Step::Done(outcome) => break outcome,
        };
    };
    (format!("{shown} {outcome:?} {memory:?}"), outcome.ok().map(|batch| batch.cursor))
}

fn granted() -> Response {
    response(200, json!({"access_token": ACCESS_TOKEN, "expires_in": 1_799}))
}

#[test]
fn no_reply_of_the_token_endpoint_gives_a_secret_back() {
    for secret in SECRETS_OF_API_2.into_iter().filter(|secret| !secret.starts_with("at")) {
        for reply in echoes(secret) {
            assert_hides_api_2(&poll_api_2(None, &[reply]).0);
        }
    }
}

#[test]
fn no_failure_with_an_access_token_gives_a_secret_back() {
    let first = Ok(page(&[row("a", T + 1)], 9, Some("t")));
    let (shown, cursor) = poll_api_2(None, &[Ok(granted()), first]);
    assert_hides_api_2(&shown);
    for secret in SECRETS_OF_API_2 {
        for reply in echoes(secret) {
            assert_hides_api_2(&poll_api_2(None, &[Ok(granted()), reply.clone()]).0);
            assert_hides_api_2(&poll_api_2(cursor.as_deref(), &[Ok(granted()), reply]).0);
        }
        // Nor can a page token bring one into a cursor.
        let page = page(&[row("a", T + 1)], 9, Some(&format!("next {secret}")));
        let (shown, cursor) = poll_api_2(None, &[Ok(granted()), Ok(page)]);
        assert_hides_api_2(&shown);
        assert!(shown.contains("page token holds a key") && cursor.is_none(), "{shown}");
    }
}
