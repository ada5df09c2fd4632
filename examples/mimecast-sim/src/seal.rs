//! The seal of a run: it tells the tokens that were made here from all others.

use std::hash::{BuildHasher as _, RandomState};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// A key that no other run has: tokens die with their server.
pub(crate) struct Seal([u8; 16]);

impl Seal {
    pub(crate) fn new() -> Self {
        let half = || RandomState::new().hash_one(0).to_be_bytes();
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half());
        key[8..].copy_from_slice(&half());
        Self(key)
    }

    pub(crate) fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return Vec::new() };
        mac.update(bytes);
        mac.finalize().into_bytes().to_vec()
    }
}
