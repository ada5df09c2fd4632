//! How long nothing has been written. A server that is cut off from the others says so to nobody: it stays connected,
//! answers what it knows by itself, and writes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The silence of each of the streams: a server that reaches the leader of one may not reach that of the other.
#[derive(Clone)]
pub(super) struct Silences {
    ledger: Arc<Silence>,
    /// That of the workers.
    bucket: Arc<Silence>,
}

impl Silences {
    pub(super) fn new() -> Self {
        Self { ledger: Arc::new(Silence::new()), bucket: Arc::new(Silence::new()) }
    }

    /// That of the stream which has a subject.
    pub(super) fn of(&self, subject: &str) -> &Arc<Silence> {
        if subject.starts_with("$KV.") { &self.bucket } else { &self.ledger }
    }

    /// A server is connected to, which has had no time to write anything.
    pub(super) fn begin_anew(&self) {
        self.ledger.begins_anew();
        self.bucket.begins_anew();
    }
}

/// A silence of one stream. It has not begun at first.
pub(super) struct Silence {
    state: Mutex<State>,
}

struct State {
    /// From when on nothing was written, if something was to be.
    since: Option<Instant>,
    /// What was asked before this says nothing of what came after it.
    not_before: Option<Instant>,
    /// When something was written.
    written: Option<Instant>,
    /// How long it may be.
    allowed: Duration,
}

impl Silence {
    fn new() -> Self {
        let state = State { since: None, not_before: None, written: None, allowed: SILENT_FOR_MIN };
        Self { state: Mutex::new(state) }
    }

    /// Something was written.
    pub(super) fn ends(&self) {
        let now = Some(Instant::now());
        *self.state() =
            State { since: None, not_before: now, written: now, allowed: SILENT_FOR_MIN };
    }

    /// Whether something was written since.
    pub(super) fn has_ended_since(&self, begun: Instant) -> bool {
        self.state().written >= Some(begun)
    }

    /// What was to be written has no answer. If that has been so for too long, it gives for how long, and counts
    /// anew: it takes longer until then each time, for it may be that no server can write.
    pub(super) fn goes_on(&self, begun: Instant) -> Option<Duration> {
        let mut state = self.state();
        let since = state.not_before.map_or(begun, |not_before| begun.max(not_before));
        let silent = state.since.get_or_insert(since).elapsed();
        if silent < state.allowed {
            return None;
        }
        state.since = Some(Instant::now());
        state.allowed = (2 * state.allowed).min(SILENT_FOR_MAX);
        Some(silent)
    }

    fn begins_anew(&self) {
        let mut state = self.state();
        (state.since, state.not_before) = (None, Some(Instant::now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    #[tokio::test(start_paused = true)]
    async fn what_was_written_beside_a_question_that_has_no_answer_counts() {
        let silence = Silence::new();
        for _ in 0..5 {
            let begun = Instant::now();
            for _ in 0..4 {
                tokio::time::advance(Duration::from_secs(3)).await;
                silence.ends();
            }
            assert_eq!(silence.goes_on(begun), None);
            assert!(silence.has_ended_since(begun) && !silence.has_ended_since(after(1)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_last_server_left_open_is_not_held_against_the_next() {
        let silence = Silence::new();
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(silence.goes_on(begun), None);
        silence.begins_anew();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(silence.goes_on(begun), None);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(silence.goes_on(begun), Some(Duration::from_secs(6)));
        assert!(!silence.has_ended_since(begun));
    }

    fn after(secs: u64) -> Instant {
        Instant::now() + Duration::from_secs(secs)
    }
}
