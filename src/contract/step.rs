//! How a machine is stepped by whoever does its I/O.

use crate::contract::http::Request;
use crate::contract::source::PollError;
use crate::timestamp::Second;

/// What the core cannot know by itself (I3): the host's time, and random bytes for a request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The host's clock. Unix time in nanoseconds.
    pub unix_nanos: u64,
    /// Fresh at every step: the API refuses a request id that it has seen.
    pub random: [u8; 16],
}

impl Moment {
    pub(crate) const fn second(&self) -> Second {
        Second::of_nanos(self.unix_nanos)
    }
}

/// A step of a machine: something to send, or the end.
#[derive(Debug)]
pub enum Step<P, T> {
    /// Send this, and hand what comes back to the machine.
    Send(Request, P),
    /// The outcome.
    Done(Result<T, PollError>),
}
