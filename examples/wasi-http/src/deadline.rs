//! The time that one exchange may take, from its first byte to its last.

use std::time::Duration;

use wasi::clocks::monotonic_clock;
use wasi::io::poll::{Pollable, poll};

/// When an exchange must have come to its end.
pub(crate) struct Deadline {
    allowed: Duration,
    ends_at: monotonic_clock::Instant,
    passed: Pollable,
}

/// The time allowed has passed.
#[derive(Debug)]
pub(crate) struct Expired;

impl Deadline {
    /// A deadline so far from now.
    pub(crate) fn after(allowed: Duration) -> Self {
        let nanos = u64::try_from(allowed.as_nanos()).unwrap_or(u64::MAX);
        let ends_at = monotonic_clock::now().saturating_add(nanos);
        Self { allowed, ends_at, passed: monotonic_clock::subscribe_instant(ends_at) }
    }

    /// All that was allowed.
    pub(crate) fn allowed(&self) -> Duration {
        self.allowed
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
