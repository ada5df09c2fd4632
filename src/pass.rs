//! The rules by which a cursor moves: how a pass is planned, and how its windows are walked. How far
//! the watermark may follow is in `watermark.rs`.
//!
//! A pass leads from the watermark to the present, oldest to newest, in windows. A window is read
//! page by page. Only a window that was read to its end moves the watermark, and only as far as
//! rows were seen; until then a crash, a refused token or a wrong clock costs requests, not rows.
//! Before a pass of several windows the API is asked for its newest row alone.
//!
//! ```text
//! cursor ─▶ plan ─▶ underway ─▶ admit a page ────▶ cursor
//!                           ├─▶ skip the newest ─▶ cursor, the first window
//!                           ├─▶ refuse the token ▶ cursor, half the window
//!                           └─▶ narrow ──────────▶ cursor, half the window
//! ```

use crate::batch::Notice;
use crate::clock::{Clocks, offset_secs};
use crate::config::Config;
use crate::cursor::{Cursor, Pass, Position, Token, Window};
use crate::seen::Key;
use crate::timestamp::Second;

/// A cursor with a window to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Underway {
    pub(crate) position: Position,
    pub(crate) pass: Pass,
}

/// What the rules look at in a page.
pub(crate) struct PageFacts<'a> {
    /// Key and time of each row, in the order of the page.
    pub(crate) rows: Vec<(Key, Option<Second>)>,
    pub(crate) result_count: Option<u64>,
    pub(crate) next: Option<&'a str>,
}

/// What became of a page.
pub(crate) struct Admitted {
    pub(crate) cursor: Cursor,
    /// For each row whether it is an event. None: the page was put aside, to be read again.
    pub(crate) is_new: Option<Vec<bool>>,
    /// The pass has ended, and it reached the present of when it was planned.
    pub(crate) is_caught_up: bool,
}

/// Too many page tokens were refused without a new row between.
#[derive(Debug)]
pub(crate) struct TooManyRefusals;

impl Cursor {
    /// Sees to it that there is a window to ask for.
    pub(crate) fn plan(self, config: &Config, host: Second, notices: &mut Vec<Notice>) -> Underway {
        let Self { mut position, mut pass } = self;
        position.span_secs = position.span_secs.clamp(1, config.window_max_secs);
        let filters = config.filters.fingerprint();
        if position.filters != filters {
            position.filters = filters;
            // The keys known are of other rows and prove nothing: the pass is to be read in full.
            position.economy_passes = ECONOMY_PASSES_MAX;
            pass = None;
            notices.push(Notice::info(
                "filters_changed",
                format!("the filters have changed; the new ones count from {}", position.watermark),
            ));
        }
        let mut underway = match pass {
            Some(pass) => Underway { position, pass },
            None => Underway::begin(position, config, host),
        };
        if underway.pass.window.token.as_ref().is_some_and(|token| !is_fresh(token.received, host))
        {
            underway.halve_window(config);
        }
        if underway.pass.asks_newest && !is_fresh(underway.pass.planned, host) {
            underway.begin_windows();
        }
        underway
    }
}

impl Underway {
    /// Takes in what a reply's `Date` says of the API's clock, and gives both clocks.
    pub(crate) fn learn_clock(&mut self, host: Second, date: Option<Second>) -> Clocks {
        let Self { position, pass } = self;
        if let Some(date) = date {
            position.clock_offset_secs = offset_secs(date, host);
        }
        let server = host + position.clock_offset_secs;
        pass.end = pass.end.min(server.max(position.watermark + 1));
        Clocks { host, server }
    }

    /// Takes a page in: tells new rows from known ones, and goes on to the next page, window or
    /// pass.
    pub(crate) fn admit(
        mut self,
        page: &PageFacts<'_>,
        config: &Config,
        clocks: Clocks,
        notices: &mut Vec<Notice>,
    ) -> Result<Admitted, TooManyRefusals> {
        if self.pass.asks_newest {
            self.learn_newest(page, clocks);
            return Ok(self.put_aside());
        }
        let count = page.result_count.filter(|_| self.position.count_trusted);
        if self.pass.window.token.is_none() {
            if page.next.is_some() && self.holds_nothing_new(page, count) {
                self.position.economy_passes += 1;
                let is_new = Some(vec![false; page.rows.len()]);
                let (cursor, is_caught_up) = self.end_pass();
                return Ok(Admitted { cursor, is_new, is_caught_up });
            }
            if page.next.is_some() && self.cut_to_density(count, config) {
                return Ok(self.put_aside());
            }
        }
        if let Some(next) = page.next {
            if self.goes_in_circles(page, next, count, config) {
                return self
                    .refuse_token("its pages go in circles", config, notices)
                    .map(|cursor| Admitted { cursor, is_new: None, is_caught_up: false });
            }
            let rows = self.pass.window.rows_with(page);
            if count.is_none() && rows > WINDOW_ROWS_MAX && self.halve_window(config) {
                return Ok(self.put_aside());
            }
        }
        let was_full = self.position.seen.is_full();
        let is_new = Some(self.deliver(page, clocks));
        if self.position.seen.is_full() && !was_full {
            notices.push(Notice::warn(
                "seen_full",
                "more rows lie between the watermark and now than can be remembered: some may come \
                 twice; a smaller overlap_secs keeps this from happening",
            ));
        }
        let (cursor, is_caught_up) = match page.next {
            Some(next) => {
                self.pass.window.token =
                    Some(Token { text: next.to_owned(), received: clocks.host });
                (self.into_cursor(), false)
            }
            None => self.drain(count, config, clocks, notices),
        };
        Ok(Admitted { cursor, is_new, is_caught_up })
    }

    /// Leaves a page token behind: the same window from its first page, half as long, so that the
    /// next tokens are others. Keys are kept, so no row comes twice.
    pub(crate) fn refuse_token(
        mut self,
        why: &str,
        config: &Config,
        notices: &mut Vec<Notice>,
    ) -> Result<Cursor, TooManyRefusals> {
        if self.pass.refusals >= REFUSALS_MAX {
            return Err(TooManyRefusals);
        }
        self.pass.refusals += 1;
        self.halve_window(config);
        notices.push(Notice::warn(
            "page_token_refused",
            format!(
                "a page token led nowhere ({why}); the window from {} is read again from its \
                 first page",
                self.pass.window.from
            ),
        ));
        Ok(self.into_cursor())
    }

    /// Asks for less at once. None if the window is a second long already.
    pub(crate) fn narrow(mut self, config: &Config) -> Option<Cursor> {
        self.halve_window(config).then(|| self.into_cursor())
    }

    fn begin(position: Position, config: &Config, host: Second) -> Self {
        let from = position.watermark;
        let clock = host + position.clock_offset_secs;
        let end = clock.max(from + 1);
        // Economy: the whole way at once, to learn in one request whether anything is new.
        let is_economy =
            end - from <= config.window_max_secs && position.economy_passes < ECONOMY_PASSES_MAX;
        let window = Window::new(from, end);
        let pass = Pass { planned: host, end, refusals: 0, asks_newest: false, window };
        let mut underway = Self { position, pass };
        if !is_economy {
            let span_secs = underway.position.span_secs;
            underway.restart_window(span_secs, config);
        }
        underway
    }

    /// Takes the newest row that the API shows before several windows are read: all of them may rely
    /// on it, since it was seen before any of them.
    fn learn_newest(&mut self, page: &PageFacts<'_>, clocks: Clocks) {
        let Self { position, pass } = self;
        let times = page.rows.iter().filter_map(|(_, time)| *time);
        position.see(times.filter(|time| *time <= pass.window.to), clocks);
        self.begin_windows();
    }

    /// Reads the windows without an answer to the question for the newest row: it saves requests
    /// and memory, and no row depends on it.
    pub(crate) fn skip_newest(mut self) -> Cursor {
        self.begin_windows();
        self.into_cursor()
    }

    fn begin_windows(&mut self) {
        let Self { position, pass } = self;
        pass.asks_newest = false;
        pass.window = pass.part(position.watermark, position.span_secs);
    }

    /// The window is the whole way, its rows are as many as are known, and its first page holds
    /// none that is not. Late rows that hide behind an equal count are found by the full reading
    /// that comes at least every eleventh pass; the watermark stays until then.
    fn holds_nothing_new(&self, page: &PageFacts<'_>, count: Option<u64>) -> bool {
        let Self { position, pass } = self;
        let Window { from, to, .. } = pass.window;
        from == position.watermark
            && to >= pass.end
            && position.economy_passes < ECONOMY_PASSES_MAX
            && count.is_some_and(|count| count > 0 && count == position.seen.count(from, to))
            && page.rows.iter().all(|(key, _)| position.seen.contains(*key))
    }

    /// Cuts a window that holds more rows than one should. False if it does not, or is a second
    /// long.
    fn cut_to_density(&mut self, count: Option<u64>, config: &Config) -> bool {
        let Window { from, to, .. } = self.pass.window;
        let Some(count) = count.filter(|count| *count > WINDOW_ROWS_MAX) else { return false };
        let secs = (to - from).unsigned_abs();
        // To four fifths of the bound: rows are never spread evenly.
        let fit = secs.saturating_mul(WINDOW_ROWS_MAX) / count / 5 * 4;
        let cut = i64::try_from(fit).unwrap_or(i64::MAX).max(1);
        let is_cut = to - from > 1;
        if is_cut {
            self.restart_window(cut, config);
        }
        is_cut
    }

    /// The API gives pages that cannot belong to a window of so many rows.
    fn goes_in_circles(
        &self,
        page: &PageFacts<'_>,
        next: &str,
        count: Option<u64>,
        config: &Config,
    ) -> bool {
        let Self { position, pass: Pass { window, .. } } = self;
        // A count can be wrong: as long as pages give new rows, they lead on.
        let known_rows = if position.seen.is_full() {
            KEYS_MAX
        } else {
            position.seen.count(window.from, window.to)
        };
        let rows_max = known_rows
            .max(count.unwrap_or(0))
            .saturating_mul(2)
            .saturating_add(u64::from(config.page_size) * 3);
        let empty_pages = window.empty_pages.saturating_add(u8::from(page.rows.is_empty()));
        window.token.as_ref().is_some_and(|token| token.text == next)
            || empty_pages > EMPTY_PAGES_MAX
            || window.rows_with(page) > rows_max
    }

    /// Takes the rows of a page into the list of seen rows. // I7
    fn deliver(&mut self, page: &PageFacts<'_>, clocks: Clocks) -> Vec<bool> {
        let Self { position, pass } = self;
        let window = &mut pass.window;
        // A time that is unreadable, or outside the window, counts as the window's end: the key has
        // to last for as long as the row can be found in it.
        let within = window.from..=window.to;
        let second = |time: Option<Second>| time.filter(|time| within.contains(time));
        let rows: Vec<_> = page
            .rows
            .iter()
            .map(|(key, time)| (*key, second(*time).unwrap_or(window.to)))
            .collect();
        let is_new = position.seen.admit(&rows);
        let times = page.rows.iter().zip(&is_new).filter(|(_, is_new)| **is_new);
        position.see(times.filter_map(|((_, time), _)| *time), clocks);
        if window.token.is_none() {
            window.shown = position.newest;
        }
        if is_new.contains(&true) {
            window.has_news = true;
            pass.refusals = 0;
        }
        window.empty_pages = window.empty_pages.saturating_add(u8::from(page.rows.is_empty()));
        window.rows = window.rows_with(page);
        is_new
    }

    /// The window was read to its end: the watermark may follow, and the next window begins where
    /// this one ended.
    fn drain(
        mut self,
        count: Option<u64>,
        config: &Config,
        clocks: Clocks,
        notices: &mut Vec<Notice>,
    ) -> (Cursor, bool) {
        let Self { position, pass } = &mut self;
        let Window { from, to, rows, has_news, is_second_reading, .. } = pass.window;
        let known_rows = position.seen.count(from, to);
        if let Some(count) = count.filter(|count| known_rows < *count && !position.seen.is_full()) {
            if !is_second_reading {
                pass.window = Window { is_second_reading: true, ..Window::new(from, to) };
                return (self.into_cursor(), false);
            }
            if !has_news {
                position.count_trusted = false;
                notices.push(Notice::warn(
                    "count_mismatch",
                    format!(
                        "between {from} and {to} the API announced {count} rows and gave \
                         {known_rows}, twice; from now on its count is not relied on"
                    ),
                ));
            }
        }
        position.follow(pass, config, clocks);
        if count.unwrap_or(rows) < WINDOW_ROWS_MAX / 4 {
            position.span_secs = (position.span_secs.saturating_mul(2)).min(config.window_max_secs);
        }
        if to >= pass.end {
            position.economy_passes = 0;
            return self.end_pass();
        }
        pass.refusals = 0;
        pass.window = pass.part(to, position.span_secs);
        (self.into_cursor(), false)
    }

    fn end_pass(self) -> (Cursor, bool) {
        let Self { position, pass } = self;
        let present = pass.planned + position.clock_offset_secs;
        let is_caught_up = present - pass.end <= PRESENT_SLACK_SECS;
        (Cursor { position, pass: None }, is_caught_up)
    }

    fn put_aside(self) -> Admitted {
        Admitted { cursor: self.into_cursor(), is_new: None, is_caught_up: false }
    }

    /// False if the window is a second long: then it is just begun anew.
    fn halve_window(&mut self, config: &Config) -> bool {
        let Window { from, to, .. } = self.pass.window;
        self.restart_window(((to - from) / 2).max(1), config);
        to - from > 1
    }

    /// The same window from its first page, this long. If it was the whole way and is to be one of
    /// several, the API is asked first what it shows at all.
    fn restart_window(&mut self, span_secs: i64, config: &Config) {
        let Self { position, pass } = self;
        position.span_secs = span_secs;
        let from = if pass.asks_newest { position.watermark } else { pass.window.from };
        let is_whole = from == position.watermark && pass.window.to >= pass.end;
        pass.asks_newest = is_whole && !pass.asks_newest && from + span_secs < pass.end;
        pass.window = if pass.asks_newest {
            Window::new(from.max(pass.end - config.window_max_secs), pass.end)
        } else {
            pass.part(from, span_secs)
        };
    }

    fn into_cursor(self) -> Cursor {
        Cursor { position: self.position, pass: Some(self.pass) }
    }
}

impl Pass {
    /// The window from this second on: as long as this, up to the end of the pass, and never empty.
    fn part(&self, from: Second, span_secs: i64) -> Window {
        Window::new(from, self.end.min(from + span_secs).max(from + 1))
    }
}

impl Window {
    fn rows_with(&self, page: &PageFacts<'_>) -> u64 {
        self.rows.saturating_add(u64::try_from(page.rows.len()).unwrap_or(u64::MAX))
    }
}

/// A token's lifetime is not documented; an old one, or one from the future, is not tried. Neither is
/// a question that the API did not answer in that time.
fn is_fresh(since: Second, host: Second) -> bool {
    (0..=FRESH_SECS_MAX).contains(&(host - since))
}

/// How many rows one window should have at most: its keys have to be remembered.
const WINDOW_ROWS_MAX: u64 = 5_000;
const KEYS_MAX: u64 = crate::seen::KEYS_MAX as u64;
const ECONOMY_PASSES_MAX: u8 = 10;
const REFUSALS_MAX: u8 = 10;
const EMPTY_PAGES_MAX: u8 = 3;
const FRESH_SECS_MAX: i64 = 600;
/// A pass that ends this close to the present has caught up with it.
const PRESENT_SLACK_SECS: i64 = 2;
