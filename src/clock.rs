//! The host's clock and the API's, as far as answers tell of it. Reads neither.

use crate::record::{Members, Record};
use crate::timestamp::Second;

/// What is known of the API's clock. One look is not believed, since of several nodes one can be off;
/// but what nothing has confirmed three times in a row is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ApiClock {
    /// The API's clock less the host's, as two answers in a row told it, or no jump from there.
    pub(crate) offset_secs: i64,
    /// What the last answer told instead.
    pub(crate) doubt: Option<Doubt>,
}

/// A jump of the API's clock that no second answer has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Doubt {
    pub(crate) offset_secs: i64,
    /// Answers in a row that told of some jump.
    looks: u8,
}

/// The two clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    /// The host's.
    pub(crate) host: Second,
    /// The API's, as far as it is known.
    pub(crate) server: Second,
    /// What has come to pass by both, and by what this answer told, and, where the host's clock does
    /// not bear that out, those just before.
    pub(crate) known: Second,
}

impl ApiClock {
    /// Takes in what an answer's `Date` says. `before` is what others of the same poll said.
    pub(crate) fn look(&mut self, date: Second, host: Second, before: &[Second]) {
        let told = offset_secs(date, host);
        let told_before =
            |offset_secs| before.iter().any(|before| !is_jump(offset_secs, *before - host));
        // An answer that bears out what is known came between: whatever jump was told is not in a row.
        if told_before(self.offset_secs) {
            self.doubt = None;
        }
        let doubt = self.doubt.map(|doubt| doubt.offset_secs);
        let agrees = |offset_secs| !is_jump(offset_secs, told);
        let looks = self.doubt.map_or(1, |doubt| doubt.looks.saturating_add(1));
        // The host's own clock is a witness, too.
        let is_confirmed =
            agrees(0) || agrees(self.offset_secs) || doubt.is_some_and(agrees) || told_before(told);
        if is_confirmed || looks >= LOOKS_MAX {
            self.doubt = None;
            // What differs by a second only is no news.
            if told.abs_diff(self.offset_secs) >= 2 {
                self.offset_secs = told;
            }
        } else {
            self.doubt = Some(Doubt { offset_secs: told, looks });
        }
    }
}

impl Record for Doubt {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("offset_secs", &mut self.offset_secs);
        members.always("looks", &mut self.looks);
    }
}

/// The API's clock less the host's. A `Date` has whole seconds and its reply took a while: a
/// difference below two seconds is none.
pub(crate) fn offset_secs(date: Second, host: Second) -> i64 {
    let secs = date - host;
    if secs.unsigned_abs() < 2 { 0 } else { secs }
}

/// Whether a clock that was off by so much and is off by so much now has jumped.
pub(crate) fn is_jump(before_secs: i64, now_secs: i64) -> bool {
    before_secs.abs_diff(now_secs) > JUMP_SECS_MIN
}

/// Two clocks further apart can be the reason why a signature is refused, and a person is told.
const JUMP_SECS_MIN: u64 = 60;
const LOOKS_MAX: u8 = 3;
