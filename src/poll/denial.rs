//! What becomes of a start that the API's clock denies.

use crate::clock::{Clocks, is_jump};
use crate::contract::source::{Batch, ErrorKind, PollError};
use crate::poll::Poll;
use crate::poll::origin::{Origin, start_default};
use crate::poll::outcome::Outcome;
use crate::position::cursor::Cursor;
use crate::position::underway::Onward;
use crate::reply::cause::Cause;
use crate::timestamp::Second;

/// Why a poll cannot go on from where it began.
#[derive(Debug, Clone, Copy)]
pub(super) enum Denial {
    /// It was the host's clock that told where, and the API's answers do not agree on the time.
    ClocksDiffer,
    /// It was the host's clock, and that was wrong.
    OtherStart,
    /// It lies so many seconds ahead of the API's clock.
    Ahead(i64),
}

impl Poll<'_> {
    /// What an answer's time says against where the poll began.
    pub(super) fn denial(&self, date: Option<Second>, clocks: Clocks) -> Option<Denial> {
        let position = &self.underway.position;
        let is_doubted = position.clock.doubt.is_some();
        // An answer without a time confirms nothing of what the one before said.
        let before = self.exchange.dates_before.last().filter(|_| date.is_none());
        let is_open = before.is_some_and(|before| is_jump(*before - clocks.host, 0));
        if self.origin == Origin::Clock && (is_doubted || is_open) {
            return Some(Denial::ClocksDiffer);
        }
        date.filter(|_| !is_doubted)?;
        let off_secs = position.watermark - start_default(clocks.server);
        if self.origin == Origin::Clock && is_jump(off_secs, 0) {
            return Some(Denial::OtherStart);
        }
        let ahead_secs = position.watermark - clocks.server;
        (ahead_secs > self.exchange.config.overlap_secs).then_some(Denial::Ahead(ahead_secs))
    }

    pub(super) fn denied(self, denial: Denial, clocks: Clocks) -> Result<Batch, PollError> {
        match denial {
            Denial::ClocksDiffer => {
                let Cause { kind, code, what, remedy, .. } = Cause::clocks_differ();
                Err(self.exchange.account.fail(kind, code, what + remedy))
            }
            Denial::OtherStart => Ok(self.start_by_the_api_clock(clocks)),
            Denial::Ahead(secs) => Err(self.ahead_of_the_api(secs)),
        }
    }

    /// The first poll took its start from a clock that turned out to be wrong.
    pub(super) fn start_by_the_api_clock(self, clocks: Clocks) -> Batch {
        let Self { exchange, last, underway, asked, .. } = self;
        let config = exchange.config;
        let start = start_default(clocks.server);
        let mut cursor = Cursor::starting_at(start, config.window_max_secs, &config.filters, asked);
        cursor.position.clock = underway.position.clock;
        let onward = Onward { cursor, target: clocks.server, is_caught_up: false };
        Outcome::from(onward).batch(exchange, last, asked)
    }

    fn ahead_of_the_api(self, ahead_secs: i64) -> PollError {
        let watermark = self.underway.position.watermark;
        match self.origin {
            Origin::Stored => self.exchange.account.fail(
                ErrorKind::Cursor,
                "cursor_ahead",
                format!(
                    "the cursor's watermark, {watermark}, is {ahead_secs} s ahead of the API's \
                     clock: restore an earlier cursor, or reset it to begin anew at `start`"
                ),
            ),
            Origin::Configured | Origin::Clock => self.exchange.account.fail(
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
