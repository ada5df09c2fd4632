//! What came out of a pipeline against what the API has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use end_to_end::rows::ledger;
use mimecast_sim::{LedgerQuery, Running};

use crate::sink::Record;

/// How many rows came, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) rows: usize,
    /// That did not come.
    pub(crate) lost: usize,
    /// That came more than once: how often beyond that, all in all.
    pub(crate) repeated: usize,
}

impl Tally {
    /// Of the records of an API's rows.
    ///
    /// Panics if one is made up, or has another id than before.
    pub(crate) fn of(records: &[Record], api: &Running) -> Self {
        let rows: BTreeSet<String> = ledger(api, &LedgerQuery::default()).into_iter().collect();
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        for Record { id, body } in records {
            assert!(rows.contains(body), "made up: {body}");
            assert!(!id.is_empty(), "without an id: {body}");
            let before = ids.insert(body, id);
            assert!(before.is_none_or(|before| before == id), "{before:?} and {id}: {body}");
        }
        let distinct: BTreeSet<&str> = ids.values().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "two rows share an id");
        Self { rows: rows.len(), lost: rows.len() - ids.len(), repeated: records.len() - ids.len() }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, lost, repeated } = self;
        write!(f, "{rows} rows: {lost} lost, {repeated} repeated")
    }
}
