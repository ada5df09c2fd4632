//! Waits that sources share, because they share an API's quota.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use source_contract::wait::HINT_MAX;
use tokio::time::Instant;

/// One API quota.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// No source of this budget polls before this time.
    until: Mutex<Option<Instant>>,
}

impl Budget {
    /// Holds every source of this budget for a time that the API asked for.
    pub(crate) fn hold(&self, wait: Duration) {
        let end = Instant::now() + wait.min(HINT_MAX);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Some(end));
    }

    /// Waits until the budget may be used.
    pub(crate) async fn wait(&self) {
        // Another source may have made the wait longer meanwhile.
        while let Some(until) = self.until() {
            tokio::time::sleep_until(until).await;
        }
    }

    fn until(&self) -> Option<Instant> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn waited(budget: &Budget) -> Duration {
        let begun = Instant::now();
        budget.wait().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_waits_for_what_was_asked_and_for_a_quarter_of_an_hour_at_most() {
        let budget = Budget::default();
        assert_eq!(waited(&budget).await, Duration::ZERO);
        for (asked, expected) in
            [(Duration::from_mins(1), Duration::from_mins(1)), (Duration::MAX, HINT_MAX)]
        {
            budget.hold(asked);
            // The timer counts whole milliseconds.
            let waited = waited(&budget).await;
            assert!(
                (expected..expected + Duration::from_millis(2)).contains(&waited),
                "{waited:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_wait_does_not_end_a_longer_one_and_a_longer_one_holds_those_who_wait() {
        let budget = Arc::new(Budget::default());
        budget.hold(Duration::from_secs(10));
        budget.hold(Duration::from_secs(1));
        let waiting = Arc::clone(&budget);
        let waiting = tokio::spawn(async move { waited(&waiting).await });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!waiting.is_finished());
        budget.hold(Duration::from_secs(20));
        assert!(waiting.await.is_ok_and(|waited| waited >= Duration::from_secs(25)));
    }
}
