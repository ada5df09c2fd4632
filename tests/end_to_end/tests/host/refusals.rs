//! What cannot be used is refused: by name, with what to do about it, and with nothing done.

use end_to_end::collector::{self, Collector, Run};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{Keys, LedgerQuery, Options, Running, Standing};

#[test]
fn every_fault_of_a_configuration_is_told_at_once_and_nothing_is_sent() {
    let api = Options::default().start().unwrap();
    let source = format!(
        r#"[[source]]
name = "acme"
component = '{component}'
allow = ["{base_url}"]
[source.config]
base_url = "http://api.example"
auth = {{ type = "hmac", access_key = "a\u0007b", secret_key = "not base64", app_id = "app", app_key = "key" }}
colour = "red"
page_size = 501
poll_interval_secs = "60"
overlap_secs = 900
window_max_secs = 899
filters = {{ search_field = "subject" }}
"#,
        component = end_to_end::artifacts::component().display(),
        base_url = api.base_url(),
    );
    let run = refused(&api, "many-faults", &source);
    for path in [
        "config.base_url",
        "config.auth.access_key",
        "config.auth.secret_key",
        "config.colour",
        "config.page_size",
        "config.poll_interval_secs",
        "config.window_max_secs",
        "config.filters.search_field",
    ] {
        assert_eq!(run.stderr.matches(path).count(), 1, "{path} in: {}", run.stderr);
    }
}

#[test]
fn an_unset_variable_and_an_unknown_key_are_faults_of_the_file() {
    let api = Options::default().start().unwrap();
    let source = collector::source("acme", &api, "").replace("${MC_APP_KEY}", "${MC_NO_SUCH}");
    let run = refused(&api, "unset", &format!("colour = \"red\"\n{source}"));
    assert!(run.stderr.contains("MC_NO_SUCH"), "{}", run.stderr);
    assert!(run.stderr.contains("colour"), "{}", run.stderr);
}

#[test]
fn keys_that_are_wrong_lapsed_or_not_permitted_are_told_apart() {
    let api = Options::default().start().unwrap();
    let wrong = Keys { secret_key: "d3JvbmcgYnV0IHdlbGwgZm9ybWVk".to_owned(), ..api.keys() };
    let run = unauthorized(&Collector::new("wrong-key", &api, "").with_keys(wrong));
    assert!(run.stderr.contains("secret_key"), "{}", run.stderr);

    let wrong = Keys { access_key: "unknown-access-key".to_owned(), ..api.keys() };
    let run = unauthorized(&Collector::new("wrong-access", &api, "").with_keys(wrong));
    assert!(run.stderr.contains("access_key"), "{}", run.stderr);

    api.set_standing(Standing::Lapsed);
    let run = unauthorized(&Collector::new("lapsed", &api, ""));
    assert!(run.stderr.contains("418") && run.stderr.contains("make a new pair"), "{}", run.stderr);

    api.set_standing(Standing::NotPermitted);
    let run = unauthorized(&Collector::new("not-permitted", &api, ""));
    let permission = "Monitoring | Impersonation Protection | Read";
    assert!(run.stderr.contains("403") && run.stderr.contains(permission), "{}", run.stderr);
}

#[test]
fn a_damaged_or_newer_cursor_is_stored_only_by_force_and_then_refused_and_kept() {
    let api = Options::default().start().unwrap();
    let collector = Collector::new("cursors", &api, "");
    collector.catch_up();
    let cursor = collector.cursor();
    let events = collector.events();
    let requests = api.stats().requests;
    let newer = replace_version(&cursor);
    let mut before = cursor.clone();
    for (damaged, told) in [
        (cursor[..cursor.len() / 2].to_owned(), "damaged"),
        ("{}".to_owned(), "damaged"),
        ("not even JSON".to_owned(), "damaged"),
        (newer, "newer"),
    ] {
        let refused = collector.host(&["cursor", "set", "acme", &damaged]);
        assert_eq!(refused.code, Some(2), "{damaged}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert_eq!(collector.cursor(), before);
        let forced = collector.host(&["cursor", "set", "--force", "acme", &damaged]);
        assert_eq!(forced.code, Some(0), "{}", forced.stderr);
        let run = collector.run();
        assert_eq!(run.code, Some(1), "{damaged}: {}", run.stderr);
        assert!(run.stderr.contains(told) && run.stderr.contains("cursor"), "{}", run.stderr);
        assert_eq!(collector.cursor(), damaged);
        before = damaged;
    }
    assert_eq!(collector.events(), events);
    assert_eq!(api.stats().requests, requests, "something was sent");

    // Put back, it goes on as if nothing had been.
    assert_eq!(collector.host(&["cursor", "set", "acme", &cursor]).code, Some(0));
    collector.catch_up();
    assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
}

#[test]
fn a_cursor_that_was_reset_begins_anew() {
    let api = Options::default().start().unwrap();
    let collector = Collector::to_stdout("reset", &api, "");
    let first = collector.catch_up().stdout;
    assert!(collector.host(&["cursor", "list"]).stdout.contains("acme"));
    assert_eq!(collector.host(&["cursor", "reset", "acme"]).code, Some(0));
    assert!(collector.catch_up().stdout.lines().count() >= first.lines().count());
}

#[test]
fn a_file_that_is_shorter_than_it_was_is_refused() {
    let api = Options::default().start().unwrap();
    let collector = Collector::new("shortened", &api, "");
    collector.catch_up();
    let path = collector.dir().join("events.json");
    let events = collector.events();
    std::fs::write(&path, &events[..events.len() / 2]).unwrap();
    let run = collector.run();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("events.json"), "{}", run.stderr);
}

fn refused(api: &Running, test: &str, source: &str) -> Run {
    let config = collector::config("type = \"stdout\"", source);
    let run = Collector::with_config(test, api.keys(), &config).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
    assert_eq!(api.stats().requests, 0, "something was sent");
    run
}

fn unauthorized(collector: &Collector) -> Run {
    let run = collector.run();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(collector.events(), "");
    run
}

/// The same cursor, as a version to come would write it.
fn replace_version(cursor: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(cursor).unwrap();
    value["version"] = 999.into();
    value.to_string()
}
