//! What a page tells of the API besides its rows: how far below `from` it reaches, and whether its ids
//! last.

use crate::notices::Notices;
use crate::position::habits::{REACH_SECS_MAX, REACH_SECS_MIN};
use crate::position::underway::{PageFacts, Underway};

impl Underway {
    /// Rows that were delivered are shown under other ids: nothing tells them from new ones.
    pub(crate) fn look_at_ids(&self, page: &PageFacts<'_>, notices: &mut Notices) {
        let seen = &self.position.seen;
        let times = || page.rows.iter().filter_map(|(_, time)| *time);
        let (Some(mut first), Some(mut last)) = (times().min(), times().max()) else { return };
        // Of the second in which the page ends, the rows that are known may be on the next one.
        if page.next.is_some() {
            if self.pass.window.way.newest_first {
                first = first + 1;
            } else {
                last = last - 1;
            }
        }
        let known = seen.count(first, last);
        let shown = times().filter(|time| (first..=last).contains(time)).count() as u64;
        if shown >= ROWS_TOLD_MIN
            && known >= shown
            && page.result_count.is_none_or(|count| count <= known)
            && !page.rows.iter().any(|(key, time)| seen.contains(*key, *time))
        {
            notices.departs(
                "ids_change",
                format!(
                    "between {first} and {last} the API shows {shown} rows under ids that it did \
                     not use before for as many: each answer seems to make them anew, and rows come \
                     again as often as they are read"
                ),
            );
        }
    }

    /// The API shows rows from before `from`: it rounds that, or goes by another time than the row's
    /// own. They are remembered for as long as they can come again.
    pub(crate) fn learn_reach(&mut self, page: &PageFacts<'_>, notices: &mut Notices) {
        let Self { position, pass } = self;
        // One row alone may be odd; and what is older than all bounds that are known goes by none.
        let below = page.rows.iter().filter_map(|(_, time)| Some(pass.window.from - (*time)?));
        let two_oldest =
            |(most, next): (i64, i64), secs: i64| (secs.max(most), next.max(secs.min(most)));
        let (_, below_secs) = below.filter(|secs| *secs <= REACH_SECS_MAX).fold((0, 0), two_oldest);
        if below_secs <= REACH_SECS_MIN {
            return;
        }
        let hours = below_secs / HOUR_SECS + 1;
        let reach_secs = hours.saturating_mul(HOUR_SECS).min(REACH_SECS_MAX);
        position.habits.reach_secs = position.habits.reach_secs.max(Some(reach_secs));
        position.habits.tight_rows = 0;
        notices.departs(
            "older_rows",
            format!(
                "asked for rows from {} on, the API shows some that are {below_secs} s older: those \
                 that were delivered are remembered for longer",
                pass.window.from
            ),
        );
    }

    /// Rows of this hour that lie below the window are known, and were not shown with it: it begins
    /// where it was asked to.
    pub(crate) fn learn_tight_reach(&mut self, rows: usize) {
        let Self { position, pass } = self;
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let from = pass.window.from;
        let hour = from - from.unix_secs().rem_euclid(HOUR_SECS);
        let could_show = || position.seen.count(hour, from - (REACH_SECS_MIN + 1)) > 0;
        if position.habits.reach_secs.is_none() && could_show() && position.habits.is_tight(rows) {
            position.forget();
        }
    }

    /// Had the first page of a window any older rows, they would stand before these.
    pub(crate) fn shows_older_rows_first(&self, page: &PageFacts<'_>) -> bool {
        let mut times = page.rows.iter().map(|(_, time)| *time);
        let ends = (times.next().flatten(), times.next_back().flatten());
        matches!(ends, (Some(first), Some(last)) if self.pass.window.from <= first && first < last)
    }
}

/// Of fewer rows nothing can be said for certain.
const ROWS_TOLD_MIN: u64 = 3;
const HOUR_SECS: i64 = 60 * 60;
