//! What a configuration may hold: every fault with its path and its remedy, all of them at once, and
//! a JSON Schema that says the same as the parser.
#![allow(clippy::unwrap_used)]

mod fake;

use fake::{HOUR, Host, config, config_with, paths, with};
use mimecast_ttp_source::{Config, ConfigError, Diagnostic};
use serde_json::{Value, json};

/// Stands where a secret could stand: no diagnostic may hold it.
const VALUE: &str = "never-to-be-shown";
const PATH: &str = "/api/ttp/impersonation/get-logs";

fn faults(config: &Value) -> Vec<Diagnostic> {
    faults_of(&config.to_string())
}

fn faults_of(text: &str) -> Vec<Diagnostic> {
    let ConfigError(faults) = Config::parse(text).map(drop).expect_err(text);
    for fault in &faults {
        assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
        assert!(!format!("{fault:?}").contains(VALUE), "{fault:?}");
    }
    faults
}

/// The one fault of a configuration.
#[track_caller]
fn fault(config: &Value) -> Diagnostic {
    let mut faults = faults(config);
    assert_eq!(faults.len(), 1, "{config}: {faults:?}");
    faults.remove(0)
}

fn without(path: &str) -> Value {
    let mut config = config();
    let (object, key) = path.rsplit_once('.').unwrap_or(("", path));
    let object = object.split('.').filter(|key| !key.is_empty());
    object.fold(&mut config, |object, key| &mut object[key]).as_object_mut().unwrap().remove(key);
    config
}

/// With these credentials of API 2.0.
fn oauth2(credentials: &Value) -> Value {
    let mut config = config_with(json!({"auth": credentials}));
    config["auth"]["type"] = json!("oauth2");
    config
}

#[test]
fn each_fault_comes_with_its_path_and_its_remedy() {
    for (config, path, message, remedy) in [
        (config_with(json!({"pagesize": 5})), "pagesize", "unknown", "page_size"),
        (with("auth.token", json!(VALUE)), "auth.token", "unknown", "access_key"),
        (config_with(json!({"filters": {"action": []}})), "filters.action", "unknown", "actions"),
        (with("page_size", json!("500")), "page_size", "number", "1 to 500"),
        (with("page_size", json!(1.5)), "page_size", "number", "1 to 500"),
        (with("page_size", json!(null)), "page_size", "number", "1 to 500"),
        (with("page_size", json!(0)), "page_size", "bounds", "1 to 500"),
        (with("page_size", json!(501)), "page_size", "bounds", "1 to 500"),
        (with("overlap_secs", json!(-1)), "overlap_secs", "bounds", "0 to 604800"),
        (with("poll_interval_secs", json!(86_401)), "poll_interval_secs", "bounds", "1 to 86400"),
        (with("keep_original", json!("yes")), "keep_original", "string", "true or false"),
        (with("keep_original", json!(1)), "keep_original", "number", "true or false"),
        (with("format", json!(VALUE)), "format", "format", "raw"),
        (with("start", json!("yesterday")), "start", "RFC 3339", "2026-11-01T00:00:00Z"),
        (with("start", json!("1969-12-31T23:59:59Z")), "start", "1970", "2026-11-01T00:00:00Z"),
        (with("start", json!(1_793_491_200)), "start", "number", "string"),
        (with("auth", json!(VALUE)), "auth", "string", "object"),
        (with("filters", json!([])), "filters", "list", "object"),
        (with("filters", json!(null)), "filters", "null", "object"),
        (without("auth"), "auth", "missing", "add"),
        (without("base_url"), "base_url", "missing", "add"),
        (without("auth.secret_key"), "auth.secret_key", "missing", "add"),
        (with("auth.type", json!("oauth3")), "auth.type", "kind", "oauth2"),
        (without("auth.type"), "auth.type", "missing", "add"),
        (oauth2(&json!({"client_id": "a"})), "auth.client_secret", "missing", "add"),
        (
            oauth2(&json!({"client_id": "a", "client_secret": "b c"})),
            "auth.client_secret",
            "space",
            "copy",
        ),
        (
            oauth2(&json!({"client_id": "a", "client_secret": "b", "app_id": VALUE})),
            "auth.app_id",
            "unknown",
            "client_id, client_secret",
        ),
        (with("auth.access_key", json!("")), "auth.access_key", "empty", "set"),
        (with("auth.access_key", json!("k\n")), "auth.access_key", "control character", "copy"),
        (with("auth.access_key", json!("k\r\nX-Evil: 1")), "auth.access_key", "control", "copy"),
        (with("auth.app_id", json!("a\u{0}b")), "auth.app_id", "control", "copy"),
        (with("auth.app_key", json!("a\tb")), "auth.app_key", "control", "copy"),
        (with("auth.app_key", json!(" a")), "auth.app_key", "space", "copy"),
        (with("auth.app_key", json!("schl\u{fc}ssel")), "auth.app_key", "ASCII", "copy"),
        (with("auth.app_key", json!("\u{7f}")), "auth.app_key", "control", "copy"),
        (with("auth.secret_key", json!("not!base64")), "auth.secret_key", "base64", "copy"),
        (with("auth.secret_key", json!("YWJj=")), "auth.secret_key", "base64", "copy"),
        (with("auth.secret_key", json!("A")), "auth.secret_key", "base64", "copy"),
        (with("auth.secret_key", json!("_-_-")), "auth.secret_key", "base64", "copy"),
        (with("auth.secret_key", json!("====")), "auth.secret_key", "base64", "copy"),
        (with("auth.secret_key", json!(5)), "auth.secret_key", "number", "string"),
        (with("window_max_secs", json!(899)), "window_max_secs", "below overlap_secs", "raise"),
        (with("quiet_max_secs", json!(899)), "quiet_max_secs", "below overlap_secs", "raise"),
        (
            config_with(json!({"filters": {"search_field": "subject"}})),
            "filters.search_field",
            "query",
            "query",
        ),
        (
            config_with(json!({"filters": {"search_field": "body", "query": "x"}})),
            "filters.search_field",
            "search",
            "senderAddress",
        ),
        (config_with(json!({"filters": {"query": ""}})), "filters.query", "empty", "leave"),
        (
            config_with(json!({"filters": {"query": "a\u{0}"}})),
            "filters.query",
            "control",
            "remove",
        ),
        (config_with(json!({"filters": {"actions": "hold"}})), "filters.actions", "string", "list"),
        (
            config_with(json!({"filters": {"actions": ["a", "b", 5]}})),
            "filters.actions[2]",
            "number",
            "string",
        ),
        (
            config_with(json!({"filters": {"identifiers": [""]}})),
            "filters.identifiers[0]",
            "empty",
            "leave",
        ),
        (
            config_with(json!({"filters": {"tagged_malicious": "true"}})),
            "filters.tagged_malicious",
            "string",
            "true or false",
        ),
    ] {
        let fault = fault(&config);
        assert_eq!(fault.path, path, "{fault:?}");
        assert!(fault.message.contains(message), "{message}: {fault:?}");
        assert!(fault.remedy.contains(remedy), "{remedy}: {fault:?}");
    }
}

#[test]
fn an_overlap_above_a_default_is_told_where_that_default_counts() {
    let faults = faults(&with("overlap_secs", json!(604_800)));
    assert_eq!(paths(&faults), ["quiet_max_secs", "window_max_secs"]);
    let config = config_with(
        json!({"overlap_secs": 604_800, "window_max_secs": 604_800, "quiet_max_secs": 604_800}),
    );
    Config::parse(&config.to_string()).unwrap();
}

#[test]
fn all_faults_come_at_once() {
    let faults = faults(&json!({
        "base_url": "http://api.example", "unknown": VALUE, "page_size": 0, "start": VALUE,
        "overlap_secs": 1_000, "window_max_secs": 999, "quiet_max_secs": 998, "format": VALUE,
        "poll_interval_secs": "60", "keep_original": 0,
        "auth": {"type": "hmac", "access_key": "a\n", "secret_key": "?", "app_id": "", "more": VALUE},
        "filters": {"search_field": "subject", "actions": ["", 1], "identifiers": {}, "new": VALUE},
    }));
    assert_eq!(
        paths(&faults),
        [
            "auth.access_key",
            "auth.app_id",
            "auth.app_key",
            "auth.more",
            "auth.secret_key",
            "base_url",
            "filters.actions[0]",
            "filters.actions[1]",
            "filters.identifiers",
            "filters.new",
            "filters.search_field",
            "format",
            "keep_original",
            "page_size",
            "poll_interval_secs",
            "quiet_max_secs",
            "start",
            "unknown",
            "window_max_secs",
        ]
    );
    let nothing = faults_of("{}");
    assert_eq!(paths(&nothing), ["auth", "base_url"]);
}

#[test]
fn a_key_given_twice_is_refused_wherever_it_is() {
    let once = config_with(json!({"filters": {"query": "x"}})).to_string();
    for (key, twice, path) in [
        ("\"start\":", "\"start\":\"2026-11-01T00:00:00Z\",\"start\":", "start"),
        ("\"app_id\":", "\"app_id\":\"x\",\"app_id\":", "auth.app_id"),
        ("\"query\":", "\"query\":\"x\",\"\\u0071uery\":", "filters.query"),
        (
            "\"auth\":",
            "\"auth\":{\"type\":\"hmac\",\"access_key\":\"a\",\"secret_key\":\"YWJj\",\"app_id\":\"a\",\"app_key\":\"a\"},\"auth\":",
            "auth",
        ),
    ] {
        let text = once.replacen(key, twice, 1);
        assert_ne!(text, once);
        let faults = faults_of(&text);
        assert_eq!(paths(&faults), [path], "{text}");
        assert!(faults[0].message.contains("twice"), "{faults:?}");
    }
}

#[test]
fn a_text_that_is_no_object_is_refused_as_a_whole() {
    let long = format!("{{\"{VALUE}\":\"{}\"}}", "x".repeat(300_000));
    for text in [
        "",
        "[]",
        "5",
        "null",
        "{",
        "{\"a\":}",
        VALUE,
        &format!("\"{VALUE}\""),
        &long,
        &format!("{{}}{VALUE}"),
        &"[".repeat(100_000),
        &"{\"a\":".repeat(50_000),
    ] {
        let faults = faults_of(text);
        assert_eq!((faults.len(), faults[0].path.as_str()), (1, ""), "{faults:?}");
    }
}

#[test]
fn no_diagnostic_repeats_a_value() {
    let shapes = [
        json!(VALUE),
        json!([VALUE]),
        json!({VALUE: VALUE}),
        json!({"a": {"b": VALUE}}),
        json!(format!("{VALUE}\n")),
    ];
    let scalars = [
        "base_url",
        "start",
        "overlap_secs",
        "window_max_secs",
        "quiet_max_secs",
        "page_size",
        "poll_interval_secs",
        "format",
        "keep_original",
        "auth.type",
        "auth.secret_key",
    ];
    for path in scalars {
        for shape in &shapes {
            faults(&with(path, shape.clone()));
        }
    }
    for path in ["auth.access_key", "auth.app_id", "auth.app_key"] {
        for shape in &shapes[1..] {
            faults(&with(path, shape.clone()));
        }
    }
}

#[test]
fn base_urls_of_a_host_and_a_port_are_taken() {
    for (url, taken) in [
        ("https://eu-api.mimecast.com", "https://eu-api.mimecast.com"),
        ("https://eu-api.mimecast.com/", "https://eu-api.mimecast.com"),
        ("https://api.example:1", "https://api.example:1"),
        ("https://api.example:65535", "https://api.example:65535"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.255.255.254", "http://127.255.255.254"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]", "http://[::1]"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        let asked = Host::new(&with("base_url", json!(url))).next();
        assert_eq!(asked.request.url, format!("{taken}{PATH}"), "{url}");
    }
}

#[test]
fn base_urls_of_all_else_are_refused() {
    for url in [
        "",
        "/",
        "api.example",
        "//api.example",
        "https:",
        "https:/api.example",
        "https://",
        "https:///",
        "ftp://api.example",
        "file:///etc/passwd",
        "javascript://api.example",
        " https://api.example",
        "https://api.example ",
        "https://api.example\n",
        "https://api example",
        "https://api.example\t",
        "https://api.example//",
        "https://api.example/path",
        "https://api.example/?",
        "https://api.example?q=1",
        "https://api.example#f",
        "https://user@api.example",
        "https://user:pass@api.example",
        "https://:pass@api.example",
        "https://@api.example",
        "https://api.example\\@evil.example",
        "https://api.example:0",
        "https://api.example:65536",
        "https://api.example:",
        "https://api.example:-1",
        "https://api.example:+443",
        "https://api.example:44 3",
        "https://api.example:443:443",
        "https://api.example:x",
        "https://api.example:\u{0664}\u{0664}\u{0663}",
        "https://::1",
        "https://[::1",
        "https://::1]",
        "https://[::1]x",
        "https://[fe80::1%25eth0]",
        "https://[::1]:0",
        "https://[::1]:65536",
        "https://[api.example]",
        "https://\u{e4}pi.example",
        "https://api.ex\u{430}mple",
        "https://api\u{3002}example",
        "https://api.example\u{0}",
        "https://api%2eexample",
        "https://api_example/..",
        "https://https://api.example",
        "http://api.example",
        "http://10.0.0.1",
        "http://192.168.0.1:8080",
        "http://0.0.0.0",
        "http://0177.0.0.1",
        "http://127.evil.com",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1@evil.com",
        "http://localhost.evil.com",
        "http://evil.com:80@localhost",
        "http://localhost@evil.com",
        "http://evil-localhost",
        "http://[::2]",
        "http://[fe80::1]",
        "http://[::ffff:10.0.0.1]",
        "http://2130706433",
        "http://128.0.0.1",
        "http://12.7.0.1",
    ] {
        let fault = fault(&with("base_url", json!(url)));
        assert_eq!(fault.path, "base_url", "{url}");
        assert!(fault.remedy.contains("https://"), "{url}: {fault:?}");
        assert!(url.len() < 9 || !format!("{fault:?}").contains(url), "{url}: {fault:?}");
    }
}

#[test]
fn plain_http_is_refused_as_what_it_is() {
    let fault = fault(&with("base_url", json!("http://api.example")));
    assert!(fault.message.contains("clear") && fault.remedy.contains("loopback"), "{fault:?}");
}

#[test]
fn dates_of_rfc_3339_are_taken_as_start_and_others_are_refused() {
    for (start, second) in [
        ("2026-11-01T00:00:00Z", fake::T),
        ("2026-11-01T00:00:00.999999999Z", fake::T),
        ("2026-10-31T19:00:00-05:00", fake::T),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
    ] {
        let mut host = Host::new(&with("start", json!(start)));
        host.now = second + HOUR;
        assert_eq!(host.next().from, second, "{start}");
    }
    for start in [
        "",
        "now",
        "2026-11-01",
        "2026-11-01T00:00:00",
        "2026-11-01 00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-01T24:00:00Z",
        "2026-11-01T00:00:00+24:00",
        "2026-11-01T00:00:00ZZ",
        "12026-11-01T00:00:00Z",
        "-026-11-01T00:00:00Z",
        "\u{0662}026-11-01T00:00:00Z",
    ] {
        assert_eq!(fault(&with("start", json!(start))).path, "start", "{start}");
    }
}
