//! What the API does besides what is documented, seen or feared, costs few requests, no row, and a
//! word to a person.
//!
//! Fails when: a listing without an end is followed for ever; a count that is wrong is believed for
//! ever; a window that is too long is asked for again and again; an older row comes twice; one row
//! that cannot be read takes its page along; one of two clocks is believed at once.

mod answers;
mod clocks;
mod listings;
mod rows;

use std::collections::BTreeMap;
use std::thread;

use end_to_end::collector::{Collector, Run};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    LedgerQuery, Options, Paging, Running, ScriptedRow, WorldOptions, api_date, parse_api_date,
};
use serde_json::Value;

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
    let is_error = |line: &str| line.contains(" poll failed") || line.contains(" throttled: ");
    let lines = run.stderr.lines().filter(|line| !is_error(line));
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

/// Lets rows appear; `age_secs` of each is how long ago it happened. Returns the second from which
/// the ages count, since the API's clock goes on meanwhile.
fn push(api: &Running, rows: i64, age_secs: impl Fn(i64) -> i64) -> i64 {
    let now_secs = api.now_secs();
    let batch = api.stats().rows_visible;
    api.push_rows((0..rows).map(|number| {
        let second = now_secs - age_secs(number);
        let time = api_date(second);
        let text = format!(r#"{{"id":"row {batch}-{number}","eventTime":"{time}"}}"#);
        ScriptedRow::new(text, second)
    }));
    now_secs
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
