//! Waiting itself, and the dice for it.

use std::time::Duration;

use source_contract::wait;

/// What the loop waits by: a test has its own.
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
        wait::chance(getrandom::u32().ok())
    }
}
