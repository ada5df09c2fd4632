//! One log row: its text as it is sent, and its times.

use crate::world::filters::Facets;
use crate::world::line::one_line;
use crate::world::message::{Mail, Message};
use crate::world::{broken, odd};

/// A row that a test puts into the world by hand; its text is served as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedRow {
    /// The row's JSON text. Nothing checks it, so a test can serve rows that are not as documented.
    pub text: String,
    /// The time by which windows and order go, in Unix seconds.
    pub event_secs: i64,
    /// When the server begins to show it, in Unix seconds; an index lag comes on top of it.
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
    Generated(Mail),
    Odd(u32),
    Broken(u32),
    Scripted(Box<str>),
}

impl Row {
    /// The row's text, before any layout of the reply. `id` names a generated row.
    pub(crate) fn text(&self, seed: u64, id: impl FnOnce(Mail) -> String) -> String {
        match &self.content {
            &Content::Generated(mail) => {
                Message::new(seed, mail.message).row(&id(mail), mail.recipient, self.event_secs)
            }
            &Content::Odd(number) => odd::text(number, self.event_secs),
            &Content::Broken(number) => broken::text(number, self.event_secs),
            Content::Scripted(text) => text.to_string(),
        }
    }

    /// Whether a client can be expected to read it. A test knows that of its own rows.
    pub(crate) fn is_readable(&self) -> bool {
        match self.content {
            Content::Broken(number) => broken::is_readable(number),
            Content::Generated(_) | Content::Odd(_) | Content::Scripted(_) => true,
        }
    }

    pub(crate) fn facets(&self, seed: u64) -> Facets {
        if let Content::Generated(mail) = self.content {
            return Message::new(seed, mail.message).facets(mail.recipient);
        }
        // A row that cannot be read has nothing that a filter could match.
        let text = self.text(seed, |_| String::new());
        serde_json::from_str(&one_line(&text)).unwrap_or_default()
    }
}
