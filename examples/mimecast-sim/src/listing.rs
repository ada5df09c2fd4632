//! Results that are read page by page, and the opaque tokens that point into them.

pub(crate) mod paging;
pub(crate) mod window;

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::answer::refusal::Refusal;
use crate::request::query::Query;
use crate::seal::Seal;

/// A result under way: what was asked for, and what its defaults were taken to be.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) query: Query,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// The rows as they were at page one, where paging is by snapshot.
    pub(crate) pinned: Option<Arc<[u32]>>,
}

/// Listings that are kept; the oldest goes first, and its tokens die with it.
const LISTINGS_MAX: usize = 1000;
/// Row numbers that all snapshots together may hold.
const PINNED_ROWS_MAX: usize = 16_000_000;

/// The listings of this run. Tokens name a listing and a place, and are sealed with a key that no
/// other run has, so nothing is kept for each token.
pub(crate) struct Listings {
    seal: Seal,
    kept: VecDeque<(u64, Listing)>,
    next_id: u64,
    pinned_rows: usize,
}

impl Listings {
    pub(crate) fn new(seal: Seal) -> Self {
        Self { seal, kept: VecDeque::new(), next_id: 0, pinned_rows: 0 }
    }

    /// Where the first page of the next listing begins that is kept.
    pub(crate) fn beginning(&self, now_ms: i64) -> Place {
        Place { listing: self.next_id, offset: 0, serial: 0, issued_ms: now_ms }
    }

    pub(crate) fn keep(&mut self, listing: Listing) {
        let id = self.next_id;
        self.next_id += 1;
        self.pinned_rows += pinned_len(&listing);
        self.kept.push_back((id, listing));
        while self.kept.len() > 1
            && (self.kept.len() > LISTINGS_MAX || self.pinned_rows > PINNED_ROWS_MAX)
        {
            if let Some((_, gone)) = self.kept.pop_front() {
                self.pinned_rows -= pinned_len(&gone);
            }
        }
    }

    /// Lets all page tokens die.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.pinned_rows = 0;
    }

    pub(crate) fn token(&self, place: Place) -> String {
        let mut bytes = place.to_bytes().to_vec();
        bytes.extend_from_slice(&self.seal.of(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a token points, if it is one of this run, for this query, and young enough.
    pub(crate) fn open(
        &self,
        token: &str,
        query: &Query,
        now_ms: i64,
        life_secs: Option<u32>,
    ) -> Result<(Place, Listing), Refusal> {
        let place =
            self.unseal(token).ok_or_else(|| Refusal::page_token("the page token is not valid"))?;
        if life_secs
            .is_some_and(|life| now_ms.saturating_sub(place.issued_ms) > i64::from(life) * 1000)
        {
            return Err(Refusal::page_token("the page token has expired"));
        }
        let (_, listing) = self
            .kept
            .iter()
            .find(|(id, _)| *id == place.listing)
            .ok_or_else(|| Refusal::page_token("the page token has expired"))?;
        if listing.query != *query {
            return Err(Refusal::page_token("the page token belongs to another request"));
        }
        Ok((place, listing.clone()))
    }

    fn unseal(&self, token: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (place, seal) = bytes.split_first_chunk::<PLACE_BYTES>()?;
        (self.seal.of(place) == seal).then(|| Place::from_bytes(place))
    }
}

fn pinned_len(listing: &Listing) -> usize {
    listing.pinned.as_ref().map_or(0, |rows| rows.len())
}

/// A place in a listing. Equal places have equal tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) listing: u64,
    pub(crate) offset: u64,
    /// Tells tokens that lead to one place apart.
    pub(crate) serial: u64,
    pub(crate) issued_ms: i64,
}

const PLACE_BYTES: usize = 32;

impl Place {
    fn to_bytes(self) -> [u8; PLACE_BYTES] {
        let mut bytes = [0; PLACE_BYTES];
        bytes[..8].copy_from_slice(&self.listing.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.serial.to_be_bytes());
        bytes[24..].copy_from_slice(&self.issued_ms.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; PLACE_BYTES]) -> Self {
        let number = |at: usize| {
            let mut part = [0; 8];
            part.copy_from_slice(&bytes[at..at + 8]);
            part
        };
        Self {
            listing: u64::from_be_bytes(number(0)),
            offset: u64::from_be_bytes(number(8)),
            serial: u64::from_be_bytes(number(16)),
            issued_ms: i64::from_be_bytes(number(24)),
        }
    }
}
