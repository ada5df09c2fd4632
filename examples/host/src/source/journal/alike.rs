//! What befalls all sources alike: a ledger that stores nothing befalls each of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What was told last of what many sources meet. All sources of a host share it.
#[derive(Debug, Default)]
pub(crate) struct Alike(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    why: String,
    source: String,
    told: Option<Instant>,
    left_out: u64,
}

impl Alike {
    /// Whether a source is to tell why: not if another one has told the same within some seconds. Gives how often
    /// it was left out since.
    pub(crate) fn news(&self, source: &str, why: &str) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = last.told.is_some_and(|told| told.elapsed() < TOLD_FOR);
        if is_recent && last.why == why && last.source != source {
            last.left_out += 1;
            return None;
        }
        let left_out = last.left_out;
        *last = Last {
            why: why.to_owned(),
            source: source.to_owned(),
            told: Some(Instant::now()),
            left_out: 0,
        };
        Some(left_out)
    }
}

const TOLD_FOR: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_many_meet_is_told_by_one_of_them_and_again_after_a_while() {
        let alike = Alike::default();
        assert_eq!(alike.news("a", "no leader"), Some(0));
        for source in ["b", "c", "b"] {
            assert_eq!(alike.news(source, "no leader"), None);
        }
        // The one that told it goes on telling, and so does whoever meets something else.
        assert_eq!(alike.news("a", "no leader"), Some(3));
        assert_eq!(alike.news("b", "too large"), Some(0));
        tokio::time::advance(TOLD_FOR).await;
        assert_eq!(alike.news("a", "too large"), Some(0));
    }
}
