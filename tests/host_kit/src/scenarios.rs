//! All scenarios.

mod batches;
mod bodies;
mod crashes;
mod denied;
mod errors;
mod failures;
mod gzip;
mod heads;
mod requests;
mod waits;

use crate::scenario::{Exchange, Pages, Play, Scenario};

/// All scenarios, those that take longest first.
pub fn all() -> Vec<Scenario> {
    [
        failures::all(),
        errors::all(),
        waits::all(),
        crashes::all(),
        batches::all(),
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

fn pages(name: &'static str, about: &'static str, pages: Pages) -> Scenario {
    Scenario { name, about, play: Play::Pages(pages) }
}
