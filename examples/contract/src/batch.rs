//! Judges what a source gave as a batch, before anything of it is delivered.

/// Whether a batch, with these ids and bodies of its events, keeps to the contract. The error says how it
/// does not.
pub fn judge<'a>(
    cursor: &str,
    events: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> Result<(), String> {
    if !(1..=CURSOR_BYTES_MAX).contains(&cursor.len()) {
        let bytes = cursor.len();
        return Err(format!("the cursor has {bytes} bytes; 1 to {CURSOR_BYTES_MAX} are allowed"));
    }
    if events.len() > EVENTS_MAX {
        let count = events.len();
        return Err(format!("the batch has {count} events; at most {EVENTS_MAX} are allowed"));
    }
    for (index, (id, body)) in events.enumerate() {
        let why = if id.is_empty() || id.len() > ID_BYTES_MAX {
            format!("has an id of {} bytes; 1 to {ID_BYTES_MAX} are allowed", id.len())
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

/// Whether a text is one JSON object with nothing around it. What only begins and ends like one could
/// write the rest of its envelope itself: `{},"source":"another","x":{}`.
fn is_object(body: &str) -> bool {
    body.starts_with('{')
        && body.ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

/// The longest cursor that is stored.
pub const CURSOR_BYTES_MAX: usize = 2 << 20;
/// Many times the rows of any page.
const EVENTS_MAX: usize = 100_000;
/// The longest id of an event that the contract allows.
const ID_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn events(count: usize, id: &str) -> Result<(), String> {
        judge("c", vec![(id, "{}"); count].into_iter())
    }

    fn body(body: &str) -> Result<(), String> {
        judge("c", [("1", "{}"), ("2", body)].into_iter())
    }

    #[test]
    fn a_batch_of_the_contract_is_taken() {
        assert_eq!(body(r#"{"a":"b"}"#), Ok(()));
        assert_eq!(events(0, ""), Ok(()));
        // One that cannot be told from none is none to go on from.
        assert!(judge("", [].into_iter()).is_err());
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
        assert!(judge(&"c".repeat(CURSOR_BYTES_MAX), [].into_iter()).is_ok());
        assert!(judge(&"c".repeat(CURSOR_BYTES_MAX + 1), [].into_iter()).is_err());
        assert!(events(EVENTS_MAX, "1").is_ok());
        assert!(events(EVENTS_MAX + 1, "1").is_err());
        assert!(events(1, "").is_err());
        assert!(events(1, &"i".repeat(ID_BYTES_MAX)).is_ok());
        assert!(events(1, &"i".repeat(ID_BYTES_MAX + 1)).is_err());
    }
}
