//! Asking the API: what is sent, how it is authorized, and what became of it.

pub(crate) mod access_token;
pub(crate) mod account;
pub(crate) mod exchange;
pub(crate) mod request;
pub(crate) mod signing;
