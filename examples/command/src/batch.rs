//! Judges what a poll gave, before anything of it is written.

use source_contract::{aside, batch};

use crate::bindings::{Batch, Event, Notice, PollError, Stats};

/// All events of a batch, one a line. The error says how the batch breaks the contract.
pub(crate) fn lines(batch: &Batch) -> Result<Vec<u8>, String> {
    batch::check(&batch.cursor, batch.events.iter().map(checked))?;
    check_aside(None, &batch.notices, &batch.stats)?;
    let bytes = batch.events.iter().map(|event| event.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(bytes);
    for event in &batch.events {
        lines.extend_from_slice(event.body.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Whether an error is one of the contract. The error of this says how it is not.
pub(crate) fn check_error(error: &PollError) -> Result<(), String> {
    check_aside(Some(&error.code), &error.notices, &error.stats)
}

fn checked(event: &Event) -> batch::Event<'_> {
    batch::Event { id: &event.id, kind: &event.kind, body: &event.body }
}

fn check_aside(code: Option<&str>, notices: &[Notice], stats: &Stats) -> Result<(), String> {
    let counters = stats.counters.iter().map(|counter| counter.name.as_str());
    aside::check(code, notices.iter().map(|notice| notice.code.as_str()), counters)
}

/// What a call counts that counts nothing.
pub(crate) fn no_stats() -> Stats {
    Stats {
        requests: 0,
        sent_bytes: 0,
        received_bytes: 0,
        rows: 0,
        duplicates: 0,
        counters: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bindings::Counter;

    /// A batch that has more, with these events.
    pub(crate) fn batch(cursor: &str, bodies: &[&str]) -> Batch {
        let event = |body: &&str| Event {
            id: "1".into(),
            kind: "test.row".into(),
            time: None,
            body: (*body).into(),
        };
        Batch {
            events: bodies.iter().map(event).collect(),
            cursor: cursor.into(),
            more: true,
            next_poll_ms: 0,
            notices: Vec::new(),
            stats: Stats { requests: 1, ..no_stats() },
            progress: None,
            quota: None,
        }
    }

    #[test]
    fn each_event_is_a_line() {
        assert_eq!(lines(&batch("c", &["{}", r#"{"a":1}"#])), Ok(b"{}\n{\"a\":1}\n".to_vec()));
        assert_eq!(lines(&batch("c", &[])), Ok(Vec::new()));
    }

    #[test]
    fn what_breaks_the_contract_is_refused() {
        for body in ["", "{}\n", "{}{}"] {
            assert!(lines(&batch("c", &["{}", body])).is_err(), "{body:?}");
        }
        assert!(lines(&batch("", &["{}"])).is_err());
        let broken = |spoil: fn(&mut Batch)| {
            let mut batch = batch("c", &["{}"]);
            spoil(&mut batch);
            lines(&batch).is_err()
        };
        assert!(broken(|batch| batch.events[0].id.clear()));
        assert!(broken(|batch| batch.events[0].kind = "No Kind".into()));
        assert!(broken(|batch| batch
            .stats
            .counters
            .push(Counter { name: "A b".into(), value: 1 })));
    }
}
