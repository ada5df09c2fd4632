//! One log row: its text as it is sent, its times, and what filters look at.

use serde::Deserialize;

use crate::message::Message;
use crate::odd;

/// A row that a test puts into the world by hand; its text is served as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedRow {
    /// The row's JSON text. Nothing checks it, so a test can serve rows that are not as documented.
    pub text: String,
    /// The time by which windows and order go, in Unix seconds.
    pub event_secs: i64,
    /// When the server begins to show it, in Unix seconds.
    pub visible_secs: i64,
}

impl ScriptedRow {
    /// A row that shows at once.
    #[must_use]
    pub fn new(text: impl Into<String>, event_secs: i64) -> Self {
        Self { text: text.into(), event_secs, visible_secs: event_secs }
    }

    /// The same row, shown from this second on.
    #[must_use]
    pub fn visible_from(mut self, unix_secs: i64) -> Self {
        self.visible_secs = unix_secs;
        self
    }
}

/// A row of the world, small enough to keep a million of them.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) event_secs: i64,
    pub(crate) visible_secs: i64,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Generated { message: u32, recipient: u8 },
    Odd(u32),
    Scripted(Box<str>),
}

impl Row {
    /// The row's text, before any layout of the reply.
    pub(crate) fn text(&self, seed: u64) -> String {
        match &self.content {
            &Content::Generated { message, recipient } => {
                Message::new(seed, message).row(seed, message, recipient, self.event_secs)
            }
            &Content::Odd(number) => odd::text(number, self.event_secs),
            Content::Scripted(text) => text.to_string(),
        }
    }

    pub(crate) fn facets(&self, seed: u64) -> Facets {
        match &self.content {
            &Content::Generated { message, recipient } => {
                Message::new(seed, message).facets(recipient)
            }
            // A row that cannot be read has nothing that a filter could match.
            Content::Odd(_) | Content::Scripted(_) => {
                serde_json::from_str(&self.text(seed)).unwrap_or_default()
            }
        }
    }
}

/// The fields of a row that filters look at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Facets {
    pub(crate) sender_address: String,
    pub(crate) recipient_address: String,
    pub(crate) subject: String,
    pub(crate) definition: String,
    pub(crate) identifiers: Vec<String>,
    pub(crate) action: String,
    pub(crate) tagged_malicious: bool,
}
