//! A history of rows and an API that shows it, with every licence that the real one may take since
//! nobody outside can tell: either page order, pages that follow the rows or a snapshot, a `to` that
//! is part of the window or not, tokens that die, counts that are wrong. Finds, sorts and pages by
//! itself.

use std::fmt::Write as _;
use std::sync::Arc;

use mimecast_ttp_source::Response;

use super::dice::{Dice, mix};
use super::{Asked, WithHeader, api_date, response};

/// A row, and from when on the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) second: i64,
    pub(crate) nanos: u32,
    pub(crate) visible: i64,
    pub(crate) is_malicious: bool,
    /// As the API writes it. No two rows are alike.
    pub(crate) text: String,
    /// What is to come of it, if that is not its text. Empty: nothing, since it cannot be read.
    pub(crate) event: Option<String>,
}

impl Row {
    pub(crate) fn new(id: impl std::fmt::Display, second: i64, visible: i64) -> Self {
        let time = api_date(second);
        let text = format!(r#"{{"id":"{id}","eventTime":"{time}"}}"#);
        Self { second, nanos: 0, visible, is_malicious: false, text, event: None }
    }

    /// The same row somewhat later in its second.
    pub(crate) fn with_nanos(mut self, nanos: u32) -> Self {
        self.nanos = nanos;
        let fraction = format!(".{nanos:09}+0000");
        for text in [Some(&mut self.text), self.event.as_mut()].into_iter().flatten() {
            *text = text.replace("+0000", &fraction);
        }
        self
    }
}

/// What the API says that it found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    Right,
    Missing,
    Is(u64),
    TooHighBy(u64),
    TooLowBy(u64),
    /// Right or missing or anything, reply by reply.
    Random,
}

/// How a listing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The last page names no next one.
    Clean,
    /// It does, and so do the empty pages that follow, each another.
    Empty,
    /// The same, and each of them names itself.
    EmptySame,
    /// The page after the last is the first.
    Round,
    /// The last page comes again and again.
    LastAgain,
}

/// How pages follow each other, whatever is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    AsAsked,
    OldestFirst,
    NewestFirst,
}

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a licence of its own")]
pub(crate) struct World {
    /// By time.
    pub(crate) rows: Vec<Row>,
    pub(crate) order: Order,
    pub(crate) is_live: bool,
    pub(crate) is_to_inclusive: bool,
    pub(crate) is_dated: bool,
    /// The largest page, whatever is asked for.
    pub(crate) page_size: usize,
    pub(crate) count: Count,
    /// How many of the requests that carry a token find it dead.
    pub(crate) token_deaths_percent: i64,
    /// How many of the places within a window make the API fail whenever they are asked for.
    pub(crate) poisoned_percent: u64,
    /// How many pages are empty though more follow, hold a row twice that has an id, or name no rows at
    /// all.
    pub(crate) odd_pages_percent: i64,
    /// How far the date of a signature may be off.
    pub(crate) skew_max_secs: i64,
    pub(crate) ending: Ending,
    /// How many rows a listing gives at most, whatever it counts.
    pub(crate) listing_rows_max: usize,
    /// A longer window is not answered.
    pub(crate) window_secs_max: i64,
    /// An end of a window that lies ahead of its clock is refused.
    pub(crate) refuses_future: bool,
    /// Some answers come from a node whose clock is off: how many in a hundred, or every second one
    /// if none, and by how much.
    pub(crate) other_node: Option<(i64, i64)>,
    /// `from` is rounded down to a multiple of it.
    pub(crate) from_unit_secs: i64,
    /// Rows are found by when they became visible.
    pub(crate) is_found_by_visible: bool,
}

impl World {
    /// An API without faults.
    pub(crate) fn of(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|row| (row.second, row.nanos));
        Self {
            rows,
            order: Order::AsAsked,
            is_live: true,
            is_to_inclusive: true,
            is_dated: true,
            page_size: 500,
            count: Count::Right,
            token_deaths_percent: 0,
            poisoned_percent: 0,
            odd_pages_percent: 0,
            skew_max_secs: i64::MAX,
            ending: Ending::Clean,
            listing_rows_max: usize::MAX,
            window_secs_max: i64::MAX,
            refuses_future: false,
            other_node: None,
            from_unit_secs: 1,
            is_found_by_visible: false,
        }
    }

    /// The rows that a window holds, in the order of the pages.
    fn find(&self, asked: &Asked, now: i64) -> Vec<usize> {
        let is_wanted = asked.body["data"][0]["taggedMalicious"].as_bool();
        let from = asked.from - asked.from.rem_euclid(self.from_unit_secs);
        let is_before_end = |second: i64, nanos: u32| {
            second < asked.to || (self.is_to_inclusive && (second, nanos) == (asked.to, 0))
        };
        let begin = self.rows.partition_point(|row| row.second < from);
        let end = self.rows.partition_point(|row| is_before_end(row.second, row.nanos));
        let within =
            if self.is_found_by_visible { 0..self.rows.len() } else { begin..end.max(begin) };
        let mut found: Vec<_> = within
            .filter(|index| {
                let row = &self.rows[*index];
                let is_found = !self.is_found_by_visible
                    || (row.visible >= from && is_before_end(row.visible, 0));
                let is_wanted = is_wanted.is_none_or(|wanted| wanted == row.is_malicious);
                is_found && row.visible <= now && is_wanted
            })
            .collect();
        let is_newest_first = match self.order {
            Order::AsAsked => asked.body["data"][0]["oldestFirst"] == false,
            Order::OldestFirst => false,
            Order::NewestFirst => true,
        };
        if is_newest_first {
            found.reverse();
        }
        found
    }
}

/// What the API of a world remembers.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) requests: u32,
    /// The newest last.
    tokens: Vec<(Arc<str>, Place)>,
    /// Where the last page was empty though rows follow.
    empty_at: usize,
    dice: Dice,
}

/// What a page token stands for.
#[derive(Debug, Clone)]
struct Place {
    from: i64,
    to: i64,
    offset: usize,
    /// The rows that were found when the first page was asked for.
    pinned: Arc<Vec<usize>>,
}

impl Server {
    pub(crate) fn new(seed: u64) -> Self {
        Self { requests: 0, tokens: Vec::new(), empty_at: usize::MAX, dice: Dice::new(seed) }
    }

    /// No token that was given so far is known any more.
    pub(crate) fn forget_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Answers at a time of the API's clock.
    pub(crate) fn answer(&mut self, world: &World, asked: &Asked, now: i64) -> Response {
        self.requests += 1;
        let skew_secs = match world.other_node {
            Some((0, skew_secs)) if self.requests.is_multiple_of(2) => skew_secs,
            Some((percent, skew_secs)) if self.dice.percent(percent) => skew_secs,
            _ => 0,
        };
        // What a node can tell of the time; which rows there are, all of them know.
        let told = now + skew_secs;
        let dated =
            |response: Response| if world.is_dated { response.dated(told) } else { response };
        assert!(asked.from < asked.to, "a window runs backwards: {}", asked.body);
        if (asked.signed - told).abs() > world.skew_max_secs {
            return dated(failure(401, "err_xdk_invalid_signature"));
        }
        if asked.to - asked.from > world.window_secs_max {
            return dated(response(504, ""));
        }
        if world.refuses_future && asked.to > told {
            return dated(failure(400, "err_validation_invalid"));
        }
        let (offset, pinned) = match &asked.token {
            None => (0, Arc::new(world.find(asked, now))),
            Some(_) if self.dice.percent(world.token_deaths_percent) => {
                return dated(failure(200, "err_page_token"));
            }
            Some(token) => match self.tokens.iter().find(|(text, _)| **text == **token) {
                None => return dated(failure(200, "err_page_token")),
                Some((_, Place { from, to, offset, pinned })) => {
                    let own = (*from, *to) == (asked.from, asked.to);
                    assert!(own, "a token of another window was sent: {}", asked.body);
                    (*offset, Arc::clone(pinned))
                }
            },
        };
        if offset > 0 && is_poisoned(world, asked, offset) {
            return dated(response(500, "<html>Internal Server Error</html>"));
        }
        let found =
            if world.is_live && offset > 0 { Arc::new(world.find(asked, now)) } else { pinned };
        dated(self.page(world, asked, offset, &found))
    }

    fn page(
        &mut self,
        world: &World,
        asked: &Asked,
        offset: usize,
        found: &Arc<Vec<usize>>,
    ) -> Response {
        let wanted = asked.body["meta"]["pagination"]["pageSize"].as_u64().expect("a page size");
        let size = world.page_size.min(usize::try_from(wanted).expect("a small number"));
        let is_odd = self.dice.percent(world.odd_pages_percent);
        let len = found.len().min(world.listing_rows_max);
        // The place stays where it is: the rows come with the page after. Never twice in a row: that
        // is how a listing ends.
        let is_empty = is_odd && offset < len && offset != self.empty_at && self.dice.percent(50);
        self.empty_at = if is_empty { offset } else { usize::MAX };
        let end = if is_empty { offset } else { len.min(offset + size) };
        let next_offset = match world.ending {
            _ if end < len => Some(end),
            Ending::Clean => None,
            Ending::Empty | Ending::EmptySame => Some(end),
            Ending::Round => Some(0),
            Ending::LastAgain => Some(offset.min(len.saturating_sub(1))),
        };
        let mut body = String::from(r#"{"meta":{"status":200"#);
        if let Some(next_offset) = next_offset {
            let (from, to) = (asked.from, asked.to);
            let itself = asked.token.clone().filter(|_| offset >= len);
            let next = itself.filter(|_| world.ending == Ending::EmptySame);
            let next = next.unwrap_or(format!("{from} {} {offset} {}", to - from, self.requests));
            let _ = write!(body, r#","pagination":{{"pageSize":{size},"next":"{next}"}}"#);
            if self.tokens.len() >= TOKENS_MAX {
                self.tokens.remove(0);
            }
            let place = Place { from, to, offset: next_offset, pinned: Arc::clone(found) };
            self.tokens.push((next.into(), place));
        }
        if is_odd && found.is_empty() {
            return response(200, body + r#"},"data":[],"fail":[]}"#);
        }
        body += r#"},"data":[{"#;
        if let Some(count) = self.count(world, u64::try_from(found.len()).expect("a small number"))
        {
            let _ = write!(body, r#""resultCount":{count},"#);
        }
        body += r#""impersonationLogs":["#;
        let mut rows = found.iter().take(end).skip(offset).map(|index| &world.rows[*index].text);
        let first = rows.next();
        // Of a row without an id that would be another one.
        let again = first.filter(|text| is_odd && has_id(text));
        for (place, text) in first.into_iter().chain(rows).chain(again).enumerate() {
            body += if place > 0 { "," } else { "" };
            body += text;
        }
        body += r#"]}],"fail":[]}"#;
        response(200, body)
    }

    fn count(&mut self, world: &World, found: u64) -> Option<u64> {
        match world.count {
            Count::Right => Some(found),
            Count::Missing => None,
            Count::Is(count) => Some(count),
            Count::TooHighBy(more) => Some(found + more),
            Count::TooLowBy(less) => Some(found.saturating_sub(less)),
            Count::Random => match self.dice.below(4) {
                0 => None,
                1 => Some(found),
                2 => Some(found + 1),
                _ => Some(self.dice.next() % 20_000),
            },
        }
    }
}

/// A failure that comes with HTTP 200, or with another status.
pub(crate) fn failure(status: u16, code: &str) -> Response {
    let body = format!(
        r#"{{"meta":{{"status":{status}}},"data":[],"fail":[{{"errors":[{{"code":"{code}","message":"refused","retryable":false}}]}}]}}"#
    );
    response(status, body)
}

/// A place of a single second is spared: no other window would lead around it.
fn is_poisoned(world: &World, asked: &Asked, offset: usize) -> bool {
    let place = [asked.from, asked.to].map(i64::cast_unsigned);
    let hash = mix(mix(place[0]) ^ place[1].rotate_left(20) ^ u64::try_from(offset).unwrap_or(0));
    asked.to - asked.from > 1 && hash % 100 < world.poisoned_percent
}

fn has_id(text: &str) -> bool {
    text.starts_with(r#"{"id":""#) && !text.contains("\\ud800")
}

const TOKENS_MAX: usize = 16;
