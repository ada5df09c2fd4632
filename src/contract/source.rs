//! What a source gives: the native twins of the contract's records.

use core::fmt;

use crate::timestamp::Second;

/// The outcome of a poll that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// New events, in the order in which the page had them.
    pub events: Vec<Event>,
    /// The next cursor, as text.
    pub cursor: String,
    /// True: not caught up.
    pub more: bool,
    /// The least time to wait before the next poll, in milliseconds.
    pub next_poll_ms: u64,
    /// Things worth telling a person.
    pub notices: Vec<Notice>,
    /// What the poll cost and found.
    pub stats: Stats,
    /// How far collection has come.
    pub progress: Progress,
    /// What the API said of its rate limit.
    pub quota: Option<Quota>,
}

/// One log row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The row's own `id` and its time, `ID@UNIX_SECONDS`; without a time that can be read, its `id`; of
    /// a row without one, or with a far too long one, the hex SHA-1 of its text.
    pub id: String,
    /// What sort of row it is: always [`KIND`](crate::KIND) here.
    pub kind: &'static str,
    /// Unix time in nanoseconds. None if the row's own time is unreadable.
    pub time_unix_nanos: Option<u64>,
    /// One JSON object on one line.
    pub body: String,
}

/// A poll that gave nothing: the cursor that was handed in still stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollError {
    /// What the host should do next.
    pub kind: ErrorKind,
    /// A stable name for what happened.
    pub code: &'static str,
    /// What happened and what to do about it.
    pub message: String,
    /// The API's wish for a wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Things worth telling a person.
    pub notices: Vec<Notice>,
    /// What the poll cost.
    pub stats: Stats,
    /// What the API said of its rate limit.
    pub quota: Option<Quota>,
}

/// What the host should do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wait and poll again.
    Transient,
    /// The API is healthy, and asks for a wait.
    Throttled,
    /// A person must see to the keys or to what they may do.
    Auth,
    /// A person must change the configuration, or what the host allows.
    Config,
    /// A person must decide what becomes of the cursor.
    Cursor,
    /// The API answered something that is not understood.
    Protocol,
}

/// What `check` learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The time of the newest row. Unix time in nanoseconds.
    pub newest_unix_nanos: Option<u64>,
    /// What the API said of its rate limit.
    pub quota: Option<Quota>,
    /// The API's clock less the host's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Things worth telling a person.
    pub notices: Vec<Notice>,
    /// What the check cost.
    pub stats: Stats,
}

/// Something worth telling a person, apart from events and errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// A stable name.
    pub code: &'static str,
    /// A sentence or two.
    pub message: String,
}

impl Notice {
    pub(crate) fn info(code: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Info, code, message: message.into() }
    }

    pub(crate) fn warn(code: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warn, code, message: message.into() }
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something a person may have to look at.
    Warn,
}

/// What a poll cost and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// HTTP requests, failed ones included.
    pub requests: u32,
    /// Bytes of all request bodies.
    pub sent_bytes: u64,
    /// Bytes of all response bodies.
    pub received_bytes: u64,
    /// Rows that the API returned.
    pub rows: u32,
    /// Rows among them that had been delivered before.
    pub duplicates: u32,
    /// New rows that are not as documented, and were passed on.
    pub odd_rows: u32,
    /// New rows that cannot be read, and are no events.
    pub unreadable_rows: u32,
    /// Access tokens that were asked for (API 2.0).
    pub token_requests: u32,
}

impl Stats {
    /// What this source alone counts, by the names of the contract's counters, as far as it is not
    /// zero.
    pub fn counters(self) -> impl Iterator<Item = (&'static str, u32)> {
        let counters = [
            ("odd_rows", self.odd_rows),
            ("token_requests", self.token_requests),
            ("unreadable_rows", self.unreadable_rows),
        ];
        counters.into_iter().filter(|(_, value)| *value > 0)
    }
}

/// How far collection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The watermark: every row with an earlier event time is delivered.
    pub complete_until: Second,
    /// The end of the pass, or of the last one.
    pub target: Second,
    /// The newest event time delivered, times ahead of the clocks left out.
    pub newest: Option<Second>,
}

/// What the API said of its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many there are when it is full.
    pub limit: Option<u64>,
    /// Requests that are left.
    pub remaining: u64,
    /// Milliseconds until the quota is filled up again.
    pub reset_ms: u64,
}

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, such as `filters.actions[2]`. Empty for the configuration as a whole.
    pub path: String,
    /// What is wrong. Never repeats a value.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl PollError {
    /// One that cost nothing, and tells nothing beside.
    pub(crate) fn new(kind: ErrorKind, code: &'static str, message: String) -> Self {
        Self {
            kind,
            code,
            message,
            retry_after_ms: None,
            notices: Vec::new(),
            stats: Stats::default(),
            quota: None,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message, remedy } = self;
        match path.as_str() {
            "" => write!(f, "{message}; {remedy}"),
            path => write!(f, "{path}: {message}; {remedy}"),
        }
    }
}

impl core::error::Error for Diagnostic {}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for PollError {}
