//! Access tokens: how they are given and refused, and what they open.
//!
//! Seen to fail when: the token is constant, its seal, its age or its number is not looked at, its
//! life is a second longer, `expires_in` is a fixed figure; the secret, the grant type or the media
//! type is not looked at, `+` stays a plus, a repeated field is taken; a refusal does not repeat
//! what was sent; a request for a token spends the quota, begins its window anew, is counted or
//! remembered among those for logs; a token in a reply that was cut counts as given.

use mimecast_sim::{
    ClientCredentials, Fault, FaultRule, Options, Quota, RateHeaders, Scope, Style, TOKEN_PATH,
    When,
};
use serde_json::{Value, json};

use crate::client::{
    ask, ask_token, ask_with, empty_world, form, get, last_day, post_form, post_token, token,
    world_of,
};

#[test]
fn the_client_is_given_a_token_that_opens_the_logs() {
    let sim = world_of(30).start().unwrap();
    let reply = ask_token(&sim);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let json = reply.json();
    let token = json["access_token"].as_str().unwrap();
    assert!(token.len() > 20 && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token}");
    let expected =
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 1799, "scope": ""});
    assert_eq!(json, expected);

    let body = last_day(&json!({}));
    assert_eq!(ask_with(&sim, token, &body).ids(), ask(&sim, &body).ids());
}

#[test]
fn every_token_is_another_and_all_of_them_are_good() {
    let sim = empty_world().start().unwrap();
    let (first, second) = (token(&sim), token(&sim));
    assert_ne!(first, second);
    assert_eq!([first, second].map(|token| ask_with(&sim, &token, &json!({})).status), [200, 200]);
}

#[test]
fn a_token_is_good_for_as_long_as_it_says() {
    for life_secs in [60, 1799] {
        let options = Options { access_token_life_secs: life_secs, ..empty_world() };
        let sim = options.start().unwrap();
        let given = ask_token(&sim).json();
        assert_eq!(given["expires_in"], life_secs);
        let status = || {
            ask_with(&sim, given["access_token"].as_str().unwrap(), &json!({"data": [{}]})).status
        };
        sim.advance_secs(i64::from(life_secs) - 1);
        assert_eq!(status(), 200);
        sim.advance_secs(1);
        assert_eq!(status(), 401);
    }
}

#[test]
fn a_token_that_is_not_good_has_expired() {
    let sim = empty_world().start().unwrap();
    let good = token(&sim);
    let of_another_run = token(&empty_world().start().unwrap());
    let spoilt = good.replace(&good[4..8], "0000");
    for wrong in ["x", "x y", &good[1..], &spoilt, &of_another_run] {
        let reply = ask_with(&sim, wrong, &json!({}));
        let expected =
            json!({"fail": [{"code": "token_expired", "message": "Access Token Expired"}]});
        assert_eq!((reply.status, reply.json()), (401, expected), "{wrong}");
    }
    assert_eq!(ask_with(&sim, &good, &json!({})).status, 200);
}

#[test]
fn all_tokens_can_be_dropped_at_once() {
    let sim = empty_world().start().unwrap();
    let old = [token(&sim), token(&sim)];
    sim.expire_tokens();
    assert_eq!(old.map(|token| ask_with(&sim, &token, &json!({})).status), [401, 401]);
    assert_eq!(ask_with(&sim, &token(&sim), &json!({})).status, 200);
}

#[test]
fn credentials_are_read_as_a_form_sends_them() {
    let client = ClientCredentials {
        client_id: "my client".to_owned(),
        client_secret: "a+b c&d=e%2Ff/\u{fc}".to_owned(),
    };
    let sim = Options { client: client.clone(), ..empty_world() }.start().unwrap();
    assert!(sim.client() == client);
    assert_eq!(post_form(&sim, &form(&client)).status, 200);
    let charset = "application/x-www-form-urlencoded; charset=utf-8";
    assert_eq!(post_token(&sim, charset, &form(&client)).status, 200);
    assert_eq!(ask_token(&sim).status, 401, "the demo client is another");
}

#[test]
fn wrong_credentials_are_refused_and_repeated() {
    let sim = empty_world().start().unwrap();
    let right = ClientCredentials::default();
    for wrong in [
        ClientCredentials { client_id: "someone".to_owned(), ..right.clone() },
        ClientCredentials { client_secret: "gue$$ed +1".to_owned(), ..right.clone() },
        ClientCredentials { client_secret: String::new(), ..right },
    ] {
        let reply = post_form(&sim, &form(&wrong));
        assert_eq!((reply.status, reply.gateway_code().as_str()), (401, "invalid_client"));
        let json = reply.json();
        assert_eq!(json["error"], "invalid_client");
        for text in [&json["fail"][0]["message"], &json["error_description"]] {
            assert_repeats(text, &wrong);
        }
    }
    assert_eq!(sim.stats().tokens_given, 0);
}

#[test]
fn a_malformed_request_is_refused_and_repeated() {
    let sim = empty_world().start().unwrap();
    let client = ClientCredentials::default();
    let good = form(&client);
    let media = "application/x-www-form-urlencoded";
    for (media, body, code) in [
        (media, good.replace("client_credentials", "password"), "unsupported_grant_type"),
        (media, good.replace("&grant_type=client_credentials", ""), "invalid_request"),
        (media, format!("{good}&client_secret=again"), "invalid_request"),
        ("application/json", good.clone(), "invalid_request"),
    ] {
        let reply = post_token(&sim, media, &body);
        assert_eq!((reply.status, reply.gateway_code().as_str()), (400, code), "{body}");
        assert_repeats(&reply.json()["error_description"], &client);
    }
    for body in ["", "client_id=x", "\u{0}=%zz&&=", r#"{"client_id": "x"}"#] {
        assert_eq!(post_form(&sim, body).status, 400, "{body}");
    }
}

#[track_caller]
fn assert_repeats(text: &Value, client: &ClientCredentials) {
    let text = text.as_str().unwrap();
    assert!(text.contains(&client.client_id) && text.contains(&client.client_secret), "{text}");
}

#[test]
fn a_token_is_posted_for() {
    let sim = empty_world().start().unwrap();
    let reply = get(&sim, TOKEN_PATH);
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(sim.stats().outcomes["token status 405"], 1);
}

#[test]
fn a_token_reply_tells_the_quota_of_the_logs_in_either_spelling_and_spends_none() {
    let quota = Quota { limit: 2, window_ms: 30_000 };
    for (rate_headers, prefix) in
        [(RateHeaders::Joined, "x-ratelimit"), (RateHeaders::Dashed, "x-rate-limit")]
    {
        let style = Style { rate_headers, ..Style::default() };
        let sim = Options { quota, style, ..world_of(1) }.start().unwrap();
        ask(&sim, &last_day(&json!({})));
        for reply in [ask_token(&sim), ask_token(&sim), post_form(&sim, ""), get(&sim, TOKEN_PATH)]
        {
            let header = |name| reply.header(&format!("{prefix}-{name}"));
            let quota = [header("limit"), header("remaining"), header("reset")];
            assert_eq!(quota, [Some("2"), Some("1"), Some("30000")]);
            assert!(reply.header("date").is_some());
        }
    }
}

#[test]
fn a_request_for_a_token_does_not_begin_a_new_window_of_the_quota() {
    let quota = Quota { limit: 2, window_ms: 30_000 };
    let resets = |asks_token: bool| {
        let sim = Options { quota, ..world_of(1) }.start().unwrap();
        sim.advance_secs(40);
        if asks_token {
            ask_token(&sim);
        }
        sim.advance_secs(10);
        let reply = ask(&sim, &last_day(&json!({})));
        reply.header("x-ratelimit-reset").map(str::to_owned)
    };
    assert_eq!(resets(true), resets(false));
}

#[test]
fn requests_for_tokens_are_counted_aside_and_their_secrets_not_kept() {
    let sim = world_of(1).start().unwrap();
    ask_token(&sim);
    ask_with(&sim, &token(&sim), &last_day(&json!({})));
    post_form(&sim, "");
    let cut = FaultRule::new(Fault::Cut, When::Every(1)).on(Scope::Token);
    sim.set_faults(vec![cut]);
    assert!(serde_json::from_slice::<Value>(&ask_token(&sim).body).is_err());

    let stats = sim.stats();
    assert_eq!((stats.requests, stats.token_requests, stats.tokens_given), (1, 4, 2));
    let outcomes = [
        ("page", 1),
        ("token fault cut", 1),
        ("token given", 2),
        ("token refused invalid_request", 1),
    ];
    assert!(stats.outcomes.iter().map(|(name, &n)| (name.as_str(), n)).eq(outcomes), "{stats:?}");
    assert_eq!(get(&sim, "/sim/stats").json()["token_requests"], 4);
    assert_eq!(sim.requests().len(), 1);
}
