//! What is known of the API's clock, as far as answers tell of it.

use crate::clock::{is_jump, offset_secs};
use crate::json::record::{Members, Record};
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

const LOOKS_MAX: u8 = 3;
