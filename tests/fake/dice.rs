//! Chance that is the same in every run: a seed gives all that follows.

/// The `SplitMix64` generator.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to `end`, which is not part of it.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        let end = u64::try_from(end).ok().filter(|end| *end > 0).expect("a die has sides");
        i64::try_from(self.next() % end).expect("it is below one")
    }

    /// Both bounds are part of it.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from + 1)
    }

    pub(crate) fn percent(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(i64::try_from(of.len()).expect("a short list"));
        &of[usize::try_from(index).expect("an index")]
    }
}

/// A hash of a number: what depends on it alone, and not on when it is asked for.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
