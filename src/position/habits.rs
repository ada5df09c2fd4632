//! What the API was found to do besides what is documented. An answer is evidence, not truth: each of
//! these was learnt from answers, and most are given up when others speak against them: not how far
//! below `from` rows show, and whether the end of a window is part of it.

use crate::json::record::{Members, Record};
use crate::timestamp::Second;

/// What was learnt of the API, for as long as it fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Habits {
    /// Its listings have no end: their pages go round.
    pub(crate) goes_round: bool,
    pub(crate) count: CountTrust,
    /// Of listings with rows that held no fewer than were counted, the last held just as many: that as
    /// many are known as counted proves then that all are.
    pub(crate) counts_all: bool,
    /// It shows rows of the second that a window ends with.
    pub(crate) includes_to: bool,
    /// How far below `from` it shows rows. None until enough of them have told.
    pub(crate) reach_secs: Option<i64>,
    /// Rows that were shown meanwhile, none of them older than asked for though some are known.
    pub(crate) tight_rows: u64,
    /// What it did not answer.
    pub(crate) unanswered: Option<Unanswered>,
    /// What it counts and does not give, near the watermark. At most 64. (I5)
    pub(crate) withheld: Vec<Withheld>,
}

/// Whether the API's count is believed. It is at first, and costs requests where it is wrong: so much
/// of that without a row found by it, and it is not, until it has fitted several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CountTrust {
    /// What it has cost in vain.
    doubts: u8,
    /// How often it has to fit in a row before it is believed again. Zero: it is.
    fits_wanted: u8,
}

/// A length of window that was not answered, and what came of shorter ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Unanswered {
    /// A window this long or longer was not answered.
    pub(crate) secs: i64,
    /// The longest that was answered since.
    answered_secs: i64,
    /// How often one was not that is no longer than those that are, since one of them was.
    doubts: u8,
    /// How often in a row less was asked for since. Zero once a shorter one was answered.
    strikes: u8,
    /// How often such a length was tried again in vain.
    tries: u8,
    /// When it may be tried again, by the host's clock.
    again: Second,
}

/// Rows of one second that are counted and never given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Withheld {
    pub(crate) second: Second,
    pub(crate) rows: u64,
    /// The most that a person was told of.
    pub(crate) told: u64,
}

impl Habits {
    /// The API's count is relied on.
    pub(crate) const fn trusts_count(&self) -> bool {
        self.count.fits_wanted == 0
    }

    /// How many of the rows that are missing between two seconds are not known to be withheld. If
    /// fewer are missing than that, they came after all, and it is forgotten.
    pub(crate) fn besides_withheld(&mut self, missing: u64, from: Second, to: Second) -> u64 {
        // What a second withholds may be of the one after.
        let (first, last) = if self.includes_to { (from - 1, to) } else { (from, to - 1) };
        let within = self.withheld.iter().filter(|one| (first..=last).contains(&one.second));
        let withheld = within.fold(0, |sum: u64, one| sum.saturating_add(one.rows));
        if withheld > missing {
            // Of its last second the window need not have all.
            let came = self.withheld.iter_mut().filter(|one| (from..to).contains(&one.second));
            came.for_each(|one| one.rows = 0);
        }
        missing.saturating_sub(withheld)
    }

    /// Remembers that so many more are, the newest of such seconds. False if a person was told of as
    /// many of them before.
    pub(crate) fn withhold(&mut self, second: Second, rows: u64) -> bool {
        if let Some(one) = self.withheld.iter_mut().find(|one| one.second == second) {
            one.rows = one.rows.saturating_add(rows);
            let is_news = one.told < one.rows;
            one.told = one.told.max(one.rows);
            return is_news;
        }
        if self.withheld.len() == WITHHELD_MAX {
            self.withheld.remove(0);
        }
        self.withheld.push(Withheld { second, rows, told: rows });
        true
    }

    /// How many seconds below the watermark a row may still be shown.
    pub(crate) fn reach_secs(&self) -> i64 {
        self.reach_secs.unwrap_or(REACH_SECS_MAX)
    }

    /// So many rows were shown, and none was older than asked for, though one could have been. True:
    /// enough to know that none is.
    pub(crate) fn is_tight(&mut self, rows: u64) -> bool {
        if self.reach_secs.is_some() {
            return false;
        }
        self.tight_rows = self.tight_rows.saturating_add(rows);
        if self.tight_rows >= TIGHT_ROWS_MIN {
            self.reach_secs = Some(REACH_SECS_MIN);
            self.tight_rows = 0;
        }
        self.reach_secs.is_some()
    }

    /// The shortest window that holds fewer rows than a longer one: each has those of its reach, too.
    pub(crate) fn secs_least(&self) -> i64 {
        self.reach_secs.filter(|secs| *secs > REACH_SECS_MIN).unwrap_or(1)
    }

    /// The longest window that may be asked for now.
    pub(crate) fn span_secs_max(&self, window_max_secs: i64, host: Second) -> i64 {
        match &self.unanswered {
            // No length between what is answered and what is not: each of them may fail, too.
            Some(Unanswered { secs, answered_secs, again, .. }) if host < *again => {
                window_max_secs.min((*answered_secs).max(secs / 2)).max(1)
            }
            _ => window_max_secs,
        }
    }

    /// A way of so many seconds lies ahead. If it would take very many windows, a longer one is tried
    /// by then at the latest.
    pub(crate) fn look_ahead(&mut self, secs: i64, then: Second) {
        if let Some(unanswered) = &mut self.unanswered
            && secs / WINDOWS_MAX > unanswered.answered_secs
        {
            unanswered.again = unanswered.again.min(then);
        }
    }

    /// How late a question has to be to count as one that failed before, in seconds.
    pub(crate) fn patience_secs(&self) -> i64 {
        let strikes = self.unanswered.as_ref().map_or(0, |unanswered| unanswered.strikes);
        (1_i64 << strikes.min(6)).min(PATIENCE_SECS_MAX)
    }

    /// A window of so many seconds was not answered, and less is asked for.
    pub(crate) fn not_answered(&mut self, secs: i64, host: Second) {
        if let Some(unanswered) = &mut self.unanswered
            && secs <= unanswered.answered_secs
            && unanswered.doubts < DOUBTS_MAX
        {
            // As long a one was answered: the API may be down for a while.
            unanswered.doubts += u8::from(unanswered.strikes == 0);
            unanswered.strikes = unanswered.strikes.saturating_add(1);
            return;
        }
        let before = self.unanswered.take().unwrap_or_default();
        let was_answered = before.secs > 0 && before.strikes == 0;
        self.unanswered = Some(Unanswered {
            secs,
            answered_secs: before.answered_secs.min(secs / 2),
            doubts: 0,
            strikes: before.strikes.saturating_add(1),
            tries: before.tries.saturating_add(u8::from(was_answered)),
            again: host,
        });
    }

    /// A window of so many seconds was answered.
    pub(crate) fn answered(&mut self, secs: i64, host: Second) {
        let Some(unanswered) = &mut self.unanswered else { return };
        if secs >= unanswered.secs {
            self.unanswered = None;
            return;
        }
        // One that may be down for a while says nothing of when to try longer ones.
        if core::mem::take(&mut unanswered.strikes) > 0 && unanswered.again <= host {
            let wait_secs = match unanswered.tries {
                0 => 0,
                tries => TRIED_AGAIN_SECS_MAX.min(60 << tries.min(12)),
            };
            unanswered.again = host + wait_secs;
        }
        if secs >= unanswered.answered_secs {
            unanswered.answered_secs = secs;
            unanswered.doubts = 0;
        }
    }

    pub(crate) fn forget_before(&mut self, watermark: Second) {
        self.withheld.retain(|one| one.second >= watermark);
    }
}

impl Record for Habits {
    fn members(&mut self, members: &mut Members<'_>) {
        members.seldom("goes_round", &mut self.goes_round);
        members.seldom("count", &mut self.count);
        members.seldom("counts_all", &mut self.counts_all);
        members.seldom("includes_to", &mut self.includes_to);
        members.optional("reach_secs", &mut self.reach_secs);
        let reach_secs = self.reach_secs.unwrap_or(0);
        members.ensure("reach_secs", (0..=REACH_SECS_MAX).contains(&reach_secs));
        members.seldom("tight_rows", &mut self.tight_rows);
        members.optional("unanswered", &mut self.unanswered);
        members.seldom("withheld", &mut self.withheld);
        members.ensure("withheld", self.withheld.len() <= WITHHELD_MAX);
    }
}

impl Record for CountTrust {
    fn members(&mut self, members: &mut Members<'_>) {
        members.seldom("doubts", &mut self.doubts);
        members.seldom("fits_wanted", &mut self.fits_wanted);
    }
}

impl Record for Unanswered {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("secs", &mut self.secs);
        members.ensure("secs", self.secs > 0);
        members.seldom("answered_secs", &mut self.answered_secs);
        members.seldom("doubts", &mut self.doubts);
        members.seldom("strikes", &mut self.strikes);
        members.seldom("tries", &mut self.tries);
        members.always("again", &mut self.again);
    }
}

impl Record for Withheld {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("second", &mut self.second);
        members.seldom("rows", &mut self.rows);
        members.seldom("told", &mut self.told);
    }
}

impl CountTrust {
    /// Rows were looked for since the count told of them: so much in vain.
    pub(crate) fn cost(&mut self, more: u8) {
        if self.fits_wanted > 0 {
            return;
        }
        self.doubts = self.doubts.saturating_add(more);
        if self.doubts >= COUNT_DOUBTS_MAX {
            *self = Self { doubts: 0, fits_wanted: COUNT_FITS_WANTED };
        }
    }

    /// It led to a row.
    pub(crate) fn paid(&mut self) {
        *self = Self::default();
    }

    /// A window held what was counted, or did not.
    pub(crate) fn fitted(&mut self, is_fit: bool) {
        if self.fits_wanted > 0 {
            self.fits_wanted = if is_fit { self.fits_wanted - 1 } else { COUNT_FITS_WANTED };
        }
    }
}

/// A descent to a second is at most 22 halvings; three seconds that withhold rows are as much.
const COUNT_DOUBTS_MAX: u8 = 30;
/// What one second costs that counts more rows than it gives.
pub(crate) const WITHHELD_DOUBTS: u8 = 10;
const COUNT_FITS_WANTED: u8 = 5;
const WITHHELD_MAX: usize = 64;
/// Whatever is learnt of the API: it may go by whole minutes.
pub(crate) const REACH_SECS_MIN: i64 = 60;
/// A day and an hour: what is rounded to whole days reaches no further.
pub(crate) const REACH_SECS_MAX: i64 = 25 * 60 * 60;
/// One row in fifty that is older would have shown.
const TIGHT_ROWS_MIN: u64 = 300;
const PATIENCE_SECS_MAX: i64 = 60;
/// So many windows in vain, with shorter ones that were answered between, and it is their length.
const DOUBTS_MAX: u8 = 3;
const TRIED_AGAIN_SECS_MAX: i64 = 24 * 60 * 60;
/// So many windows instead of one cost more than to try a longer one in vain.
const WINDOWS_MAX: i64 = 512;

#[cfg(test)]
impl Habits {
    /// Whose text is as long as any can be.
    pub(crate) fn largest(far: Second) -> Self {
        let most = Unanswered {
            secs: i64::MAX,
            answered_secs: i64::MIN,
            doubts: u8::MAX,
            strikes: u8::MAX,
            tries: u8::MAX,
            again: far,
        };
        let withheld = Withheld { second: far, rows: u64::MAX, told: u64::MAX };
        Self {
            goes_round: true,
            count: CountTrust { doubts: u8::MAX, fits_wanted: u8::MAX },
            counts_all: true,
            includes_to: true,
            reach_secs: Some(REACH_SECS_MAX),
            tight_rows: u64::MAX,
            unanswered: Some(most),
            withheld: vec![withheld; WITHHELD_MAX],
        }
    }
}
