//! The server's clock: the machine's with a skew, or one that stands still until it is moved.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// How the server's clock starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStart {
    /// The machine's clock plus this many seconds.
    Machine {
        /// Seconds ahead of the machine's clock; below zero is behind.
        skew_secs: i64,
    },
    /// A clock that stands at this moment until [`Running::advance_secs`](crate::Running::advance_secs)
    /// or [`Running::set_clock`](crate::Running::set_clock) moves it.
    Stopped {
        /// Seconds since 1970.
        unix_secs: i64,
    },
}

impl Default for ClockStart {
    fn default() -> Self {
        Self::Machine { skew_secs: 0 }
    }
}

/// A clock that may be moved while the server reads it.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Hand>);

#[derive(Clone, Copy, Debug)]
enum Hand {
    Machine { ahead_ms: i64 },
    Stopped { unix_ms: i64 },
}

impl Clock {
    pub(crate) fn new(start: ClockStart) -> Self {
        Self(Mutex::new(hand(start)))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Hand::Machine { ahead_ms } => machine_ms().saturating_add(ahead_ms),
            Hand::Stopped { unix_ms } => unix_ms,
        }
    }

    pub(crate) fn now_secs(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(crate) fn set(&self, start: ClockStart) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = hand(start);
    }

    pub(crate) fn advance_secs(&self, secs: i64) {
        let mut hand = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Hand::Machine { ahead_ms: ms } | Hand::Stopped { unix_ms: ms }) = &mut *hand;
        *ms = ms.saturating_add(secs.saturating_mul(1000));
    }
}

fn hand(start: ClockStart) -> Hand {
    match start {
        ClockStart::Machine { skew_secs } => {
            Hand::Machine { ahead_ms: skew_secs.saturating_mul(1000) }
        }
        ClockStart::Stopped { unix_secs } => {
            Hand::Stopped { unix_ms: unix_secs.saturating_mul(1000) }
        }
    }
}

fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
