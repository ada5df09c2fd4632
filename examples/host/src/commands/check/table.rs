//! Tells people what a check found: a line for each source, and sentences where one is not enough.

use crate::commands::check::finding::{Finding, Quota, State};
use crate::commands::check::ledger::Ledger;
use crate::commands::layout::{columns, span, wrap};

/// The table, and what there is to say below it.
pub(super) fn text(found: &[Finding], ledger: Option<&Ledger>) -> String {
    let heading = ["SOURCE", "STATE", "NEWEST EVENT", "QUOTA LEFT", "CLOCK", "REQUESTS"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(found.iter().map(row));
    let mut text = columns(&rows);
    let mut sentences: Vec<String> = found.iter().flat_map(sentences).collect();
    sentences.extend(ledger.map(of_ledger));
    if !sentences.is_empty() {
        text.push('\n');
    }
    for sentence in &sentences {
        wrap(&mut text, sentence);
    }
    text
}

fn row(found: &Finding) -> [String; 6] {
    let unknown = || "-".to_owned();
    let newest = match &found.newest {
        Some(newest) => newest.clone(),
        None if !found.works() => unknown(),
        None => "none".to_owned(),
    };
    [
        found.source.clone(),
        found.state.name().to_owned(),
        newest,
        found.quota.as_ref().map_or_else(unknown, quota),
        found.clock_offset_ms.map_or_else(unknown, clock),
        found.requests.to_string(),
    ]
}

fn quota(quota: &Quota) -> String {
    let of = quota.limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    format!("{}{of}, resets in {}", quota.remaining, span(quota.reset_ms))
}

fn clock(offset_ms: i64) -> String {
    if offset_ms.unsigned_abs() < CLOCK_IN_STEP_MS {
        "in step".to_owned()
    } else {
        format!("host is {}", off(offset_ms))
    }
}

/// How far this machine's clock is from the API's.
fn off(offset_ms: i64) -> String {
    let side = if offset_ms > 0 { "behind" } else { "ahead" };
    format!("{} s {side}", offset_ms.unsigned_abs() / 1_000)
}

fn of_ledger(ledger: &Ledger) -> String {
    let fit = || format!("stream {} and its bucket are there, and fit", ledger.stream);
    let message = ledger.message.clone().unwrap_or_else(fit);
    format!("ledger: {}: {message}", ledger.state.name())
}

/// What the row of a source does not say.
fn sentences(found: &Finding) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(kind), Some(code), Some(message)) = (found.kind, &found.code, &found.message) {
        let what = match found.state {
            State::Throttled => format!("throttled: come again: {code}"),
            _ => format!("{kind} error {code}"),
        };
        sentences.push(format!("{}: {what}: {message}", found.source));
    }
    if let Some(wait_ms) = found.retry_after_ms {
        let wait = span(wait_ms);
        sentences.push(format!("{}: the API asks to be left alone for {wait}", found.source));
    }
    if let Some(offset_ms) = found.clock_offset_ms.filter(|_| found.has_wrong_clock()) {
        sentences.push(format!(
            "{}: this machine's clock is {}: have it set over the network (NTP), or the API may \
             refuse requests",
            found.source,
            off(offset_ms),
        ));
    }
    for notice in &found.notices {
        let (level, code, message) = (notice.level, &notice.code, &notice.message);
        sentences.push(format!("{}: {level} {code}: {message}", found.source));
    }
    sentences
}

/// The times of HTTP are whole seconds: what differs by less is equal.
const CLOCK_IN_STEP_MS: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_in_step_behind_or_ahead() {
        assert_eq!(clock(0), "in step");
        assert_eq!(clock(1_999), "in step");
        assert_eq!(clock(-1_999), "in step");
        assert_eq!(clock(2_000), "host is 2 s behind");
        assert_eq!(clock(-61_000), "host is 61 s ahead");
        assert_eq!(clock(i64::MIN), "host is 9223372036854775 s ahead");
    }
}
