//! Judges a batch, before anything of it is written.

use crate::bindings::Batch;

/// All events of a batch, one a line. The error says how the batch breaks the contract.
pub(crate) fn lines(batch: &Batch) -> Result<Vec<u8>, String> {
    if batch.cursor.is_empty() {
        return Err("the cursor is empty".to_owned());
    }
    if batch.cursor.len() > CURSOR_BYTES_MAX {
        return Err(format!("the cursor is larger than {CURSOR_BYTES_MAX} bytes"));
    }
    if batch.events.len() > EVENTS_MAX {
        return Err(format!("the batch has more than {EVENTS_MAX} events"));
    }
    let bytes = batch.events.iter().map(|event| event.body.len() + 1).sum();
    let mut lines = Vec::with_capacity(bytes);
    for (index, event) in batch.events.iter().enumerate() {
        if !is_object_on_one_line(&event.body) {
            return Err(format!("event {index} of the batch is not one JSON object on one line"));
        }
        lines.extend_from_slice(event.body.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

fn is_object_on_one_line(body: &str) -> bool {
    body.starts_with('{')
        && body.ends_with('}')
        && !body.contains(['\n', '\r'])
        && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

/// The longest cursor that the contract allows.
pub(crate) const CURSOR_BYTES_MAX: usize = 2 << 20;
const EVENTS_MAX: usize = 100_000;

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
    fn what_is_not_one_object_on_one_line_is_refused() {
        for body in ["", "[]", "{", "{}\n", "{\n}", "{}\r", " {}", "{}{}", "{\"a\"}"] {
            assert!(lines(&batch("c", &["{}", body])).is_err(), "{body:?}");
        }
    }

    #[test]
    fn sizes_are_bound() {
        assert!(lines(&batch("", &[])).is_err());
        assert!(lines(&batch(&"c".repeat(CURSOR_BYTES_MAX), &[])).is_ok());
        assert!(lines(&batch(&"c".repeat(CURSOR_BYTES_MAX + 1), &[])).is_err());
        assert!(lines(&batch("c", &vec!["{}"; EVENTS_MAX + 1])).is_err());
    }
}
