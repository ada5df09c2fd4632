//! How long to wait after an error.

use std::time::Duration;

use crate::bindings::ErrorKind;

/// The waits of one source: growing while errors go on, and back to the first after a success.
#[derive(Debug, Default)]
pub struct Backoff {
    errors: u32,
}

impl Backoff {
    /// The wait after one more error. `hint` is the API's own wish; `chance` is from 0 to 1.
    pub fn next(&mut self, cap: Duration, hint: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.errors).unwrap_or(u32::MAX));
        self.errors = (self.errors + 1).min(31);
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

/// The longest wait after an error of this kind, the API's own wish aside.
pub fn cap(kind: ErrorKind) -> Duration {
    match kind {
        ErrorKind::Transient => TRANSIENT_MAX,
        ErrorKind::Auth | ErrorKind::Config | ErrorKind::Cursor | ErrorKind::Protocol => HINT_MAX,
    }
}

/// A random number from 0 to 1.
pub fn chance() -> f64 {
    // Without randomness the waits are merely less spread.
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

/// The longest wait after a failure of the host's own output.
pub const OUTPUT_MAX: Duration = TRANSIENT_MAX;
/// The longest wait that an API is given: a longer wish is a mistake, or a trap.
pub const HINT_MAX: Duration = Duration::from_mins(15);
const FIRST: Duration = Duration::from_millis(500);
const TRANSIENT_MAX: Duration = Duration::from_mins(1);
/// The width of the jitter, as a part of the wait.
const JITTER: f64 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(waits: &[Duration]) -> Vec<u128> {
        waits.iter().map(Duration::as_millis).collect()
    }

    fn waits(kind: ErrorKind, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::default();
        (0..count).map(|_| backoff.next(cap(kind), None, 0.5)).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let waits = waits(ErrorKind::Transient, 9);
        assert_eq!(ms(&waits), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn what_a_person_must_mend_is_tried_every_quarter_of_an_hour() {
        for kind in [ErrorKind::Auth, ErrorKind::Config, ErrorKind::Cursor, ErrorKind::Protocol] {
            let waits = waits(kind, 100);
            assert_eq!(waits[0], Duration::from_millis(500));
            assert_eq!(waits[99], Duration::from_mins(15));
        }
    }

    #[test]
    fn jitter_spreads_a_wait_but_never_beyond_the_cap() {
        for (chance, first_ms) in [(0.0, 400), (1.0, 600), (7.0, 600)] {
            let wait = Backoff::default().next(TRANSIENT_MAX, None, chance);
            assert_eq!(wait.as_millis(), first_ms);
        }
        let mut backoff = Backoff { errors: 31 };
        assert_eq!(backoff.next(TRANSIENT_MAX, None, 1.0), TRANSIENT_MAX);
    }

    #[test]
    fn the_wish_of_the_api_wins_when_it_is_longer() {
        let mut backoff = Backoff::default();
        let wish = Some(Duration::from_mins(2));
        assert_eq!(backoff.next(TRANSIENT_MAX, wish, 0.5), Duration::from_mins(2));
        let short = Some(Duration::from_millis(1));
        assert_eq!(backoff.next(TRANSIENT_MAX, short, 0.5), Duration::from_secs(1));
        let endless = Some(Duration::MAX);
        assert_eq!(backoff.next(TRANSIENT_MAX, endless, 0.5), HINT_MAX);
    }

    #[test]
    fn a_success_begins_anew() {
        let mut backoff = Backoff { errors: 9 };
        backoff.reset();
        assert_eq!(backoff.next(TRANSIENT_MAX, None, 0.5), FIRST);
    }
}
