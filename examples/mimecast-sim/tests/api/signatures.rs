//! Who is let in by a signature, and with what words the others are refused.

use mimecast_sim::{ClockStart, Keys, Options};
use serde_json::json;

use crate::client::{Call, NOW, NOW_SIGNED, ask, empty_world, sign};

fn call() -> Call {
    Call::new(&json!({"data": [{}]}))
}

#[test]
fn the_signature_is_that_of_an_independent_tool() {
    // printf 'DATE:ID:PATH:APP_KEY' | openssl dgst -sha1 -hmac SECRET -binary | base64
    let id = "8578FCFC-A305-4D9A-99CB-F4D5ECEFE297";
    let date = "Tue, 24 Nov 2015 12:50:11 UTC";
    let signature = sign(&Keys::default(), date, id, mimecast_sim::LOGS_PATH);
    assert_eq!(signature, "vMyVsMcA2xuJmY5qOQYuzaJynHU=");

    let clock = ClockStart::Stopped { unix_secs: 1_448_369_411 };
    let sim = Options { clock, ..empty_world() }.start().unwrap();
    let call = Call { date: date.to_owned(), request_id: id.to_owned(), ..call() };
    assert_eq!(call.send(&sim).status, 200);
}

#[test]
fn a_wrong_signature_is_refused() {
    let sim = empty_world().start().unwrap();
    let keys = Keys::default();
    for wrong in [
        Call { keys: Keys { secret_key: "c2VjcmV0".to_owned(), ..keys.clone() }, ..call() },
        Call { keys: Keys { app_key: "another".to_owned(), ..keys.clone() }, ..call() },
        Call { signed_path: "/api/ttp/url/get-logs".to_owned(), ..call() },
        Call {
            left_out: Some("Authorization"),
            extra_headers: vec![(
                "Authorization".to_owned(),
                format!("MC {}:not base64", keys.access_key),
            )],
            ..call()
        },
    ] {
        let reply = wrong.send(&sim);
        assert_eq!((reply.status, reply.code().as_str()), (401, "err_xdk_invalid_signature"));
        assert_eq!(reply.json()["meta"]["status"], 401);
        assert_eq!(reply.json()["fail"][0]["errors"][0]["retryable"], false);
    }
}

#[test]
fn an_unknown_access_key_is_refused() {
    let sim = empty_world().start().unwrap();
    let keys = Keys { access_key: "unknown".to_owned(), ..Keys::default() };
    let reply = Call { keys, ..call() }.send(&sim);
    assert_eq!((reply.status, reply.code().as_str()), (401, "err_xdk_client_unauthorized"));
}

#[test]
fn an_unknown_application_is_refused() {
    let sim = empty_world().start().unwrap();
    let keys = Keys { app_id: "unknown".to_owned(), ..Keys::default() };
    let reply = Call { keys, ..call() }.send(&sim);
    assert_eq!((reply.status, reply.code().as_str()), (401, "err_developer_key"));
}

#[test]
fn a_request_without_one_of_its_headers_is_refused() {
    let sim = empty_world().start().unwrap();
    for name in ["Authorization", "x-mc-app-id", "x-mc-date", "x-mc-req-id"] {
        let reply = Call { left_out: Some(name), ..call() }.send(&sim);
        assert_eq!((reply.status, reply.code().as_str()), (401, "err_xdk_client_unauthorized"));
        assert!(reply.text().to_lowercase().contains(&name.to_lowercase()), "{}", reply.text());
    }
    let reply = Call { left_out: Some("Content-Type"), ..call() }.send(&sim);
    assert_eq!((reply.status, reply.code().as_str()), (400, "err_validation_content_type"));
}

#[test]
fn a_date_more_than_fifteen_minutes_off_the_servers_clock_is_refused() {
    let sim = empty_world().start().unwrap();
    for (off_secs, status) in [(900, 200), (901, 401), (-900, 200), (-901, 401)] {
        sim.set_clock(ClockStart::Stopped { unix_secs: NOW + off_secs });
        let reply = call().send(&sim);
        assert_eq!(reply.status, status, "{off_secs}");
        if status == 401 {
            assert_eq!(reply.code(), "err_xdk_client_unauthorized");
        }
    }
}

#[test]
fn a_date_of_another_form_is_refused() {
    let sim = empty_world().start().unwrap();
    for date in ["Tue, 14 Nov 2023 22:13:20 GMT", "2023-11-14T22:13:20+0000", ""] {
        let reply = Call { date: date.to_owned(), ..call() }.send(&sim);
        assert_eq!((reply.status, reply.code().as_str()), (401, "err_xdk_client_unauthorized"));
    }
}

#[test]
fn a_request_id_is_good_for_one_request() {
    let sim = empty_world().start().unwrap();
    let call = call();
    assert_eq!(call.send(&sim).status, 200);
    let reply = call.send(&sim);
    assert_eq!((reply.status, reply.code().as_str()), (401, "err_xdk_client_unauthorized"));
    assert!(reply.text().contains("x-mc-req-id"));
}

#[test]
fn a_refused_request_does_not_use_up_its_id() {
    let sim = empty_world().start().unwrap();
    let wrong = Keys { app_key: "another".to_owned(), ..Keys::default() };
    let right = call();
    assert_eq!(Call { keys: wrong, ..right.clone() }.send(&sim).status, 401);
    assert_eq!(right.send(&sim).status, 200);
}

#[test]
fn keys_can_be_chosen_and_must_be_base64() {
    let keys = Keys { secret_key: "b3RoZXI=".to_owned(), ..Keys::default() };
    let sim = Options { keys: keys.clone(), ..empty_world() }.start().unwrap();
    assert_eq!(call().send(&sim).code(), "err_xdk_invalid_signature");
    assert_eq!(Call { keys, ..call() }.send(&sim).status, 200);

    let keys = Keys { secret_key: "not base64!".to_owned(), ..Keys::default() };
    let error = Options { keys, ..empty_world() }.start().err().unwrap().to_string();
    assert!(error.contains("secret key must be base64"), "{error}");
    assert!(!error.contains("not base64!"), "{error}");
}

#[test]
fn secrets_are_not_in_debug_output() {
    let options = Options::default();
    let (keys, client, debug) = (&options.keys, &options.client, format!("{options:?}"));
    assert!(debug.contains(&keys.app_id) && debug.contains(&client.client_id));
    for secret in [&keys.secret_key, &keys.app_key, &client.client_secret] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[test]
fn other_paths_and_methods_are_refused() {
    let sim = empty_world().start().unwrap();
    let elsewhere = Call { path: "/api/ttp/url/get-logs".to_owned(), ..call() };
    assert_eq!(elsewhere.send(&sim).status, 404);
    assert_eq!(Call { method: "GET".to_owned(), ..call() }.send(&sim).status, 405);
}

#[test]
fn an_address_off_loopback_is_refused() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = Options { listen, ..empty_world() }.start().err().unwrap().to_string();
    assert!(error.contains("loopback"), "{error}");
}

#[test]
fn a_clock_ahead_shows_in_the_date_and_in_what_is_stale() {
    let sim = empty_world().start().unwrap();
    sim.advance_secs(3600);
    let reply = ask(&sim, &json!({}));
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("date"), Some("Tue, 14 Nov 2023 23:13:20 GMT"));
    let date = NOW_SIGNED.replace("22:13", "23:13");
    assert_eq!(Call { date, ..call() }.send(&sim).status, 200);
}
