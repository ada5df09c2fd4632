//! How long nothing has been written. A server that is cut off from the others says so to nobody: it stays connected,
//! answers what it knows by itself, and writes nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A silence of the servers. It has not begun at first.
pub(super) struct Silence {
    state: Mutex<State>,
}

struct State {
    /// When the first of the questions was sent that nothing was written after.
    since: Option<Instant>,
    /// How long it may be.
    allowed: Duration,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { since: None, allowed: SILENT_FOR_MIN }) }
    }

    /// Something was written.
    pub(super) fn ends(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.since, state.allowed) = (None, SILENT_FOR_MIN);
    }

    /// What was to be written has no answer. If that has been so for too long, it gives for how long, and counts
    /// anew: it takes longer until then each time, for it may be that no server can write.
    pub(super) fn goes_on(&self, since: Instant) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = state.since.get_or_insert(since).elapsed();
        if silent < state.allowed {
            return None;
        }
        state.since = Some(Instant::now());
        state.allowed = (2 * state.allowed).min(SILENT_FOR_MAX);
        Some(silent)
    }
}

/// Servers that choose a leader write nothing for some seconds, either; and a worker that is back before its lease has
/// run out keeps its sources.
const SILENT_FOR_MIN: Duration = Duration::from_secs(6);
const SILENT_FOR_MAX: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_for_long_is_too_long_once() {
        let silence = Silence::new();
        let mut too_long = Vec::new();
        for second in 0..200 {
            let begun = Instant::now();
            tokio::time::advance(Duration::from_secs(1)).await;
            if silence.goes_on(begun).is_some() {
                too_long.push(second + 1);
            }
        }
        assert_eq!(too_long, [6, 18, 42, 90, 150]);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_written_ends_it() {
        let silence = Silence::new();
        for _ in 0..4 {
            let begun = Instant::now();
            tokio::time::advance(Duration::from_secs(5)).await;
            assert_eq!(silence.goes_on(begun), None);
            silence.ends();
            tokio::time::advance(Duration::from_secs(5)).await;
        }
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(silence.goes_on(begun), Some(Duration::from_secs(9)));
        silence.ends();
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(8)).await;
        assert_eq!(silence.goes_on(begun), Some(Duration::from_secs(8)));
    }
}
