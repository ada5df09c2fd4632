//! What stands in the way of a window, and the way around it: half as much is asked for, down to a
//! single second; that is read in other ways; and what it withholds from all of them is told, and
//! left behind.

use crate::clock::Clocks;
use crate::config::Config;
use crate::contract::source::Notice;
use crate::notices::Notices;
use crate::position::cursor::Setbacks;
use crate::position::habits::WITHHELD_DOUBTS;
use crate::position::underway::{Onward, Question, Underway};
use crate::position::window::{Way, Window};
use crate::timestamp::Second;

/// Why a window could not be read to its end.
pub(crate) enum Obstacle {
    /// So many rows fewer came than the API counts.
    Short(u64),
    /// Its pages have no last one.
    Round,
    /// A page token is of no use; why.
    DeadToken(String),
    /// The answer is larger than it may be; why.
    TooLarge(String),
    /// A row makes its page unreadable; why.
    Unreadable(String),
}

/// A single second, of which no page token leads on for now. To be tried again.
#[derive(Debug)]
pub(crate) struct Stuck;

impl Underway {
    /// Goes around what stands in the way of the window. Keys are kept, so no row comes twice.
    pub(crate) fn obstructed(
        mut self,
        obstacle: &Obstacle,
        config: &Config,
        clocks: Clocks,
        notices: &mut Notices,
    ) -> Result<Onward, Stuck> {
        obstacle.tell(&self.pass.window, notices);
        let setbacks = match obstacle {
            Obstacle::DeadToken(_) => self.count_setback(clocks.host),
            _ => 0,
        };
        let Window { from, to, way, .. } = self.pass.window;
        if let Obstacle::Short(_) = obstacle {
            let Self { position, pass } = &mut self;
            let is_again = pass.short_to.is_some_and(|short_to| from < short_to);
            position.habits.count.cost(u8::from(is_again));
            pass.short_to = pass.short_to.max(Some(to));
        }
        if self.halve(config) {
            return Ok(self.go_on());
        }
        if way.newest_first && self.is_as_counted() {
            self.position.habits.goes_round |= matches!(obstacle, Obstacle::Round);
            return Ok(self.drain(config, clocks));
        }
        let other_way = match (obstacle, way) {
            (Obstacle::Short(_) | Obstacle::Round, Way { newest_first: false, .. }) => {
                Some(way.other_end())
            }
            // Row by row it takes many tokens: pages may have become readable again.
            (Obstacle::DeadToken(_), _) if setbacks <= SETBACKS_MAX => {
                Some(if way.is_last() { Way::default() } else { way.other_end() })
            }
            (Obstacle::DeadToken(_), _) if self.is_recent(clocks.host) => return Err(Stuck),
            // The same again: it may have been a whim.
            (Obstacle::TooLarge(_), _) if self.pass.window.too_large < TOO_LARGE_MAX => {
                self.pass.window.too_large += 1;
                return Ok(self.go_on());
            }
            (Obstacle::TooLarge(_), Way { row_by_row: false, .. }) => Some(Way::ROW_BY_ROW),
            (Obstacle::TooLarge(_), Way { newest_first: false, .. }) => Some(way.other_end()),
            _ => None,
        };
        if let Some(way) = other_way {
            self.pass.ask_again(way);
            return Ok(self.go_on());
        }
        match obstacle {
            Obstacle::Round => self.position.habits.goes_round = true,
            _ => self.leave_behind(obstacle, notices),
        }
        Ok(self.drain(config, clocks))
    }

    /// What was asked at `asked` was not answered, and was not before: less is asked for. False, and
    /// nothing has changed, if this may be the first time, or there is no less.
    pub(crate) fn not_answered(&mut self, asked: Second, host: Second) -> bool {
        let is_first = self.may_be_first(asked);
        let asks_newest = self.question() == Question::Newest;
        let Self { position, pass } = self;
        let secs = pass.window.secs();
        let way = pass.window.way;
        if is_first || (secs == 1 && !asks_newest && way.is_last()) {
            return false;
        }
        // A page past the first says nothing of the length.
        if pass.window.token.is_none() {
            position.habits.not_answered(secs, host);
        }
        if asks_newest {
            self.begin_windows();
        } else if secs > 1 {
            self.shorten(secs / 2);
        } else {
            pass.ask_again(if way == Way::ROW_BY_ROW { way.other_end() } else { Way::ROW_BY_ROW });
        }
        true
    }

    /// This is a second that was read row by row, from both ends, and it was not answered before, the
    /// last time that it was asked for: there is no other way.
    pub(crate) fn is_read_in_every_way(&self, asked: Second) -> bool {
        self.pass.window.secs() == 1
            && self.pass.window.way.is_last()
            && self.question() != Question::Newest
            && !self.may_be_first(asked)
    }

    /// A second that was read in every way, each up to a row that makes its page unreadable, is left
    /// behind.
    pub(crate) fn unreadable(
        mut self,
        why: String,
        config: &Config,
        clocks: Clocks,
        notices: &mut Notices,
    ) -> Onward {
        self.leave_behind(&Obstacle::Unreadable(why), notices);
        self.drain(config, clocks)
    }

    /// Whether what was asked at this time was not asked before.
    fn may_be_first(&self, asked: Second) -> bool {
        let patience_secs = self.position.habits.patience_secs();
        (-DUE_SECS_MAX..patience_secs).contains(&(asked - self.position.due))
    }

    /// The very first question was not answered: a second of it. False if it is as short already.
    pub(crate) fn ask_less_at_first(&mut self, host: Second) -> bool {
        let secs = self.pass.window.secs();
        if secs > 1 {
            self.position.habits.not_answered(secs, host);
            self.begin_windows();
            self.shorten(1);
        }
        secs > 1
    }

    /// A page token has grown old unused: the window is read again without it.
    pub(crate) fn without_token(
        mut self,
        config: &Config,
        host: Second,
        notices: &mut Notices,
    ) -> Self {
        if self.halve(config) {
            return self;
        }
        // It may have taken so long since each reading does: then the other end comes first.
        if self.count_setback(host) <= SETBACKS_MAX {
            self.pass.ask_again(self.pass.window.way.other_end());
            return self;
        }
        let why = "each is older than twenty minutes before the next poll".to_owned();
        self.leave_behind(&Obstacle::DeadToken(why), notices);
        let server = host + self.position.clock.offset_secs;
        let onward = self.drain(config, Clocks { host, server, known: host.min(server) });
        onward.cursor.plan(config, host, notices)
    }

    /// The same window from its first page, this long; the newest row is not asked for.
    fn shorten(&mut self, span_secs: i64) {
        let Self { position, pass } = self;
        position.span_secs = span_secs;
        pass.ask_part(pass.window.from, span_secs);
    }

    /// How many there were without a new row between.
    fn count_setback(&mut self, host: Second) -> u8 {
        let setbacks = self.pass.setbacks.get_or_insert(Setbacks { count: 0, since: host });
        setbacks.count = setbacks.count.saturating_add(1);
        setbacks.count
    }

    /// The first of the setbacks was not long ago: it may be a passing trouble.
    fn is_recent(&self, host: Second) -> bool {
        let since = self.pass.setbacks.as_ref().map(|setbacks| setbacks.since);
        since.is_some_and(|since| (0..STUCK_SECS_MAX).contains(&(host - since)))
    }

    /// A second was read in every way that there is, and does not give all of its rows.
    fn leave_behind(&mut self, obstacle: &Obstacle, notices: &mut Notices) {
        let Self { position, pass } = self;
        let Window { from, to, .. } = pass.window;
        // The window holds two, of which one may have given rows, and not all.
        let gave = |second| position.seen.count(second, second) > 0;
        let second = if !gave(from) && gave(to) { to } else { from };
        let (rows, what) = match obstacle {
            Obstacle::Short(rows) => {
                position.habits.count.cost(WITHHELD_DOUBTS);
                let what = "rows more than it gives, oldest or newest first";
                (*rows, format!("it counts {rows} {what}"))
            }
            Obstacle::Round => return,
            Obstacle::DeadToken(why) => (0, format!("no page token leads on ({why})")),
            Obstacle::TooLarge(why) => (0, format!("a row alone is too large ({why})")),
            Obstacle::Unreadable(why) => (0, format!("a row makes its page unreadable ({why})")),
        };
        if !position.habits.withhold(second, rows) {
            return;
        }
        notices.happened(Notice::warn(
            "rows_withheld",
            format!(
                "the second {second} is left behind: {what}; all rows of it that the API gave were \
                 delivered, and collection goes on"
            ),
        ));
    }
}

impl Obstacle {
    fn tell(&self, window: &Window, notices: &mut Notices) {
        let from = window.from;
        match self {
            Self::Short(_) | Self::Round | Self::Unreadable(_) => {}
            Self::DeadToken(why) => notices.departs(
                "page_token_refused",
                format!(
                    "a page token led nowhere ({why}); the window from {from} is read again from \
                     its first page"
                ),
            ),
            Self::TooLarge(why) => notices.departs(
                "reply_too_large",
                format!("the API's answer is too large ({why}); from {from} on, less is asked for"),
            ),
        }
    }
}

/// Enough to halve a window of a month to a second.
const SETBACKS_MAX: u8 = 24;
/// How often a second, or a row of it, is asked for that is too large.
const TOO_LARGE_MAX: u8 = 3;
/// How long one second may hold up the rest.
const STUCK_SECS_MAX: i64 = 15 * 60;
/// A poll that is due later than this was planned by a clock that was set back.
const DUE_SECS_MAX: i64 = 25 * 60 * 60;
