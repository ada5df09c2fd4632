//! Where events go: the trait of all outputs, and the line that an event becomes.

pub(crate) mod blackhole;
pub mod file;
pub(crate) mod opening;
pub(crate) mod stdout;

use std::fmt;
use std::io;

use crate::bindings::Event;
use crate::machine::disk::remedy;
use crate::state::{Mark, StateError};
use crate::timestamp::rfc3339;

/// A place for events. An existing engine can stand behind it: what counts is that `sync` returns
/// only when all that was written is as safe as this output can make it.
pub trait Output: Send {
    /// Whether it is still what was opened, and where. If not, nothing can be written.
    fn check(&mut self) -> Result<(), OutputError>;

    /// Takes a batch: all of it, or an error.
    fn write(&mut self, source: &str, events: &[Event]) -> Result<(), OutputError>;

    /// Makes all that was written durable, and gives what is to be stored with the cursors.
    fn sync(&mut self) -> Result<Option<Mark>, OutputError>;

    /// Learns that cursors and mark are stored: what was written up to the last `sync` stays.
    fn committed(&mut self);

    /// Takes back all that is not committed. False if this output cannot.
    fn roll_back(&mut self) -> bool;

    /// Whether several batches may be written before they are committed together.
    fn may_group(&self) -> bool;

    /// Learns that no batch comes any more, and gives what is to be stored of that.
    fn close(&mut self) -> Option<Mark> {
        None
    }
}

/// Why an output did not take a batch.
#[derive(Debug)]
pub enum OutputError {
    /// Nobody reads any more. Waiting does not help.
    Closed(String),
    /// It may work later.
    Failed(String),
}

impl OutputError {
    /// An I/O error, with what to do about the common ones.
    fn io(what: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed(format!("{what}: nobody reads it any more"));
        }
        Self::Failed(format!("{what}: {error}{}", remedy(error)))
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OutputError {}

impl From<StateError> for OutputError {
    fn from(error: StateError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Appends an event as one line.
pub(crate) fn append_line(line: &mut Vec<u8>, source: &str, event: &Event, envelope: bool) {
    if envelope {
        line.extend_from_slice(b"{\"source\":");
        append_json(line, &source.into());
        line.extend_from_slice(b",\"id\":");
        append_json(line, &event.id.as_str().into());
        line.extend_from_slice(b",\"kind\":");
        append_json(line, &event.kind.as_str().into());
        line.extend_from_slice(b",\"time\":");
        append_json(line, &event.time.and_then(rfc3339).into());
        line.extend_from_slice(b",\"event\":");
    }
    line.extend_from_slice(event.body.as_bytes());
    line.extend_from_slice(if envelope { b"}\n" } else { b"\n" });
}

fn append_json(line: &mut Vec<u8>, value: &serde_json::Value) {
    line.extend_from_slice(value.to_string().as_bytes());
}

/// What an output holds of a batch before it writes: ids may be six times as long in JSON.
const PIECE_BYTES: usize = 4 << 20;
/// What it keeps for the next batch.
const BATCH_BYTES_KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn line(event: &Event, envelope: bool) -> String {
        let mut line = Vec::new();
        append_line(&mut line, "acme", event, envelope);
        String::from_utf8(line).unwrap()
    }

    fn event(id: &str, time: Option<u64>, body: &str) -> Event {
        Event { id: id.into(), kind: "acme.login".into(), time, body: body.into() }
    }

    #[test]
    fn without_envelope_a_line_is_the_body() {
        let event = event("1", Some(0), r#"{"a": 1}"#);
        assert_eq!(line(&event, false), "{\"a\": 1}\n");
    }

    #[test]
    fn an_envelope_names_source_id_kind_and_time_and_keeps_the_body_as_it_came() {
        let event = event("a\"b", Some(1_634_317_846_120_000_000), r#"{"a": 1.00}"#);
        assert_eq!(
            line(&event, true),
            concat!(
                r#"{"source":"acme","id":"a\"b","kind":"acme.login","#,
                r#""time":"2021-10-15T17:10:46.12Z","event":{"a": 1.00}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_time_that_is_unknown_is_null() {
        let event = event("1", None, "{}");
        assert!(line(&event, true).contains(r#""time":null"#));
    }
}
