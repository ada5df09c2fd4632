//! Who is let in, and how often: the two kinds of authorization side by side, and the quota.

pub(crate) mod quota;
pub(crate) mod signature;
pub(crate) mod standing;
pub(crate) mod token;

use hyper::HeaderMap;

use crate::answer::refusal::Refusal;
use crate::gate::signature::{Keys, Signatures};
use crate::gate::standing::Standing;
use crate::gate::token::Tokens;
use crate::request::Request;

/// Decides whether a request may be answered.
pub(crate) struct Gate {
    pub(crate) signatures: Signatures,
    pub(crate) tokens: Tokens,
    pub(crate) standing: Standing,
}

impl Gate {
    /// A gate for these credentials; the error names what is wrong with the keys.
    pub(crate) fn new(keys: Keys, tokens: Tokens, standing: Standing) -> Result<Self, String> {
        Ok(Self { signatures: Signatures::new(keys)?, tokens, standing })
    }

    /// Lets a request for logs in.
    pub(crate) fn admit(&mut self, request: &Request<'_>) -> Result<(), Refusal> {
        match bearer(request.headers) {
            Some(token) => self.tokens.admit(token, self.standing, request.now_ms),
            None => self.signatures.admit(request, self.standing),
        }
    }
}

/// The token that a request carries, if it is one of API 2.0.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}
