//! A cursor as the stream keeps it: the payload of a message, with what belongs to it in headers.

use std::sync::Arc;

use async_nats::HeaderMap;
use serde_json::Value;
use source_contract::batch::check_cursor;

use crate::ledger::nats::message::Message;

/// What is stored of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The sequence of its message: what the next one has to find.
    pub(crate) version: u64,
    /// None if it was forgotten.
    pub(crate) cursor: Option<Arc<str>>,
    /// Events of the source so far.
    pub(crate) events: u64,
    /// Up to when everything is collected, in nanoseconds of Unix time, if the source says.
    pub(crate) complete_until: Option<u64>,
    /// When it was stored, by the server's clock: RFC 3339.
    pub(crate) at: String,
    /// Who stored it: a worker, or `cursor set` or `cursor reset`.
    pub(crate) worker: String,
}

impl Stored {
    /// A message as `STREAM.MSG.GET` gives it. The error says why it is none of ours.
    pub(super) fn read(message: &Value) -> Result<Self, String> {
        let found = Message::read(message)?;
        match found.header(FORM) {
            Some("1") => {}
            Some(form) => {
                let form = source_contract::printable::printable(form);
                return Err(format!(
                    "it has the form {form}, of a newer source-host; use that one"
                ));
            }
            None => return Err(format!("it lacks the header {FORM}: somebody else wrote it")),
        }
        let number = |name| found.header(name).and_then(|number| number.parse().ok());
        let (events, complete_until) = (number(EVENTS).unwrap_or(0), number(COMPLETE_UNTIL));
        let worker = found.header(WORKER).unwrap_or_default().to_owned();
        let cursor = String::from_utf8(found.payload).map_err(|_| "it is no UTF-8")?;
        let cursor = if cursor.is_empty() {
            None
        } else {
            check_cursor(&cursor)?;
            Some(cursor.into())
        };
        let at = message["time"].as_str().unwrap_or_default().to_owned();
        Ok(Self { version: found.sequence, cursor, events, complete_until, at, worker })
    }
}

/// The headers of a cursor's message, which counts if the newest one has this version.
pub(super) fn headers(
    stream: &str,
    version: u64,
    events: u64,
    complete_until: Option<u64>,
    worker: &str,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Stream", stream);
    headers.insert("Nats-Expected-Last-Subject-Sequence", version.to_string().as_str());
    // Of a source's cursors the newest alone is kept, and that for ever, whatever age the stream grants.
    headers.insert("Nats-Rollup", "sub");
    headers.insert("Nats-TTL", "never");
    headers.insert(FORM, "1");
    headers.insert(EVENTS, events.to_string().as_str());
    if let Some(until) = complete_until {
        headers.insert(COMPLETE_UNTIL, until.to_string().as_str());
    }
    headers.insert(WORKER, worker);
    headers
}

/// Tells a cursor from what somebody else writes there.
const FORM: &str = "Source-Cursor";
/// On an event's message: its lines; on a cursor's: the source's events so far.
pub(super) const EVENTS: &str = "Source-Events";
const COMPLETE_UNTIL: &str = "Source-Complete-Until";
const WORKER: &str = "Source-Worker";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fmt::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    fn message(headers: &str, data: &[u8]) -> Value {
        let headers = STANDARD.encode(format!("NATS/1.0\r\n{headers}\r\n"));
        json!({"seq": 7, "time": "2026-11-30T00:00:00Z", "hdrs": headers, "data": STANDARD.encode(data)})
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_there() {
        let mut text = String::new();
        for (name, values) in headers("S", 3, 12, Some(5), "w-1").iter() {
            for value in values {
                writeln!(text, "{name}: {value}\r").unwrap();
            }
        }
        let stored = Stored::read(&message(&text, b"c1")).unwrap();
        assert_eq!(stored.cursor.as_deref(), Some("c1"));
        assert_eq!((stored.version, stored.events, stored.complete_until), (7, 12, Some(5)));
        assert_eq!(stored.worker, "w-1");
    }

    #[test]
    fn one_that_was_forgotten_is_none() {
        assert_eq!(Stored::read(&message("Source-Cursor: 1\r\n", b"")).unwrap().cursor, None);
    }

    #[test]
    fn what_is_damaged_or_somebody_elses_is_told_apart() {
        for (message, says) in [
            (message("", b"c1"), "lacks the header"),
            (message("Source-Cursor: 2\r\n", b"c1"), "newer source-host"),
            (message("Source-Cursor: 1\r\n", b"\xff"), "no UTF-8"),
            (message("Source-Cursor: 1\r\n", &vec![b'c'; 1_000_001]), "1000001 bytes"),
            (json!({"seq": 1, "hdrs": "?"}), "cannot be read"),
            (json!({}), "no sequence"),
        ] {
            let why = Stored::read(&message).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
