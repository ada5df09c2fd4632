//! Waits that sources share, because they share an API's quota.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use source_contract::wait::HINT_MAX;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// One API quota.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// No source of this budget polls before this time.
    until: Mutex<Option<Instant>>,
    /// Who is told of a wait, under which name.
    told: Option<(Arc<str>, mpsc::Sender<Held>)>,
}

/// A wait that an API asked for.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The budget's name.
    pub(crate) budget: Arc<str>,
    /// When it ends.
    pub(crate) until: Instant,
}

impl Budget {
    /// One whose waits are told.
    pub(crate) fn told(name: Arc<str>, to: mpsc::Sender<Held>) -> Self {
        Self { until: Mutex::default(), told: Some((name, to)) }
    }

    /// Holds every source of this budget for a time that the API asked for.
    pub(crate) fn hold(&self, wait: Duration) {
        let until = self.heed(wait);
        if let Some((budget, told)) = &self.told {
            // One that is not told costs others a request.
            let _ = told.try_send(Held { budget: Arc::clone(budget), until });
        }
    }

    /// The same for a wait that another host tells of. Gives the end of what is waited for now.
    pub(crate) fn heed(&self, wait: Duration) -> Instant {
        let end = Instant::now() + wait.min(HINT_MAX);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = until.map_or(end, |until| until.max(end));
        *until.insert(longest)
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
    #![allow(clippy::unwrap_used)]

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

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_told_unless_it_was_told_by_another() {
        let (sender, mut told) = mpsc::channel(1);
        let budget = Budget::told("acme".into(), sender);
        budget.heed(Duration::from_secs(9));
        assert!(told.try_recv().is_err());
        budget.hold(Duration::from_secs(3));
        let held = told.try_recv().unwrap();
        // The longer one counts.
        assert_eq!((&*held.budget, held.until - Instant::now()), ("acme", Duration::from_secs(9)));
        budget.hold(Duration::from_secs(3));
        budget.hold(Duration::from_secs(20));
        assert_eq!(waited(&budget).await.as_secs(), 20);
    }
}
