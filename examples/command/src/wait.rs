//! How long to wait before the next poll.

use std::time::Duration;

use crate::bindings::ErrorKind;

/// Waiting, and the dice for it.
pub(crate) trait Waits {
    fn sleep(&mut self, wait: Duration);
    /// A random number from 0 to 1.
    fn chance(&mut self) -> f64;
}

/// The thread that runs.
pub(crate) struct Thread;

impl Waits for Thread {
    fn sleep(&mut self, wait: Duration) {
        std::thread::sleep(wait);
    }

    fn chance(&mut self) -> f64 {
        // Without randomness the waits are merely less spread.
        f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
    }
}

/// The waits after errors, growing while they go on. After a success a new one begins.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    errors: u32,
}

impl Backoff {
    /// The wait after one more error; `hint` is the API's own wish.
    pub(crate) fn next(&mut self, cap: Duration, hint: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.errors).min(cap);
        self.errors = (self.errors + 1).min(DOUBLED_MAX);
        // Collectors that failed together do not come back together.
        let jittered = doubled.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)).min(cap);
        jittered.max(hint.unwrap_or_default().min(LONG))
    }
}

/// The longest wait after an error of this kind, the API's wish aside.
pub(crate) fn cap(kind: ErrorKind) -> Duration {
    match kind {
        ErrorKind::Transient => SHORT,
        ErrorKind::Auth | ErrorKind::Config | ErrorKind::Cursor | ErrorKind::Protocol => LONG,
    }
}

/// The wait after a batch. `moved`: it had events or another cursor; `empty`: batches without an event
/// up to it, in a row.
pub(crate) fn after_batch(more: bool, moved: bool, empty: u32, next_poll_ms: u64) -> Duration {
    // A source that is caught up, or does not move, is not called in a hurry; nor is one that goes on
    // for ever and finds nothing.
    let least = match (more && moved, empty > EMPTY_MAX) {
        (true, false) => Duration::ZERO,
        (true, true) => Duration::from_millis(100),
        (false, _) => Duration::from_secs(1),
    };
    Duration::from_millis(next_poll_ms).clamp(least, Duration::from_hours(24))
}

/// The longest wait for what may pass by itself.
pub(crate) const SHORT: Duration = Duration::from_mins(1);
/// The longest wait for what a person must mend, and the longest that an API is given.
const LONG: Duration = Duration::from_mins(15);
const FIRST: Duration = Duration::from_millis(500);
/// 500 ms doubled so often are more than any cap.
const DOUBLED_MAX: u32 = 16;
const EMPTY_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn waits_ms(kind: ErrorKind, chance: f64) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..20).map(|_| backoff.next(cap(kind), None, chance).as_millis()).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let waits = waits_ms(ErrorKind::Transient, 0.5);
        assert_eq!(waits[..8], [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
        assert!(waits[8..].iter().all(|&wait| wait == 60_000));
    }

    #[test]
    fn what_a_person_must_mend_is_tried_every_quarter_of_an_hour() {
        for kind in [ErrorKind::Auth, ErrorKind::Config, ErrorKind::Cursor, ErrorKind::Protocol] {
            let waits = waits_ms(kind, 0.5);
            assert_eq!((waits[0], waits[19]), (500, 900_000), "{kind:?}");
        }
    }

    #[test]
    fn jitter_spreads_a_wait_but_never_beyond_the_cap() {
        assert_eq!(waits_ms(ErrorKind::Transient, 0.0)[0], 400);
        assert_eq!(waits_ms(ErrorKind::Transient, 1.0)[0], 600);
        assert_eq!(waits_ms(ErrorKind::Transient, 1.0)[19], 60_000);
    }

    #[test]
    fn the_wish_of_the_api_wins_if_it_is_longer_up_to_a_quarter_of_an_hour() {
        let next = |ms| Backoff::default().next(SHORT, Some(Duration::from_millis(ms)), 0.5);
        assert_eq!(next(1).as_millis(), 500);
        assert_eq!(next(120_000).as_millis(), 120_000);
        assert_eq!(next(u64::MAX).as_millis(), 900_000);
    }

    #[test]
    fn a_source_with_more_is_polled_at_once_if_it_moves() {
        assert_eq!(after_batch(true, true, 0, 0), Duration::ZERO);
        assert_eq!(after_batch(true, true, 0, 5_000), Duration::from_secs(5));
        assert_eq!(after_batch(true, false, 1, 0), Duration::from_secs(1));
        assert_eq!(after_batch(true, true, EMPTY_MAX + 1, 0), Duration::from_millis(100));
        assert_eq!(after_batch(false, true, 0, 0), Duration::from_secs(1));
        assert_eq!(after_batch(false, true, 0, u64::MAX), Duration::from_hours(24));
    }
}
