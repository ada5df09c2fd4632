//! Carries a plan out: a host that polls, waits, stores and crashes, and what is to be seen of it
//! from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mimecast_ttp_source::{Batch, Config, Moment, Notice, Second};
use serde_json::{Value, json};

use crate::fake::dice::Dice;
use crate::fake::world::{Count, Ending, Row, Server, World};
use crate::fake::{Asked, Reply, api_date, put};
use crate::fault;
use crate::plan::{Change, Plan};

/// What was seen of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) polls: u32,
    pub(crate) rows: usize,
    pub(crate) due: usize,
    pub(crate) faults: u32,
    pub(crate) crashes: u32,
    /// Rows that had to come and did not.
    pub(crate) lost: Vec<String>,
    /// Deliveries of rows that had been delivered before.
    pub(crate) repeated: Vec<String>,
    /// How many a host may see that many times: a page for each crash past a delivery.
    pub(crate) repeated_max: usize,
    /// Events that are no row.
    pub(crate) invented: Vec<String>,
    /// How the watermark went back.
    pub(crate) backward: Vec<String>,
    pub(crate) passes: Vec<PassCost>,
    /// No end came.
    pub(crate) endless: Option<String>,
    pub(crate) oversized: Vec<String>,
    /// Rows that were missing when it was said that all had come.
    pub(crate) premature: Vec<String>,
    pub(crate) unreadable: Unreadable,
    /// Seconds that were told to be left behind.
    pub(crate) left_behind: BTreeSet<i64>,
    /// The world has reason to leave some behind.
    pub(crate) may_withhold: bool,
    pub(crate) has_other_filters: bool,
    /// Notices that came more often than once an hour.
    pub(crate) nagging: Vec<String>,
    /// Everything that came out, in order.
    pub(crate) transcript: String,
}

/// Rows that cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Unreadable {
    pub(crate) due: usize,
    pub(crate) told: usize,
    pub(crate) all: usize,
}

/// What one way from the watermark to the present took.
#[derive(Debug, Default, Clone)]
pub(crate) struct PassCost {
    pub(crate) requests: i64,
    /// Replies that were no page, crashes, and changes of the configuration.
    pub(crate) faults: i64,
    /// Rows that lay on the way, in pages.
    pub(crate) pages: i64,
    /// Windows that the way had to have.
    pub(crate) windows: i64,
    /// Nothing became visible since the pass before began.
    pub(crate) is_quiet: bool,
    /// The API's counts were relied on to the end.
    pub(crate) is_counted: bool,
    /// Its pages follow the rows: so often a window may be read anew, in halves, down to one page.
    pub(crate) halvings: i64,
    /// The API does what is not documented, and costs requests.
    pub(crate) is_strange: bool,
    pub(crate) began: i64,
    /// The watermark then.
    pub(crate) from: i64,
}

/// A host under way.
struct Host<'p> {
    plan: &'p Plan,
    settings: Value,
    config: Config,
    now: i64,
    clock_secs: i64,
    cursor: Option<String>,
    watermark: Option<i64>,
    server: Server,
    dice: Dice,
    errors_in_a_row: u32,
    times: Vec<u32>,
    /// When each notice that lasts was told last.
    told: BTreeMap<&'static str, i64>,
    withheld: BTreeSet<String>,
    /// Several, of rows that are alike.
    by_body: BTreeMap<String, Vec<usize>>,
    filter: Option<bool>,
    /// From where on each filter counts.
    filters: Vec<(i64, Option<bool>)>,
    pass: PassCost,
    pass_before_began: i64,
    is_calm: bool,
    run: Run,
}

/// Carries it out. The seed is that of the faults.
pub(crate) fn run(plan: &Plan, seed: u64) -> Run {
    let mut by_body: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, row) in plan.world.rows.iter().enumerate() {
        if let Some(body) = body(row) {
            by_body.entry(body).or_default().push(index);
        }
    }
    let mut host = Host {
        plan,
        settings: plan.config.clone(),
        config: Config::parse(&plan.config.to_string()).expect("the plan's configuration is right"),
        now: plan.begin,
        clock_secs: 0,
        cursor: None,
        watermark: None,
        server: Server::new(seed),
        dice: Dice::new(seed),
        errors_in_a_row: 0,
        times: vec![0; plan.world.rows.len()],
        told: BTreeMap::new(),
        withheld: BTreeSet::new(),
        by_body,
        filter: None,
        filters: Vec::new(),
        pass: PassCost { began: plan.begin, from: plan.start, ..PassCost::default() },
        pass_before_began: i64::MIN,
        is_calm: false,
        run: Run::default(),
    };
    let mut changes = plan.changes.iter().peekable();
    let mut calm_passes = 0;
    while calm_passes < CALM_PASSES {
        while let Some((_, change)) = changes.next_if(|(at, _)| *at <= host.now) {
            host.change(*change);
        }
        if host.now >= plan.end && !host.is_calm {
            host.is_calm = true;
            host.clock_secs = 0;
        }
        host.run.polls += 1;
        if host.pass.requests > PASS_REQUESTS_MAX || host.run.polls > POLLS_MAX {
            host.run.endless = Some(format!("{} passes by {}", host.run.passes.len(), host.now));
            break;
        }
        let is_caught_up = host.poll();
        calm_passes += u32::from(is_caught_up && host.is_calm);
    }
    host.close()
}

impl Host<'_> {
    fn change(&mut self, change: Change) {
        self.pass.faults += 1;
        let mut set = |path: &str, value: Value| put(&mut self.settings, path, value);
        match change {
            Change::Clock(secs) => self.clock_secs = secs,
            Change::Off(secs) => self.now += secs,
            Change::Keys => set("auth.secret_key", json!("YW5vdGhlci1zZWNyZXQ=")),
            Change::Overlap(secs) => set("overlap_secs", json!(secs)),
            Change::PageSize(rows) => set("page_size", json!(rows)),
            Change::Filter(filter) => {
                self.filter = filter;
                set("filters", json!({"tagged_malicious": filter}));
                if filter.is_none() {
                    self.settings.as_object_mut().expect("it is an object").remove("filters");
                }
                if let Some(watermark) = self.watermark {
                    self.filters.push((watermark, filter));
                }
            }
        }
        self.config = Config::parse(&self.settings.to_string()).expect("a change leaves it right");
    }

    /// One poll, and the wait after it. True: it caught up.
    fn poll(&mut self) -> bool {
        let mut dice = self.dice.clone();
        let mut faults = 0;
        let mut requests = 0;
        let Self { plan, server, run, is_calm, now, clock_secs, .. } = self;
        let at = moment(*now + *clock_secs, 0);
        let mut answer = |asked: Asked| -> (Reply, Moment) {
            requests += 1;
            let _ = write!(
                run.transcript,
                "{} {}+{} {:?} ",
                *now,
                asked.from,
                asked.to - asked.from,
                asked.token
            );
            let reply = Ok(server.answer(&plan.world, &asked, *now));
            let is_struck = !*is_calm && dice.percent(plan.faults_percent);
            let reply = if is_struck { fault::strike(&mut dice, &asked, reply) } else { reply };
            let is_page = reply
                .as_ref()
                .is_ok_and(|reply| reply.status == 200 && reply.body.ends_with(br#""fail":[]}"#));
            faults += i64::from(is_struck || !is_page);
            *now += if dice.percent(10) { dice.below(3) } else { 0 };
            (reply, moment(*now + *clock_secs, dice.next()))
        };
        let outcome = crate::fake::poll_once(&self.config, self.cursor.as_deref(), at, &mut answer);
        self.dice = dice;
        self.run.faults += u32::try_from(faults).expect("one poll has few requests");
        self.pass.requests += requests;
        self.pass.faults += faults;
        match outcome {
            Ok(batch) => {
                self.errors_in_a_row = 0;
                self.tell(&batch);
                self.judge(&batch);
                self.hear(&batch);
                self.store(&batch)
            }
            Err(error) => {
                let _ = writeln!(self.run.transcript, "{:?} {}", error.kind, error.message);
                self.errors_in_a_row += 1;
                if error.retry_after_ms.is_some_and(|ms| ms > WAIT_MAX_MS) {
                    self.run.oversized.push(format!("a wait of {:?} ms", error.retry_after_ms));
                }
                let backoff_ms = 500_u64 << self.errors_in_a_row.min(7);
                self.wait(backoff_ms.min(60_000).max(error.retry_after_ms.unwrap_or(0)));
                false
            }
        }
    }

    /// Stores a batch as a host does, unless it crashes meanwhile.
    fn store(&mut self, batch: &Batch) -> bool {
        let Batch { events, cursor, .. } = batch;
        let is_crash = !self.is_calm && self.dice.below(1_000) < self.plan.crashes_per_mille;
        let place = if is_crash { self.dice.below(3) } else { 3 };
        if is_crash {
            self.run.crashes += 1;
            self.pass.faults += 1;
            self.now += self.dice.below(30);
        }
        // Before the delivery: as if there had been no reply.
        if place == 0 || (place == 1 && self.plan.is_transactional) {
            return false;
        }
        for event in events {
            let Some(rows) = self.by_body.get(&event.body) else {
                self.run.invented.push(event.body.clone());
                continue;
            };
            match rows.iter().find(|index| self.times[**index] == 0) {
                Some(index) => self.times[*index] = 1,
                None => self.run.repeated.push(event.body.clone()),
            }
        }
        if place == 1 {
            self.run.repeated_max += events.len();
            return false;
        }
        self.cursor = Some(cursor.clone());
        let watermark = batch.progress.complete_until.unix_secs();
        if self.watermark.is_none() {
            self.filters.push((watermark, self.filter));
        }
        if self.watermark.is_some_and(|before| watermark < before) {
            self.run.backward.push(format!("from {:?} to {watermark}", self.watermark));
        }
        self.watermark = Some(watermark);
        if !cursor.contains("\"pass\":{") {
            self.pass.is_counted = !cursor.contains("\"count_")
                && !matches!(self.plan.world.count, Count::Missing | Count::Random);
            self.end_pass(watermark);
        }
        // One that ended early relies on counts that agree, and is followed by a full one.
        if !batch.more && cursor.contains("\"economy_passes\":0") {
            self.look_for_missing_rows();
        }
        self.wait(if place == 2 { 0 } else { batch.next_poll_ms });
        !batch.more
    }

    /// What a person is told: each unreadable row once, each state that lasts once an hour.
    fn hear(&mut self, batch: &Batch) {
        let host = self.now + self.clock_secs;
        for Notice { code, message, .. } in &batch.notices {
            match *code {
                "row_unreadable" => {
                    let count: usize = message.split(' ').next().unwrap().parse().unwrap();
                    self.run.unreadable.told += count;
                }
                "rows_withheld" => {
                    let second = message.split(' ').nth(2).unwrap();
                    let second = Second::parse_rfc3339(second).unwrap().unix_secs();
                    self.run.left_behind.insert(second);
                    // A count that is wrong can say the same of a second again and again.
                    let is_counted = matches!(self.plan.world.count, Count::Right);
                    let is_again = !self.withheld.insert(message.clone());
                    if is_again && is_counted && self.run.crashes == 0 {
                        self.run.nagging.push(format!("{message} again"));
                    }
                }
                "clock_offset" | "filters_changed" | "seen_full" => {}
                code => {
                    let last = self.told.insert(code, host);
                    let is_early = last.is_some_and(|last| (0..3_600).contains(&(host - last)));
                    if is_early && self.run.crashes == 0 && self.plan.changes.is_empty() {
                        self.run.nagging.push(format!("{code} at {host}, after {last:?}"));
                    }
                }
            }
        }
    }

    /// It is said that all rows have come: none may be missing that was there when the pass began.
    fn look_for_missing_rows(&mut self) {
        let world = &self.plan.world;
        let World { rows, count, other_node, is_dated, listing_rows_max, .. } = world;
        let found = |row: &Row| if world.is_found_by_visible { row.visible } else { row.second };
        let is_certain = matches!(count, Count::Right | Count::Missing)
            // Two answers in a row can come from the node that is off, if others get lost.
            && other_node.is_none()
            && *is_dated
            // Rows that come to light may stand for as many that were withheld.
            && *listing_rows_max == usize::MAX
            && matches!(self.filters[..], [(_, None)]);
        let began = self.pass_before_began;
        let from = self.filters[0].0;
        let missing = rows.iter().zip(&self.times).find(|(row, times)| {
            **times == 0
                && row.event.as_deref() != Some("")
                && row.visible <= began
                // The API's clock is known to two seconds.
                && (from..began - 2).contains(&found(row))
                && !self.run.is_left_behind(row)
        });
        if let Some((row, _)) = missing.filter(|_| is_certain) {
            self.run.premature.push(format!("{row:?} by {}", self.now));
        }
    }

    fn end_pass(&mut self, watermark: i64) {
        let world = &self.plan.world;
        let (from, now) = (self.pass.from, self.now);
        let page_size = self.settings["page_size"].as_i64().expect("it is set");
        let page_size = page_size.min(i64::try_from(world.page_size).unwrap_or(i64::MAX));
        let rows = world.rows.iter().filter(|row| row.second >= from && row.visible <= now);
        let rows = i64::try_from(rows.count()).expect("a short list");
        self.pass.pages = rows / page_size + 1;
        let window = self.settings["window_max_secs"].as_i64().expect("it is set");
        self.pass.windows = (now - from).max(0) / window + 1;
        let news = self.pass_before_began..=now;
        self.pass.is_quiet =
            !world.rows.iter().any(|row| news.contains(&row.visible.max(row.second)));
        self.pass.halvings = if world.is_live { i64::from(self.pass.pages.ilog2()) + 1 } else { 0 };
        // Two rows that cannot be read may look like one that is missing.
        let is_unreadable = |row: &&Row| row.event.as_deref() == Some("");
        self.pass.is_strange = world.rows.iter().filter(is_unreadable).count() > 1
            || world.ending != Ending::Clean
            || world.listing_rows_max < usize::MAX
            || world.window_secs_max < i64::MAX
            || world.from_unit_secs > 1
            || world.is_found_by_visible;
        self.pass_before_began = self.pass.began;
        let next = PassCost { began: now, from: watermark, ..PassCost::default() };
        self.run.passes.push(std::mem::replace(&mut self.pass, next));
    }

    fn wait(&mut self, ms: u64) {
        // A host that has more polls at once; that takes a while, too.
        let secs = i64::try_from(ms.div_ceil(1_000)).expect("a short wait");
        self.now += secs.max(i64::from(self.dice.percent(20)));
    }

    fn tell(&mut self, batch: &Batch) {
        let codes: Vec<_> = batch.notices.iter().map(|notice| notice.code).collect();
        let _ = writeln!(
            self.run.transcript,
            "{} events, more {}, {} ms, until {}, {codes:?}, {:?}, {:?}",
            batch.events.len(),
            batch.more,
            batch.next_poll_ms,
            batch.progress.complete_until,
            batch.stats,
            crate::fake::dice::mix(
                batch
                    .cursor
                    .bytes()
                    .fold(0, |hash, byte| { hash.wrapping_mul(31).wrapping_add(u64::from(byte)) })
            ),
        );
    }

    /// Everything in a batch has a bound.
    fn judge(&mut self, batch: &Batch) {
        let interval_ms = self.settings["poll_interval_secs"].as_u64().unwrap_or(60) * 1_000;
        let watermark = batch.progress.complete_until.unix_secs();
        // What is remembered lies above the watermark or, until the API has shown that it does not
        // go further back than asked, a day below it, or tells no time.
        let is_tight = batch.cursor.contains("\"reach_secs\":60");
        let below_secs = if is_tight { 60 } else { 25 * 3_600 };
        let may_be_known =
            |row: &&Row| row.second >= watermark - below_secs || !tells_its_time(row);
        // One that cannot be read may look like two.
        let is_unreadable = |row: &&Row| row.event.as_deref() == Some("");
        let keys_max = self.plan.world.rows.iter().filter(may_be_known).count()
            + self.plan.world.rows.iter().filter(is_unreadable).count();
        let (_, seen) = batch.cursor.split_once("\"seen\":\"").unwrap();
        // Seven bytes a row, and more where it is far from the one before.
        let keys = seen.len() / 14;
        for (is_right, what) in [
            (batch.events.len() <= 501, "events"),
            (batch.notices.len() <= 8, "notices"),
            (batch.cursor.len() <= 1_000_000, "bytes of cursor"),
            (keys <= keys_max + 1_500, "keys"),
            (batch.next_poll_ms <= WAIT_MAX_MS.max(interval_ms), "milliseconds of wait"),
            (!batch.more || batch.next_poll_ms == 0 || batch.quota.is_some(), "wait with more"),
        ] {
            if !is_right {
                let sizes = (batch.events.len(), batch.notices.len(), batch.cursor.len(), keys_max);
                self.run.oversized.push(format!("{what}: {sizes:?}, {} ms", batch.next_poll_ms));
            }
        }
    }

    fn close(mut self) -> Run {
        let World { rows, is_found_by_visible, .. } = &self.plan.world;
        let due_by = self.plan.end;
        let mut due = BTreeSet::new();
        for (place, (from, filter)) in self.filters.iter().enumerate() {
            let to = self.filters.get(place + 1).map_or(due_by, |(to, _)| *to);
            let is_due = |row: &Row| {
                // The filters of when it can be found.
                let found = if *is_found_by_visible { row.visible } else { row.second };
                (*from..to).contains(&found)
                    && row.visible <= due_by
                    && filter.is_none_or(|wanted| row.is_malicious == wanted)
            };
            due.extend((0..rows.len()).filter(|index| is_due(&rows[*index])));
        }
        due.retain(|index| rows[*index].event.as_deref() != Some(""));
        let unreadable = rows.iter().filter(|row| row.event.as_deref() == Some(""));
        let first = self.filters.first().map_or(i64::MAX, |(from, _)| *from);
        let is_due = |row: &&Row| row.second >= first && row.second.max(row.visible) <= due_by;
        self.run.unreadable.due = unreadable.clone().filter(is_due).count();
        self.run.unreadable.all = unreadable.count();
        let lost = due
            .iter()
            .filter(|index| self.times[**index] == 0 && !self.run.is_left_behind(&rows[**index]));
        let lost: Vec<_> = lost.collect();
        // What it shows late for the first time, after hundreds that it did not, is not remembered.
        if *is_found_by_visible {
            let page_size = self.settings["page_size"].as_u64().expect("it is set");
            self.run.repeated_max += usize::try_from(page_size).expect("a small number");
        }
        self.run.lost = lost.iter().map(|index| format!("{:?}", rows[**index])).collect();
        self.run.has_other_filters = self.filters.iter().any(|(_, filter)| filter.is_some());
        let World { listing_rows_max, count, token_deaths_percent, .. } = &self.plan.world;
        // Two rows that cannot be read may look like one.
        self.run.may_withhold = *listing_rows_max < usize::MAX
            || self.run.unreadable.all > 1
            || !matches!(count, Count::Right | Count::Missing)
            || *token_deaths_percent > 0
            || self.plan.faults_percent > 0;
        self.run.rows = rows.len();
        self.run.due = due.len();
        self.run
    }
}

impl Run {
    /// A window of a second may hold the next one, too; and a row may be found by another time than
    /// its own.
    fn is_left_behind(&self, row: &Row) -> bool {
        let seconds = [row.second, row.visible].into_iter().flat_map(|at| [at, at - 1]);
        seconds.into_iter().any(|second| self.left_behind.contains(&second))
    }
}

/// A row as an event's body; None if it cannot be read.
fn body(row: &Row) -> Option<String> {
    match &row.event {
        Some(event) => Some(event.clone()).filter(|event| !event.is_empty()),
        None if row.text.starts_with('{') => Some(row.text.clone()),
        None => Some(format!("{{\"row\":{}}}", row.text)),
    }
}

fn tells_its_time(row: &Row) -> bool {
    row.text.contains(&api_date(row.second)[..19])
}

fn moment(unix_secs: i64, random: u64) -> Moment {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random.to_be_bytes());
    let secs = u64::try_from(unix_secs).expect("all times are past 1970");
    Moment { unix_nanos: secs * 1_000_000_000 + 500_000_000, random: bytes }
}

/// Of one way from the watermark to the present, and of all.
const PASS_REQUESTS_MAX: i64 = 60_000;
const POLLS_MAX: u32 = 400_000;
/// Enough for the full reading that comes at least every eleventh time.
const CALM_PASSES: u32 = 14;
const WAIT_MAX_MS: u64 = 15 * 60 * 1_000;
