//! Whole histories, collected poll by poll from an API that keeps all its licences: rows that come
//! late, tokens that die, either page order, wrong clocks. Whatever the world, no row is lost and
//! none comes twice. The worlds are those in which simpler cursors fail.
//!
//! Mutants of `pass.rs` that it kills: a watermark that follows the window's end, or the newest row
//! without the overlap, or the host's clock alone; economy passes without end; a next window that
//! begins a second later; keys forgotten above the watermark.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use mimecast_ttp_source::{
    Config, ErrorKind, EventTime, Moment, Request, Response, Second, Step, poll,
};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// Some second: 2026-11-01T00:00:00Z.
const T: i64 = 1_793_491_200;

#[test]
fn a_quiet_stream_costs_one_request_a_poll() {
    let world = World::of([row(T, T), row(T + 85_505, T + 85_505)]);
    let tally = world.collect(T - 100, T + 10, 90_000);
    assert_eq!(tally.polls, tally.requests);
    assert!(tally.caught_up >= tally.polls - 5, "{tally:?}");
}

#[test]
fn a_burst_in_the_overlap_is_read_once() {
    let burst = (0..15_000).map(|i| row(T + i * 600 / 15_000, T + i * 600 / 15_000));
    let later = (0..50).map(|i| row(T + 700 + i, T + 700 + i));
    let tally = World::of(burst.chain(later)).collect(T - HOUR, T + 800, 2 * HOUR);
    assert!(tally.requests < 700, "{tally:?}");
}

#[test]
fn a_dense_backfill_keeps_its_list_of_keys_short() {
    for a_second in [1, 5, 20] {
        let rows = (0..6 * HOUR * a_second).map(|i| row(T + i / a_second, 0));
        let tally = World::of(rows).collect(T, T + 10 * DAY, 2 * HOUR);
        assert!(tally.cursor_bytes_max < 16 * 6_000 + 1_000, "{a_second} a second: {tally:?}");
    }
}

#[test]
fn rows_that_the_api_shows_only_hours_later_are_not_lost() {
    let before = (0..HOUR * 5).map(|i| row(T + i / 5, T + i / 5));
    let hidden = (0..6 * HOUR).map(|i| row(T + HOUR + i, T + 7 * HOUR));
    World::of(before.chain(hidden)).collect(T, T, 9 * HOUR);
}

#[test]
fn dying_tokens_cost_requests_and_no_rows() {
    let mut dice = Dice(3);
    let rows: Vec<_> = (0..15_000).map(|_| row(T - dice.below(3 * DAY - 30) - 30, 0)).collect();
    for (is_newest_first, is_live) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = World {
            is_newest_first,
            is_live,
            token_deaths_percent: 30,
            page_size: 200,
            ..World::of(rows.clone())
        };
        world.collect(T - 3 * DAY - 60, T, 4_000);
    }
}

#[test]
fn late_rows_within_the_overlap_are_not_lost() {
    let mut dice = Dice(4);
    let rows: Vec<_> = (0..6_000)
        .map(|_| {
            let time = T + dice.below(12_000);
            let late = if dice.below(100) < 40 { 1 + dice.below(880) } else { 0 };
            row(time, time + late)
        })
        .collect();
    for (is_newest_first, is_live) in [(false, false), (false, true), (true, false), (true, true)] {
        let world = World {
            is_newest_first,
            is_live,
            token_deaths_percent: 5,
            page_size: 50,
            ..World::of(rows.clone())
        };
        world.collect(T - 100, T, 14_000);
    }
}

#[test]
fn a_host_clock_that_is_wrong_for_a_while_loses_nothing() {
    let rows: Vec<_> = (0..200).map(|i| row(T + i * 60, T + i * 60)).collect();
    for (wrong_by, wrong_for) in [(365 * DAY, 600), (-HOUR, 600), (HOUR, 600), (-365 * DAY, 600)] {
        let world = World {
            clock: Box::new(move |now| if now < T + wrong_for { now + wrong_by } else { now }),
            ..World::of(rows.clone())
        };
        world.collect(T - 100, T, 200 * 60 + HOUR);
    }
}

#[test]
fn a_host_clock_that_is_always_wrong_loses_nothing() {
    let rows: Vec<_> = (0..200).map(|i| row(T + i * 60, T + i * 60)).collect();
    for wrong_by in [-HOUR, HOUR, -365 * DAY, 365 * DAY] {
        let world = World { clock: Box::new(move |now| now + wrong_by), ..World::of(rows.clone()) };
        world.collect(T - 100, T, 200 * 60 + HOUR);
    }
}

#[test]
fn rows_between_seconds_and_an_exclusive_upper_bound_lose_nothing() {
    for is_to_inclusive in [true, false] {
        let rows = (0..50_000u32)
            .map(|i| Row { nanos: i % 5 * 200_000_000, ..row(T + i64::from(i / 5), 0) });
        let world = World { is_to_inclusive, ..World::of(rows) };
        world.collect(T, T + 10 * DAY, HOUR);
    }
}

#[test]
fn seven_thousand_rows_of_one_second_are_all_read() {
    let world = World { token_deaths_percent: 2, ..World::of((0..7_000).map(|_| row(T, T))) };
    world.collect(T - 100, T + 10, HOUR);
}

#[test]
fn a_count_that_is_missing_or_wrong_loses_nothing() {
    for count in [Count::Missing, Count::Is(0), Count::Is(1_000_000), Count::TooHighBy(3)] {
        let mut dice = Dice(5);
        let rows = (0..20_000).map(|_| {
            let time = T + dice.below(20_000);
            row(time, time + dice.below(300))
        });
        let world = World { count, ..World::of(rows) };
        world.collect(T - 100, T + 10_000, 14_000);
    }
}

#[test]
fn an_api_that_dates_nothing_loses_nothing() {
    let rows = (0..600).map(|i| row(T + i * 20, T + i * 20 + i % 7 * 100));
    let world = World { is_dated: false, ..World::of(rows) };
    world.collect(T - 100, T, 14_000);
}

/// A row, and from when on the API shows it.
#[derive(Clone)]
struct Row {
    second: i64,
    nanos: u32,
    visible: i64,
}

fn row(second: i64, visible: i64) -> Row {
    Row { second, nanos: 0, visible }
}

/// What the API says that it found.
enum Count {
    Right,
    Missing,
    Is(u64),
    TooHighBy(u64),
}

#[allow(clippy::struct_excessive_bools, reason = "each is a licence that the API takes")]
struct World {
    rows: Vec<Row>,
    is_newest_first: bool,
    is_live: bool,
    is_to_inclusive: bool,
    is_dated: bool,
    token_deaths_percent: i64,
    page_size: usize,
    count: Count,
    clock: Box<dyn Fn(i64) -> i64>,
}

#[derive(Debug, Default)]
struct Tally {
    polls: u32,
    requests: u32,
    caught_up: u32,
    cursor_bytes_max: usize,
}

impl World {
    fn of(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|row| (row.second, row.nanos));
        Self {
            rows,
            is_newest_first: false,
            is_live: true,
            is_to_inclusive: true,
            is_dated: true,
            token_deaths_percent: 0,
            page_size: 500,
            count: Count::Right,
            clock: Box::new(|now| now),
        }
    }

    /// Polls from `now` on for so long, at once while there is more and each minute otherwise, then
    /// compares what was delivered with what should have been.
    fn collect(&self, start: i64, now: i64, secs: i64) -> Tally {
        let config = config(start);
        let (mut tally, mut api) = (Tally::default(), Api::new(self));
        let mut delivered = BTreeMap::<String, u32>::new();
        let mut cursor: Option<String> = None;
        let mut watermark = Second::new(i64::MIN);
        // Tenths of a second: a poll that has more costs one.
        let mut tenths = now * 10;
        while tenths < (now + secs) * 10 {
            tally.polls += 1;
            assert!(tally.polls < 100_000, "the passes do not end: {tally:?}");
            let now = tenths / 10;
            let host_nanos =
                u64::try_from((self.clock)(now) * 10 + tenths % 10).unwrap() * 100_000_000;
            let mut random = [0; 16];
            random[..4].copy_from_slice(&tally.polls.to_be_bytes());
            let at = Moment { unix_nanos: host_nanos, random };
            let mut step = poll(&config, cursor.as_deref(), at);
            let outcome = loop {
                step = match step {
                    Step::Send(request, pending) => {
                        pending.reply(Ok(api.answer(&request, now)), at)
                    }
                    Step::Done(outcome) => break outcome,
                };
            };
            let batch = match outcome {
                Ok(batch) => batch,
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Transient, "{error:?}");
                    tenths += 10;
                    continue;
                }
            };
            assert!(batch.progress.complete_until >= watermark, "the watermark went back");
            watermark = batch.progress.complete_until;
            for event in batch.events {
                *delivered.entry(event.id).or_default() += 1;
            }
            tally.cursor_bytes_max = tally.cursor_bytes_max.max(batch.cursor.len());
            cursor = Some(batch.cursor);
            tally.caught_up += u32::from(!batch.more);
            tenths += if batch.more { 1 } else { 600 };
        }
        tally.requests = api.requests;
        let twice: Vec<_> = delivered.iter().filter(|(_, times)| **times > 1).take(3).collect();
        assert!(twice.is_empty(), "rows came twice: {twice:?}, {tally:?}");
        let due_by = now + secs - 120;
        let due = self.rows.iter().enumerate().filter(|(_, row)| row.visible <= due_by);
        let lost: Vec<_> = due
            .filter(|(index, row)| {
                row.second <= due_by && !delivered.contains_key(&index.to_string())
            })
            .map(|(_, row)| (row.second - T, row.visible - T))
            .collect();
        assert!(lost.is_empty(), "{} rows lost, {:?}..., {tally:?}", lost.len(), lost[0]);
        tally
    }
}

fn config(start: i64) -> Config {
    let auth = json!({"type": "hmac", "access_key": "a", "secret_key": "c2VjcmV0",
        "app_id": "b", "app_key": "c"});
    let start = Second::new(start).to_string();
    let config = json!({"base_url": "https://api.example", "auth": auth, "start": start});
    Config::parse(&config.to_string()).unwrap()
}

/// The API of a world: finds, sorts and pages by itself.
struct Api<'w> {
    world: &'w World,
    requests: u32,
    /// What each token stands for: the offset, and the rows found when the window was asked for.
    tokens: BTreeMap<String, (usize, Vec<usize>)>,
    dice: Dice,
}

impl<'w> Api<'w> {
    fn new(world: &'w World) -> Self {
        Self { world, requests: 0, tokens: BTreeMap::new(), dice: Dice(1) }
    }

    fn answer(&mut self, request: &Request, now: i64) -> Response {
        self.requests += 1;
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let asked = &body["data"][0];
        let [from, to] = ["from", "to"].map(|bound| {
            EventTime::parse(asked[bound].as_str().unwrap()).unwrap().second().unix_secs()
        });
        assert!(from < to, "a window runs backwards: {body}");
        let token = body["meta"]["pagination"]["pageToken"].as_str();
        if token.is_some() && self.dice.below(100) < self.world.token_deaths_percent {
            let fail =
                json!([{"errors": [{"code": "err_page_token", "message": "unknown token"}]}]);
            return self.respond(now, &json!({"meta": {"status": 400}, "fail": fail}));
        }
        let (offset, pinned) = match token {
            Some(token) => self.tokens[token].clone(),
            None => (0, Vec::new()),
        };
        let found = match (token, self.world.is_live) {
            (Some(_), false) => pinned,
            _ => self.find(from, to, now),
        };
        let size = self.world.page_size.min(
            usize::try_from(body["meta"]["pagination"]["pageSize"].as_u64().unwrap()).unwrap(),
        );
        let page: Vec<_> =
            found.iter().skip(offset).take(size).map(|index| self.row_json(*index)).collect();
        let count = u64::try_from(found.len()).unwrap();
        let mut data = json!({"impersonationLogs": page});
        match self.world.count {
            Count::Right => data["resultCount"] = count.into(),
            Count::Missing => {}
            Count::Is(number) => data["resultCount"] = number.into(),
            Count::TooHighBy(number) => data["resultCount"] = (count + number).into(),
        }
        let mut meta = json!({"status": 200});
        if offset + size < found.len() {
            let next = format!("token {}", self.requests);
            meta["pagination"] = json!({"pageSize": size, "next": next});
            self.tokens.clear();
            self.tokens.insert(next, (offset + size, found));
        }
        self.respond(now, &json!({"meta": meta, "data": [data], "fail": []}))
    }

    fn find(&self, from: i64, to: i64, now: i64) -> Vec<usize> {
        let World { rows, is_to_inclusive, is_newest_first, .. } = self.world;
        let begin = rows.partition_point(|row| row.second < from);
        let end = rows.partition_point(|row| {
            row.second < to || (*is_to_inclusive && row.second == to && row.nanos == 0)
        });
        let mut found: Vec<_> =
            (begin..end.max(begin)).filter(|index| rows[*index].visible <= now).collect();
        if *is_newest_first {
            found.reverse();
        }
        found
    }

    fn row_json(&self, index: usize) -> Value {
        let Row { second, nanos, .. } = self.world.rows[index];
        let mut time = Second::new(second).api_date();
        if nanos > 0 {
            time = time.replace('+', &format!(".{nanos:09}+"));
        }
        json!({"id": index.to_string(), "eventTime": time})
    }

    fn respond(&self, now: i64, body: &Value) -> Response {
        let date = Second::new(now).header_date().replace("UTC", "GMT");
        let headers = if self.world.is_dated { vec![("Date".to_owned(), date)] } else { vec![] };
        Response { status: 200, headers, body: body.to_string().into_bytes() }
    }
}

/// Chance that is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[test]
fn the_dice_are_fair_enough() {
    let mut dice = Dice(1);
    let faces: BTreeSet<_> = (0..100).map(|_| dice.below(6)).collect();
    assert_eq!(faces.len(), 6);
}
