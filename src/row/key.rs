//! What is remembered of a row's identity.

use twox_hash::XxHash64;

use crate::timestamp::EventTime;

/// 63 bits that stand for a row's identity, and a last one that is set if it has no id: as many as are
/// shown are then told apart. Two rows share them with a chance of 2^-63; of one second, and by what is
/// remembered of them, of 2^-48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    /// XXH64 of its text, with its time as seed, and without its last bit: a published hash, so that
    /// stored keys stay good.
    pub(crate) fn of(text: &str, time: Option<EventTime>) -> Self {
        Self(XxHash64::oneshot(time.map_or(0, EventTime::mixed), text.as_bytes()) & !1)
    }

    /// The same of a row that is one of several, maybe.
    pub(crate) const fn counted(self) -> Self {
        Self(self.0 | 1)
    }

    pub(crate) const fn is_counted(self) -> bool {
        self.0 & 1 > 0
    }

    /// What is remembered of it.
    pub(crate) const fn known_bits(self) -> u64 {
        self.0 >> 16
    }

    /// The same for several in their order. None if there is none.
    pub(crate) fn of_all(keys: impl Iterator<Item = Self>) -> Option<Self> {
        keys.reduce(|Self(all), Self(key)| Self(all.rotate_left(1) ^ key))
    }
}
