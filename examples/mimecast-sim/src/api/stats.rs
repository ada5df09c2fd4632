//! What the server has answered so far: counts, and the last requests.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::answer::outcome::GIVEN;

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests to the API, answered or not; those to the token endpoint are counted aside.
    pub requests: u64,
    /// Requests to the token endpoint, answered or not.
    pub token_requests: u64,
    /// Access tokens in replies that were sent whole.
    pub tokens_given: u64,
    /// How they ended: `page`, `refused CODE`, `quota`, `fault KIND`, `status N`; those to the token
    /// endpoint `token given`, `token refused CODE`, `token fault KIND`, `token status N`.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows in pages that were sent whole.
    pub rows_sent: u64,
    /// Rows that a client can see by now, broken ones too.
    pub rows_visible: u64,
    /// Rows that are there and will be seen later.
    pub rows_hidden: u64,
}

/// A request to the API, token requests aside, and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Counted from 1.
    pub number: u64,
    /// The server's clock, in Unix milliseconds.
    pub time_ms: i64,
    /// Its body, up to 4 KiB.
    pub body: String,
    /// How it ended, as in [`Stats::outcomes`].
    pub outcome: String,
    /// Rows that were sent.
    pub rows: u64,
}

/// Requests that are remembered; the oldest goes first.
const RECORDS_MAX: usize = 10_000;
const RECORD_BODY_BYTES_MAX: usize = 4096;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) stats: Stats,
    pub(crate) records: VecDeque<RequestRecord>,
}

impl Tally {
    /// All requests so far.
    pub(crate) fn answered(&self) -> u64 {
        self.stats.requests + self.stats.token_requests
    }

    /// Counts a request to the token endpoint; its body, which holds a secret, is not remembered.
    pub(crate) fn add_token(&mut self, outcome: &str) {
        self.stats.token_requests += 1;
        self.stats.tokens_given += u64::from(outcome == GIVEN);
        *self.stats.outcomes.entry(format!("token {outcome}")).or_default() += 1;
    }

    pub(crate) fn add(&mut self, time_ms: i64, body: &[u8], outcome: String, rows: u64) {
        self.stats.requests += 1;
        self.stats.rows_sent += rows;
        *self.stats.outcomes.entry(outcome.clone()).or_default() += 1;
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        let body = String::from_utf8_lossy(&body[..body.len().min(RECORD_BODY_BYTES_MAX)]).into();
        let number = self.stats.requests;
        self.records.push_back(RequestRecord { number, time_ms, body, outcome, rows });
    }
}
