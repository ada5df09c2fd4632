//! How long to wait, after an error and after a batch.

use std::time::Duration;

/// The waits of one source: growing while errors go on, and back to the first after a success.
#[derive(Debug, Default)]
pub struct Backoff {
    errors: u32,
}

impl Backoff {
    /// The wait after one more error. `hint` is the API's own wish; `chance` is from 0 to 1.
    pub fn next(&mut self, cap: Duration, hint: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.errors).unwrap_or(u32::MAX));
        self.errors = self.errors.saturating_add(1);
        // Sources that failed together do not come back together.
        let jittered =
            doubled.min(cap).mul_f64(1.0 + JITTER * (chance.clamp(0.0, 1.0) - 0.5)).min(cap);
        jittered.max(hint.unwrap_or_default().min(HINT_MAX))
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.errors = 0;
    }
}

/// A number from 0 to 1 of a random one. Without randomness the waits are merely less spread.
pub fn chance(random: Option<u32>) -> f64 {
    f64::from(random.unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

/// How fast one source is polled as long as all goes well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Batches without an event, one after the other.
    empty_in_a_row: u32,
}

/// What a batch was, as far as the wait after it goes.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// How many events it had.
    pub events: usize,
    /// Whether its cursor was the one that was handed in.
    pub same_cursor: bool,
    /// Whether there is more at once.
    pub more: bool,
    /// The source's own wish.
    pub next_poll_ms: u64,
}

impl Pace {
    /// The wait after one more batch.
    pub fn next(&mut self, batch: Polled) -> Duration {
        let is_empty = batch.events == 0;
        self.empty_in_a_row = if is_empty { self.empty_in_a_row.saturating_add(1) } else { 0 };
        let moved = !(is_empty && batch.same_cursor);
        after_batch(batch.more, moved, self.empty_in_a_row, batch.next_poll_ms)
    }
}

/// The wait after a batch. `moved`: it had events or another cursor; `empty_in_a_row`: batches without an
/// event up to it, one after the other.
fn after_batch(more: bool, moved: bool, empty_in_a_row: u32, next_poll_ms: u64) -> Duration {
    // A source that is caught up, or does not move, must not be called in a hurry; nor must one that
    // goes on for ever and finds nothing.
    let least = match (more && moved, empty_in_a_row > EMPTY_MAX) {
        (true, false) => Duration::ZERO,
        (true, true) => EMPTY_MIN,
        (false, _) => IDLE_MIN,
    };
    Duration::from_millis(next_poll_ms).clamp(least, NEXT_POLL_MAX)
}

/// The longest wait for what may pass by itself, such as a full disk of the host's own.
pub const SHORT_MAX: Duration = Duration::from_mins(1);
/// The longest wait that an API is given: a longer wish is a mistake, or a trap.
pub const HINT_MAX: Duration = Duration::from_mins(15);
/// How long one that is only to catch up goes without a batch: quotas commonly fill up again within a day, and
/// an API that only ever asks for patience must not keep it for ever.
pub const PATIENCE: Duration = Duration::from_hours(24);
const FIRST: Duration = Duration::from_millis(500);
/// The width of the jitter, as a part of the wait.
const JITTER: f64 = 0.4;
const IDLE_MIN: Duration = Duration::from_secs(1);
/// Batches without an event, one after the other, that a way through a quiet time may take.
const EMPTY_MAX: u32 = 1_000;
const EMPTY_MIN: Duration = Duration::from_millis(100);
const NEXT_POLL_MAX: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;

    const OF_A_PERSON: [ErrorKind; 3] = [ErrorKind::Auth, ErrorKind::Config, ErrorKind::Cursor];

    fn waits_ms(kind: ErrorKind, count: usize) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..count).map(|_| backoff.next(kind.wait_max(), None, 0.5).as_millis()).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let waits = waits_ms(ErrorKind::Transient, 9);
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn what_a_person_must_mend_is_tried_every_quarter_of_an_hour() {
        for kind in OF_A_PERSON.into_iter().chain([ErrorKind::Protocol]) {
            let waits = waits_ms(kind, 100);
            assert_eq!((waits[0], waits[99]), (500, 900_000), "{kind:?}");
        }
    }

    #[test]
    fn jitter_spreads_a_wait_but_never_beyond_the_cap() {
        for (chance, first_ms) in [(0.0, 400), (1.0, 600), (7.0, 600)] {
            let wait = Backoff::default().next(SHORT_MAX, None, chance);
            assert_eq!(wait.as_millis(), first_ms);
        }
        for errors in [31, 32, u32::MAX] {
            let mut backoff = Backoff { errors };
            assert_eq!(backoff.next(SHORT_MAX, None, 1.0), SHORT_MAX);
            assert!(backoff.errors >= errors);
        }
        assert_eq!((chance(Some(0)), chance(Some(u32::MAX))), (0.0, 1.0));
        assert!((0.49..0.51).contains(&chance(None)));
    }

    #[test]
    fn the_wish_of_the_api_wins_when_it_is_longer() {
        let mut backoff = Backoff::default();
        let mut next = |wish| backoff.next(SHORT_MAX, Some(wish), 0.5);
        assert_eq!(next(Duration::from_mins(2)), Duration::from_mins(2));
        assert_eq!(next(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(next(Duration::MAX), HINT_MAX);
    }

    #[test]
    fn a_success_begins_anew() {
        let mut backoff = Backoff { errors: 9 };
        assert_eq!(backoff.errors, 9);
        backoff.reset();
        assert_eq!(backoff.errors, 0);
        assert_eq!(backoff.next(SHORT_MAX, None, 0.5), FIRST);
    }

    #[test]
    fn a_source_with_more_is_polled_at_once() {
        assert_eq!(after_batch(true, true, 0, 0), Duration::ZERO);
        assert_eq!(after_batch(true, true, 0, 5_000), Duration::from_secs(5));
        assert_eq!(after_batch(true, true, EMPTY_MAX, 0), Duration::ZERO);
    }

    #[test]
    fn a_source_that_does_not_move_is_not_polled_in_a_hurry() {
        assert_eq!(after_batch(false, true, 0, 0), IDLE_MIN);
        assert_eq!(after_batch(true, false, 0, 0), IDLE_MIN);
        assert_eq!(after_batch(true, true, EMPTY_MAX + 1, 0), EMPTY_MIN);
    }

    #[test]
    fn a_batch_moves_with_an_event_or_another_cursor_and_empty_ones_are_counted_until_an_event() {
        let polled =
            |events, same_cursor| Polled { events, same_cursor, more: true, next_poll_ms: 0 };
        let mut pace = Pace::default();
        assert_eq!(pace.next(polled(0, true)), IDLE_MIN);
        assert_eq!(pace.next(polled(1, true)), Duration::ZERO);
        for _ in 0..EMPTY_MAX {
            assert_eq!(pace.next(polled(0, false)), Duration::ZERO);
        }
        assert_eq!(pace.next(polled(0, false)), EMPTY_MIN);
        assert_eq!(pace.next(polled(1, false)), Duration::ZERO);
        assert_eq!(pace.next(polled(0, false)), Duration::ZERO);
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        assert_eq!(after_batch(false, true, 0, u64::MAX), NEXT_POLL_MAX);
    }
}
