//! Sources in other languages in source-host: what their toolchains make keeps to the contract.

use std::fs;
use std::process::Command;

use end_to_end::artifacts;
use end_to_end::collector::{self, Collector};
use mimecast_sim::Keys;
use serde_json::Value;

use crate::feed::server::{Fault, Feed};

#[test]
fn a_source_in_javascript_keeps_to_the_contract() {
    keeps_to_the_contract("javascript-source");
}

#[test]
fn a_source_in_python_keeps_to_the_contract() {
    keeps_to_the_contract("python-source");
}

/// Each item comes once, whatever fails; a cursor is explained, and refused before another feed; a token is
/// sent nowhere in the clear; and no more is imported than the contract has.
fn keeps_to_the_contract(name: &str) {
    let (feed, other) = (Feed::start(&token()), Feed::start(&token()));
    feed.publish(1_203);
    feed.fail(1, Fault::Status(500));
    feed.fail(3, Fault::RateLimit { retry_after_secs: 0 });
    feed.fail(4, Fault::Cut);
    let component = artifacts::guest(name);
    let source = format!(
        "[[source]]\nname = \"feed\"\ncomponent = '{component}'\nallow = [\"{origin}\", \"{another}\"]\n\
         [source.config]\nurl = \"{url}\"\ntoken = \"${{MC_APP_KEY}}\"\n",
        component = component.display(),
        origin = feed.url().trim_end_matches("/items"),
        another = other.url().trim_end_matches("/items"),
        url = feed.url(),
    );
    let output = "type = \"file\"\npath = \"events.json\"\nenvelope = true";
    let config = collector::config(output, &source);
    let collector = Collector::with_config(name, Keys::default(), &config);
    let run = collector.catch_up();
    for told in ["feed_failed", "throttled: ", "exchange_failed"] {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    let lines = collector.events();
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events: Vec<Value> = events.collect();
    assert!(events.iter().all(|event| event["kind"] == "feed.item"), "{}", events[0]);
    // JavaScript has one kind of number: it may write 1 for 1.000.
    let same = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        (text("id"), text("time"), text("text"), item["n"].as_f64().unwrap().to_bits())
    };
    let items = feed.items();
    let items = items.iter().map(|item| same(&serde_json::from_str(item).unwrap()));
    assert!(events.iter().map(|event| same(&event["event"])).eq(items));

    let run_with = |url: &str| {
        let path = collector.dir().join("host.toml");
        let own = format!("url = \"{}\"", feed.url());
        fs::write(path, config.replace(&own, &format!("url = \"{url}\""))).unwrap();
        collector.host(&["run", "--until-caught-up"])
    };
    let run = run_with(&other.url());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("cursor_foreign"), "{}", run.stderr);
    assert_eq!(other.requests(), 0);
    let run = run_with("http://feed.example/items");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("http:// to localhost"), "{}", run.stderr);

    let inspect = Command::new(artifacts::source_host()).arg("inspect").arg(&component).output();
    let told = String::from_utf8(inspect.unwrap().stdout).unwrap();
    let mut imports = told.lines().filter_map(|line| line.strip_prefix("import   "));
    let listed = include_str!("../../../../wit/imports.txt");
    assert!(imports.all(|import| listed.lines().any(|listed| listed == import)), "{told}");
}

fn token() -> String {
    Keys::default().app_key
}
