//! What befalls all sources alike: a ledger that stores nothing befalls each of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

/// What was told lately of what many sources meet. All sources of a host share it.
#[derive(Debug, Default)]
pub(crate) struct Alike(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    reasons: Vec<Reason>,
    /// Lines since that time.
    lines: usize,
    since: Option<Instant>,
}

/// Why something was not stored, in words.
#[derive(Debug)]
struct Reason {
    /// That at which it is told: what warns of one source stands for no error of another.
    level: Level,
    why: String,
    /// Who told it last.
    source: String,
    told: Instant,
    /// Lines that were left out since.
    left_out: u64,
}

impl Alike {
    /// Whether a source is to tell why: not if another one has told the same within some seconds, nor beyond a
    /// bound of all lines. Gives how many lines were left out since the same was told.
    pub(crate) fn news(&self, source: &str, level: Level, why: &str) -> Option<u64> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.reasons.retain(|reason| reason.told.elapsed() < KEPT_FOR);
        let is_same = |reason: &Reason| reason.level == level && reason.why == why;
        let place = lately.reasons.iter().position(is_same);
        let is_told = place.is_some_and(|place| {
            let reason = &lately.reasons[place];
            reason.source != source && reason.told.elapsed() < TOLD_FOR
        });
        if is_told || !lately.has_room() {
            if let Some(place) = place {
                lately.reasons[place].left_out += 1;
            }
            return None;
        }
        let left_out = place.map_or(0, |place| lately.reasons.swap_remove(place).left_out);
        let (why, source) = (why.to_owned(), source.to_owned());
        lately.reasons.push(Reason { level, why, source, told: Instant::now(), left_out: 0 });
        Some(left_out)
    }
}

impl Lately {
    /// Whether there is room for another line; it is told once when there is no more.
    fn has_room(&mut self) -> bool {
        if self.since.is_none_or(|since| since.elapsed() >= TOLD_FOR) {
            (self.lines, self.since) = (0, Some(Instant::now()));
        }
        self.lines += 1;
        if self.lines == LINES_MAX + 1 {
            let secs = TOLD_FOR.as_secs();
            tracing::warn!(
                "more than {LINES_MAX} lines of batches not stored in {secs} s: left out"
            );
        }
        self.lines <= LINES_MAX
    }
}

const TOLD_FOR: Duration = Duration::from_secs(10);
/// Lines of all sources together in that time: the reason of each may have its own words.
const LINES_MAX: usize = 32;
/// Between two lines a source takes less: it waits for a minute, loads its cursor, polls, and waits for a batch that is
/// not stored.
const KEPT_FOR: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: Level = Level::ERROR;

    #[tokio::test(start_paused = true)]
    async fn what_many_meet_is_told_by_one_of_them_and_again_after_a_while() {
        let alike = Alike::default();
        assert_eq!(alike.news("a", ERROR, "no leader"), Some(0));
        for source in ["b", "c", "b"] {
            assert_eq!(alike.news(source, ERROR, "no leader"), None);
        }
        // The one that told it goes on telling, and so does whoever meets something else.
        assert_eq!(alike.news("a", ERROR, "no leader"), Some(3));
        assert_eq!(alike.news("b", ERROR, "too large"), Some(0));
        tokio::time::advance(TOLD_FOR).await;
        assert_eq!(alike.news("a", ERROR, "too large"), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn reasons_that_alternate_are_told_once_each_and_counted_by_themselves() {
        let alike = Alike::default();
        let mut told = Vec::new();
        for number in 0..1_000 {
            let why = ["no leader", "no answer", "no leader"][number % 3];
            told.extend(
                alike.news(&number.to_string(), ERROR, why).map(|left_out| (why, left_out)),
            );
        }
        assert_eq!(told, [("no leader", 0), ("no answer", 0)]);
        tokio::time::advance(TOLD_FOR).await;
        assert_eq!(alike.news("a", ERROR, "too large"), Some(0));
        assert_eq!(alike.news("a", ERROR, "no answer"), Some(332));
        assert_eq!(alike.news("a", ERROR, "no leader"), Some(666));
        // What it was of is long over.
        assert_eq!(alike.news("b", ERROR, "no leader"), None);
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(alike.news("a", ERROR, "no leader"), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_of_one_source_leaves_out_no_error_of_another() {
        let alike = Alike::default();
        assert_eq!(alike.news("a", Level::WARN, "no answer"), Some(0));
        assert_eq!(alike.news("b", ERROR, "no answer"), Some(0));
        assert_eq!(alike.news("c", Level::WARN, "no answer"), None);
        assert_eq!(alike.news("c", ERROR, "no answer"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_out_is_counted_however_long_the_next_try_takes() {
        let alike = Alike::default();
        assert_eq!(alike.news("a", ERROR, "no answer"), Some(0));
        assert_eq!(alike.news("b", ERROR, "no answer"), None);
        // A minute's wait, a load, a poll, and a minute's wait to store it.
        tokio::time::advance(Duration::from_secs(60 + 20 + 60 + 60)).await;
        assert_eq!(alike.news("a", ERROR, "no answer"), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn reasons_that_all_differ_are_told_within_a_bound() {
        let alike = Alike::default();
        let tell = || {
            (0..1_000)
                .filter_map(|number| alike.news("a", ERROR, &format!("message {number}")))
                .count()
        };
        assert_eq!(tell(), LINES_MAX);
        assert_eq!(tell(), 0);
        tokio::time::advance(TOLD_FOR).await;
        assert_eq!(tell(), LINES_MAX);
    }
}
