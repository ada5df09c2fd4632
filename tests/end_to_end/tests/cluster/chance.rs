//! Numbers that look random, the same for the same seed.

use std::env;

/// xorshift. `SEED` in the environment chooses where it begins.
pub(crate) struct Chance {
    pub(crate) seed: u64,
    state: u64,
}

impl Chance {
    pub(crate) fn new() -> Self {
        let seed = env::var("SEED").map_or(42, |seed| seed.parse().expect("SEED is a number"));
        Self { seed, state: seed | 1 }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }
}
