//! What was collected against what the simulated API says it should have been.

use std::collections::BTreeMap;

use mimecast_sim::{LedgerQuery, Running};

/// The rows of a ledger, as they were sent.
#[must_use]
pub fn ledger(api: &Running, query: &LedgerQuery) -> Vec<String> {
    api.ledger(query).map(|row| row.text).collect()
}

/// Holds collected lines to the rows of a ledger: each once, to the byte, and no others.
///
/// # Panics
/// If they differ, with what is missing, what came twice and what nobody sent.
#[track_caller]
pub fn assert_each_once(collected: &str, rows: &[String]) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for line in collected.lines() {
        *counts.entry(line).or_default() += 1;
    }
    for row in rows {
        *counts.entry(row).or_default() -= 1;
    }
    let off = |sign: i64| -> Vec<&str> {
        counts.iter().filter(|(_, count)| count.signum() == sign).map(|(&row, _)| row).collect()
    };
    let (missing, surplus) = (off(-1), off(1));
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{} lines for {} rows; missing {}: {:?}; too many {}: {:?}",
        collected.lines().count(),
        rows.len(),
        missing.len(),
        missing.first(),
        surplus.len(),
        surplus.first()
    );
    assert!(collected.is_empty() || collected.ends_with('\n'), "the last line has no end");
}
