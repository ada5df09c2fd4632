//! What changes while the server runs.

use crate::api::stats::Tally;
use crate::fault::Faults;
use crate::gate::Gate;
use crate::gate::quota::Meter;
use crate::gate::token::Tokens;
use crate::listing::Listings;
use crate::options::Options;
use crate::seal::Seal;
use crate::world::World;

/// What changes while the server runs.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) gate: Gate,
    pub(crate) listings: Listings,
    pub(crate) faults: Faults,
    pub(crate) tally: Tally,
    pub(super) meter: Meter,
}

impl State {
    pub(super) fn new(options: &Options, now_ms: i64) -> Result<Self, String> {
        let (client, life_secs) = (options.client.clone(), options.access_token_life_secs);
        let tokens = Tokens::new(Seal::new(), client, life_secs);
        Ok(Self {
            world: World::new(
                options.world.clone(),
                options.style.ids,
                options.script.clone(),
                options.seed,
                now_ms.div_euclid(1000),
            ),
            gate: Gate::new(options.keys.clone(), tokens, options.standing)?,
            listings: Listings::new(Seal::new()),
            faults: Faults::new(options.faults.clone(), options.seed),
            tally: Tally::default(),
            meter: Meter::new(options.quota, now_ms),
        })
    }
}
