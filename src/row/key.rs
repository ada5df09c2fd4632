//! What is remembered of a row's identity.

use twox_hash::XxHash64;

use crate::timestamp::EventTime;

/// 63 bits that stand for a row's identity. Two rows share them with a chance of 2^-63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    /// XXH64 of its text, with its time as seed, and without its last bit: a published hash, so that
    /// stored keys stay good.
    pub(crate) fn of(text: &str, time: Option<EventTime>) -> Self {
        Self(XxHash64::oneshot(time.map_or(0, EventTime::mixed), text.as_bytes()) & !1)
    }

    /// The same for several in their order. None if there is none.
    pub(crate) fn of_all(keys: impl Iterator<Item = Self>) -> Option<Self> {
        keys.reduce(|Self(all), Self(key)| Self(all.rotate_left(1) ^ key))
    }
}
