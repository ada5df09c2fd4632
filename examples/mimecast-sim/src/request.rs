//! A request to the API.

pub(crate) mod query;

use hyper::{HeaderMap, Method};

/// A request at its moment.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) now_ms: i64,
    /// What the clock of the node shows that answers, in Unix seconds.
    pub(crate) node_secs: i64,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Request<'_> {
    pub(crate) fn now_secs(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}
