//! API 2.0: access tokens are asked for, kept, replaced and given up as the contract says.
//!
//! `instance.rs` is what the tests poll with; `tokens.rs` has the life of a token, `endpoint.rs` the
//! replies of its endpoint, `credentials.rs` what a change of credentials does, `time.rs` how long a call
//! may take.
//!
//! Seen to fail, each by the fault put into the code: a token used to its end or past it, for other
//! credentials or another base URL; no cap on its life; 403 of the endpoint not judged; a reply too
//! long, or a token too long or of another type, taken; a failure in HTTP 200 overlooked; `retryable`
//! overlooked; a form not encoded; a refused token kept, or asked for anew without end; a fresh token
//! that is refused taken for bad credentials; a missing product told as a missing role.
#![allow(clippy::unwrap_used)]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

#[path = "../fake/mod.rs"]
mod fake;

mod credentials;
mod endpoint;
mod instance;
mod time;
mod tokens;
