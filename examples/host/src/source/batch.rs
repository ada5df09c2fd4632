//! Judges what a component gave as a batch, before anything of it is delivered.

use crate::bindings::Batch;

/// Whether a batch keeps to the contract. The error says how it does not.
pub fn judge(batch: &Batch) -> Result<(), String> {
    if !(1..=CURSOR_BYTES_MAX).contains(&batch.cursor.len()) {
        return Err(format!(
            "the cursor has {} bytes; 1 to {CURSOR_BYTES_MAX} are allowed",
            batch.cursor.len()
        ));
    }
    if batch.events.len() > EVENTS_MAX {
        return Err(format!(
            "the batch has {} events; at most {EVENTS_MAX} are allowed",
            batch.events.len()
        ));
    }
    for (index, event) in batch.events.iter().enumerate() {
        let body = event.body.as_bytes();
        let why = if event.id.is_empty() || event.id.len() > ID_BYTES_MAX {
            format!("has an id of {} bytes; 1 to {ID_BYTES_MAX} are allowed", event.id.len())
        } else if body.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            "is more than one line".to_owned()
        } else if !is_object(&event.body) {
            "is no JSON object".to_owned()
        } else {
            continue;
        };
        return Err(format!("event {index} of the batch {why}"));
    }
    Ok(())
}

/// Whether a text is one JSON object with nothing around it. What only begins and ends like one could
/// write the rest of its envelope itself: `{},"source":"another","x":{}`.
fn is_object(body: &str) -> bool {
    body.starts_with('{')
        && body.ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

/// Longest cursor that the host stores.
pub const CURSOR_BYTES_MAX: usize = 2 << 20;
const EVENTS_MAX: usize = 100_000;
const ID_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::pipeline::source::source::Progress;
    use crate::bindings::{Event, Stats};

    fn batch(cursor: String, events: Vec<(&str, &str)>) -> Batch {
        let event =
            |(id, body): (&str, &str)| Event { id: id.into(), time: None, body: body.into() };
        Batch {
            events: events.into_iter().map(event).collect(),
            cursor,
            more: false,
            next_poll_ms: 0,
            notices: Vec::new(),
            stats: Stats { requests: 0, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0 },
            progress: Progress { complete_until: 0, target: 0 },
            quota: None,
        }
    }

    #[test]
    fn a_batch_of_the_contract_is_taken() {
        assert_eq!(judge(&batch("{}".into(), vec![("1", "{}"), ("2", r#"{"a":"b"}"#)])), Ok(()));
        assert_eq!(judge(&batch("c".into(), Vec::new())), Ok(()));
        // One that cannot be told from none is none to go on from.
        assert!(judge(&batch(String::new(), Vec::new())).is_err());
    }

    #[test]
    fn a_body_of_several_lines_is_refused() {
        for body in ["{\n}", "{}\n", "{}\r", "\n{}"] {
            assert!(judge(&batch("c".into(), vec![("1", body)])).is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in [
            "",
            "[]",
            "1",
            "{",
            " {}",
            "{} ",
            r#"{"a"}"#,
            "{\"a\":\"\u{1b}\"}",
            r#"{},"b":{}"#,
            "{}{}",
        ] {
            assert!(judge(&batch("c".into(), vec![("1", body)])).is_err(), "{body:?}");
        }
    }

    #[test]
    fn an_object_is_taken_however_odd_it_is() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            r#"{"a":"\ud800","a":1e999}"#,
            r#"{"\u0000":-0.0000000000000000000000000000000000000001E-400}"#,
            "{\t\"é\u{7f}\u{2028}\u{fffd}\":123456789012345678901234567890}",
            &deep,
        ] {
            assert_eq!(judge(&batch("c".into(), vec![("1", body)])), Ok(()), "{body:.99}");
        }
    }

    #[test]
    fn sizes_are_bound() {
        assert!(judge(&batch("c".repeat(CURSOR_BYTES_MAX), Vec::new())).is_ok());
        assert!(judge(&batch("c".repeat(CURSOR_BYTES_MAX + 1), Vec::new())).is_err());
        assert!(judge(&batch("c".into(), vec![("1", "{}"); EVENTS_MAX + 1])).is_err());
        assert!(judge(&batch("c".into(), vec![("", "{}")])).is_err());
        let long = "i".repeat(ID_BYTES_MAX + 1);
        assert!(judge(&batch("c".into(), vec![(&long, "{}")])).is_err());
    }
}
