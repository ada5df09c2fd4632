//! Waits that sources share, because they share an API's quota.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::wait::HINT_MAX;

/// One API quota.
#[derive(Debug, Default)]
pub struct Budget {
    /// No source of this budget polls before this time.
    until: Mutex<Option<Instant>>,
}

impl Budget {
    /// Holds every source of this budget for a time that the API asked for.
    pub fn hold(&self, wait: Duration) {
        let end = Instant::now() + wait.min(HINT_MAX);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Some(end));
    }

    /// Waits until the budget may be used.
    pub async fn wait(&self) {
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
