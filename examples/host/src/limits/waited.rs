//! Time that a limit does not count.

use std::time::Duration;

use tokio::time::Instant;

/// How long something has waited so far, with the wait that goes on.
#[derive(Default)]
pub(crate) struct Waited {
    ended: Duration,
    since: Option<Instant>,
}

impl Waited {
    /// A wait begins.
    pub(crate) fn begin(&mut self) {
        self.since = Some(Instant::now());
    }

    /// The wait ends.
    pub(crate) fn end(&mut self) {
        self.ended = self.sum();
        self.since = None;
    }

    /// All waits together.
    pub(crate) fn sum(&self) -> Duration {
        self.ended + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
