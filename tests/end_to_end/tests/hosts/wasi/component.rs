//! The source over `wasi:http`, called by a runtime that has no code for it.

use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Fault, FaultRule, LedgerQuery, Options, Running, Scope, When, WorldOptions, api_date,
};

use super::invoke::{invoke, members, quoted, unquoted};
use crate::faulty::{refused, silent};

const COMPOSITION: &str = "mimecast-ttp-source.wasi-http.wasm";

#[test]
fn polls_give_every_row_once() {
    let api = api(250, Vec::new());
    let mut cursor = "none".to_owned();
    let mut collected = String::new();
    // No more polls than windows and pages there are.
    for _ in 0..30 {
        let value = poll(&api.base_url(), &api, &cursor);
        for body in members(&value, "body") {
            collected += &(unquoted(body) + "\n");
        }
        cursor = format!("some({})", members(&value, " cursor")[0]);
        if value.contains("more: false") {
            break;
        }
    }
    assert_each_once(&collected, &ledger(&api, &LedgerQuery::default()));
}

#[test]
fn what_kept_a_response_away_is_told_by_its_code() {
    let api = api(10, Vec::new());
    for (base_url, code) in
        [(refused(), "connect"), ("https://no-such-name.invalid".to_owned(), "dns")]
    {
        let value = poll(&base_url, &api, "none");
        let told = format!(r#"err({{kind: transient, code: "{code}""#);
        assert!(value.starts_with(&told), "{base_url}: {value}");
    }
    // This one speaks no TLS.
    let plain = api.base_url().replace("http://", "https://");
    let value = poll(&plain, &api, "none");
    assert!(value.starts_with(r#"err({kind: transient, code: "tls""#), "{value}");
}

#[test]
fn an_api_that_does_not_answer_is_a_timeout() {
    let api = api(10, Vec::new());
    let value = poll(&silent(), &api, "none");
    assert!(value.starts_with(r#"err({kind: transient, code: "timeout""#), "{value}");
}

#[test]
fn a_reply_that_is_too_large_is_told_and_left_behind() {
    let oversized = FaultRule::new(Fault::Oversized { body_bytes: 17 << 20 }, When::Nth(1));
    let api = api(10, vec![oversized.on(Scope::FirstPage)]);
    let value = poll(&api.base_url(), &api, "none");
    assert!(value.starts_with("ok({events: [],"), "{value:.300}");
    assert!(value.contains(r#"code: "reply_too_large""#), "{value}");
}

fn poll(base_url: &str, api: &Running, cursor: &str) -> String {
    let start = api_date(api.now_secs() - 5 * 86_400 - 3600).replace("+0000", "Z");
    let client = api.client();
    let config = format!(
        r#"{{"base_url": "{base_url}", "start": "{start}", "page_size": 100,
           "auth": {{"type": "oauth2", "client_id": "{}", "client_secret": "{}"}}}}"#,
        client.client_id, client.client_secret
    );
    invoke(COMPOSITION, &format!("poll({}, {cursor})", quoted(&config.replace('\n', " "))))
}

fn api(rows: u32, faults: Vec<FaultRule>) -> Running {
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults, ..Options::default() }.start().unwrap()
}
