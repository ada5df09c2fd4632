//! Whether what a source gave as a batch is one of the contract, before anything of it is delivered.

use crate::kind::is_kind;

/// An event of the contract, as far as it is checked.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its identity.
    pub id: &'a str,
    /// What sort of row it is.
    pub kind: &'a str,
    /// One JSON object on one line.
    pub body: &'a str,
}

/// Whether a batch keeps to the contract. The error says how it does not.
pub fn check<'a>(
    cursor: &str,
    events: impl ExactSizeIterator<Item = Event<'a>>,
) -> Result<(), String> {
    check_cursor(cursor)?;
    let count = events.len();
    if count > EVENTS_MAX {
        return Err(format!("the batch has {count} events; at most {EVENTS_MAX} are allowed"));
    }
    let mut bytes = 0_usize;
    for (index, Event { id, kind, body }) in events.enumerate() {
        bytes = bytes.saturating_add(body.len());
        if bytes > BODIES_BYTES_MAX && count > 1 {
            return Err(format!(
                "the events of the batch have more than {BODIES_BYTES_MAX} bytes, and are several"
            ));
        }
        let why = if id.is_empty() || id.len() > ID_BYTES_MAX {
            format!("has an id of {} bytes; 1 to {ID_BYTES_MAX} are allowed", id.len())
        } else if !is_kind(kind) {
            "has no kind of the contract".to_owned()
        } else if body.contains(['\n', '\r']) {
            "is more than one line".to_owned()
        } else if !is_object(body) {
            "is no JSON object".to_owned()
        } else {
            continue;
        };
        return Err(format!("event {index} of the batch {why}"));
    }
    Ok(())
}

/// Whether a cursor may be stored. The error says why not.
pub fn check_cursor(cursor: &str) -> Result<(), String> {
    let bytes = cursor.len();
    if (1..=CURSOR_BYTES_MAX).contains(&bytes) {
        return Ok(());
    }
    Err(format!("the cursor has {bytes} bytes; 1 to {CURSOR_BYTES_MAX} are allowed"))
}

/// Whether a text is one JSON object with nothing around it. What only begins and ends like one could
/// write the rest of its envelope itself: `{},"source":"another","x":{}`.
fn is_object(body: &str) -> bool {
    body.starts_with('{')
        && body.ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

/// The longest cursor that is stored.
pub const CURSOR_BYTES_MAX: usize = 1_000_000;
/// The most events of a batch.
const EVENTS_MAX: usize = 10_000;
/// The most bytes of their bodies together, where there are several.
const BODIES_BYTES_MAX: usize = 16 << 20;
/// The longest id of an event that the contract allows.
const ID_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Event<'_> = Event { id: "1", kind: "a.b", body: "{}" };

    fn events(count: usize, event: Event<'_>) -> Result<(), String> {
        check("c", vec![event; count].into_iter())
    }

    fn body(body: &str) -> Result<(), String> {
        check("c", [EVENT, Event { body, ..EVENT }].into_iter())
    }

    fn id(id: &str) -> Result<(), String> {
        check("c", [EVENT, Event { id, ..EVENT }].into_iter())
    }

    #[test]
    fn a_batch_of_the_contract_is_taken() {
        assert_eq!(body(r#"{"a":"b"}"#), Ok(()));
        assert_eq!(events(0, EVENT), Ok(()));
        // One that cannot be told from none is none to go on from.
        assert!(check("", [].into_iter()).is_err());
    }

    #[test]
    fn an_event_without_a_kind_is_refused() {
        assert!(check("c", [Event { kind: "", ..EVENT }].into_iter()).is_err());
    }

    #[test]
    fn bodies_are_bound_together_unless_there_is_one_alone() {
        let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        let (half, more, all) = (
            body(BODIES_BYTES_MAX / 2),
            body(BODIES_BYTES_MAX / 2 + 1),
            body(BODIES_BYTES_MAX + 1),
        );
        for (bodies, is_taken) in
            [(vec![&half, &half], true), (vec![&half, &more], false), (vec![&all], true)]
        {
            let events = bodies.into_iter().map(|body| Event { body, ..EVENT });
            let events: Vec<_> = events.collect();
            assert_eq!(check("c", events.into_iter()).is_ok(), is_taken);
        }
    }

    #[test]
    fn a_body_of_several_lines_is_refused() {
        for body in ["{\n}", "{}\n", "{}\r", "\n{}"] {
            assert!(self::body(body).is_err(), "{body:?}");
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
            assert!(self::body(body).is_err(), "{body:?}");
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
            assert_eq!(self::body(body), Ok(()), "{body:.99}");
        }
    }

    #[test]
    fn sizes_are_bound() {
        assert!(check(&"c".repeat(CURSOR_BYTES_MAX), [].into_iter()).is_ok());
        assert!(check(&"c".repeat(CURSOR_BYTES_MAX + 1), [].into_iter()).is_err());
        assert!(events(EVENTS_MAX, EVENT).is_ok());
        assert!(events(EVENTS_MAX + 1, EVENT).is_err());
        assert!(id("").is_err());
        assert!(id(&"i".repeat(ID_BYTES_MAX)).is_ok());
        assert!(id(&"i".repeat(ID_BYTES_MAX + 1)).is_err());
    }
}
