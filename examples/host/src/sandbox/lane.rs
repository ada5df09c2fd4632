//! Keeps threads free for whoever computes little: calls that compute for longer take turns on all
//! processors but one.
//!
//! Without it as many of them as there are threads make each exchange of all other sources wait for a
//! tick of the engine or more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::waited::Waited;

/// The threads that are for calls that compute for long.
#[derive(Clone)]
pub(crate) struct Lane {
    places: Arc<Semaphore>,
}

impl Lane {
    /// A lane with so many places.
    pub(crate) fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)) }
    }

    /// What one instance needs to go in.
    pub(crate) fn turn(&self) -> Turn {
        Turn { lane: self.clone(), state: Arc::default() }
    }
}

/// One instance's way into the lane. Copies are of the same instance.
#[derive(Clone)]
pub(crate) struct Turn {
    lane: Lane,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    place: Option<OwnedSemaphorePermit>,
    waited: Waited,
}

impl Turn {
    /// Begins a call. Its place is given back when what this returns is dropped.
    pub(crate) fn begin(&self) -> Call<'_> {
        *self.state() = State::default();
        Call(self)
    }

    /// Gives the place back, and waits for the next one behind all that wait already.
    pub(crate) fn next(&self) -> impl Future<Output = ()> + Send + use<> {
        let turn = self.clone();
        async move {
            {
                let mut state = turn.state();
                state.place = None;
                state.waited.begin();
            }
            // Whoever has the lane to itself lets the other tasks of this thread go first, too.
            tokio::task::yield_now().await;
            let place = Arc::clone(&turn.lane.places).acquire_owned().await;
            let mut state = turn.state();
            state.waited.end();
            // Nobody closes the lane.
            state.place = place.ok();
        }
    }

    /// Gives the place back: the call waits for something else.
    pub(crate) fn leave(&self) {
        self.state().place = None;
    }

    /// How long the call has waited for its turns, so far.
    pub(crate) fn waited(&self) -> Duration {
        self.state().waited.sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way.
pub(crate) struct Call<'a>(&'a Turn);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a turn comes without anyone leaving.
    async fn comes(turn: &Turn) -> bool {
        tokio::time::timeout(Duration::from_secs(1), turn.next()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_in_it_than_it_has_places() {
        let lane = Lane::new(3);
        let turns: Vec<Turn> = (0..4).map(|_| lane.turn()).collect();
        for turn in &turns[..3] {
            assert!(comes(turn).await);
        }
        assert!(!comes(&turns[3]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_round() {
        let lane = Lane::new(1);
        let (first, second) = (lane.turn(), lane.turn());
        first.next().await;
        let waiting = tokio::spawn(second.next());
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        // The first has computed for its time: the second comes before it.
        assert!(!comes(&first).await);
        assert!(waiting.is_finished());
        second.leave();
        assert!(comes(&first).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_gives_its_place_back_however_it_ends() {
        let lane = Lane::new(1);
        let (first, second) = (lane.turn(), lane.turn());
        let call = first.begin();
        first.next().await;
        drop(call);
        assert!(comes(&second).await);
        // One that is broken off while it waits holds up nobody behind it.
        let broken_off = tokio::spawn(first.next());
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        broken_off.abort();
        second.leave();
        assert!(comes(&lane.turn()).await);
    }

    #[tokio::test]
    async fn what_a_call_waits_for_its_turns_is_told_while_it_waits() {
        let lane = Lane::new(1);
        let (first, second) = (lane.turn(), lane.turn());
        first.next().await;
        let _call = second.begin();
        assert_eq!(second.waited(), Duration::ZERO);
        let wait = Duration::from_millis(20);
        assert!(tokio::time::timeout(wait, second.next()).await.is_err());
        assert!(second.waited() >= wait);
    }
}
