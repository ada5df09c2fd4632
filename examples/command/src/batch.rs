//! Judges a batch, before anything of it is written.

use source_contract::batch::judge;

use crate::bindings::Batch;

/// All events of a batch, one a line. The error says how the batch breaks the contract.
pub(crate) fn lines(batch: &Batch) -> Result<Vec<u8>, String> {
    let events = batch.events.iter().map(|event| (event.id.as_str(), event.body.as_str()));
    judge(&batch.cursor, events)?;
    let bytes = batch.events.iter().map(|event| event.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(bytes);
    for event in &batch.events {
        lines.extend_from_slice(event.body.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bindings::{Event, Progress, Stats};

    /// A batch that has more, with these events.
    pub(crate) fn batch(cursor: &str, bodies: &[&str]) -> Batch {
        let event = |body: &&str| Event { id: "1".into(), time: None, body: (*body).into() };
        Batch {
            events: bodies.iter().map(event).collect(),
            cursor: cursor.into(),
            more: true,
            next_poll_ms: 0,
            notices: Vec::new(),
            stats: Stats { requests: 1, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0 },
            progress: Progress { complete_until: 0, target: 0 },
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
        let mut nameless = batch("c", &["{}"]);
        nameless.events[0].id.clear();
        assert!(lines(&nameless).is_err());
    }
}
