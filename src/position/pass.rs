//! The rules by which a cursor moves: how a pass is planned, and how its windows are walked. How far
//! the watermark may follow is in `watermark.rs`; what stands in the way of a window, in `obstacle.rs`.
//!
//! A pass leads from the watermark to the present, oldest to newest, in windows. A window is read
//! page by page. Only a window that was read to its end moves the watermark, and only as far as
//! rows were seen; until then a crash, a dead page token or a wrong clock costs requests, not rows.
//! Before a pass of several windows the API is asked for its newest row alone.
//!
//! A window is done when the evidence agrees: its listing has come to an end, and no fewer rows are
//! known than the API counts.
//!
//! ```text
//! cursor ─▶ plan ─▶ underway ─▶ admit a page ────▶ cursor
//!                           ├─▶ skip the newest ─▶ cursor, the first window
//!                           ├─▶ obstructed ──────▶ cursor, half the window, or another way to read it
//!                           └─▶ not answered ────▶ cursor, half the window
//! ```

use crate::clock::{Clocks, is_jump};
use crate::config::Config;
use crate::contract::source::Notice;
use crate::notices::Notices;
use crate::position::cursor::{Cursor, Pass, Position};
use crate::position::listing::Ending;
use crate::position::obstacle::Stuck;
use crate::position::seen::Admission;
use crate::position::underway::{Onward, PageFacts, Question, Underway};
use crate::position::window::{PageToken, Way, Window};
use crate::row::Key;
use crate::timestamp::Second;

/// What became of a page.
pub(crate) enum Admitted {
    /// Its rows are for later: they are asked for again.
    PutAside(Onward),
    /// Its rows were taken in.
    Delivered {
        onward: Onward,
        /// For each row zero if it is known; else, which of those that are alike it is, from one on.
        ordinals: Vec<u8>,
    },
}

impl Cursor {
    /// Sees to it that there is a window to ask for.
    pub(crate) fn plan(self, config: &Config, host: Second, notices: &mut Notices) -> Underway {
        let Self { mut position, mut pass } = self;
        let span_secs_max = position.habits.span_secs_max(config.window_max_secs, host);
        position.span_secs = position.span_secs.clamp(1, span_secs_max);
        let filters = config.filters.fingerprint();
        if position.filters != filters {
            position.filters = filters;
            // The rows known are not to come again, and prove nothing of those that are asked for now.
            position.mixed_to = position.seen.newest();
            position.economy_passes = ECONOMY_PASSES_MAX;
            position.habits.withheld.clear();
            pass = None;
            notices.happened(Notice::info(
                "filters_changed",
                format!("the filters have changed; the new ones count from {}", position.watermark),
            ));
        }
        let mut underway = match pass {
            Some(pass) => Underway { position, pass },
            None => Underway::begin(position, config, host),
        };
        let token = underway.pass.window.token.as_ref();
        if token.is_some_and(|token| !is_fresh(token.received, host)) {
            underway = underway.without_token(config, host, notices);
        }
        if underway.question() == Question::Newest && !is_fresh(underway.pass.planned, host) {
            underway.begin_windows();
        }
        underway
    }
}

impl Underway {
    /// Takes in what a reply's `Date` says of the API's clock, and gives all clocks. `before` is what
    /// earlier answers of this poll said.
    pub(crate) fn learn_clock(
        &mut self,
        host: Second,
        date: Option<Second>,
        before: &[Second],
    ) -> Clocks {
        let Self { position, pass } = self;
        let doubted = position.clock.doubt.map(|doubt| host + doubt.offset_secs);
        if let Some(date) = date {
            position.clock.look(date, host, before);
        }
        // Where no answer tells the time any more, nothing can take a doubt back.
        pass.is_timed |= date.is_none() || position.clock.doubt.is_none();
        let server = host + position.clock.offset_secs;
        pass.end = pass.end.min(server.max(position.watermark + 1));
        // Where the host's clock bears this answer out, what others told was wrong.
        let is_open = date.is_none_or(|date| is_jump(date - host, 0));
        let others = before.iter().copied().chain(doubted).filter(|_| is_open);
        let known = others.chain(date).fold(host.min(server), Second::min);
        Clocks { host, server, known }
    }

    /// Takes a page in: tells new rows from known ones, and goes on to the next page, window or
    /// pass.
    pub(crate) fn admit(
        mut self,
        page: &PageFacts<'_>,
        config: &Config,
        clocks: Clocks,
        notices: &mut Notices,
    ) -> Result<Admitted, Stuck> {
        if self.question() == Question::Newest {
            self.learn_newest(page, clocks);
            return Ok(self.put_aside());
        }
        self.position.habits.answered(self.pass.window.secs(), clocks.host);
        let count = page.result_count.filter(|_| self.position.habits.trusts_count());
        if self.pass.window.token.is_none() {
            self.look_at_ids(page, notices);
            if self.shows_older_rows_first(page) {
                self.learn_tight_reach(page.rows.len());
            }
            if page.next.is_some() && self.holds_nothing_new(page, count) {
                self.position.economy_passes += 1;
                let ordinals = vec![0; page.rows.len()];
                return Ok(Admitted::Delivered { onward: self.end_pass(), ordinals });
            }
            if page.next.is_some() && self.cut_to_density(count, config) {
                return Ok(self.put_aside());
            }
        }
        if page.next.is_some()
            && count.is_none()
            && self.rows_told_apart(page) > WINDOW_ROWS_MAX
            && self.pass.window.secs() > self.position.habits.secs_least()
            && self.halve(config)
        {
            return Ok(self.put_aside());
        }
        self.learn_reach(page, notices);
        let was_full = self.position.seen.is_full();
        let ordinals = self.deliver(page, clocks);
        if self.position.seen.is_full() && !was_full {
            notices.happened(Notice::warn(
                "seen_full",
                "more rows lie between the watermark and now than can be remembered: some may come \
                 twice; a smaller overlap_secs keeps this from happening",
            ));
        }
        let onward = match (page.next, self.ending(page)) {
            (Some(next), None) => {
                let token = PageToken { text: next.to_owned(), received: clocks.host };
                self.pass.window.token = Some(token);
                self.go_on()
            }
            (None, None) => self.end_listing(Ending::Clean, config, clocks, notices)?,
            (_, Some(ending)) => self.end_listing(ending, config, clocks, notices)?,
        };
        Ok(Admitted::Delivered { onward, ordinals })
    }

    fn begin(mut position: Position, config: &Config, host: Second) -> Self {
        let from = position.watermark;
        let clock = host + position.clock.offset_secs;
        let end = clock.max(from + 1);
        let span_secs_max = position.habits.span_secs_max(config.window_max_secs, host);
        // Economy: the whole way at once, to learn in one request whether anything is new.
        let is_economy =
            end - from <= span_secs_max && position.economy_passes < ECONOMY_PASSES_MAX;
        position.habits.look_ahead(end - from, host);
        let window = Window::new(from, end);
        let pass = Pass {
            planned: host,
            end,
            setbacks: None,
            asks_newest: false,
            is_timed: false,
            short_to: None,
            window,
        };
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
    pub(crate) fn skip_newest(mut self) -> Onward {
        self.begin_windows();
        self.go_on()
    }

    pub(crate) fn begin_windows(&mut self) {
        self.pass.ask_part(self.position.watermark, self.position.span_secs);
    }

    /// The window is the whole way, its rows are as many as are known, and its first page holds
    /// none that is not. Late rows that hide behind an equal count are found by the full reading
    /// that comes at least every eleventh pass; the watermark stays until then.
    fn holds_nothing_new(&self, page: &PageFacts<'_>, count: Option<u64>) -> bool {
        let Self { position, pass } = self;
        let Window { from, to, .. } = pass.window;
        let known = position.seen.count(from, to).saturating_add(position.seen.strays());
        self.question() == Question::Whole
            && position.economy_passes < ECONOMY_PASSES_MAX
            && position.mixed_to.is_none()
            && count.is_some_and(|count| count > 0 && count == known)
            && page.rows.iter().all(|(key, time)| position.seen.contains(*key, *time))
    }

    /// Cuts a window that holds more rows than one should. False if it does not, or cannot be cut.
    fn cut_to_density(&mut self, count: Option<u64>, config: &Config) -> bool {
        let (secs, least) = (self.pass.window.secs(), self.position.habits.secs_least());
        let Some(count) = count.filter(|count| *count > WINDOW_ROWS_MAX && secs > least) else {
            return false;
        };
        // To four fifths of the bound: rows are never spread evenly.
        let fit = secs.unsigned_abs().saturating_mul(WINDOW_ROWS_MAX) / count / 5 * 4;
        self.restart_window(i64::try_from(fit).unwrap_or(i64::MAX).max(least), config);
        true
    }

    /// How many rows the window holds at least, this page among them: those that pages repeat count
    /// once.
    fn rows_told_apart(&self, page: &PageFacts<'_>) -> u64 {
        let Self { position, pass: Pass { window, .. } } = self;
        let later = position.seen.count(window.from, Second::new(i64::MAX));
        let known = later.saturating_add(position.seen.strays());
        let rows = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        window.rows_with(page).min(known.saturating_add(rows))
    }

    /// Takes the rows of a page into the list of seen rows. (I7)
    fn deliver(&mut self, page: &PageFacts<'_>, clocks: Clocks) -> Vec<u8> {
        let Self { position, pass } = self;
        let window = &mut pass.window;
        position.habits.includes_to |= page.rows.iter().any(|(_, time)| *time == Some(window.to));
        // The key of a row whose time is unreadable, or outside the window, has to last for as long as
        // the row can be found in it.
        let within = (window.from, window.to);
        let Admission { ordinals, strays, is_kept } = position.seen.admit(&page.rows, within);
        window.strays = window.strays.saturating_add(strays);
        let mut new_rows = page.rows.iter().zip(&ordinals).filter(|(_, ordinal)| **ordinal > 0);
        position.see(new_rows.clone().filter_map(|((_, time), _)| *time), clocks);
        if window.token.is_none() {
            window.shown = position.newest;
        }
        // Rows whose ids are made anew each time would be new for ever.
        let gave_rows = is_kept && new_rows.clone().next().is_some();
        if gave_rows {
            pass.setbacks = None;
        }
        // Past what was short, rows are new whatever was counted.
        if new_rows.any(|((_, time), _)| *time < pass.short_to && time.is_some()) {
            position.habits.count.paid();
        }
        window.too_large = 0;
        // What a page without rows counts, past others that had some, is not these.
        if !page.rows.is_empty() || window.rows == 0 {
            window.counted = page.result_count.or(window.counted);
        }
        let page_key = Key::of_all(page.rows.iter().map(|(key, _)| *key));
        let gave_nothing = page_key.is_none() || (page_key == window.page_key && !gave_rows);
        window.empty_pages = if gave_nothing { window.empty_pages.saturating_add(1) } else { 0 };
        window.page_key = page_key;
        window.rows = window.rows_with(page);
        ordinals
    }

    /// The window was read to its end: the watermark may follow, and the next window begins where
    /// this one ended.
    pub(crate) fn drain(mut self, config: &Config, clocks: Clocks) -> Onward {
        self.learn_tight_reach(usize::try_from(self.pass.window.rows).unwrap_or(usize::MAX));
        let Self { position, pass } = &mut self;
        let Window { to, rows, counted, .. } = pass.window;
        position.follow(pass, config, clocks);
        let counted = counted.filter(|_| position.habits.trusts_count());
        position.habits.look_ahead(pass.end - to, clocks.host + LOOK_AHEAD_SECS);
        if counted.unwrap_or(rows) < WINDOW_ROWS_MAX / 4 {
            let span_secs_max = position.habits.span_secs_max(config.window_max_secs, clocks.host);
            position.span_secs = position.span_secs.saturating_mul(2).min(span_secs_max);
        }
        if to >= pass.end {
            position.economy_passes = 0;
            return self.end_pass();
        }
        pass.setbacks = None;
        pass.short_to = pass.short_to.filter(|short_to| to < *short_to);
        pass.ask_part(to, position.span_secs);
        self.go_on()
    }

    #[inline(never)] // In line it makes the component larger.
    fn end_pass(self) -> Onward {
        let Self { position, pass } = self;
        let present = pass.planned + position.clock.offset_secs;
        // Of several answers, one that told another time takes nothing back.
        let is_doubted = position.clock.doubt.is_some() && !pass.is_timed;
        let is_caught_up = present - pass.end <= PRESENT_SLACK_SECS && !is_doubted;
        Onward { cursor: Cursor { position, pass: None }, target: pass.end, is_caught_up }
    }

    #[inline(never)] // In line it makes the component larger.
    pub(crate) fn go_on(self) -> Onward {
        let Self { position, pass } = self;
        let target = pass.end;
        Onward { cursor: Cursor { position, pass: Some(pass) }, target, is_caught_up: false }
    }

    fn put_aside(self) -> Admitted {
        Admitted::PutAside(self.go_on())
    }

    /// False, and nothing has changed, if the window is a second long.
    pub(crate) fn halve(&mut self, config: &Config) -> bool {
        let secs = self.pass.window.secs();
        if secs > 1 {
            self.restart_window(secs / 2, config);
        }
        secs > 1
    }

    /// The same window from its first page, this long. If it was the whole way and is to be one of
    /// several, the API is asked first what it shows at all.
    fn restart_window(&mut self, span_secs: i64, config: &Config) {
        let question = self.question();
        let Self { position, pass } = self;
        position.span_secs = span_secs;
        let from = match question {
            Question::Newest => position.watermark,
            Question::Whole | Question::Part => pass.window.from,
        };
        if question == Question::Whole
            && from + span_secs < pass.end
            && position.habits.unanswered.is_none()
        {
            pass.ask_newest(from, config.window_max_secs);
        } else {
            pass.ask_part(from, span_secs);
        }
    }
}

impl Position {
    /// The last second whose rows a window has.
    pub(crate) fn last_of(&self, window: &Window) -> Second {
        if self.habits.includes_to { window.to } else { window.to - 1 }
    }
}

impl Pass {
    /// Asks for the newest row of the way from this second on, or of the last so many seconds of it.
    fn ask_newest(&mut self, from: Second, span_secs_max: i64) {
        self.asks_newest = true;
        self.window = Window::new(from.max(self.end - span_secs_max), self.end);
    }

    /// Asks for the window from this second on: as long as this, up to the end of the pass, and never
    /// empty.
    #[inline(never)] // In line it makes the component larger.
    pub(crate) fn ask_part(&mut self, from: Second, span_secs: i64) {
        self.asks_newest = false;
        self.window = Window::new(from, self.end.min(from + span_secs).max(from + 1));
    }

    /// Asks for the same window from its first page, to be read in this way.
    pub(crate) fn ask_again(&mut self, way: Way) {
        self.window = Window { way, ..Window::new(self.window.from, self.window.to) };
    }
}

impl Window {
    pub(crate) fn secs(&self) -> i64 {
        self.to - self.from
    }

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
const ECONOMY_PASSES_MAX: u8 = 10;
/// A try in vain can take a minute.
const LOOK_AHEAD_SECS: i64 = 10 * 60;
/// Longer than the longest wait that the API can ask for.
const FRESH_SECS_MAX: i64 = 20 * 60;
/// A pass that ends this close to the present has caught up with it.
const PRESENT_SLACK_SECS: i64 = 2;
