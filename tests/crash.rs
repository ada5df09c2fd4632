//! Every placement of up to two crashes in a small world: none of them loses a row, and none repeats
//! more than was under way.
//!
//! The world has what crashes have been seen to lose rows by: several rows in one second, a row
//! exactly at the bound of two windows, rows that appear late, pages of two rows. A crash strikes
//! before a request, after its reply, between the delivery of a batch and the saving of its cursor,
//! or after that. All runs of a host share what they have in common: at each of these places the run
//! splits in two.
//!
//! Mutants of `src` that it kills: a watermark that moves to the window's end, or without the overlap;
//! a page token kept for the next window; seen rows forgotten above the watermark; a clock of the API
//! that is never learnt.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod fake;

use fake::spread::spread;
use fake::world::{Order, Row, Server, World};
use fake::{HOUR, T, config_with, poll_once};
use mimecast_ttp_source::{Batch, Config, Moment};
use serde_json::json;

#[test]
fn a_host_that_saves_the_cursor_after_delivery_loses_nothing_and_repeats_a_page_a_crash() {
    let tally = explore_all(Saving::Later, 2);
    assert!(tally.runs > 75_000, "{tally:?}");
    assert_eq!(tally.lost, 0, "{tally:?}");
    assert_eq!(tally.repeated_too_often, 0, "{tally:?}");
    // Or else no crash fell between a delivery and its saving.
    assert!(tally.repeated > 0, "{tally:?}");
}

#[test]
fn a_host_that_saves_events_and_cursor_in_one_transaction_loses_and_repeats_nothing() {
    let tally = explore_all(Saving::Together, 2);
    assert!(tally.runs > 75_000, "{tally:?}");
    assert_eq!((tally.lost, tally.repeated), (0, 0), "{tally:?}");
}

/// What the contract forbids, to see that the ledger would show it.
#[test]
fn a_host_that_saves_the_cursor_before_delivery_is_seen_to_lose_rows() {
    let tally = explore_all(Saving::Sooner, 1);
    assert!(tally.lost > 200, "{tally:?}");
}

/// When a host stores the cursor of a batch: later than its events, together with them, or sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saving {
    Later,
    Together,
    Sooner,
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    lost: usize,
    repeated: usize,
    /// Runs that repeated more than a page for each crash.
    repeated_too_often: usize,
    first: Option<String>,
}

/// What does not change in a run.
struct Case {
    world: World,
    config: Config,
    saving: Saving,
    crashes_max: usize,
    tokens_die_at_restart: bool,
    /// The host's clock less the API's.
    clock_secs: i64,
    name: String,
}

/// A host, its API, and all deliveries so far.
#[derive(Clone)]
struct Site {
    now: i64,
    polls: u32,
    cursor: Option<String>,
    server: Server,
    ledger: [u8; ROWS],
    /// The poll and the place of each.
    crashes: Vec<(u32, &'static str)>,
}

fn explore_all(saving: Saving, crashes_max: usize) -> Tally {
    let cases = cases(saving, crashes_max);
    let tallies = spread(|number| {
        let case = cases.get(usize::try_from(number).unwrap())?;
        let mut tally = Tally::default();
        case.run(Site::new(), &mut tally);
        Some(tally)
    });
    let tally = tallies.into_iter().fold(Tally::default(), Tally::add);
    println!("{saving:?}: {tally:?}");
    tally
}

/// Every licence of the API and every clock, each with each.
fn cases(saving: Saving, crashes_max: usize) -> Vec<Case> {
    let settings = json!({"page_size": PAGE_ROWS, "overlap_secs": 300, "window_max_secs": 2_400,
        "quiet_max_secs": 1_800});
    let mut cases = Vec::new();
    for licences in 0..8 {
        let [is_newest_first, tokens_die_at_restart, is_live] =
            [1, 2, 4].map(|licence| licences & licence != 0);
        for clock_secs in [0, HOUR, -300] {
            let order = if is_newest_first { Order::NewestFirst } else { Order::AsAsked };
            let world = World { order, is_live, skew_max_secs: 200, ..world() };
            let config = Config::parse(&config_with(settings.clone()).to_string()).unwrap();
            let name = format!(
                "newest first {is_newest_first}, tokens die {tokens_die_at_restart}, live {is_live}, \
                 clock {clock_secs}"
            );
            cases.push(Case {
                world,
                config,
                saving,
                crashes_max,
                tokens_die_at_restart,
                clock_secs,
                name,
            });
        }
    }
    cases
}

/// Seconds past `T`, and how much later a row is visible. The backfill has windows of 2,400 s.
fn world() -> World {
    const TIMES: [(i64, i64); ROWS] = [
        (0, 0), // at the start
        (700, 0),
        (700, 0), // a tie that does not fit one page
        (700, 0),
        (1_900, 0),
        (2_399, 0),
        (2_400, 0), // exactly at the bound of two windows, twice
        (2_400, 0),
        (2_401, 0),
        (4_701, 299), // late by all of the overlap but a second
        (4_800, 0),   // at the next bound
        (4_950, 120),
        (4_990, 0), // behind this one the two before appear
        (5_100, 0),
        (5_250, 0),
        (5_250, 60), // a tie of which one half is late
        (5_300, 0),
    ];
    let rows = TIMES.iter().enumerate();
    World::of(rows.map(|(number, (secs, late))| Row::new(number, T + secs, T + secs + late)))
}

impl Case {
    /// Polls to the end of the world, and from each place where a crash can strike takes the other
    /// way too.
    fn run(&self, mut site: Site, tally: &mut Tally) {
        while site.now < END {
            site.polls += 1;
            assert!(site.polls < 500, "no end: {}, crashes {:?}", self.name, site.crashes);
            self.crash(&site, "before the request", tally);
            let batch = self.poll(&mut site);
            self.crash(&site, "after the reply", tally);
            match self.saving {
                Saving::Later => {
                    site.deliver(&batch, &self.world);
                    self.crash(&site, "after delivery", tally);
                    site.cursor = Some(batch.cursor);
                }
                // Whatever happens within a transaction happens as if before it.
                Saving::Together => {
                    self.crash(&site, "within the transaction", tally);
                    site.deliver(&batch, &self.world);
                    site.cursor = Some(batch.cursor);
                }
                Saving::Sooner => {
                    site.cursor = Some(batch.cursor.clone());
                    self.crash(&site, "before delivery", tally);
                    site.deliver(&batch, &self.world);
                }
            }
            self.crash(&site, "after saving", tally);
            site.now += if batch.more { 1 } else { 60 };
        }
        tally.close(&site, self);
    }

    fn crash(&self, site: &Site, place: &'static str, tally: &mut Tally) {
        if site.crashes.len() == self.crashes_max {
            return;
        }
        let mut crashed = site.clone();
        crashed.crashes.push((site.polls, place));
        crashed.now += 5;
        if self.tokens_die_at_restart {
            crashed.server.forget_tokens();
        }
        self.run(crashed, tally);
    }

    fn poll(&self, site: &mut Site) -> Batch {
        let now = site.now;
        let unix_nanos = u64::try_from(now + self.clock_secs).unwrap() * 1_000_000_000;
        let at = Moment { unix_nanos, random: [7; 16] };
        poll_once(&self.config, site.cursor.as_deref(), at, |asked| {
            (Ok(site.server.answer(&self.world, &asked, now)), at)
        })
        .unwrap()
    }
}

impl Site {
    fn new() -> Self {
        Self {
            now: T + 5_000,
            polls: 0,
            cursor: None,
            server: Server::new(1),
            ledger: [0; ROWS],
            crashes: Vec::new(),
        }
    }

    fn deliver(&mut self, batch: &Batch, world: &World) {
        for event in &batch.events {
            // The text of a row is delivered as the API wrote it.
            let row = world.rows.iter().position(|row| row.text == event.body).unwrap();
            self.ledger[row] += 1;
        }
    }
}

impl Tally {
    fn close(&mut self, site: &Site, case: &Case) {
        let lost: usize = site.ledger.map(|times| usize::from(times == 0)).iter().sum();
        let repeated: usize =
            site.ledger.iter().map(|times| usize::from(times.saturating_sub(1))).sum();
        let is_too_often = repeated > PAGE_ROWS * site.crashes.len();
        self.runs += 1;
        self.lost += lost;
        self.repeated += repeated;
        self.repeated_too_often += usize::from(is_too_often);
        if (lost > 0 || is_too_often) && self.first.is_none() {
            let ledger = &site.ledger;
            self.first = Some(format!("{}, crashes {:?}, {ledger:?}", case.name, site.crashes));
        }
    }

    fn add(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            lost: self.lost + other.lost,
            repeated: self.repeated + other.repeated,
            repeated_too_often: self.repeated_too_often + other.repeated_too_often,
            first: self.first.or(other.first),
        }
    }
}

const ROWS: usize = 17;
const PAGE_ROWS: usize = 2;
/// Past the last row and its lateness, with some polls to spare.
const END: i64 = T + 5_560;
