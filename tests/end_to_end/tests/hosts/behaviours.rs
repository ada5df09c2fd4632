//! What every example does, whatever its language.
//!
//! Fails when: a cursor is stored before its events are written, or not in one piece; an error moves
//! the position; a wait is left out; a URL is not judged; a secret is told; what a file or a stream is in
//! truth is not looked at.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use end_to_end::collector::Run;
use end_to_end::rows::assert_each_once;
use mimecast_sim::{
    ClientCredentials, Fault, FaultRule, Keys, Options, Running, ScriptedRow, Standing, When,
    WorldOptions, api_date,
};
use serde_json::json;

use crate::example::{Auth, Example, Language, PAGE_ROWS, UNTIL_CAUGHT_UP, everything};

mod cursor_file;
mod streams;
mod unread;

pub(crate) use cursor_file::{
    a_cursor_that_another_has_changed_ends_it, a_cursor_that_cannot_be_read_is_never_begun_anew,
    a_cursor_that_cannot_be_stored_lets_no_batch_out, the_file_of_the_cursor_is_always_whole,
};
pub(crate) use streams::{
    a_pipe_that_does_not_block_gets_every_line_whole, a_stderr_that_is_closed_spoils_nothing,
    a_stderr_that_nobody_reads_holds_up_nothing, a_stdout_that_leads_nowhere_is_refused,
    a_terminal_that_goes_away_ends_nothing,
};
pub(crate) use unread::{
    a_batch_that_nobody_takes_comes_again, a_kill_while_nobody_reads_loses_nothing,
    a_stop_while_nobody_reads_loses_nothing,
};

/// The tests of one language.
macro_rules! test_example {
    ($language:expr) => {
        $crate::behaviours::test_example! { $language =>
            each_of_its_files_is_shorter_than_200_lines
            every_row_comes_once_and_a_second_run_gives_nothing
            what_its_readme_shows_collects
            another_source_of_the_contract_is_loaded_too
            kills_lose_nothing_and_repeat_at_most_a_page_each
            it_ends_when_it_is_asked_to_and_repeats_nothing
            in_service_it_waits_as_told_and_collects_what_comes
            what_the_api_does_wrong_is_waited_out
            to_be_told_to_wait_is_told_as_no_error
            what_is_beyond_the_contract_is_not_delivered
            waits_grow_while_errors_go_on
            credentials_that_are_refused_end_it_with_the_reason
            faults_of_the_configuration_are_told_and_nothing_is_sent
            what_is_not_allowed_is_denied_and_nothing_is_sent
            the_file_of_the_cursor_is_always_whole
            a_cursor_that_cannot_be_read_is_never_begun_anew
            a_cursor_that_another_has_changed_ends_it
            a_batch_that_nobody_takes_comes_again
            a_kill_while_nobody_reads_loses_nothing
            a_stop_while_nobody_reads_loses_nothing
            a_cursor_that_cannot_be_stored_lets_no_batch_out
            a_stdout_that_leads_nowhere_is_refused
            a_pipe_that_does_not_block_gets_every_line_whole
            a_stderr_that_nobody_reads_holds_up_nothing
            a_stderr_that_is_closed_spoils_nothing
            a_terminal_that_goes_away_ends_nothing
            no_secret_is_in_any_output
        }
    };
    ($language:expr => $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::behaviours::$name($language);
            }
        )*
    };
}
pub(crate) use test_example;

pub(crate) fn each_of_its_files_is_shorter_than_200_lines(language: Language) {
    for name in language.sources() {
        let text = fs::read_to_string(language.folder().join(name)).unwrap();
        let count = text.lines().count();
        assert!(count < 200, "{name} has {count} lines");
    }
}

pub(crate) fn every_row_comes_once_and_a_second_run_gives_nothing(language: Language) {
    for auth in Auth::BOTH {
        let api = Options { world: world(1_500), ..Options::default() }.start().unwrap();
        let example = Example::new(language, &format!("every-row-{auth:?}"), &api).with_auth(auth);
        assert_each_once(&example.catch_up(), &everything(&api));
        assert!(api.stats().requests >= 15, "{:?}", api.stats());
        assert_eq!(example.catch_up(), "");
        let tokens = if auth == Auth::Oauth2 { 2 } else { 0 };
        assert_eq!(api.stats().token_requests, tokens, "one for each process");
    }
}

pub(crate) fn what_its_readme_shows_collects(language: Language) {
    // Without `start` it begins a day ago.
    let world = WorldOptions { span_secs: 80_000, ..world(300) };
    let api = Options { world, ..Options::default() }.start().unwrap();
    let example = Example::shipped(language, "readme", &api);
    assert_each_once(&example.catch_up(), &everything(&api));

    let readme = fs::read_to_string(language.folder().join("README.md")).unwrap();
    let ClientCredentials { client_id, client_secret } = ClientCredentials::default();
    for part in [&client_id, &client_secret, "mimecast-sim --port 8025 &"] {
        assert!(readme.contains(part), "not in README.md: {part}");
    }
}

pub(crate) fn another_source_of_the_contract_is_loaded_too(language: Language) {
    let api = Options { world: world(1), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "feed-source", &api)
        .with("/component", json!(language.built(&artifacts::feed_source())))
        .with("/config", json!({}));
    // What it says of a configuration is its own.
    let run = example.run();
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("config.url: "), "{}", run.stderr);
}

pub(crate) fn kills_lose_nothing_and_repeat_at_most_a_page_each(language: Language) {
    const KILLS: usize = 6;
    let api = slow_api(4_000);
    let example = Example::new(language, "killed", &api);
    let mut stdout = String::new();
    for number in 1..=KILLS {
        let path = example.file(&format!("stdout.{number}"));
        let mut process = example.start(UNTIL_CAUGHT_UP);
        let length = || fs::metadata(&path).map_or(0, |file| file.len());
        // Right after a write, when its cursor may not be stored yet; or somewhat later.
        process.wait_until("some pages", || length() > 300_000);
        thread::sleep(Duration::from_millis(3 * number as u64));
        process.kill();
        stdout += &fs::read_to_string(path).unwrap();
    }
    stdout += &example.catch_up();
    let rows = everything(&api);
    // After a kill the first line may be empty.
    let mut lines: Vec<&str> = stdout.lines().filter(|line| !line.is_empty()).collect();
    let again = lines.len() - rows.len();
    assert!(again <= KILLS * PAGE_ROWS, "{again} rows came again after {KILLS} kills");
    lines.sort_unstable();
    lines.dedup();
    assert_each_once(&(lines.join("\n") + "\n"), &rows);
}

pub(crate) fn it_ends_when_it_is_asked_to_and_repeats_nothing(language: Language) {
    let api = slow_api(2_500);
    let example = Example::new(language, "terminated", &api);
    let mut stdout = String::new();
    for _ in 0..3 {
        let requests = api.stats().requests;
        let mut process = example.start(&[]);
        process.wait_until("some pages", || api.stats().requests > requests + 5);
        let asked = Instant::now();
        let run = process.terminate();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        stdout += &run.stdout;
    }
    stdout += &example.catch_up();
    assert_each_once(&stdout, &everything(&api));
}

pub(crate) fn in_service_it_waits_as_told_and_collects_what_comes(language: Language) {
    let api = Options { world: world(300), ..Options::default() }.start().unwrap();
    let example =
        Example::new(language, "service", &api).with("/config/poll_interval_secs", json!(1));
    let mut process = example.start(&[]);
    let lines = || fs::read_to_string(example.file("stdout.1")).unwrap().lines().count();
    process.wait_until("all rows", || lines() == 300);
    let (requests, began) = (api.stats().requests, Instant::now());
    process.wait_until("three more polls", || api.stats().requests >= requests + 3);
    assert!(began.elapsed() > Duration::from_millis(1_900), "{:?}", began.elapsed());
    let now_secs = api.now_secs() - 3;
    let text = format!(r#"{{"id":"late","eventTime":"{}"}}"#, api_date(now_secs));
    api.push_rows([ScriptedRow::new(text, now_secs)]);
    process.wait_until("the new row", || lines() == 301);
    let run = process.terminate();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_each_once(&run.stdout, &everything(&api));
}

pub(crate) fn what_the_api_does_wrong_is_waited_out(language: Language) {
    let faults = "500=nth:4 503=nth:6 html=nth:8 drop=nth:10 cut=nth:12 garbage=nth:14 fail=nth:16 \
                  meta-status=nth:18 oversized=nth:20 dead-token=every:3 same-token=every:5";
    let mut faults: Vec<FaultRule> =
        faults.split_whitespace().map(|f| f.parse().unwrap()).collect();
    let wish = Fault::RateLimit { reset_ms: 3_000, retry_after_secs: None };
    faults.push(FaultRule::new(wish, When::Nth(2)));
    let kinds = faults.len();
    thread::scope(|scope| {
        for auth in Auth::BOTH {
            let faults = faults.clone();
            scope.spawn(move || {
                let options = Options { faults, world: world(2_500), ..Options::default() };
                let api = options.start().unwrap();
                let test = format!("faults-{auth:?}");
                let example = Example::new(language, &test, &api).with_auth(auth);
                assert_each_once(&example.catch_up(), &everything(&api));
                let outcomes = api.stats().outcomes;
                let met = outcomes.keys().filter(|name| name.starts_with("fault")).count();
                assert_eq!(met, kinds, "{outcomes:?}");
                let times: Vec<i64> =
                    api.requests().iter().map(|request| request.time_ms).collect();
                assert!(times[2] - times[1] >= 2_900, "the API's wish: {times:?}");
                let waits = times.windows(2).filter(|pair| pair[1] - pair[0] >= 350).count();
                assert!(waits >= 7, "{waits} waits: {times:?}");
            });
        }
    });
}

pub(crate) fn to_be_told_to_wait_is_told_as_no_error(language: Language) {
    let wish = Fault::RateLimit { reset_ms: 1_500, retry_after_secs: None };
    let faults = vec![FaultRule::new(wish, When::Nth(2))];
    let api = Options { faults, world: world(300), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "throttled", &api);
    let run = example.run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("throttled info rate_limited: "), "{}", run.stderr);
    assert!(!run.stderr.contains(" error "), "{}", run.stderr);
    assert_each_once(&run.stdout, &everything(&api));
}

pub(crate) fn what_is_beyond_the_contract_is_not_delivered(language: Language) {
    for (number, script) in [
        json!({"do": "huge cursor", "count": 1_000_001}),
        json!({"do": "huge cursor", "count": 0}),
        json!({"do": "events", "count": 10_001}),
        json!({"do": "events", "count": 17, "padding": 1 << 20}),
        json!({"do": "events", "event_kind": "No kind"}),
        json!({"do": "body", "body": "[]"}),
        json!({"do": "body", "body": "{}\n{}"}),
    ]
    .into_iter()
    .enumerate()
    {
        let example = Example::scripted(language, &format!("beyond-{number}"), &script);
        let mut process = example.start(&[]);
        let told = "protocol error component_failed: ";
        process.wait_until_told(told, |stderr| stderr.contains(told));
        let run = process.terminate();
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{script}: {}", run.stderr);
        assert!(!example.file("cursor.txt").exists(), "{script}");
    }
    let within = json!({"do": "events", "count": 10_000});
    let within = Example::scripted(language, "within", &within).catch_up();
    assert_eq!(within.lines().count(), 10_000);
}

pub(crate) fn waits_grow_while_errors_go_on(language: Language) {
    let api = Options::default().start().unwrap();
    // All of the nine waits until it gives up would take minutes: what is tried is how they begin.
    let example = Example::new(language, "down", &api);
    drop(api);
    let began = Instant::now();
    let mut process = example.start(UNTIL_CAUGHT_UP);
    process.wait_until_told("four errors", |told| told.matches("transient error").count() == 4);
    // 0.5 s, 1 s and 2 s, less a fifth.
    assert!(began.elapsed() > Duration::from_millis(2_800), "{:?}", began.elapsed());
    assert!(process.stderr().contains("connect"), "{}", process.stderr());
    let run = process.terminate();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
}

pub(crate) fn credentials_that_are_refused_end_it_with_the_reason(language: Language) {
    let api = Options::default().start().unwrap();
    let wrong = Keys { secret_key: "d3JvbmcgYnV0IHdlbGwgZm9ybWVk".to_owned(), ..api.keys() };
    let run = failed(&Example::new(language, "wrong-key", &api).with_keys(wrong));
    assert!(run.stderr.contains("auth") && run.stderr.contains("secret_key"), "{}", run.stderr);

    let wrong = ClientCredentials { client_secret: "wrong".to_owned(), ..api.client() };
    let example = Example::new(language, "wrong-client", &api).with_auth(Auth::Oauth2);
    let run = failed(&example.with_client(wrong));
    assert!(run.stderr.contains("client_refused"), "{}", run.stderr);

    api.set_standing(Standing::NotPermitted);
    let run = failed(&Example::new(language, "not-permitted", &api));
    assert!(run.stderr.contains("Monitoring | Impersonation Protection | Read"), "{}", run.stderr);
}

pub(crate) fn faults_of_the_configuration_are_told_and_nothing_is_sent(language: Language) {
    let api = Options::default().start().unwrap();
    let new = |test: &str| Example::new(language, test, &api);
    let several = new("several-faults")
        .with("/config/colour", json!("red"))
        .with("/config/page_size", json!(501))
        .with("/config/filters", json!({"search_field": "subject"}));
    let unset = new("unset").with("/config/auth/app_key", json!("${MC_NO_SUCH}"));
    let unknown = new("unknown-key").with("/colour", json!("red"));
    let no_component = new("no-component").with("/component", json!("there/is/none"));
    for (example, told) in [
        (several, &["config.colour: ", "config.page_size: ", "config.filters.search_field: "][..]),
        (unset, &["MC_NO_SUCH", "config.json"]),
        (unknown, &["component, allow, cursor and config", "config.json"]),
        (no_component, &["there/is/none"]),
    ] {
        let run = example.run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
        for part in told {
            assert_eq!(run.stderr.matches(part).count(), 1, "{part} in: {}", run.stderr);
        }
        assert!(!example.file("cursor.txt").exists());
    }
    assert_eq!(api.stats().requests, 0, "something was sent");
    let usage = new("usage").start(&["--until-caught-up", "--more"]).wait();
    assert_eq!(usage.code, Some(2), "{}", usage.stderr);
    assert!(usage.stderr.contains("usage: "), "{}", usage.stderr);
}

pub(crate) fn what_is_not_allowed_is_denied_and_nothing_is_sent(language: Language) {
    let api = Options::default().start().unwrap();
    let base_url = api.base_url();
    let other_port = base_url.replace("127.0.0.1:", "127.0.0.1:1");
    for (number, allow) in [
        json!([]),
        json!([base_url.replace("http:", "https:")]),
        json!([other_port]),
        json!([format!("{base_url}.example")]),
        json!(["http://127.0.0.1"]),
        // No list, but a text that holds the origin.
        json!(format!("{base_url}.example")),
    ]
    .into_iter()
    .enumerate()
    {
        let example = Example::new(language, &format!("denied-{number}"), &api);
        let run = failed(&example.with("/allow", allow));
        assert!(run.stderr.contains("config error denied: "), "{}", run.stderr);
        assert!(run.stderr.contains(&base_url), "{}", run.stderr);
    }
    assert_eq!(api.stats().requests, 0);
}

pub(crate) fn no_secret_is_in_any_output(language: Language) {
    let faults = "503=nth:2 html=nth:4 garbage=nth:6 fail=nth:8 token-expired=nth:3";
    let faults: Vec<FaultRule> = faults.split(' ').map(|fault| fault.parse().unwrap()).collect();
    for auth in Auth::BOTH {
        let options = Options { faults: faults.clone(), world: world(1_000), ..Options::default() };
        let api = options.start().unwrap();
        let example = Example::new(language, &format!("secrets-{auth:?}"), &api).with_auth(auth);
        example.catch_up();
        api.set_standing(Standing::OtherRegion);
        failed(&example);
        // A spoiled key is not repeated either, nor is a configuration that is not JSON.
        let spoiled = api.keys().secret_key + "\u{7} ";
        let example = example.with_keys(Keys { secret_key: spoiled, ..api.keys() });
        assert!(matches!(example.run().code, Some(1 | 2)));
        let example = example.with("/config/auth/app_key", json!(api.keys().app_key));
        drop(example.start(&[]));
        let text = fs::read_to_string(example.file("config.json")).unwrap();
        fs::write(example.file("config.json"), text.replacen('{', "{\"pin\": s3cr3t,", 1)).unwrap();
        assert_eq!(example.start_as_it_is().wait().code, Some(2));

        let Keys { access_key, secret_key, app_key, .. } = api.keys();
        let client_secret = api.client().client_secret;
        let percent_encoded = client_secret.replace('/', "%2F").replace('+', "%2B");
        let written = example.written();
        assert!(written.len() >= 9, "{} files", written.len());
        for (name, text) in written {
            let keys = [&access_key, &secret_key, &app_key, &client_secret, &percent_encoded];
            for secret in keys.map(String::as_str).into_iter().chain(["s3cr3t"]) {
                assert!(!text.contains(secret), "{secret} is in {name}");
            }
        }
    }
}

/// Runs it to its end, which must be a failure that gave nothing.
#[track_caller]
fn failed(example: &Example) -> Run {
    let run = example.run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    run
}

/// An API whose every answer takes a while, so that there is time to look.
fn slow_api(rows: u32) -> Running {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 20 }, When::Every(1));
    Options { world: world(rows), faults: vec![slow], ..Options::default() }.start().unwrap()
}

fn world(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}
