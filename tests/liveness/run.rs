//! One API, and what becomes of a host that collects from it.

use std::collections::{BTreeMap, BTreeSet};

use mimecast_ttp_source::ErrorKind;
use serde_json::json;

use crate::collector::Collector;
use crate::fake::world::{Count, Ending, Order, Row, World};
use crate::fake::{HOUR, T, api_date, config_with};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    pub(crate) ending: Ending,
    pub(crate) order: Order,
    pub(crate) count: Count,
    pub(crate) clocks: Clocks,
    pub(crate) has_unreadable: bool,
    pub(crate) page_size: usize,
    pub(crate) window_secs_max: i64,
    /// A poll was answered before windows were not.
    pub(crate) has_cursor: bool,
    pub(crate) listing_rows_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clocks {
    Right,
    /// The host's is five seconds ahead, and what lies ahead of the API's is refused.
    FutureRefused,
    /// Two nodes in turn, an hour apart.
    TwoNodes,
}

/// What was seen of it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) api: Api,
    /// Until it caught up for the first time.
    pub(crate) requests: usize,
    pub(crate) requests_max: usize,
    pub(crate) is_caught_up: bool,
    pub(crate) later_requests: usize,
    pub(crate) later_requests_max: usize,
    pub(crate) at_once_max: u32,
    pub(crate) missing: Vec<String>,
    pub(crate) repeated: Vec<String>,
    pub(crate) premature: Vec<String>,
    /// How many rows no question can get at.
    pub(crate) withheld: usize,
    pub(crate) codes: Vec<&'static str>,
    pub(crate) errors: Vec<Error>,
    pub(crate) nagging: Vec<String>,
    /// How far the watermark lies behind at the end.
    pub(crate) lag_secs: i64,
}

#[derive(Debug)]
pub(crate) struct Error {
    kind: ErrorKind,
    #[allow(dead_code, reason = "it is printed")]
    message: String,
}

impl Error {
    pub(crate) fn needs_a_person(&self) -> bool {
        matches!(self.kind, ErrorKind::Auth | ErrorKind::Config | ErrorKind::Cursor)
    }
}

impl Api {
    pub(crate) const RIGHT: Self = Self {
        ending: Ending::Clean,
        order: Order::AsAsked,
        count: Count::Right,
        clocks: Clocks::Right,
        has_unreadable: false,
        page_size: 500,
        window_secs_max: i64::MAX,
        has_cursor: false,
        listing_rows_max: usize::MAX,
    };

    fn world(&self) -> World {
        let unreadable = |row: Row| {
            let text =
                format!(r#"{{"id":"broken","hits":NaN,"eventTime":"{}"}}"#, api_date(row.second));
            Row { text, event: Some(String::new()), ..row }
        };
        let past = (0..10).map(|n| Row::new(format!("past-{n}"), T + 7 + n * 11, T));
        let crowd = (0..12).map(|n| Row::new(format!("crowd-{n}"), CROWDED, T));
        let odd = self.has_unreadable.then(|| unreadable(Row::new("broken", T + 150, T)));
        // Later, one of them a while after its time, and two as the host polls.
        let later =
            [(200, 200), (210, 260), (300, 300), (300, 300), (301, 301), (660, 660), (700, 710)]
                .into_iter()
                .enumerate()
                .map(|(n, (second, visible))| {
                    Row::new(format!("later-{n}"), T + second, T + visible)
                });
        let world = World::of(past.chain(crowd).chain(odd).chain(later));
        World {
            ending: self.ending,
            order: self.order,
            count: self.count,
            page_size: self.page_size,
            window_secs_max: self.window_secs_max,
            listing_rows_max: self.listing_rows_max,
            refuses_future: self.clocks == Clocks::FutureRefused,
            other_node: (self.clocks == Clocks::TwoNodes).then_some((0, HOUR)),
            ..world
        }
    }

    /// Rows of a second that lie past the first and the last that a listing shows.
    fn is_withheld(&self, text: &str) -> bool {
        let Some((_, rest)) = text.split_once("\"crowd-") else { return false };
        let place: usize = rest.split('"').next().unwrap().parse().unwrap();
        let (first, last) = (place < self.listing_rows_max, 12 - place <= self.listing_rows_max);
        !match self.order {
            Order::AsAsked => first || last,
            Order::OldestFirst => first,
            Order::NewestFirst => last,
        }
    }

    /// Until it has caught up for the first time.
    const fn requests_max(&self) -> usize {
        if self.window_secs_max < i64::MAX || self.listing_rows_max < usize::MAX {
            DESCENTS_REQUESTS_MAX
        } else {
            REQUESTS_MAX
        }
    }

    /// A poll once all is known.
    fn later_requests_max(&self) -> usize {
        let windows = usize::try_from(LAG_SECS_MAX / self.window_secs_max).unwrap();
        // Windows are of half the length that is answered at least.
        LATER_REQUESTS_MAX + 2 * 2 * windows
    }
}

pub(crate) fn run(api: &Api) -> Run {
    let mut world = api.world();
    let window_secs_max = std::mem::replace(&mut world.window_secs_max, i64::MAX);
    let config = json!({"overlap_secs": 60, "quiet_max_secs": QUIET_SECS, "window_max_secs": HOUR,
        "page_size": api.page_size, "poll_interval_secs": 30});
    let mut collector = Collector::configured(world, &config_with(config));
    collector.api_ahead_secs = if api.clocks == Clocks::FutureRefused { -5 } else { 0 };
    collector.host.now = T + 180 - collector.api_ahead_secs;
    if api.has_cursor {
        let rows = std::mem::take(&mut collector.world.rows);
        let now = std::mem::replace(&mut collector.host.now, T + 1);
        collector.catch_up(20);
        collector.world.rows = rows;
        collector.host.now = now;
    }
    collector.world.window_secs_max = window_secs_max;
    let before = collector.host.asked.len();
    let mut is_caught_up = false;
    while !is_caught_up && collector.host.asked.len() - before < ENDLESS {
        is_caught_up = collector.poll();
    }
    let requests = collector.host.asked.len() - before;
    let mut later_requests = 0;
    if is_caught_up {
        later_requests = collector.live(LATER_SECS);
    }
    let polls = usize::try_from(LATER_SECS / 30).unwrap();
    Run {
        api: *api,
        requests,
        requests_max: api.requests_max(),
        is_caught_up,
        later_requests,
        later_requests_max: polls * api.later_requests_max() + api.requests_max(),
        at_once_max: collector.at_once_max,
        missing: readable(api, collector.missing()),
        repeated: collector.repeated().into_iter().map(str::to_owned).collect(),
        premature: premature(api, &collector),
        withheld: collector.world.rows.iter().filter(|row| api.is_withheld(&row.text)).count(),
        codes: collector.codes(),
        errors: collector
            .errors
            .iter()
            .map(|error| Error { kind: error.kind, message: error.message.clone() })
            .collect(),
        nagging: nagging(&collector),
        lag_secs: collector.host.now - collector.host.next().from,
    }
}

fn readable(api: &Api, missing: Vec<&str>) -> Vec<String> {
    missing.into_iter().filter(|text| !api.is_withheld(text)).map(str::to_owned).collect()
}

/// Where the count tells of no more rows than were known, though there are, nothing can. It does
/// not either while a row whose time nobody knows is still remembered and not shown any more: then
/// the full reading does that comes at least every eleventh time.
fn premature(api: &Api, collector: &Collector) -> Vec<String> {
    let is_true = !matches!(api.count, Count::TooLowBy(_));
    let of_row = |text: &str| text.split_once(' ').unwrap().1.to_owned();
    let mut times = BTreeMap::<_, usize>::new();
    for text in &collector.premature {
        *times.entry(of_row(text)).or_default() += 1;
    }
    let times_max = if api.has_unreadable { ECONOMY_POLLS_MAX } else { 0 };
    let premature = collector
        .premature
        .iter()
        .filter(|text| is_true && !api.is_withheld(text) && times[&of_row(text)] > times_max);
    premature.cloned().collect()
}

fn nagging(collector: &Collector) -> Vec<String> {
    let codes: BTreeSet<_> = collector.codes().into_iter().collect();
    let lasting = codes.into_iter().filter(|code| !HAPPENS.contains(code));
    let of = |code| {
        let at: Vec<_> = collector.notices(code).iter().map(|told| told.at).collect();
        at.windows(2).any(|pair| pair[1] - pair[0] < HOUR).then(|| format!("{code} at {at:?}"))
    };
    lasting.filter_map(of).collect()
}

/// What is told for itself whenever it happens.
const HAPPENS: [&str; 3] = ["row_unreadable", "rows_withheld", "clock_offset"];
/// The second with twelve rows.
const CROWDED: i64 = T + 130;
/// Eight halves of three minutes, each twice: for pages that go round thrice, or a count that tells
/// of rows in vain until it is not believed.
const REQUESTS_MAX: usize = 300;
/// For listings of two rows, each window is halved: thirty ways down. For windows that are not
/// answered, each of their halves is tried up to seven times, and then as many seconds are asked
/// for.
const DESCENTS_REQUESTS_MAX: usize = 30 * 8 * 2 + 180;
/// How long it goes on past the first time that it caught up.
pub(crate) const LATER_SECS: i64 = 20 * 60;
/// What is quiet in some windows, each with an empty page, or going round.
const LATER_REQUESTS_MAX: usize = 12;
const ECONOMY_POLLS_MAX: usize = 10;
const QUIET_SECS: i64 = 120;
/// What counts as quiet; and longer windows are tried again, which takes up to three minutes.
pub(crate) const LAG_SECS_MAX: i64 = QUIET_SECS + 180;
/// More than all bounds.
const ENDLESS: usize = 20_000;
