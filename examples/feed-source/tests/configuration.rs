//! What a configuration may hold, and what is said of one that is not right.
#![allow(clippy::unwrap_used)]

use feed_source::config::{Config, SCHEMA};
use serde_json::{Value, json};

fn paths(config: &str) -> Vec<String> {
    let faults = Config::parse(config).map(drop).unwrap_err();
    assert!(faults.iter().all(|fault| !fault.message.is_empty() && !fault.remedy.is_empty()));
    faults.into_iter().map(|fault| fault.path).collect()
}

#[test]
fn a_url_is_all_that_is_needed() {
    assert!(Config::parse(r#"{"url": "https://feed.example/audit"}"#).is_ok());
    assert_eq!(paths("{}"), ["url"]);
}

#[test]
fn every_fault_is_told_at_once() {
    let config = json!({"url": "feed.example", "token": "", "page_size": 0,
        "poll_interval_secs": "60", "pagesize": 10, "since": 1});
    let all = ["url", "token", "page_size", "poll_interval_secs", "pagesize", "since"];
    assert_eq!(paths(&config.to_string()), all);
}

#[test]
fn what_is_no_object_has_a_fault_of_its_own() {
    for config in ["", "{", "[]", "null", "\"token\"", "{}{}"] {
        assert_eq!(paths(config), [""], "{config}");
    }
}

#[test]
fn numbers_are_integers_within_their_bounds() {
    let with = |key: &str, value: Value| {
        Config::parse(&json!({"url": "https://feed.example/", key: value}).to_string()).is_ok()
    };
    for (key, max) in [("page_size", 1_000), ("poll_interval_secs", 86_400)] {
        assert!(with(key, json!(1)) && with(key, json!(max)), "{key}");
        for bad in [json!(0), json!(max + 1), json!(-1), json!(1.5), json!("5"), json!(null)] {
            assert!(!with(key, bad.clone()), "{key}: {bad}");
        }
    }
}

#[test]
fn a_url_is_of_https_or_of_loopback_and_has_no_query() {
    let good = |url: &str| Config::parse(&json!({ "url": url }).to_string()).is_ok();
    for url in [
        "https://feed.example",
        "https://feed.example:8443/a/b",
        "http://localhost/x",
        "http://127.0.0.1:80/",
        "http://[::1]:80/",
        "http://[::1]/",
    ] {
        assert!(good(url), "{url}");
    }
    for url in [
        "http://feed.example/",
        "ftp://feed.example/",
        "https://",
        "https:///x",
        "https://:80/",
        "https://feed.example/?a=b",
        "https://feed.example/#a",
        "https://me:secret@feed.example/",
        "https://feed.example/a b",
        "https://feed.example/\u{e9}",
        "http://127.0.0.1.example/",
        "http://localhost:80:80/",
        "http:\\\\localhost/",
        "",
    ] {
        assert!(!good(url), "{url}");
    }
    assert!(!good(&format!("https://feed.example/{}", "a".repeat(2048))));
}

#[test]
fn a_token_is_in_no_fault_and_no_debug_form() {
    let config = json!({"url": "https://feed.example/", "token": "s3cret"}).to_string();
    let debug = format!("{:?}", Config::parse(&config).unwrap());
    assert!(debug.contains("(secret)") && !debug.contains("s3cret"), "{debug}");
    for config in [r#"{"token": "s3cret "}"#, r#""s3cret""#, r#"{"token": "s3cret""#] {
        let faults = format!("{:?}", Config::parse(config).unwrap_err());
        assert!(!faults.contains("s3cret"), "{faults}");
    }
}

/// A schema that went apart from the code would promise what does not hold.
#[test]
fn the_schema_has_the_keys_and_bounds_of_the_code() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(properties["token"]["writeOnly"], true);
    for (key, property) in properties {
        let mut config = json!({"url": "https://feed.example/"});
        config[key] = match property["default"].clone() {
            Value::Null => json!("https://feed.example/"),
            default => default,
        };
        assert!(Config::parse(&config.to_string()).is_ok(), "{key}");
        for bound in ["minimum", "maximum"].iter().filter_map(|bound| property.get(*bound)) {
            config[key] = bound.clone();
            assert!(Config::parse(&config.to_string()).is_ok(), "{key}: {bound}");
            let outside = bound.as_i64().unwrap() + if bound == 1 { -1 } else { 1 };
            config[key] = json!(outside);
            assert_eq!(paths(&config.to_string()), [key.as_str()]);
        }
    }
}
