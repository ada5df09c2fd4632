//! What the API does besides what is documented, seen or feared, costs few requests, no row, and a
//! word to a person.
//!
//! Fails when: a listing without an end is followed for ever; a count that is wrong is believed for
//! ever; a window that is too long is asked for again and again; an older row comes twice; one row
//! that cannot be read takes its page along; one of two clocks is believed at once.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use end_to_end::collector::{Auth, Collector, Run};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    Bom, ClockStart, Fault, FaultRule, Future, Ids, LastPage, LedgerPart, LedgerQuery, Options,
    Paging, ResultCount, Running, ScriptedRow, Style, When, Window, WorldOptions, api_date,
    parse_api_date,
};
use serde_json::Value;

use LastPage::{EmptyPages, FirstAgain, LastAgain, NoNext, SameEmptyPage};

#[test]
fn pages_without_rows_at_the_end_of_a_listing_are_taken_for_its_end() {
    let ends = [("new", EmptyPages), ("same", SameEmptyPage)];
    let counts =
        [ResultCount::Given, ResultCount::Off(3), ResultCount::Off(-3), ResultCount::Absent];
    each_at_once(ends.into_iter().flat_map(|end| counts.map(|count| (end, count))), |case| {
        let ((name, last_page), result_count) = case;
        let style = Style { last_page, result_count, ..Style::default() };
        let options = Options { style, world: world(1_200), ..Options::default() };
        let (api, run) = collected(&format!("ends-{name}-{result_count:?}"), options, "");
        if result_count == ResultCount::Off(3) {
            // Until it is known to be wrong, rows are looked for, and from both ends.
            let mut told = codes(&run);
            let withheld = told.iter().filter(|code| **code == "rows_withheld").count();
            told.dedup();
            assert_eq!(told, ["count_mismatch", "listing_ends_empty", "rows_withheld"]);
            assert!(withheld <= 2, "{withheld} seconds: {}", run.stderr);
            assert_few_requests(&api, 6);
        } else {
            assert_eq!(notices(&run), ["listing_ends_empty"], "{}", run.stderr);
            assert_few_requests(&api, 3);
        }
        assert_requests(&api, 150);
    });
}

#[test]
fn pages_that_go_round_end_a_listing_once_they_give_no_more_rows() {
    let styles = [("round", FirstAgain), ("last", LastAgain), ("end", NoNext)];
    let counts = [ResultCount::Given, ResultCount::Absent];
    each_at_once(styles.into_iter().flat_map(|style| counts.map(|count| (style, count))), |case| {
        let ((name, last_page), result_count) = case;
        let style = Style { last_page, result_count, ..Style::default() };
        let api = Options { style, world: world(0), ..Options::default() }.start().unwrap();
        push(&api, 2_500, |_| 3_000);
        let collector = Collector::new(&format!("round-{name}-{result_count:?}"), &api, "");
        let run = collected_from(&api, &collector);
        // Until it is known, an end is sought in ever smaller parts.
        let (told, max): (&[&str], _) =
            if last_page == NoNext { (&[], 20) } else { (&["listing_goes_round"], 320) };
        assert_eq!(notices(&run), told, "{}", run.stderr);
        assert_requests(&api, max);
        // It is known by then.
        let before = api.stats().requests;
        push(&api, 100, |_| 60);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        assert_requests(&api, before + 40);
    });
}

#[test]
fn listings_that_give_a_thousand_rows_at_most_are_read_in_parts() {
    let api = few_rows_a_listing(3_000);
    let collector = Collector::new("thousand-rows", &api, "");
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    assert_requests(&api, 60);
    push(&api, 3_000, |number| 10 + number / 5);
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    assert_requests(&api, 120);
}

#[test]
fn rows_of_a_second_that_are_never_given_are_told_once_and_hold_nothing_up() {
    let api = few_rows_a_listing(400);
    push(&api, 2_500, |_| 1_800);
    let second = api.now_secs() - 1_800;
    let collector = Collector::new("withheld", &api, "");
    let run = collector.catch_up();
    assert_eq!(notices(&run), ["rows_withheld"], "{}", run.stderr);
    let told = format!("the second {} is left behind", api_date(second).replace("+0000", "Z"));
    assert_told(&run, &[&told, "counts 500 rows more than it gives"]);
    assert_requests(&api, 80);

    // Nor is it looked for again.
    push(&api, 300, |number| 10 + number);
    assert_eq!(notices(&collector.catch_up()), [""; 0]);
    let withheld = 500;
    let lines: BTreeSet<String> = collector.events().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), collector.events().lines().count(), "some came twice");
    let rows = everything(&api);
    assert_eq!(lines.len(), rows.len() - withheld);
    let missing: Vec<&String> = rows.iter().filter(|row| !lines.contains(*row)).collect();
    assert_eq!(missing.len(), withheld);
    let of_second = api_date(second);
    assert!(missing.iter().all(|row| row.contains(&of_second)), "{:?}", missing.first());
    assert_requests(&api, 100);
}

#[test]
fn windows_that_are_too_long_for_the_api_are_cut() {
    let window = Window { max_secs: Some(3_600), ..Window::default() };
    let world = WorldOptions { span_secs: 3 * 86_400, ..world(600) };
    let api = Options { window, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("too-long", &api, "");
    let collector = collector.with_start(api.now_secs() - 3 * 86_400);
    let check = collector.host(&["check"]);
    assert_eq!(check.code, Some(0), "{}", check.stdout);
    assert!(check.stdout.contains("unanswered"), "{}", check.stdout);
    let run = collected_from(&api, &collector);
    assert_eq!(notices(&run), ["unanswered"], "{}", run.stderr);
    assert_told(&run, &["less is asked for at once"]);
    assert_requests(&api, 120);
}

#[test]
fn rows_that_cannot_be_read_are_told_and_all_others_come() {
    let world = WorldOptions { broken_rows: 10, span_secs: 3_000, ..world(200) };
    for (format, original) in [("raw", ""), ("ecs", "/event/original")] {
        let api = Options { world: world.clone(), ..Options::default() }.start().unwrap();
        let settings = format!("format = \"{format}\"\nkeep_original = true");
        let collector = Collector::new(&format!("broken-{format}"), &api, &settings);
        let run = collector.catch_up();
        assert_eq!(notices(&run), ["row_unreadable"], "{}", run.stderr);
        let unreadable = LedgerQuery { part: LedgerPart::Unreadable, ..LedgerQuery::default() };
        assert_told(&run, &[&format!("{} rows cannot be read", ledger(&api, &unreadable).len())]);
        let mut rows = String::new();
        for line in collector.events().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let row = event.pointer(original).and_then(Value::as_str).unwrap_or(line);
            // A line break can be written in two ways.
            rows += &row.replace("\\u000a", "\\n");
            rows.push('\n');
        }
        assert_each_once(&rows, &everything(&api));
        assert_requests(&api, 10);
    }
}

#[test]
fn an_api_that_minds_each_second_of_the_future_is_asked_up_to_its_own_present() {
    each_at_once(Auth::BOTH, |auth| {
        let clock = ClockStart::Machine { skew_secs: -5 };
        let window = Window { future: Future::Refused, ..Window::default() };
        let options = Options { clock, window, world: world(300), ..Options::default() };
        let api = options.start().unwrap();
        let collector = Collector::new(&format!("future-{auth:?}"), &api, "").with_auth(auth);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        push(&api, 50, |_| 30);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        assert_requests(&api, 20);
    });
}

#[test]
fn of_two_nodes_one_with_a_wrong_clock_costs_no_row_and_blames_nobody() {
    let cases = Auth::BOTH.into_iter().flat_map(|auth| [(auth, 3_600), (auth, -3_600)]);
    each_at_once(cases, |(auth, second_node_skew_secs)| {
        let options = Options { second_node_skew_secs, world: world(300), ..Options::default() };
        let api = options.start().unwrap();
        let test = format!("nodes-{auth:?}-{second_node_skew_secs}");
        let collector = Collector::new(&test, &api, "").with_auth(auth);
        for _ in 0..3 {
            let run = collected_from(&api, &collector);
            for word in ["ERROR", "kind=\"cursor\"", "check that secret_key"] {
                assert!(!run.stderr.contains(word), "{word} in: {}", run.stderr);
            }
            notices(&run);
            push(&api, 100, |number| 20 + number);
        }
        assert_requests(&api, 60);
    });
}

#[test]
fn rows_from_before_the_window_come_once() {
    let window = Window { from_floor_secs: Some(3_600), ..Window::default() };
    let world = WorldOptions { span_secs: 3 * 3_600, ..world(1_000) };
    let api = Options { window, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("floor", &api, "overlap_secs = 7200");
    let mut told = Vec::new();
    for _ in 0..6 {
        let run = collected_from(&api, &collector);
        told.extend(notices(&run).into_iter().map(str::to_owned));
        push(&api, 100, |number| 10 + number);
    }
    assert!(told.iter().all(|code| code == "older_rows") && told.len() <= 1, "{told:?}");
    assert_requests(&api, 80);
}

#[test]
fn rows_that_are_found_by_the_time_of_a_late_index_come_once() {
    let world = WorldOptions { index_lag_secs: 7_200, span_secs: 14_400, ..world(6_000) };
    let clock = ClockStart::Stopped { unix_secs: now_secs() };
    let api = Options { world, clock, ..Options::default() }.start().unwrap();
    let collector = Collector::new("index", &api, "");
    let begun = everything(&api).len();
    let mut told = Vec::new();
    for _ in 0..6 {
        let run = collected_from(&api, &collector);
        told.extend(notices(&run).into_iter().map(str::to_owned));
        api.advance_secs(40);
    }
    assert!(everything(&api).len() > begun + 50, "no rows appeared");
    assert_eq!(told, ["older_rows"]);
    assert_requests(&api, 120);
}

#[test]
fn a_firewall_in_the_apis_place_is_named_and_waited_for() {
    let faults = [Fault::ForbiddenHtml, Fault::UnauthorizedHtml];
    each_at_once(
        Auth::BOTH.into_iter().flat_map(|auth| faults.clone().map(|f| (auth, f))),
        |case| {
            let (auth, fault) = case;
            let test = format!("firewall-{auth:?}-{fault:?}");
            let faults = [1, 2].map(|n| FaultRule::new(fault.clone(), When::Nth(n)));
            let options =
                Options { faults: faults.into(), world: world(300), ..Options::default() };
            let api = options.start().unwrap();
            let run = collected_from(&api, &Collector::new(&test, &api, "").with_auth(auth));
            assert_eq!(run.stderr.matches("poll failed").count(), 2, "{}", run.stderr);
            assert_told(
                &run,
                &["kind=\"transient\"", "a proxy or a firewall answers in its place"],
            );
            assert_eq!(notices(&run), [""; 0]);
            assert_requests(&api, 20);
        },
    );
}

#[test]
fn a_date_until_which_to_wait_is_waited_for() {
    let fault = Fault::RetryDate { status: 429, after_secs: 3 };
    let faults = vec![FaultRule::new(fault, When::Nth(2))];
    let (api, _) =
        collected("until-date", Options { faults, world: world(300), ..Options::default() }, "");
    let times: Vec<i64> = api.requests().iter().map(|request| request.time_ms).collect();
    assert!((3_000..20_000).contains(&(times[2] - times[1])), "{times:?}");
}

#[test]
fn a_start_that_the_api_does_not_go_back_to_is_named() {
    let window = Window { oldest_age_secs: Some(10 * 86_400), ..Window::default() };
    let api = Options { window, world: world(300), ..Options::default() }.start().unwrap();
    let collector = Collector::new("oldest", &api, "");
    let collector = collector.with_start(api.now_secs() - 20 * 86_400);
    let mut host = collector.start(&["run", "--until-caught-up"]);
    host.wait_until_told("an error", |told| told.contains("poll failed"));
    let run = host.terminate();
    assert_told(&run, &["kind=\"protocol\"", "set `start` to a later time"]);
    // Before that window of many the newest row was asked for: there is a cursor.
    assert_eq!(collector.host(&["cursor", "reset", "acme"]).code, Some(0));
    let collector = collector.with_start(api.now_secs() - 9 * 86_400);
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_an_answer() {
    for auth in Auth::BOTH {
        let style = Style { bom: Bom::Present, ..Style::default() };
        let api = Options { style, world: world(300), ..Options::default() }.start().unwrap();
        let collector = Collector::new(&format!("bom-{auth:?}"), &api, "").with_auth(auth);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    }
}

#[test]
fn rows_that_share_an_id_are_events_with_ids_of_their_own() {
    let style = Style { ids: Ids::Shared, ..Style::default() };
    let api = Options { style, world: world(1_000), ..Options::default() }.start().unwrap();
    let collector = Collector::new("shared", &api, "");
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);

    let enveloped = Collector::new("shared-enveloped", &api, "").with_envelope();
    enveloped.catch_up();
    let (mut ids, mut own_ids) = (BTreeSet::new(), BTreeSet::new());
    for line in enveloped.events().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let row = ["id", "eventTime"].map(|name| event["event"][name].as_str().unwrap().to_owned());
        let unix_secs = parse_api_date(&row[1]).unwrap();
        assert_eq!(event["id"], format!("{}@{unix_secs}", row[0]));
        assert!(ids.insert(event["id"].to_string()), "twice: {line}");
        own_ids.insert(row[0].clone());
    }
    assert_eq!(ids.len(), 1_000);
    assert!(own_ids.len() < 990, "{} ids: none is shared", own_ids.len());
}

#[test]
fn ids_that_each_answer_makes_anew_are_told_once_and_no_row_is_lost() {
    let style = Style { ids: Ids::Fresh, ..Style::default() };
    let world = WorldOptions { span_secs: 600, ..world(100) };
    let api = Options { style, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("fresh", &api, "");
    let told: Vec<String> = (0..3).map(|_| collector.catch_up().stderr).collect();
    assert_eq!(told.concat().matches("code=\"ids_change\"").count(), 1, "{}", told.concat());
    let without_id = |row: &str| row.split_once(",\"").unwrap().1.to_owned();
    let events = collector.events();
    let events: BTreeSet<String> = events.lines().map(without_id).collect();
    let rows: BTreeSet<String> = everything(&api).iter().map(|row| without_id(row)).collect();
    assert_eq!(events, rows);
}

/// Collects from a new API, until it is caught up.
#[track_caller]
fn collected(test: &str, options: Options, settings: &str) -> (Running, Run) {
    let api = options.start().unwrap();
    let collector = Collector::new(test, &api, settings);
    let run = collected_from(&api, &collector);
    (api, run)
}

/// Collects until it is caught up: by then every row has come once.
#[track_caller]
fn collected_from(api: &Running, collector: &Collector) -> Run {
    let run = collector.catch_up();
    assert_each_once(&collector.events(), &everything(api));
    run
}

/// The codes of what a person was told besides errors, in order: each once.
#[track_caller]
fn notices(run: &Run) -> Vec<&str> {
    let codes = codes(run);
    assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "twice: {}", run.stderr);
    codes
}

fn codes(run: &Run) -> Vec<&str> {
    let lines = run.stderr.lines().filter(|line| !line.contains("poll failed"));
    let codes = lines.filter_map(|line| Some(line.split_once(" code=\"")?.1.split_once('"')?.0));
    let mut codes: Vec<&str> = codes.collect();
    codes.sort_unstable();
    codes
}

#[track_caller]
fn assert_told(run: &Run, words: &[&str]) {
    for words in words {
        assert!(run.stderr.contains(words), "{words} is not in: {}", run.stderr);
    }
}

#[track_caller]
fn assert_requests(api: &Running, max: u64) {
    let requests = api.stats().requests;
    assert!(requests <= max, "{requests} requests: {:?}", windows(api));
}

/// Each window took no more requests than its pages and so many.
#[track_caller]
fn assert_few_requests(api: &Running, besides: u64) {
    for ((from, to), (requests, page_size)) in windows(api) {
        let query = LedgerQuery { from: Some(from), to: Some(to), ..LedgerQuery::default() };
        let pages = api.ledger(&query).len().div_ceil(page_size) as u64;
        assert!(requests <= pages + besides, "{requests} requests for {pages} pages of {from}");
    }
}

/// The windows that were asked for, in Unix seconds: the requests of each, and its page size.
fn windows(api: &Running) -> BTreeMap<(i64, i64), (u64, usize)> {
    let mut windows: BTreeMap<_, (u64, usize)> = BTreeMap::new();
    for request in api.requests() {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let second = |name: &str| parse_api_date(body["data"][0][name].as_str().unwrap()).unwrap();
        let window = windows.entry((second("from"), second("to"))).or_default();
        let page_size = body["meta"]["pagination"]["pageSize"].as_u64().unwrap();
        *window = (window.0 + 1, window.1.max(usize::try_from(page_size).unwrap()));
    }
    windows
}

/// Lets rows appear; `age_secs` of each is how long ago it happened.
fn push(api: &Running, rows: i64, age_secs: impl Fn(i64) -> i64) {
    let now_secs = api.now_secs();
    let batch = api.stats().rows_visible;
    api.push_rows((0..rows).map(|number| {
        let second = now_secs - age_secs(number);
        let time = api_date(second);
        let text = format!(r#"{{"id":"row {batch}-{number}","eventTime":"{time}"}}"#);
        ScriptedRow::new(text, second)
    }));
}

fn few_rows_a_listing(rows: u32) -> Running {
    let paging = Paging { rows_per_query: Some(1_000), ..Paging::default() };
    let world = WorldOptions { span_secs: 3_600, ..world(rows) };
    Options { paging, world, ..Options::default() }.start().unwrap()
}

/// Runs the cases at the same time, since most of it is waiting.
fn each_at_once<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let run = &run;
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || run(case));
        }
    });
}

fn everything(api: &Running) -> Vec<String> {
    ledger(api, &LedgerQuery::default())
}

fn world(rows: u32) -> WorldOptions {
    WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() }
}

fn now_secs() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}
