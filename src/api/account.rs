//! What one poll or check spends, notices and must not repeat.

use crate::contract::http::Response;
use crate::contract::source::{ErrorKind, PollError, Quota, Stats};
use crate::notices::Notices;
use crate::reply::quota;
use crate::secret::Secrets;

/// The account of a poll, or of a check.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) notices: Notices,
    pub(crate) stats: Stats,
    /// What the last response said of the API's limit.
    pub(crate) quota: Option<Quota>,
    secrets: Secrets,
}

impl Account {
    pub(crate) fn new(secrets: Secrets, notices: Notices) -> Self {
        Self { notices, stats: Stats::default(), quota: None, secrets }
    }

    /// A request went out with this body.
    pub(crate) fn sent(&mut self, body: &[u8]) {
        self.quota = None;
        self.stats.requests += 1;
        self.stats.sent_bytes += bytes(body);
    }

    /// A response came in.
    pub(crate) fn received(&mut self, response: &Response) {
        self.stats.received_bytes += bytes(&response.body);
        self.quota = quota::quota(response);
    }

    /// Another secret that must not be repeated.
    pub(crate) fn hide(&mut self, secret: String) {
        self.secrets.add(secret);
    }

    /// What the API said, without secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Whether a text of the API holds a secret.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        self.secrets.are_repeated_in(text)
    }

    /// Ends in an error. `message` is in this source's own words, or redacted. It comes without
    /// notices: the old cursor stands, so they would come with each try again.
    #[inline(never)] // In line it makes the component larger.
    pub(crate) fn fail(self, kind: ErrorKind, code: &'static str, message: String) -> PollError {
        PollError { stats: self.stats, quota: self.quota, ..PollError::new(kind, code, message) }
    }
}

fn bytes(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
