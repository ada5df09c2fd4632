//! Where a poll without a cursor starts, and what becomes of a start that the API's clock denies.

use crate::batch::{Batch, ErrorKind, PollError};
use crate::clock::Clocks;
use crate::cursor::Cursor;
use crate::exchange::Moment;
use crate::pass::Onward;
use crate::poll::{Pending, batch};
use crate::timestamp::Second;

/// Where the watermark of a poll comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A stored cursor.
    Stored,
    /// The configuration's `start`.
    Configured,
    /// The host's clock, which may be wrong.
    Clock,
}

impl Pending<'_> {
    /// The first poll took its start from a clock that turned out to be wrong.
    pub(crate) fn start_by_the_api_clock(self, clocks: Clocks) -> Batch {
        let Self { exchange, underway, asked, .. } = self;
        let config = exchange.config;
        let start = start_default(clocks.server);
        let mut cursor = Cursor::starting_at(start, config.window_max_secs, &config.filters, asked);
        cursor.position.clock = underway.position.clock;
        let at = Moment { unix_nanos: asked.unix_nanos(), random: [0; 16] };
        batch(exchange, Onward::to(cursor), clocks.server, Vec::new(), at, None)
    }

    pub(crate) fn ahead_of_the_api(self, ahead_secs: i64) -> PollError {
        let watermark = self.underway.position.watermark;
        match self.origin {
            Origin::Stored => self.exchange.fail(
                ErrorKind::Cursor,
                "cursor_ahead",
                format!(
                    "the cursor's watermark, {watermark}, is {ahead_secs} s ahead of the API's \
                     clock: restore an earlier cursor, or reset it to begin anew at `start`"
                ),
            ),
            Origin::Configured | Origin::Clock => self.exchange.fail(
                ErrorKind::Config,
                "start_ahead",
                format!(
                    "start, {watermark}, is {ahead_secs} s ahead of the API's clock: give a time \
                     that has passed"
                ),
            ),
        }
    }
}

/// Where a first poll starts that is not told where; not before 1970, where a cursor cannot lie.
pub(crate) fn start_default(now: Second) -> Second {
    (now - START_DEFAULT_SECS).max(Second::new(0))
}

const START_DEFAULT_SECS: i64 = 24 * 60 * 60;
