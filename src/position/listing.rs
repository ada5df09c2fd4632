//! How a listing of a window comes to its end, and when the window is done with it.

use crate::clock::Clocks;
use crate::config::Config;
use crate::notices::Notices;
use crate::position::cursor::Pass;
use crate::position::obstacle::{Obstacle, Stuck};
use crate::position::underway::{Onward, PageFacts, Underway};
use crate::position::window::Window;

/// How a listing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As documented: a page that names no next one.
    Clean,
    /// With pages without rows, each of which names a next one.
    Empty,
    /// Not at all: its pages go round.
    Round,
}

impl Underway {
    /// How the listing ends with this page, which is taken in already. None: it goes on.
    pub(crate) fn ending(&self, page: &PageFacts<'_>) -> Option<Ending> {
        let Self { position, pass: Pass { window, .. } } = self;
        page.next?;
        // One may be a whim, unless all that is counted is there; more in a row are the end.
        if window.empty_pages > if self.is_as_counted() { 0 } else { EMPTY_PAGES_MAX } {
            return Some(if page.rows.is_empty() { Ending::Empty } else { Ending::Round });
        }
        // As long as pages give new rows, they lead on, whatever is counted.
        let strays = if window.strays > 0 { position.seen.strays() } else { 0 };
        let known_rows = if position.seen.is_full() {
            KEYS_MAX
        } else {
            position.seen.count(window.from, window.to).saturating_add(strays)
        };
        let rows_max = known_rows
            .saturating_mul(2)
            .saturating_add(u64::try_from(page.rows.len()).unwrap_or(u64::MAX).saturating_mul(3));
        (window.rows > rows_max).then_some(Ending::Round)
    }

    /// The listing has come to its end: the window is done, if what the API counts agrees.
    pub(crate) fn end_listing(
        mut self,
        ending: Ending,
        config: &Config,
        clocks: Clocks,
        notices: &mut Notices,
    ) -> Result<Onward, Stuck> {
        let known = self.rows_known();
        let Self { position, pass } = &mut self;
        let Window { from, to, counted, .. } = pass.window;
        if pass.window.rows > 0 && counted <= Some(known) {
            position.habits.counts_all = counted == Some(known);
        }
        let missing = counted.unwrap_or(0).saturating_sub(known);
        let missing = position.habits.besides_withheld(missing, from, to);
        position.habits.count.fitted(counted == Some(known));
        if missing > 0 && !position.seen.is_full() {
            if position.habits.trusts_count() {
                return self.obstructed(&Obstacle::Short(missing), config, clocks, notices);
            }
            notices.departs(
                "count_mismatch",
                format!(
                    "between {from} and {to} the API counts {missing} rows more than it gives; its \
                     count is not relied on until it fits again"
                ),
            );
        }
        match ending {
            Ending::Clean => {
                // A listing without rows cannot go round.
                position.habits.goes_round &= pass.window.rows == 0;
            }
            Ending::Empty => notices.departs(
                "listing_ends_empty",
                "the API's last page names a next one, which is empty: that is taken for the end",
            ),
            Ending::Round if !position.habits.goes_round => {
                return self.obstructed(&Obstacle::Round, config, clocks, notices);
            }
            Ending::Round => notices.departs(
                "listing_goes_round",
                "the API's pages have no last one: once no more rows come, that is taken for the \
                 end",
            ),
        }
        Ok(self.drain(config, clocks))
    }

    /// The API's count agrees with what is known of the window.
    pub(crate) fn is_as_counted(&self) -> bool {
        let habits = &self.position.habits;
        let counted = self.pass.window.counted;
        habits.trusts_count() && habits.counts_all && counted == Some(self.rows_known())
    }

    /// How many rows of the window are known.
    fn rows_known(&self) -> u64 {
        let Self { position, pass: Pass { window, .. } } = self;
        let last = position.last_of(window);
        let strays = window.strays.min(position.seen.strays());
        let known = position.seen.count(window.from, last).saturating_add(strays);
        if Some(window.from) <= position.mixed_to { known.min(window.rows) } else { known }
    }
}

const KEYS_MAX: u64 = crate::position::seen::KEYS_MAX as u64;
const EMPTY_PAGES_MAX: u8 = 2;
