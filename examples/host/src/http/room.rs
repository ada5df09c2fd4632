//! The room that all sources share for large replies: what they hold at a time has a bound, for which
//! they wait, and do not fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::limits::waited::Waited;
use crate::limits::within;

/// One place of those that the process has. Dropped, it is free for the next.
pub(crate) type Place = SemaphorePermit<'static>;

/// What one instance of a component takes of the room: one place at most, so that nobody waits for a
/// second one while holding a first.
#[derive(Default)]
pub(crate) struct Room {
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    /// The place, and when it came.
    held: Option<(Place, Instant)>,
    /// For places.
    waited: Waited,
}

impl Room {
    /// Takes a place, unless it has one; waits until there is one.
    pub(crate) async fn enter(&self) {
        if self.taken().held.is_some() {
            return;
        }
        let waiting = Waiting::begin(self);
        let place = PLACES.acquire().await.ok();
        drop(waiting);
        self.taken().held = place.map(|place| (place, Instant::now()));
    }

    /// How long another exchange may take: what holds a place may keep others waiting.
    pub(crate) fn patience(&self) -> Duration {
        if WAITING.load(Ordering::Relaxed) == 0 {
            return Duration::MAX;
        }
        let held = self.taken().held.as_ref().map(|(_, since)| since.elapsed());
        held.map_or(Duration::MAX, |held| HELD_FOR_MAX.saturating_sub(held))
    }

    /// Gives its place out of hand, if it has one.
    pub(crate) fn leave(&self) -> Option<Place> {
        self.taken().held.take().map(|(place, _)| place)
    }

    /// Awaits something for so long, or gives none. Waits for a place do not count.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        awaited: impl Future<Output = T>,
    ) -> Option<T> {
        within(limit, || self.waited(), awaited).await
    }

    /// How long it has waited for places so far.
    pub(crate) fn waited(&self) -> Duration {
        self.taken().waited.sum()
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that goes on; it ends, too, if it is broken off.
struct Waiting<'a>(&'a Room);

impl<'a> Waiting<'a> {
    fn begin(room: &'a Room) -> Self {
        room.taken().waited.begin();
        WAITING.fetch_add(1, Ordering::Relaxed);
        Self(room)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.taken().waited.end();
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The largest reply that needs no place, in bytes, decoded.
pub(crate) const SMALL_BYTES_MAX: usize = 1 << 20;
/// Each may be of 16 MiB, and takes its component several times as much.
const PLACES_MAX: usize = 4;
/// Less than servers commonly wait for whoever does not read on.
const HELD_FOR_MAX: Duration = Duration::from_secs(45);
static PLACES: Semaphore = Semaphore::const_new(PLACES_MAX);
/// How many wait for one.
static WAITING: AtomicUsize = AtomicUsize::new(0);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The places are the process's: one test takes them all.
    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_place_does_not_count_and_makes_those_that_have_one_hurry() {
        let second = Duration::from_secs(1);
        let rooms: [Room; PLACES_MAX] = Default::default();
        for room in &rooms {
            assert_eq!(room.patience(), Duration::MAX);
            room.enter().await;
            // Whoever has a place takes no other.
            room.enter().await;
        }
        // Nobody else wants it.
        assert_eq!(rooms[0].patience(), Duration::MAX);
        let late = Room::default();
        let freed = async {
            tokio::time::sleep(20 * second).await;
            assert_eq!(rooms[0].patience() + 20 * second, HELD_FOR_MAX);
            drop(rooms[0].leave());
            assert_eq!(rooms[0].patience(), Duration::MAX);
        };
        let entered = late.within(second, async {
            tokio::time::sleep(second / 2).await;
            late.enter().await;
            tokio::time::sleep(second / 4).await;
        });
        let (entered, ()) = tokio::join!(entered, freed);
        assert_eq!(entered, Some(()));
        assert_eq!(late.patience(), Duration::MAX);

        let slow = late.within(second, tokio::time::sleep(2 * second));
        assert_eq!(slow.await, None);

        // A wait that is broken off takes nothing with it.
        let other = Room::default();
        assert!(tokio::time::timeout(second, other.enter()).await.is_err());
        assert_eq!(late.patience(), Duration::MAX);
        assert_eq!(other.within(second, tokio::time::sleep(2 * second)).await, None);
        drop(rooms);
        other.enter().await;
    }
}
