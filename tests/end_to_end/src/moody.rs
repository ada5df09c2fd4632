//! A simulated API that goes wrong now and then.

use std::time::Duration;

use mimecast_sim::{Fault, FaultRule, Options, Running, Scope, When, WorldOptions};

/// One with so many rows, which takes its time.
///
/// # Panics
/// If there is no free port.
#[must_use]
pub fn moody_api(rows: u32, seed: u64, delay: Duration) -> Running {
    let fault = |fault, when| FaultRule::new(fault, when);
    let delay_ms = delay.as_millis().try_into().expect("a short delay");
    let faults = vec![
        fault(Fault::Status(503), When::Every(67)),
        fault(Fault::RateLimit { reset_ms: 50, retry_after_secs: None }, When::Every(97)),
        fault(Fault::Drop, When::Every(131)),
        FaultRule { scope: Scope::LaterPage, ..fault(Fault::DeadToken, When::Every(211)) },
        fault(Fault::Slow { delay_ms }, When::Every(1)),
    ];
    let world = WorldOptions { rows, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, faults, seed, ..Options::default() }.start().expect("a free port")
}
