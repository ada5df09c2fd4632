//! The world: every row there is, which of them are visible by now, and those still to come.

pub(crate) mod broken;
pub(crate) mod filters;
pub(crate) mod line;
pub(crate) mod message;
pub(crate) mod odd;
pub(crate) mod row;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Deref;
use std::sync::Arc;

use fastrand::Rng;

use crate::world::filters::Filters;
use crate::world::message::Mail;
use crate::world::row::{Content, Row, ScriptedRow};

/// The rows that are generated.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldOptions {
    /// Rows that lie in the past when the server starts.
    pub rows: u32,
    /// How far back from the server's start they reach, in seconds.
    pub span_secs: u32,
    /// Rows besides them that are odd: without an id, with fields that are null, unknown or of
    /// another type, an address with a display name and the like, one kind after the other. Like
    /// the others they lie in the past; all of them show at once.
    pub odd_rows: u32,
    /// Rows besides them whose text is not valid JSON, one kind after the other: a raw tab and a raw
    /// line break in the subject, `NaN`, quotes that are not escaped; and nested deeper than 128. In
    /// time they lie like the odd ones. The ledger has those with a raw character, escaped; it tells
    /// the others apart ([`LedgerPart::Unreadable`](crate::LedgerPart::Unreadable)).
    pub broken_rows: u32,
    /// Rows a minute that go on appearing while the server runs.
    pub live_rate: u32,
    /// Share of messages that fall into the same second as the one before, from 0 to 1.
    pub ties: f64,
    /// How long after its event time a row may become visible, in seconds. A fifth of the rows take
    /// anything up to this, the others a few seconds at most; 0 shows every row at once.
    pub late_max_secs: u32,
    /// How long after its event time a row is indexed, in seconds. `from` and `to` go by the time of
    /// the index, and every row shows that much later than it would.
    pub index_lag_secs: u32,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            rows: 1000,
            span_secs: 5 * 86_400,
            odd_rows: 0,
            broken_rows: 0,
            live_rate: 0,
            ties: 0.1,
            late_max_secs: 600,
            index_lag_secs: 0,
        }
    }
}

/// What a row's `id` is worth. Rows that are not generated as usual (scripted, odd and broken ones)
/// keep their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// No two rows share one, and a row always has the same.
    #[default]
    Unique,
    /// The first row of every tenth message has the `id` of the row before it, if that one is of
    /// another second. The ledger has them so, too.
    Shared,
    /// Each answer makes them anew. The ledger has those of [`Ids::Unique`], which no answer has.
    Fresh,
}

/// Rows beyond this are not generated: it keeps a long or fast-forwarded run within memory.
pub const ROWS_MAX: usize = 5_000_000;

/// Rows of one live burst, whatever the share of ties.
const BURST_ROWS_MAX: u64 = 1000;

/// With shared ids, one message of so many has the `id` of the row before it.
const SHARED_EVERY: u32 = 10;

/// Filtered results that are kept; each may hold the number of every row.
const FOUND_MAX: usize = 8;

pub(crate) struct World {
    seed: u64,
    options: WorldOptions,
    ids: Ids,
    rng: Rng,
    rows: Vec<Row>,
    /// Numbers of the visible rows, by event time, then number.
    visible: Vec<u32>,
    /// Rows still to come, the next one on top.
    hidden: BinaryHeap<Reverse<(i64, u32)>>,
    /// The last filtered results, so that each of their pages need not look at every row again.
    found: VecDeque<Found>,
    messages: u32,
    started_secs: i64,
    live_rows: u64,
}

/// A filtered result; it holds until a row appears that may belong to it.
struct Found {
    filters: Filters,
    from: i64,
    to: i64,
    rows: Arc<[u32]>,
}

/// Numbers of rows, oldest first.
pub(crate) enum Selection<'a> {
    Window(&'a [u32]),
    Rows(Arc<[u32]>),
}

impl Selection<'_> {
    pub(crate) fn into_rows(self) -> Arc<[u32]> {
        match self {
            Self::Window(window) => Arc::from(window),
            Self::Rows(rows) => rows,
        }
    }
}

impl Deref for Selection<'_> {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::Window(window) => window,
            Self::Rows(rows) => rows,
        }
    }
}

impl World {
    pub(crate) fn new(
        options: WorldOptions,
        ids: Ids,
        script: Vec<ScriptedRow>,
        seed: u64,
        now_secs: i64,
    ) -> Self {
        let mut world = Self {
            seed,
            options,
            ids,
            rng: Rng::with_seed(seed),
            rows: Vec::new(),
            visible: Vec::new(),
            hidden: BinaryHeap::new(),
            found: VecDeque::new(),
            messages: 0,
            started_secs: now_secs,
            live_rows: 0,
        };
        world.generate_past();
        let (odd_rows, broken_rows) = (world.options.odd_rows, world.options.broken_rows);
        world.generate_spread(odd_rows, Content::Odd);
        world.generate_spread(broken_rows, Content::Broken);
        for row in script {
            world.push(row);
        }
        world.advance(now_secs);
        world
    }

    /// Adds a row; it shows from its own time on.
    pub(crate) fn push(&mut self, row: ScriptedRow) {
        self.add(Row {
            event_secs: row.event_secs,
            visible_secs: row.visible_secs,
            content: Content::Scripted(row.text.into()),
        });
    }

    /// Lets everything appear that is due by `now_secs`. What has appeared stays, even if the clock
    /// is set back.
    pub(crate) fn advance(&mut self, now_secs: i64) {
        self.generate_live(now_secs);
        let mut due = Vec::new();
        while let Some(&Reverse((visible_secs, number))) = self.hidden.peek() {
            if visible_secs > now_secs {
                break;
            }
            self.hidden.pop();
            due.push(number);
        }
        let Some(first) = due.iter().map(|&number| self.key(number)).min() else { return };
        self.found.retain(|found| found.to < first.0);
        // Late rows belong near the end: only what comes after the first of them is sorted again.
        let mut tail = self
            .visible
            .split_off(self.visible.partition_point(|&number| self.key(number) < first));
        tail.append(&mut due);
        tail.sort_by_key(|&number| self.key(number));
        self.visible.append(&mut tail);
    }

    /// The visible rows of a window that pass the filters, oldest first. Both ends are inclusive.
    pub(crate) fn select(&mut self, filters: &Filters, from: i64, to: i64) -> Selection<'_> {
        let start = self.visible.partition_point(|&n| self.row(n).event_secs < from);
        let end = self.visible.partition_point(|&n| self.row(n).event_secs <= to).max(start);
        if filters.is_empty() {
            return Selection::Window(&self.visible[start..end]);
        }
        let known =
            |found: &&Found| found.from == from && found.to == to && found.filters == *filters;
        if let Some(found) = self.found.iter().find(known) {
            return Selection::Rows(Arc::clone(&found.rows));
        }
        let passes = |&&n: &&u32| filters.pass(&self.row(n).facets(self.seed));
        let rows: Arc<[u32]> = self.visible[start..end].iter().filter(passes).copied().collect();
        if self.found.len() == FOUND_MAX {
            self.found.pop_front();
        }
        let filters = filters.clone();
        self.found.push_back(Found { filters, from, to, rows: Arc::clone(&rows) });
        Selection::Rows(rows)
    }

    pub(crate) fn row(&self, number: u32) -> &Row {
        &self.rows[number as usize]
    }

    /// The row's text as the answer of that number has it; the ledger's number is 0.
    pub(crate) fn text(&self, number: u32, answer: u64) -> String {
        self.row(number).text(self.seed, |mail| {
            let (seed, named) = match self.ids {
                Ids::Unique => (self.seed, mail),
                Ids::Shared => (self.seed, self.lender(number, mail).unwrap_or(mail)),
                Ids::Fresh => (self.seed.wrapping_add(answer << 32), mail),
            };
            message::row_id(seed, named)
        })
    }

    /// The row whose `id` a row has, if it shares one.
    fn lender(&self, number: u32, mail: Mail) -> Option<Mail> {
        let before = self.row(number.checked_sub(1)?);
        let borrows = mail.recipient == 0
            && mail.message % SHARED_EVERY == SHARED_EVERY - 1
            && before.event_secs != self.row(number).event_secs;
        match before.content {
            Content::Generated(lender) if borrows => Some(lender),
            _ => None,
        }
    }

    pub(crate) fn visible_count(&self) -> usize {
        self.visible.len()
    }

    pub(crate) fn hidden_count(&self) -> usize {
        self.hidden.len()
    }

    fn key(&self, number: u32) -> (i64, u32) {
        (self.row(number).event_secs, number)
    }

    fn add(&mut self, mut row: Row) {
        row.visible_secs = row.visible_secs.saturating_add(self.options.index_lag_secs.into());
        // Row numbers are 32 bits wide; the limit keeps far below.
        let Ok(number) = u32::try_from(self.rows.len()) else { return };
        if self.rows.len() < ROWS_MAX {
            self.hidden.push(Reverse((row.visible_secs, number)));
            self.rows.push(row);
        }
    }

    /// The past: rows spread evenly, with a little chance, over the span.
    fn generate_past(&mut self) {
        let (total, span) = (u64::from(self.options.rows), i64::from(self.options.span_secs));
        let total = total.min(ROWS_MAX as u64);
        let start_secs = self.started_secs.saturating_sub(span);
        while (self.rows.len() as u64) < total {
            let done = self.rows.len() as u64;
            let thousandths = done * 1000 + self.rng.u64(..1000);
            let into = u128::from(span.unsigned_abs()) * u128::from(thousandths)
                / u128::from(total * 1000);
            let event_secs = start_secs.saturating_add(i64::try_from(into).unwrap_or(span));
            self.add_burst(event_secs, total - done);
        }
    }

    /// Odd or broken rows, spread evenly over the span. They take no chance, so the others stay the
    /// same.
    fn generate_spread(&mut self, total: u32, content: fn(u32) -> Content) {
        let span = i64::from(self.options.span_secs);
        let start_secs = self.started_secs.saturating_sub(span);
        for number in 0..total {
            let into = span * (2 * i64::from(number) + 1) / (2 * i64::from(total));
            let event_secs = start_secs.saturating_add(into);
            self.add(Row { event_secs, visible_secs: event_secs, content: content(number) });
        }
    }

    /// The rows that go on appearing: the `n`th at its share of a minute after the start.
    fn generate_live(&mut self, now_secs: i64) {
        let rate = u64::from(self.options.live_rate);
        while rate > 0 && self.rows.len() < ROWS_MAX {
            let after =
                i64::try_from(((self.live_rows + 1) * 60).div_ceil(rate)).unwrap_or(i64::MAX);
            let event_secs = self.started_secs.saturating_add(after);
            if event_secs > now_secs {
                break;
            }
            let before = self.rows.len();
            self.add_burst(event_secs, BURST_ROWS_MAX);
            self.live_rows += (self.rows.len() - before) as u64;
        }
    }

    /// One message, and those that fall into the same second; a row for each recipient.
    fn add_burst(&mut self, event_secs: i64, rows_max: u64) {
        let mut left = rows_max.min((ROWS_MAX - self.rows.len()) as u64);
        loop {
            let message = self.messages;
            self.messages += 1;
            for recipient in 0..message::recipients(self.seed, message) {
                if left == 0 {
                    return;
                }
                left -= 1;
                let visible_secs = event_secs.saturating_add(self.lag_secs());
                let content = Content::Generated(Mail { message, recipient });
                self.add(Row { event_secs, visible_secs, content });
            }
            if self.rng.f64() >= self.options.ties {
                return;
            }
        }
    }

    fn lag_secs(&mut self) -> i64 {
        let late_max = self.options.late_max_secs;
        let lag = match self.rng.u8(..10) {
            0..5 => 0,
            5..8 => self.rng.u32(..=late_max.min(3)),
            _ => self.rng.u32(..=late_max),
        };
        i64::from(lag)
    }
}
