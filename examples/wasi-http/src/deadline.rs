//! The time that one exchange may take, from its first byte to its last.

use wasi::clocks::monotonic_clock;
use wasi::io::poll::{Pollable, poll};

/// When an exchange must have come to its end.
pub(crate) struct Deadline {
    allowed_ms: u64,
    ends_at: monotonic_clock::Instant,
    passed: Pollable,
}

/// The time allowed has passed.
#[derive(Debug)]
pub(crate) struct Expired;

impl Deadline {
    /// A deadline so far from now.
    pub(crate) fn after_ms(allowed_ms: u64) -> Self {
        let ends_at = monotonic_clock::now().saturating_add(allowed_ms.saturating_mul(NANOS_A_MS));
        Self { allowed_ms, ends_at, passed: monotonic_clock::subscribe_instant(ends_at) }
    }

    /// All that was allowed, in milliseconds.
    pub(crate) fn allowed_ms(&self) -> u64 {
        self.allowed_ms
    }

    /// What is left of it, in nanoseconds.
    pub(crate) fn left(&self) -> monotonic_clock::Duration {
        self.ends_at.saturating_sub(monotonic_clock::now())
    }

    /// Waits until one of these is ready.
    pub(crate) fn wait(&self, awaited: &[&Pollable]) -> Result<(), Expired> {
        let all: Vec<&Pollable> = awaited.iter().copied().chain([&self.passed]).collect();
        let ready = poll(&all);
        // What came at the last moment came in time; but a peer that always has a byte more has not
        // come to an end.
        if self.left() == 0 || ready.iter().all(|&index| index as usize == awaited.len()) {
            return Err(Expired);
        }
        Ok(())
    }
}

const NANOS_A_MS: u64 = 1_000_000;
