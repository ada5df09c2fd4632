//! API 2.0 authorization: the client's credentials, and the access tokens that it is given for them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::answer::refusal::Refusal;
use crate::gate::standing::{Scheme, Standing};
use crate::seal::Seal;

/// The credentials of an API 2.0 application. The default is the demo set, which opens nothing but
/// this simulation.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Names the application.
    pub client_id: String,
    /// Proves it.
    pub client_secret: String,
}

impl Default for ClientCredentials {
    fn default() -> Self {
        Self {
            client_id: "dEm0CLiEntiDf0rTheSimu1ation0n1y".to_owned(),
            client_secret: "c2ltdWxhdGVk/Y2xpZW50+c2VjcmV0IGZvciBkZW1vcw==".to_owned(),
        }
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The access tokens of this run. A token says when it was given, and is sealed with a key that no
/// other run has, so nothing is kept for each token.
pub(crate) struct Tokens {
    seal: Seal,
    client: ClientCredentials,
    life_secs: u32,
    given: u64,
    /// Tokens below this number are dead, however young.
    first_alive: u64,
}

impl Tokens {
    pub(crate) fn new(seal: Seal, client: ClientCredentials, life_secs: u32) -> Self {
        Self { seal, client, life_secs, given: 0, first_alive: 0 }
    }

    pub(crate) fn client(&self) -> &ClientCredentials {
        &self.client
    }

    pub(crate) fn life_secs(&self) -> u32 {
        self.life_secs
    }

    /// A new token, like no other of this run.
    pub(crate) fn give(&mut self, now_ms: i64) -> String {
        let number = self.given;
        self.given += 1;
        let said = said(number, now_ms);
        URL_SAFE_NO_PAD.encode([&said[..], &self.seal.of(&said)].concat())
    }

    /// Lets a request with this token in.
    pub(crate) fn admit(
        &self,
        token: &str,
        standing: Standing,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        if !standing.is_known() || !self.is_alive(token, now_ms) {
            return Err(Refusal::access_token());
        }
        standing.permit(Scheme::Bearer)
    }

    /// Lets all access tokens die.
    pub(crate) fn clear(&mut self) {
        self.first_alive = self.given;
    }

    fn is_alive(&self, token: &str, now_ms: i64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((&number, rest)) = bytes.split_first_chunk() else { return false };
        let Some((&given_ms, seal)) = rest.split_first_chunk() else { return false };
        let number = u64::from_be_bytes(number);
        let given_ms = i64::from_be_bytes(given_ms);
        let age_ms = now_ms.saturating_sub(given_ms);
        self.seal.of(&said(number, given_ms)) == seal
            && number >= self.first_alive
            && age_ms < i64::from(self.life_secs) * 1000
    }
}

/// What a token says: which one it is, and when it was given.
fn said(number: u64, given_ms: i64) -> [u8; 16] {
    let mut said = [0; 16];
    said[..8].copy_from_slice(&number.to_be_bytes());
    said[8..].copy_from_slice(&given_ms.to_be_bytes());
    said
}
