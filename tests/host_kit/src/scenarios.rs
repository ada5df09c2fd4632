//! All scenarios.

mod bodies;
mod denied;
mod failures;
mod gzip;
mod heads;
mod requests;

use crate::scenario::{Exchange, Play, Scenario};

/// All scenarios, those that take longest first.
pub fn all() -> Vec<Scenario> {
    [
        failures::all(),
        requests::all(),
        denied::all(),
        heads::all(),
        bodies::all(),
        gzip::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn send(name: &'static str, about: &'static str, exchanges: Vec<Exchange>) -> Scenario {
    Scenario { name, about, play: Play::Exchanges(exchanges) }
}
