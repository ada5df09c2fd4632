//! Refused credentials and permissions: a person must see to them.

use mimecast_ttp_source::{ErrorKind, HttpError};

use crate::fake::{HOUR, T, WithHeader as _, response};
use crate::{BODY, assert_says, fail, fails_always, gateway, html, meta_status};

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

#[test]
fn a_request_that_the_host_denies_is_a_fault_of_the_configuration() {
    let reply = Err(HttpError::Denied("api.example is not in the list".into()));
    let error = fails_always("denied", &reply, ErrorKind::Config);
    assert_says(&error, &["denied", "api.example is not in the list", "allow", "base_url"]);
}
