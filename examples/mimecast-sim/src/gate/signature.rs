//! API 1.0 authorization: keys, signature, date and request id, as the server sees them.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use sha1::Sha1;

use crate::answer::refusal::Refusal;
use crate::date::parse_signing_date;
use crate::gate::standing::{Scheme, Standing};
use crate::request::Request;

/// A set of API 1.0 keys. The default is the demo set, which opens nothing but this simulation.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Names the user.
    pub access_key: String,
    /// Signs; base64.
    pub secret_key: String,
    /// Names the application.
    pub app_id: String,
    /// Goes into the string that is signed.
    pub app_key: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            access_key: "mYtXkZ3pQ0demoAccessKey".to_owned(),
            secret_key: "c2ltdWxhdGVkLXNlY3JldC1rZXktZm9yLWRlbW9z".to_owned(),
            app_id: "0b1e6f3c-51a7-4c0e-9d1f-demo0app0id0".to_owned(),
            app_key: "7f2c9f5e-2b60-4b7e-8c77-demo0app0key".to_owned(),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("access_key", &self.access_key)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

/// The largest difference between a signed date and the server's clock.
const DATE_OFF_SECS_MAX: i64 = 15 * 60;
/// Request ids that are remembered. An older one would be refused for its date in any real run.
const REQUEST_IDS_MAX: usize = 100_000;

/// The check of signatures, and the request ids that it has seen.
pub(crate) struct Signatures {
    keys: Keys,
    secret: Vec<u8>,
    seen: HashSet<String>,
    seen_order: VecDeque<String>,
}

impl Signatures {
    /// A check by these keys; the error names what is wrong with them.
    pub(crate) fn new(keys: Keys) -> Result<Self, String> {
        let secret = STANDARD
            .decode(&keys.secret_key)
            .map_err(|error| format!("the secret key must be base64: {error}"))?;
        Ok(Self { keys, secret, seen: HashSet::new(), seen_order: VecDeque::new() })
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Lets a request in, and remembers its id.
    pub(crate) fn admit(
        &mut self,
        request: &Request<'_>,
        standing: Standing,
    ) -> Result<(), Refusal> {
        let (headers, path, now_secs) = (request.headers, request.path, request.node_secs);
        let authorization = header(headers, "authorization")?;
        let app_id = header(headers, "x-mc-app-id")?;
        let date = header(headers, "x-mc-date")?;
        let request_id = header(headers, "x-mc-req-id")?;
        if app_id != self.keys.app_id {
            return Err(Refusal::new(401, "err_developer_key", "0002 Invalid developer key"));
        }
        let (access_key, signature) = authorization
            .strip_prefix("MC ")
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| unauthorized("the Authorization header is not MC access:signature"))?;
        if access_key != self.keys.access_key || !standing.is_known() {
            return Err(unauthorized("the access key is not known"));
        }
        let signed_secs = parse_signing_date(date)
            .ok_or_else(|| unauthorized("x-mc-date is not as Tue, 24 Nov 2015 12:50:11 UTC"))?;
        if signed_secs.abs_diff(now_secs) > DATE_OFF_SECS_MAX.unsigned_abs() {
            return Err(unauthorized("x-mc-date is more than 15 minutes from the server's clock"));
        }
        self.verify(signature, &format!("{date}:{request_id}:{path}:{}", self.keys.app_key))?;
        standing.permit(Scheme::Signature)?;
        self.remember(request_id)
    }

    fn verify(&self, signature: &str, signed: &str) -> Result<(), Refusal> {
        let invalid = || Refusal::new(401, "err_xdk_invalid_signature", "0004 Invalid Signature");
        let signature = STANDARD.decode(signature).map_err(|_| invalid())?;
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.secret).map_err(|_| invalid())?;
        mac.update(signed.as_bytes());
        mac.verify_slice(&signature).map_err(|_| invalid())
    }

    fn remember(&mut self, request_id: &str) -> Result<(), Refusal> {
        if request_id.is_empty() || !self.seen.insert(request_id.to_owned()) {
            return Err(unauthorized("x-mc-req-id was used before: every request needs its own"));
        }
        self.seen_order.push_back(request_id.to_owned());
        if self.seen_order.len() > REQUEST_IDS_MAX
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Ok(())
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| unauthorized(&format!("the header {name} is missing")))
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::new(401, "err_xdk_client_unauthorized", message)
}
