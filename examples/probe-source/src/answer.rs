//! What becomes of a poll, as the configuration or a reply says it:
//!
//! ```json
//! {"batch": {"events": 2, "more": true}}
//! {"error": {"kind": "throttled", "code": "rate_limited", "retry-after-ms": 2000}}
//! {"break": "trap"}
//! ```
//!
//! Whatever is left out is as good sources have it.

use serde_json::{Value, json};

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub body: String,
}

/// A poll that went well.
#[derive(Clone, Debug)]
pub struct Batch {
    pub events: Vec<Event>,
    pub cursor: String,
    pub more: bool,
    pub next_poll_ms: u64,
    pub notices: Vec<String>,
    pub counters: Vec<String>,
    /// Whether each event is to tell which call of its instance it came by.
    pub tells_call: bool,
}

/// A poll that did not.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: String,
    pub code: String,
    pub message: String,
    pub retry_after_ms: Option<u64>,
}

/// What becomes of a poll.
#[derive(Clone, Debug)]
pub enum Outcome {
    Batch(Batch),
    Error(Error),
    /// It comes to no end of its own: `trap`, `loop`, `memory` or `stack`.
    Break(String),
}

impl From<Batch> for Outcome {
    fn from(batch: Batch) -> Self {
        Self::Batch(batch)
    }
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Error {
    pub fn new(kind: &str, code: &str, message: impl Into<String>) -> Self {
        let (kind, code) = (kind.to_owned(), code.replace('-', "_"));
        Self { kind, code, message: message.into(), retry_after_ms: None }
    }
}

impl Batch {
    /// Without events, and on to the next step.
    pub fn next(position: usize, is_last: bool) -> Self {
        Self {
            events: Vec::new(),
            cursor: cursor(position + 1),
            more: !is_last,
            next_poll_ms: if is_last { LONG_MS } else { 0 },
            notices: Vec::new(),
            counters: Vec::new(),
            tells_call: false,
        }
    }

    /// Behind the last step.
    pub fn end(cursor: String) -> Self {
        Self { cursor, ..Self::next(0, true) }
    }
}

/// The cursor of a position.
pub fn cursor(position: usize) -> String {
    position.to_string()
}

/// Reads an answer.
pub fn read(told: &Value, position: usize, is_last: bool) -> Outcome {
    if let Some(how) = told["break"].as_str() {
        return Outcome::Break(how.to_owned());
    }
    if told["error"].is_object() {
        return error(&told["error"]).into();
    }
    batch(&told["batch"], position, is_last).into()
}

fn error(told: &Value) -> Error {
    let text = |key: &str, usual: &str| told[key].as_str().unwrap_or(usual).to_owned();
    Error {
        kind: text("kind", "transient"),
        code: text("code", "as_told"),
        message: text("message", "the probe was told to fail"),
        retry_after_ms: told["retry-after-ms"].as_u64(),
    }
}

fn batch(told: &Value, position: usize, is_last: bool) -> Batch {
    let usual = Batch::next(position, is_last);
    let number = |key: &str| told[key].as_u64();
    let count = number("events").map_or(0, size);
    let names = |key: &str| {
        let count = number(key).map_or(0, size);
        (0..count).map(|index| format!("name_{index}")).collect()
    };
    let more = told["more"].as_bool().unwrap_or(usual.more);
    Batch {
        events: (0..count).map(|index| event(&told["event"], position, index)).collect(),
        cursor: match &told["cursor"] {
            Value::Null => usual.cursor,
            // Of so many bytes.
            Value::Number(bytes) => {
                let digits = format!("{} ", usual.cursor);
                let bytes = bytes.as_u64().map_or(0, size);
                (digits + &".".repeat(bytes)).chars().take(bytes).collect()
            }
            Value::String(odd) if odd == "odd" => usual.cursor + ODD,
            _ => cursor(position),
        },
        more,
        next_poll_ms: number("next-poll-ms").unwrap_or(if more { 0 } else { LONG_MS }),
        notices: names("notices"),
        counters: names("counters"),
        tells_call: told["call"] == true,
    }
}

pub(crate) fn event(told: &Value, position: usize, index: usize) -> Event {
    let name = told["name"].as_str().unwrap_or_default();
    let mut id = format!("{name}{position}-{index}");
    // The id is in the body, too: not every host writes it out.
    let mut body = json!({"probe": id}).to_string();
    if let Some(bytes) = told["body-bytes"].as_u64() {
        body.pop();
        body.push_str(r#","x":""#);
        let rest = size(bytes).saturating_sub(body.len() + 2);
        body.reserve_exact(rest + 2);
        body.extend(std::iter::repeat_n('x', rest));
        body.push_str("\"}");
    }
    if let Some(bytes) = told["id-bytes"].as_u64() {
        id = (id + &"i".repeat(size(bytes))).chars().take(size(bytes)).collect();
    }
    Event {
        id,
        kind: match &told["kind"] {
            Value::Number(bytes) => "k".repeat(bytes.as_u64().map_or(0, size)),
            kind => kind.as_str().unwrap_or(KIND).to_owned(),
        },
        body: told["body"].as_str().map_or(body, str::to_owned),
    }
}

/// A number of bytes or things, within what memory may ever hold.
pub(crate) fn size(told: u64) -> usize {
    usize::try_from(told.min(64 << 20)).unwrap_or(0)
}

/// The kind of an event, unless another is told.
pub const KIND: &str = "probe.event";
/// What cursors may have in them, too: line ends, quotes, what is not ASCII, blanks at the end.
pub const ODD: &str = " \"\u{e4}\\\r\n\t\u{1f980}\u{feff} \n";
/// The source is quiet for longer than anybody looks on.
const LONG_MS: u64 = 3_600_000;
