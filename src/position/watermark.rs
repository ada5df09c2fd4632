//! How far the watermark may follow: what proves that all rows up to a time were delivered. (I2)

use crate::clock::Clocks;
use crate::config::Config;
use crate::position::cursor::{Pass, Position};
use crate::position::habits::{REACH_SECS_MAX, REACH_SECS_MIN};
use crate::timestamp::Second;

impl Position {
    /// Takes in event times that the API shows; those ahead of the clocks prove nothing.
    pub(crate) fn see(&mut self, times: impl Iterator<Item = Second>, clocks: Clocks) {
        let known = clocks.known;
        self.newest = self.newest.max(times.filter(|time| *time <= known).max());
    }

    /// Moves the watermark towards the end of the window that was drained, as far as rows had been
    /// seen when its reading began: to the newest less the overlap, or, in a quiet stream, to
    /// `quiet_max_secs` before the pass was planned. What came to light since may lie where the
    /// reading had been before; so no window moves it past an earlier one that was left open.
    pub(crate) fn follow(&mut self, pass: &Pass, config: &Config, clocks: Clocks) {
        let window = &pass.window;
        if self.watermark < window.from {
            return;
        }
        let known = clocks.known;
        let quiet = known.min(pass.end) - config.quiet_max_secs;
        let seen_up_to = window.shown.map(|shown| shown.min(known) - config.overlap_secs);
        let evidence = seen_up_to.map_or(quiet, |seen_up_to| seen_up_to.max(quiet));
        self.watermark = self.watermark.max(window.to.min(evidence));
        self.mixed_to = self.mixed_to.filter(|mixed_to| self.watermark <= *mixed_to);
        self.forget();
    }

    /// Forgets the rows that cannot be shown again. While they are few they are kept for longer than
    /// seems needed: an API that goes by another time than the row's shows some of them much later.
    pub(crate) fn forget(&mut self) {
        let are_few = self.seen.len() <= KEPT_ROWS_MAX;
        let reach_secs =
            if are_few { REACH_SECS_MAX } else { self.habits.reach_secs().max(REACH_SECS_MIN) };
        self.seen.forget_before(self.watermark - reach_secs);
        // What was found in the second before may lie in this one.
        self.habits.forget_before(self.watermark - 1);
    }
}

const KEPT_ROWS_MAX: usize = 1_000;
