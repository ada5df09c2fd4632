//! Random worlds: histories, APIs, faults, clocks and changes that a seed gives, collected to their
//! end. Whatever the seed, these properties hold; each is a test over the same fixed seeds.
//!
//! `cargo xtask soak` takes fresh seeds for as long as it is told, and prints the one that fails with
//! the command that runs it again.
//!
//! Mutants of `src` that it kills: those of `tests/crash.rs`; a window that begins at the second after
//! the last; quiet reckoned from the end of a reading; circles judged by the API's count alone; a page
//! token that is tried for ever. What shows only at a moment too rare for so few worlds is held by
//! `tests/rules/`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "how long it soaks is in the environment")]

#[path = "../fake/mod.rs"]
mod fake;
mod fault;
mod plan;
mod run;

use fake::spread::spread;
use plan::Plan;
use run::{PassCost, Run, Unreadable, run};
use std::env;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// What must hold for a run: nothing, or what is wrong with it.
type Property = fn(&Run) -> Option<String>;

const PROPERTIES: [(&str, Property); 10] = [
    ("no row is lost", |run| first("lost", &run.lost)),
    ("no row comes twice without a crash", |run| {
        let is_within = run.repeated.len() <= run.repeated_max;
        (!is_within).then(|| first("repeated", &run.repeated)).flatten()
    }),
    ("no event is made up", |run| first("made up", &run.invented)),
    ("the watermark never goes back", |run| first("backward", &run.backward)),
    ("every pass ends, in a bounded number of requests", |run| {
        let unbounded = run.passes.iter().find(|pass| pass.requests > requests_max(pass));
        let unbounded = unbounded.map(|pass| format!("{} allowed, {pass:?}", requests_max(pass)));
        run.endless.clone().or(unbounded)
    }),
    ("lists stay within their bounds", |run| first("oversized", &run.oversized)),
    ("nothing is called caught up while a row is missing that was there", |run| {
        first("premature", &run.premature)
    }),
    ("what cannot be read is told once and holds up nothing", |run| {
        let Unreadable { due, told, all } = run.unreadable;
        // Those that follow each other may look like one, and one like two.
        let is_told = run.has_other_filters || due == 0 || told > 0;
        let is_told_once = run.crashes > 0 || told <= 2 * all;
        (!is_told || !is_told_once).then(|| format!("{:?}", run.unreadable))
    }),
    ("a state that lasts is told once an hour at most", |run| first("nagging", &run.nagging)),
    ("a second is left behind only where the api withholds rows", |run| {
        let is_right = run.left_behind.is_empty() || run.may_withhold;
        (!is_right).then(|| format!("{:?}", run.left_behind))
    }),
];

fn first(what: &str, of: &[String]) -> Option<String> {
    of.first().map(|first| format!("{} {what}, the first: {first}", of.len()))
}

/// A pass reads its way twice at most, if counts do not fit; each fault makes it read a window
/// again, and cut it. Without counts, only reading tells that a window holds too much. Rows that come
/// to light behind the page that is being read make a window be read in halves.
fn requests_max(pass: &PassCost) -> i64 {
    let PassCost { pages, windows, faults, is_counted, halvings, is_strange, .. } = pass;
    let cuts = if *is_counted { 0 } else { 24 };
    // What is found out of an API costs a descent to a second and back, and faults make it begin anew.
    let (times, descents) = if *is_strange { (2, 24) } else { (1, 0) };
    let requests = 60
        + 2 * (*halvings).max(2) * (pages + windows)
        + (faults + cuts + descents) * ((*pages).min(200) + 24);
    times * requests
}

macro_rules! properties {
    ($($test:ident: $name:literal)*) => {$(
        #[test]
        fn $test() {
            let (_, property) = PROPERTIES.iter().find(|(name, _)| *name == $name).unwrap();
            let fallen = RUNS.iter().filter_map(|(seed, run)| Some((*seed, property(run)?)));
            let told: Vec<_> = fallen.map(|(seed, why)| told(seed, $name, &why)).collect();
            assert!(told.is_empty(), "{} of {SEEDS} worlds\n{}", told.len(), told[..].join("\n"));
        }
    )*};
}

properties! {
    no_row_is_lost: "no row is lost"
    no_row_comes_twice_without_a_crash: "no row comes twice without a crash"
    no_event_is_made_up: "no event is made up"
    the_watermark_never_goes_back: "the watermark never goes back"
    every_pass_ends_in_a_bounded_number_of_requests:
        "every pass ends, in a bounded number of requests"
    lists_stay_within_their_bounds: "lists stay within their bounds"
    nothing_is_called_caught_up_while_a_row_is_missing_that_was_there:
        "nothing is called caught up while a row is missing that was there"
    what_cannot_be_read_is_told_once_and_holds_up_nothing:
        "what cannot be read is told once and holds up nothing"
    a_state_that_lasts_is_told_once_an_hour_at_most:
        "a state that lasts is told once an hour at most"
    a_second_is_left_behind_only_where_the_api_withholds_rows:
        "a second is left behind only where the api withholds rows"
}

static RUNS: LazyLock<Vec<(u64, Run)>> = LazyLock::new(|| {
    let mut runs = spread(|seed| (seed < SEEDS).then(|| (seed, run(&Plan::of(seed), seed))));
    runs.sort_by_key(|(seed, _)| *seed);
    let sum = |of: fn(&Run) -> u64| runs.iter().map(|(_, run)| of(run)).sum::<u64>();
    println!(
        "{} worlds: {} polls, {} rows due, {} faults, {} crashes, {} passes",
        runs.len(),
        sum(|run| run.polls.into()),
        sum(|run| run.due.try_into().unwrap()),
        sum(|run| run.faults.into()),
        sum(|run| run.crashes.into()),
        sum(|run| run.passes.len().try_into().unwrap()),
    );
    let longest = runs.iter().max_by_key(|(_, run)| run.polls).unwrap();
    println!("the longest: seed {}, {} polls", longest.0, longest.1.polls);
    runs
});

#[test]
fn a_quiet_stream_costs_one_request_a_poll() {
    for seed in 0..QUIET_SEEDS {
        let run = run(&Plan::quiet(seed), seed);
        let costly = run.passes.iter().find(|pass| pass.is_quiet && pass.requests > 1);
        assert!(costly.is_none(), "seed {seed}: {costly:?}");
        assert!(run.passes.iter().filter(|pass| pass.is_quiet).count() > 100, "seed {seed}");
        assert!(run.lost.is_empty() && run.repeated.is_empty(), "seed {seed}: {run:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_transcript_to_the_byte() {
    for (seed, before) in RUNS.iter().take(30) {
        let again = run(&Plan::of(*seed), *seed);
        assert!(before.transcript == again.transcript, "seed {seed} went another way");
    }
}

/// Runs worlds of fresh seeds, or of one. Told what to do by `cargo xtask soak`.
#[test]
#[ignore = "it takes as long as it is told to"]
fn soak() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let plan = Plan::of(seed);
        let run = run(&plan, seed);
        println!("{plan}\n{}", run.transcript);
        assert_eq!(judge(seed, &run), None);
        return;
    }
    let minutes = number("SIMULATION_MINUTES").unwrap();
    let from = number("SIMULATION_FROM").unwrap();
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let runs = spread(|index| {
        let seed = from + index;
        let judged = (Instant::now() < end).then(|| judge(seed, &run(&Plan::of(seed), seed)));
        judged.inspect(|judged| judged.iter().for_each(|fallen| println!("{fallen}")))
    });
    let fallen = runs.iter().flatten().count();
    assert_eq!(fallen, 0, "of {} worlds from seed {from} on", runs.len());
    println!("{} worlds from seed {from} on, and every property held", runs.len());
}

/// The first property that does not hold.
fn judge(seed: u64, run: &Run) -> Option<String> {
    let mut properties = PROPERTIES.into_iter();
    properties.find_map(|(name, property)| Some(told(seed, name, &property(run)?)))
}

fn told(seed: u64, property: &str, why: &str) -> String {
    format!("not so: {property} ({why})\nagain by: cargo xtask soak --seed {seed}")
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap())
}

const SEEDS: u64 = 300;
const QUIET_SEEDS: u64 = 30;
