//! What a seed stands for: a history of rows, an API with its licences, a configuration, and what
//! happens meanwhile. Makes it; runs nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::fake::dice::Dice;
use crate::fake::world::{Count, Ending, Order, Row, World};
use crate::fake::{DAY, HOUR, T, api_date, config_with};

/// A run to be.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) world: World,
    /// The configuration at the start.
    pub(crate) config: Value,
    /// Where collection begins.
    pub(crate) start: i64,
    /// When the first poll is.
    pub(crate) begin: i64,
    /// From then on nothing happens any more but polls.
    pub(crate) end: i64,
    /// What happens to host and configuration, by time.
    pub(crate) changes: Vec<(i64, Change)>,
    /// How many requests meet a fault.
    pub(crate) faults_percent: i64,
    /// How many in a thousand polls are cut off by a crash of the host.
    pub(crate) crashes_per_mille: i64,
    /// Whether events and cursor are stored in one transaction, or the cursor after the events.
    pub(crate) is_transactional: bool,
}

/// Something that happens between two polls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// The host's clock is off by so much from now on.
    Clock(i64),
    /// Only rows with this `taggedMalicious` are wanted from now on.
    Filter(Option<bool>),
    /// New credentials.
    Keys,
    Overlap(i64),
    PageSize(i64),
    /// The host is off for a while.
    Off(i64),
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let d = &mut dice;
        let span = *d.pick(&[HOUR, 6 * HOUR, DAY, 3 * DAY, 14 * DAY]);
        let interval_secs = (span / d.between(200, 900)).max(*d.pick(&[5, 30, 60]));
        let rows_max = *d.pick(&[30, 300, 1_000, 3_000, 6_000]);
        let overlaps = [0, 1, 60, 300, 900, 2 * HOUR];
        let overlap = *d.pick(&overlaps);
        let is_overlap_changed = d.percent(20);
        let later_overlap = if is_overlap_changed { *d.pick(&overlaps) } else { overlap };
        let overlap_max = overlap.max(later_overlap);
        let quiet = (*d.pick(&[1, HOUR, 12 * HOUR])).max(overlap_max);
        // The overlap, or a quiet while, is read again and again: within some windows and pages.
        let window = *d.pick(&[600, HOUR, DAY, 30 * DAY]);
        let window = window.max(span / 200).max(quiet / 20).max(overlap_max);
        let in_overlap = rows_max * overlap_max.max(60) / span + 1;
        let pages_least = (rows_max / 600).max(in_overlap / 5).clamp(1, 500);
        let page_size = (*d.pick(&[1, 2, 10, 100, 500])).max(pages_least);
        let is_dated = d.percent(85);

        let late_max = (overlap.min(later_overlap) - CLOCK_SLACK_SECS).max(0);
        let outage = d.percent(25).then(|| {
            // Shorter than what counts as quiet, or its rows are given up.
            let secs = d.between(1, (quiet - overlap_max - 300).clamp(1, span / 2));
            let from = T + d.below(span);
            (quiet - overlap_max - 300 > secs).then_some((from, from + secs))
        });
        // An API that goes by when a row became visible finds the latest of them.
        let is_found_by_visible = d.percent(8);
        let late_max = if is_found_by_visible { *d.pick(&[60, 2 * HOUR]) } else { late_max };
        let mut rows = history(d, span, rows_max, page_size, late_max, outage.flatten());
        if is_found_by_visible {
            for row in &mut rows {
                row.visible = row.visible.max(row.second);
            }
        }
        let begin = T + if d.percent(50) { 5 } else { d.below(span) };
        let end = T + span + d.below(2 * HOUR);
        let world = World {
            order: *d.pick(&[
                Order::AsAsked,
                Order::AsAsked,
                Order::OldestFirst,
                Order::NewestFirst,
            ]),
            is_live: d.percent(60),
            is_to_inclusive: d.percent(60),
            is_dated,
            page_size: if d.percent(15) {
                usize::try_from(page_size / 2 + 1).expect("a small number")
            } else {
                usize::MAX
            },
            count: *d.pick(&[
                Count::Right,
                Count::Right,
                Count::Right,
                Count::Right,
                Count::Right,
                Count::Right,
                Count::Missing,
                Count::Is(0),
                Count::Is(1_000_000),
                Count::TooHighBy(3),
                Count::TooLowBy(2),
                Count::Random,
            ]),
            token_deaths_percent: *d.pick(&[0, 0, 0, 3, 15]),
            poisoned_percent: *d.pick(&[0, 0, 0, 2, 10]),
            odd_pages_percent: *d.pick(&[0, 0, 5]),
            skew_max_secs: if is_dated && d.percent(70) { 900 } else { i64::MAX },
            ..World::of(rows)
        };
        // Counts are compared by the second; and a row that cannot be read may look like two.
        let is_countable = |row: &Row| row.nanos == 0 && row.event.as_deref() != Some("");
        let is_countable = world.rows.iter().all(is_countable);
        let world = estrange(d, world, page_size, is_found_by_visible, is_countable);
        let start = if d.percent(80) { Some(d.between(T - DAY, begin)) } else { None };
        let config = json!({
            "overlap_secs": overlap, "quiet_max_secs": quiet, "window_max_secs": window,
            "page_size": page_size, "poll_interval_secs": interval_secs,
        });
        let mut config = config_with(config);
        match start {
            Some(start) => config["start"] = api_date(start).replace("+0000", "Z").into(),
            None => drop(config.as_object_mut().expect("it is an object").remove("start")),
        }
        let overlap_change = is_overlap_changed.then_some(Change::Overlap(later_overlap));
        let mut changes: Vec<_> =
            overlap_change.map(|change| (T + d.below(span), change)).into_iter().collect();
        let is_timed = is_dated && !matches!(world.other_node, Some((0, _)));
        changes.extend(meddling(d, span, window, is_timed, page_size / 2 + 1));
        changes.sort_by_key(|(at, _)| *at);
        let faults_percent = *d.pick(&[0, 0, 3, 10, 30]);
        let is_by_the_hour = world.from_unit_secs == HOUR;
        Self {
            world: if is_countable { with_alike(seed, world, page_size / 2 + 1) } else { world },
            config,
            start: start.unwrap_or(begin - DAY),
            begin,
            end: end.max(begin),
            changes,
            // Each fault makes it begin a window anew, and here that has the rows of an hour.
            faults_percent: if is_by_the_hour { 0 } else { faults_percent },
            crashes_per_mille: *d.pick(&[0, 0, 0, 20, 200]),
            is_transactional: d.percent(50),
        }
    }

    /// A stream with next to nothing in it, an API without faults, and a host that is left alone.
    pub(crate) fn quiet(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let d = &mut dice;
        let quiet = *d.pick(&[HOUR, 6 * HOUR, 12 * HOUR]);
        let interval_secs = d.between(30, 600);
        let span = *d.pick(&[DAY, 3 * DAY, 7 * DAY]);
        let seconds: Vec<_> = (0..d.below(20)).map(|_| T + d.below(span)).collect();
        let rows = seconds.iter().enumerate().map(|(id, second)| Row::new(id, *second, *second));
        Self {
            world: World::of(rows),
            config: config_with(json!({
                "overlap_secs": *d.pick(&[0, 60, 900]), "quiet_max_secs": quiet,
                // As the promise has it, and what requests take.
                "window_max_secs": quiet + interval_secs + 10, "page_size": 500, "poll_interval_secs": interval_secs,
            })),
            start: T,
            begin: T + 5,
            end: T + span,
            changes: Vec::new(),
            faults_percent: 0,
            crashes_per_mille: 0,
            is_transactional: true,
        }
    }
}

/// All of it but the rows.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = World { rows: Vec::new(), ..self.world.clone() };
        write!(
            f,
            "{:#?}",
            Self { world, changes: self.changes.clone(), config: self.config.clone(), ..*self }
        )
    }
}

/// Ways of an API that are not documented, and were seen or feared.
fn estrange(
    d: &mut Dice,
    world: World,
    page_size: i64,
    is_found_by_visible: bool,
    is_countable: bool,
) -> World {
    let ending = match d.below(20) {
        0 | 1 => Ending::Empty,
        2 => Ending::EmptySame,
        3 => Ending::Round,
        4 => Ending::LastAgain,
        _ => Ending::Clean,
    };
    let is_endless = matches!(ending, Ending::Round | Ending::LastAgain);
    let is_counted = matches!(world.count, Count::Right);
    // Where each window shows the rows of an hour, none can be made short enough to get through, nor
    // to hold fewer rows than a listing has at most.
    let is_plain = matches!(world.count, Count::Right | Count::Missing)
        && world.token_deaths_percent
            + i64::try_from(world.poisoned_percent).expect("a percentage")
            == 0;
    let listing_rows_max = match d.below(8) {
        0 if is_counted && is_countable && !is_found_by_visible => {
            let rows = (page_size * d.between(1, 4)).max(100);
            usize::try_from(rows).expect("a small number")
        }
        _ => usize::MAX,
    };
    let other_node = match d.below(12) {
        _ if !world.is_dated => None,
        0 => Some((0, *d.pick(&[HOUR, -HOUR, 300]))),
        1 => Some((10, *d.pick(&[HOUR, -HOUR, 300]))),
        _ => None,
    };
    let window_secs_max = if d.percent(10) { *d.pick(&[600, HOUR, 5 * HOUR]) } else { i64::MAX };
    // What dies in short windows only is met again and again.
    let deaths_max = match window_secs_max {
        _ if is_endless => 0,
        i64::MAX => 100,
        _ => 3,
    };
    World {
        ending,
        listing_rows_max,
        window_secs_max,
        refuses_future: world.is_dated && d.percent(15),
        other_node,
        from_unit_secs: match d.below(10) {
            0 if !is_endless && is_plain => {
                let unit_secs = *d.pick(&[60, HOUR]);
                if listing_rows_max == usize::MAX { unit_secs } else { 1 }
            }
            _ => 1,
        },
        is_found_by_visible,
        // An API whose listings end so cannot have empty pages within them.
        odd_pages_percent: if ending == Ending::Clean { world.odd_pages_percent } else { 0 },
        // Where nothing but going round tells the end, no listing comes to it if tokens die.
        token_deaths_percent: world.token_deaths_percent.min(deaths_max),
        poisoned_percent: if is_endless { 0 } else { world.poisoned_percent },
        ..world
    }
}

/// Rows without an id, several of them alike in every byte: where the API counts them, as many as there
/// are, and where the smallest page shows all rows of a second.
fn with_alike(seed: u64, mut world: World, page_size_least: i64) -> World {
    let mut dice = Dice::new(!seed);
    let d = &mut dice;
    if !matches!(world.count, Count::Right) || d.percent(50) {
        return world;
    }
    let percent = *d.pick(&[1, 10, 50]);
    let mut of_second: BTreeMap<i64, i64> = BTreeMap::new();
    for row in &world.rows {
        *of_second.entry(row.second).or_default() += 1;
    }
    let mut alike = Vec::new();
    for (number, row) in world.rows.iter_mut().enumerate() {
        let rows = of_second.get_mut(&row.second).expect("it was counted");
        if row.event.is_none() && *rows <= page_size_least && d.percent(percent) {
            let time = api_date(row.second);
            row.text = format!(r#"{{"eventTime":"{time}","subject":"alike {number}"}}"#);
            for _ in 0..d.below(3).min(page_size_least - *rows) {
                // Not all need come to light at once.
                let visible = if d.percent(50) { row.visible } else { row.visible.max(row.second) };
                alike.push(Row { visible, ..row.clone() });
                *rows += 1;
            }
        }
    }
    world.rows.append(&mut alike);
    world.rows.sort_by_key(|row| (row.second, row.nanos));
    world
}

/// What happens to a host in its life.
fn meddling(
    d: &mut Dice,
    span: i64,
    window: i64,
    is_timed: bool,
    page_size_least: i64,
) -> Vec<(i64, Change)> {
    let mut changes = Vec::new();
    let mut at = |d: &mut Dice, change: Change| changes.push((T + d.below(span), change));
    if d.percent(30) {
        for _ in 0..d.between(1, 4) {
            let far = *d.pick(&[1, 30, 120, HOUR, DAY, 365 * DAY]);
            // As long as a clock is slow, all of that time is read again and again.
            let secs = d.between(-far.min(window * 20), far);
            // Without a `Date`, or with two in turn, only the host itself knows the time: it may be
            // slow, not fast.
            at(d, Change::Clock(if is_timed { secs } else { -secs.abs() }));
        }
    }
    if d.percent(20) {
        for _ in 0..d.between(1, 3) {
            let filter = *d.pick(&[None, Some(true), Some(false)]);
            at(d, Change::Filter(filter));
        }
    }
    if d.percent(20) {
        at(d, Change::Keys);
    }
    if d.percent(20) {
        let page_size = d.between(page_size_least, 500);
        at(d, Change::PageSize(page_size));
    }
    if d.percent(20) {
        let secs = d.between(1, span / 3);
        at(d, Change::Off(secs));
    }
    changes
}

/// Quiet stretches, steady ones, bursts, and many rows in one second.
fn history(
    d: &mut Dice,
    span: i64,
    rows_max: i64,
    page_size: i64,
    late_max: i64,
    outage: Option<(i64, i64)>,
) -> Vec<Row> {
    let late_percent = *d.pick(&[0, 5, 50]);
    let odd_percent = *d.pick(&[0, 0, 5]);
    // While the index is out, what bears a later time would prove that it is not.
    let future_percent = if outage.is_none() { *d.pick(&[0, 0, 0, 5]) } else { 0 };
    let has_fractions = d.percent(30);
    let mut rows = Vec::new();
    let mut from = 0;
    while from < span {
        let secs = d.between(1, span / 4 + 1).min(span - from);
        let left = rows_max - i64::try_from(rows.len()).expect("a short list");
        let (count, within) = match d.below(4) {
            0 => (d.below(3), secs),
            1 => (d.below(left / 3 + 1), secs),
            2 => (d.below(left / 2 + 1), secs.min(d.between(1, 60))),
            _ => (d.below(left / 3 + 1), 1),
        };
        // A token that dies within one second is met again: so few pages that they are got through.
        for _ in 0..count.min(left).min(within * page_size * 4) {
            let second = T + from + d.below(within);
            let mut row = odd_row(d, rows.len(), second, odd_percent);
            row.is_malicious = d.percent(30);
            if has_fractions && d.percent(80) {
                row = row.with_nanos(u32::try_from(d.below(10)).expect("a digit") * 100_000_000);
            }
            let late =
                if late_max > 0 && d.percent(late_percent) { d.between(1, late_max) } else { 0 };
            row.visible =
                if d.percent(future_percent) { second - d.below(2 * DAY) } else { second + late };
            if let Some((from, to)) = outage
                && (from..to).contains(&row.visible)
            {
                row.visible = to;
            }
            rows.push(row);
        }
        from += secs;
    }
    rows
}

/// A row as documented, or one that is not. Each is told apart by its number.
fn odd_row(d: &mut Dice, number: usize, second: i64, odd_percent: i64) -> Row {
    let row = Row::new(number, second, second);
    let time = api_date(second);
    let unreadable = |text: String| Row { text, event: Some(String::new()), ..row.clone() };
    let text = match d.below(11) {
        _ if !d.percent(odd_percent) => return row,
        0 => format!(r#"{{"eventTime":"{time}","subject":"{number}"}}"#),
        1 => format!(r#"{{"id":{number},"eventTime":"{time}"}}"#),
        2 => format!(r#"{{"id":"{number}","eventTime":"soon"}}"#),
        3 => format!(r#"{{"id":"{number}"}}"#),
        4 => format!(r#"{{"id":"{number}\ud800","eventTime":"{time}"}}"#),
        5 => return unreadable(format!(r#"{{"id":"{number}","hits":NaN,"eventTime":"{time}"}}"#)),
        6 => {
            let text = format!(r#"{{"id":"{number}","subject":"a "b"","eventTime":"{time}"}}"#);
            return unreadable(text);
        }
        7 => {
            let deep = format!("{}{}", "[".repeat(150), "]".repeat(150));
            return unreadable(format!(r#"{{"id":"{number}","eventTime":"{time}","a":{deep}}}"#));
        }
        8 => {
            let row_with = |tab: &str| {
                format!(r#"{{"id":"{number}","eventTime":"{time}","subject":"a{tab}b"}}"#)
            };
            return Row { text: row_with("\t"), event: Some(row_with("\\t")), ..row };
        }
        _ => format!(r#"{{"id":"{number}","eventTime":"{time}","a":[{{"id":"x"}},"é",1e400]}}"#),
    };
    Row { text, ..row }
}

/// `Date` has whole seconds, and a reply takes a while: a row that is late by all of the overlap and
/// that much more is beyond what is promised.
const CLOCK_SLACK_SECS: i64 = 2;
