//! What is collected is what the API has: each row once, as it was sent, whatever the filters, the
//! paging and the clocks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use end_to_end::collector::{self, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    ClockStart, Compression, Empty, Filters, LastPage, Layout, LedgerQuery, Options, Paging,
    PagingMode, RateHeaders, ResultCount, Running, Search, SearchField, Style, ToBound,
    WorldOptions, parse_api_date,
};
use serde_json::Value;

#[test]
fn twenty_thousand_rows_of_five_days_come_once_and_as_they_were_sent() {
    let api =
        Options { clock: stopped(), world: rows(20_000), ..Options::default() }.start().unwrap();
    let collector = Collector::new("five-days", &api, "");
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));

    // A second run finds nothing new.
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));

    // Nor are rows lost that become visible late, and out of order.
    let before = everything(&api).len();
    api.advance_secs(700);
    assert!(everything(&api).len() > before, "there are no late rows");
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
    assert_eq!(everything(&api).len(), 20_000);
}

#[test]
fn stdout_is_one_event_a_line_and_nothing_else() {
    let api = Options { world: all_at_once(2_000), ..Options::default() }.start().unwrap();
    let collector = Collector::to_stdout("stdout", &api, "");
    assert_each_once(&collector.catch_up().stdout, &everything(&api));
    assert_eq!(collector.catch_up().stdout, "");
}

#[test]
fn each_filter_gives_what_the_ledger_says() {
    let api = Options { world: all_at_once(1_500), ..Options::default() }.start().unwrap();
    let search = |field, query: &str| Some(Search { field, query: query.to_owned() });
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let none = Filters::default;
    let cases = [
        ("tagged_malicious = true", Filters { tagged_malicious: Some(true), ..none() }),
        ("tagged_malicious = false", Filters { tagged_malicious: Some(false), ..none() }),
        (
            r#"search_field = "senderAddress", query = "acrne""#,
            Filters { search: search(SearchField::SenderAddress, "acrne"), ..none() },
        ),
        (
            r#"search_field = "recipientAddress", query = "priya@""#,
            Filters { search: search(SearchField::RecipientAddress, "priya@"), ..none() },
        ),
        (
            r#"search_field = "subject", query = "März – Über""#,
            Filters { search: search(SearchField::Subject, "März – Über"), ..none() },
        ),
        (
            r#"search_field = "policy", query = '"CEO fraud" /'"#,
            Filters { search: search(SearchField::Policy, "\"CEO fraud\" /"), ..none() },
        ),
        (
            r#"search_field = "all", query = "lindqvist""#,
            Filters { search: search(SearchField::All, "lindqvist"), ..none() },
        ),
        (r#"query = "invoice""#, Filters { search: search(SearchField::All, "invoice"), ..none() }),
        (
            r#"identifiers = ["newly_observed_domain", "custom_name_list"]"#,
            Filters {
                identifiers: names(&["newly_observed_domain", "custom_name_list"]),
                ..none()
            },
        ),
        (
            r#"actions = ["hold", "stationery"]"#,
            Filters { actions: names(&["hold", "stationery"]), ..none() },
        ),
        (
            r#"tagged_malicious = true, query = "urgent", actions = ["none"], identifiers = ["internal_user_name"]"#,
            Filters {
                tagged_malicious: Some(true),
                search: search(SearchField::All, "urgent"),
                identifiers: names(&["internal_user_name"]),
                actions: names(&["none"]),
            },
        ),
    ];
    let all = everything(&api).len();
    for (number, (settings, filters)) in cases.into_iter().enumerate() {
        let settings = format!("filters = {{ {settings} }}\npage_size = 100");
        let collector = Collector::to_stdout(&format!("filter-{number}"), &api, &settings);
        let wanted = ledger(&api, &LedgerQuery { filters, ..LedgerQuery::default() });
        assert!(
            !wanted.is_empty() && wanted.len() < all,
            "{settings} is no test: {}",
            wanted.len()
        );
        assert_each_once(&collector.catch_up().stdout, &wanted);
    }
}

#[test]
fn with_the_servers_clock_an_hour_off_either_way_nothing_is_lost() {
    for skew_secs in [3600, -3600] {
        let clock = ClockStart::Stopped { unix_secs: now_secs() + skew_secs };
        let world = WorldOptions { span_secs: 86_400, ..rows(10_000) };
        let api = Options { clock, world, ..Options::default() }.start().unwrap();
        let collector = Collector::new(&format!("skew{skew_secs}"), &api, "");
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
        assert!(everything(&api).len() < 10_000, "there are no late rows");
        api.advance_secs(700);
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
        assert_eq!(everything(&api).len(), 10_000);
    }
}

#[test]
fn rows_that_appear_while_pages_are_read_are_neither_lost_nor_repeated() {
    for (name, mode, to_bound) in [
        ("live", PagingMode::Live, ToBound::Inclusive),
        ("live-exclusive", PagingMode::Live, ToBound::Exclusive),
        ("snapshot", PagingMode::Snapshot, ToBound::Inclusive),
        ("snapshot-exclusive", PagingMode::Snapshot, ToBound::Exclusive),
    ] {
        // A hundred rows a second go on appearing, a few of them out of order.
        let world = WorldOptions { live_rate: 6_000, late_max_secs: 3, ..all_at_once(3_000) };
        let paging = Paging { mode, to_bound, ..Paging::default() };
        let api = Options { world, paging, ..Options::default() }.start().unwrap();
        let collector = Collector::new(&format!("appear-{name}"), &api, "page_size = 50");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            collector.catch_up();
        }
        // The stream ends, and what is late has come. Caught up leaves two seconds open, and one more
        // if this machine takes so long that its clock is within two seconds of the API's.
        let end_secs = api.now_secs() + 5;
        api.set_clock(ClockStart::Stopped { unix_secs: end_secs });
        collector.catch_up();
        let open = LedgerQuery { from: Some(end_secs - 3), ..LedgerQuery::default() };
        let open: BTreeSet<String> = ledger(&api, &open).into_iter().collect();
        let settled = LedgerQuery { to: Some(end_secs - 4), ..LedgerQuery::default() };
        let settled = ledger(&api, &settled);
        let events = collector.events();
        let lines = events.split_inclusive('\n').filter(|line| !open.contains(line.trim_end()));
        assert_each_once(&lines.collect::<String>(), &settled);
        assert!(settled.len() > 3_100, "no rows appeared");
    }
}

#[test]
fn every_form_of_a_reply_is_understood() {
    let styles = [
        Style { layout: Layout::Pretty, ..Style::default() },
        Style { compression: Compression::Off, ..Style::default() },
        Style { empty: Empty::NoData, last_page: LastPage::NoPagination, ..Style::default() },
        Style { result_count: ResultCount::Absent, ..Style::default() },
        Style { rate_headers: RateHeaders::Dashed, ..Style::default() },
    ];
    for (number, style) in styles.into_iter().enumerate() {
        let options =
            Options { style, world: all_at_once(1_200), clock: stopped(), ..Options::default() };
        let api = options.start().unwrap();
        let collector = Collector::new(&format!("style-{number}"), &api, "");
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
        collector.catch_up();
        assert_each_once(&collector.events(), &everything(&api));
    }
}

#[test]
fn a_burst_in_one_second_comes_whole() {
    let world = WorldOptions { span_secs: 2, ..all_at_once(12_000) };
    let api = Options { world, clock: stopped(), ..Options::default() }.start().unwrap();
    let collector = Collector::new("burst", &api, "");
    collector.catch_up();
    assert_each_once(&collector.events(), &everything(&api));
}

#[test]
fn sources_of_one_file_run_each_on_its_own() {
    let api = Options { world: all_at_once(1_000), ..Options::default() }.start().unwrap();
    let broken = collector::source("broken", &api, "").replace("${MC_APP_KEY}", "another");
    let sources = [
        collector::source("malicious", &api, "filters = { tagged_malicious = true }"),
        broken,
        collector::source("harmless", &api, "filters = { tagged_malicious = false }"),
    ];
    let output = "type = \"stdout\"\nenvelope = true";
    let config = collector::config(output, &sources.concat());
    let run = Collector::with_config("several", api.keys(), &config).run();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let mut bodies = String::new();
    for line in run.stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let tagged = event["event"]["taggedMalicious"].as_bool().unwrap();
        assert_eq!(event["source"], if tagged { "malicious" } else { "harmless" });
        let [id, time] = ["id", "eventTime"].map(|name| event["event"][name].as_str().unwrap());
        let unix_secs = parse_api_date(time).unwrap();
        assert_eq!(event["id"], format!("{id}@{unix_secs}"));
        assert_eq!(event["kind"], "mimecast.ttp.impersonation");
        assert_eq!(event["time"].as_str().unwrap()[..19], time[..19]);
        // The row stands at the end of its envelope, as it was sent.
        let (_, body) = line.split_once(r#""event":"#).unwrap();
        bodies += body.strip_suffix('}').unwrap();
        bodies.push('\n');
    }
    assert_each_once(&bodies, &everything(&api));
}

#[test]
fn what_is_not_allowed_is_not_reached() {
    let api = Options::default().start().unwrap();
    let allowed = format!("allow = [\"{}\"]", api.base_url());
    let source = collector::source("acme", &api, "").replace(&allowed, "allow = []");
    let config = collector::config("type = \"stdout\"", &source);
    let run = Collector::with_config("not-allowed", api.keys(), &config).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains("allow"), "{}", run.stderr);
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn inspect_tells_what_a_component_is_and_may_reach() {
    let component = end_to_end::artifacts::component();
    let program = end_to_end::artifacts::source_host();
    let output =
        std::process::Command::new(program).arg("inspect").arg(component).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let imports = include_str!("../../../../wit/imports.txt");
    for part in
        imports.lines().chain(["mimecast-ttp-source", env!("CARGO_PKG_VERSION"), "base_url"])
    {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

/// Some of the rows appear up to ten minutes late.
fn rows(rows: u32) -> WorldOptions {
    WorldOptions { rows, ..WorldOptions::default() }
}

fn all_at_once(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}

/// A server whose clock stands, so that no row appears but when a test says so.
fn stopped() -> ClockStart {
    ClockStart::Stopped { unix_secs: now_secs() }
}

fn now_secs() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
