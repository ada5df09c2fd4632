//! What the API was found to do besides what is documented. An answer is evidence, not truth: each of
//! these was learnt from answers that agreed, and is given up when they cease to.

use crate::timestamp::Second;
use crate::watermark::REACH_SECS_MIN;

/// What was learnt of the API, for as long as it fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Habits {
    /// Its listings end with an empty page that names a next one.
    pub(crate) ends_empty: bool,
    /// Its listings have no end: their pages go round.
    pub(crate) goes_round: bool,
    pub(crate) count: CountTrust,
    /// It has counted fewer rows than there were: that as many are known says nothing then.
    pub(crate) counts_low: bool,
    /// How far below `from` it shows rows. None until enough of them have told.
    pub(crate) reach_secs: Option<i64>,
    /// Rows that were shown meanwhile, none of them older than asked for though some are known.
    pub(crate) tight_rows: u64,
    /// What it did not answer.
    pub(crate) unanswered: Option<Unanswered>,
    /// What it counts and does not give, near the watermark. At most 64. // I5
    pub(crate) withheld: Vec<Withheld>,
}

/// Whether the API's count is believed. It is at first, and costs requests where it is wrong: so much
/// of that without a row found by it, and it is not, until it has fitted several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CountTrust {
    #[default]
    Full,
    /// Still believed.
    Doubted(u8),
    /// Until it has fitted so often in a row.
    Lost(u8),
}

/// A length of window that was not answered, and what came of shorter ones.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Withheld {
    pub(crate) second: Second,
    pub(crate) rows: u64,
}

impl Habits {
    /// The API's count is relied on.
    pub(crate) const fn trusts_count(&self) -> bool {
        !matches!(self.count, CountTrust::Lost(_))
    }

    /// How many of the rows that are missing between two seconds are not known to be withheld. If
    /// fewer are missing than that, they came after all, and it is forgotten.
    pub(crate) fn besides_withheld(&mut self, missing: u64, from: Second, to: Second) -> u64 {
        // What a second withholds may be of the one after.
        let within = |one: &&Withheld| (from - 1..=to).contains(&one.second);
        let withheld: u64 = self.withheld.iter().filter(within).map(|one| one.rows).sum();
        if withheld > missing {
            // Of its last second the window need not have all.
            self.withheld.retain(|one| !(from..to).contains(&one.second));
        }
        missing.saturating_sub(withheld)
    }

    /// Remembers that so many more are, the newest of such seconds.
    pub(crate) fn withhold(&mut self, second: Second, rows: u64) {
        if let Some(one) = self.withheld.iter_mut().find(|one| one.second == second) {
            one.rows = one.rows.saturating_add(rows);
            return;
        }
        if self.withheld.len() == WITHHELD_MAX {
            self.withheld.remove(0);
        }
        self.withheld.push(Withheld { second, rows });
    }

    /// A person was told of this second.
    pub(crate) fn is_withheld(&self, second: Second) -> bool {
        self.withheld.iter().any(|one| one.second == second)
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
        let before = self.unanswered.take();
        let answered_secs = before.as_ref().map_or(0, |before| before.answered_secs);
        let strikes = before.as_ref().map_or(0, |before| before.strikes);
        let was_answered = before.is_some() && strikes == 0;
        let tries = before.map_or(0, |before| before.tries).saturating_add(u8::from(was_answered));
        let strikes = strikes.saturating_add(1);
        self.unanswered = Some(Unanswered {
            secs,
            answered_secs: answered_secs.min(secs / 2),
            doubts: 0,
            strikes,
            tries,
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
        if secs >= unanswered.answered_secs {
            unanswered.answered_secs = secs;
            unanswered.doubts = 0;
        }
        // One that may be down for a while says nothing of when to try longer ones.
        if core::mem::take(&mut unanswered.strikes) > 0 && unanswered.again <= host {
            let wait_secs = match unanswered.tries {
                0 => 0,
                tries => TRIED_AGAIN_SECS_MAX.min(60 << tries.min(12)),
            };
            unanswered.again = host + wait_secs;
        }
    }

    pub(crate) fn forget_before(&mut self, watermark: Second) {
        self.withheld.retain(|one| one.second >= watermark);
    }

    /// What is not as it is at first, each as its name and numbers.
    pub(crate) fn encode(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |name: &str, numbers: &[i64]| {
            notes.push(
                numbers
                    .iter()
                    .fold(name.to_owned(), |note, number| note + " " + &number.to_string()),
            );
        };
        if self.ends_empty {
            note("ends_empty", &[]);
        }
        if self.goes_round {
            note("goes_round", &[]);
        }
        if self.counts_low {
            note("counts_low", &[]);
        }
        match self.count {
            CountTrust::Full => {}
            CountTrust::Doubted(doubts) => note("count_doubted", &[doubts.into()]),
            CountTrust::Lost(fits) => note("count_lost", &[fits.into()]),
        }
        if let Some(secs) = self.reach_secs {
            note("reach_secs", &[secs]);
        }
        if self.tight_rows > 0 {
            note("tight_rows", &[self.tight_rows.cast_signed()]);
        }
        if let Some(unanswered) = &self.unanswered {
            let Unanswered { secs, answered_secs, doubts, strikes, tries, again } = *unanswered;
            let counts = [doubts, strikes, tries].map(i64::from);
            let numbers = [&[secs, answered_secs], &counts[..], &[again.unix_secs()]].concat();
            note("unanswered", &numbers);
        }
        for Withheld { second, rows } in &self.withheld {
            note("withheld", &[second.unix_secs(), rows.cast_signed()]);
        }
        notes
    }

    /// None unless it is what `encode` gives.
    pub(crate) fn decode(notes: &[String]) -> Option<Self> {
        let mut habits = Self::default();
        for note in notes {
            let mut words = note.split(' ');
            let name = words.next()?;
            let numbers: Vec<i64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
            let small = |number: i64| u8::try_from(number).ok();
            match (name, numbers.as_slice()) {
                ("ends_empty", []) => habits.ends_empty = true,
                ("goes_round", []) => habits.goes_round = true,
                ("counts_low", []) => habits.counts_low = true,
                ("count_doubted", [doubts]) => habits.count = CountTrust::Doubted(small(*doubts)?),
                ("count_lost", [fits]) => habits.count = CountTrust::Lost(small(*fits)?),
                ("reach_secs", [secs @ 0..=REACH_SECS_MAX]) => habits.reach_secs = Some(*secs),
                ("tight_rows", [rows]) => habits.tight_rows = u64::try_from(*rows).ok()?,
                (
                    "unanswered",
                    [secs @ 1..=i64::MAX, answered_secs, doubts, strikes, tries, again],
                ) => {
                    habits.unanswered = Some(Unanswered {
                        secs: *secs,
                        answered_secs: *answered_secs,
                        doubts: small(*doubts)?,
                        strikes: small(*strikes)?,
                        tries: small(*tries)?,
                        again: Second::new(*again),
                    });
                }
                ("withheld", [second, rows]) => {
                    let rows = u64::try_from(*rows).ok()?;
                    habits.withheld.push(Withheld { second: Second::new(*second), rows });
                }
                _ => return None,
            }
        }
        (habits.withheld.len() <= WITHHELD_MAX).then_some(habits)
    }
}

impl CountTrust {
    /// Rows were looked for since the count told of them: so much in vain.
    pub(crate) fn cost(&mut self, doubts: i64) {
        let before = match *self {
            Self::Full => 0,
            Self::Doubted(doubts) => i64::from(doubts),
            Self::Lost(_) => return,
        };
        *self = match u8::try_from(before + doubts) {
            Ok(doubts) if i64::from(doubts) < COUNT_DOUBTS_MAX => Self::Doubted(doubts),
            _ => Self::Lost(COUNT_FITS_WANTED),
        };
    }

    /// It led to a row.
    pub(crate) fn paid(&mut self) {
        *self = Self::Full;
    }

    /// A window held what was counted, or did not.
    pub(crate) fn fitted(&mut self, is_fit: bool) {
        *self = match *self {
            Self::Lost(0 | 1) if is_fit => Self::Full,
            Self::Lost(fits) if is_fit => Self::Lost(fits - 1),
            Self::Lost(_) => Self::Lost(COUNT_FITS_WANTED),
            trusted => trusted,
        };
    }
}

/// A descent to a second is at most 22 halvings; three seconds that withhold rows are as much.
const COUNT_DOUBTS_MAX: i64 = 30;
/// What one second costs that counts more rows than it gives.
pub(crate) const WITHHELD_DOUBTS: i64 = 10;
const COUNT_FITS_WANTED: u8 = 5;
const WITHHELD_MAX: usize = 64;
/// Notes of a cursor.
pub(crate) const NOTES_MAX: usize = WITHHELD_MAX + 8;
/// A day and an hour: what is rounded to whole days reaches no further.
pub(crate) const REACH_SECS_MAX: i64 = 25 * 60 * 60;
/// One row in fifty that is older would have shown.
const TIGHT_ROWS_MIN: u64 = 300;
const PATIENCE_SECS_MAX: i64 = 60;
/// So many windows in vain, with shorter ones that were answered between, and it is their length.
const DOUBTS_MAX: u8 = 3;
const TRIED_AGAIN_SECS_MAX: i64 = 24 * 60 * 60;
