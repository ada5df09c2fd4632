//! What components, their calls and their requests may cost, and how a limit of time is kept.

pub(crate) mod waited;

use std::time::Duration;

use source_contract::{body, request};
use tokio::time::Instant;

/// What a component, each call of it and each of its requests may cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// A component, and one call of it.
    pub call: CallLimits,
    /// One request.
    pub http: HttpLimits,
}

/// What a component may cost: to be made ready, and in each call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Time to compile it.
    pub compile: Duration,
    /// Computing time of a call. Waiting in `send` does not count.
    pub cpu: Duration,
    /// Time from call to return. Waiting until others have computed does not count.
    pub wall: Duration,
    /// Linear memory.
    pub memory_bytes_max: usize,
    /// Calls of `send`.
    pub requests_max: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            compile: Duration::from_mins(1),
            cpu: Duration::from_secs(10),
            wall: Duration::from_mins(2),
            memory_bytes_max: 64 << 20,
            requests_max: 8,
        }
    }
}

/// What a request and its response may cost.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Longest time from the call to the last byte of the body; a component may ask for less.
    pub timeout: Duration,
    /// Largest body of a response, decoded.
    pub response_bytes_max: usize,
    /// Largest body of a request.
    pub request_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            timeout: request::TIMEOUT,
            response_bytes_max: body::BODY_BYTES_MAX,
            request_bytes_max: request::BODY_BYTES_MAX,
        }
    }
}

/// Awaits something for so long, or gives none. What `waited` tells of that time does not count.
pub(crate) async fn within<T>(
    limit: Duration,
    waited: impl Fn() -> Duration,
    awaited: impl Future<Output = T>,
) -> Option<T> {
    let mut awaited = std::pin::pin!(awaited);
    let (begun, before) = (Instant::now(), waited());
    loop {
        let until = begun + limit + waited().saturating_sub(before);
        if let Ok(done) = tokio::time::timeout_at(until, &mut awaited).await {
            return Some(done);
        }
        if Instant::now() >= begun + limit + waited().saturating_sub(before) {
            return None;
        }
    }
}
