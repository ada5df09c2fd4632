//! One log row: its text as it came, its identity and its time.

mod key;

use std::borrow::Cow;

use sha1::{Digest as _, Sha1};

use crate::hex::hex;
use crate::json::walk::{Malformed, Walk};
use crate::json::written::Written;
use crate::timestamp::EventTime;
pub(crate) use key::Key;

/// The kind of every row, as the contract's events have it.
pub const KIND: &str = "mimecast.ttp.impersonation";

/// A row as it stands in a page.
pub(crate) struct Row<'a> {
    /// All of it, from brace to brace; or whatever else stood where a row should.
    pub(crate) text: &'a str,
    /// Between tokens.
    pub(crate) has_line_breaks: bool,
    /// Control characters within strings, where JSON wants them escaped.
    pub(crate) controls: usize,
    /// It is not JSON, or nested too deep to be passed on: never an event.
    pub(crate) is_unreadable: bool,
    /// None if it is no object.
    identity: Option<Identity<'a>>,
    /// All of its members, in their order; none if they were not wanted, or are very many.
    members: Vec<Member>,
}

/// Where a member of a row stands in its text.
#[derive(Clone)]
pub(crate) struct Member {
    /// From the first quote of its name on.
    pub(crate) start: usize,
    /// Its value's first byte.
    value: usize,
    /// Past its value's last byte.
    pub(crate) end: usize,
    pub(crate) field: Option<Field>,
    /// Whether the value is a string that says just what is written.
    is_plain: bool,
}

/// The members that are looked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    EventTime,
    Action,
    Definition,
    SenderAddress,
    RecipientAddress,
    Subject,
    MessageId,
    SenderIpAddress,
    Hits,
    TaggedMalicious,
    Identifiers,
}

/// What is read of a row, besides what collecting depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowDetail {
    /// Its text.
    Text,
    /// Where its members are: a format other than `raw` wants them, and finding them while the row is
    /// walked anyway spares a second walk.
    Members,
}

/// What collecting depends on of a row. All else passes through unread.
#[derive(Default)]
struct Identity<'a> {
    id: Option<Cow<'a, str>>,
    time: Option<EventTime>,
}

impl Row<'_> {
    /// When it happened, if that can be read.
    pub(crate) fn time(&self) -> Option<EventTime> {
        self.identity.as_ref()?.time
    }

    /// What the row is known by: its own `id` and, past an `@`, its time in Unix seconds, since two
    /// rows of one page have been recorded that share the former and differ in the latter; else the
    /// hex SHA-1 of all of its bytes.
    pub(crate) fn id(&self) -> String {
        match (self.own_id(), self.time()) {
            (Some(id), Some(time)) => time.appended_to(id),
            (Some(id), None) => id.to_owned(),
            (None, _) => self.digest(),
        }
    }

    /// The same in eight bytes, for the list of seen rows.
    pub(crate) fn key(&self) -> Key {
        match self.own_id() {
            Some(id) => Key::of(id, self.time()),
            None if self.is_unreadable => Key::of(&self.digest(), None),
            None => Key::of(&self.digest(), None).counted(),
        }
    }

    /// The hex SHA-1 of all of its bytes.
    pub(crate) fn digest(&self) -> String {
        hex(&Sha1::digest(self.text.as_bytes()))
    }

    /// What is not as documented.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        match &self.identity {
            None if self.is_unreadable => None,
            None => Some("it is no object"),
            Some(Identity { id: None, .. }) => Some("it has no usable id"),
            Some(Identity { time: None, .. }) => Some("its eventTime is unreadable"),
            Some(_) => None,
        }
    }

    /// Else it is whatever stood where a row should.
    pub(crate) const fn is_object(&self) -> bool {
        self.identity.is_some()
    }

    /// All of its members, in their order.
    pub(crate) fn members(&self) -> Cow<'_, [Member]> {
        if self.is_object() && self.members.is_empty() {
            let (mut walk, mut members) = (Walk::of(self.text), Vec::new());
            // It was walked before: it cannot be malformed now.
            let _ = walk.object(|walk, name| {
                members.push(Member::read(walk, name, 0)?);
                Ok(())
            });
            return Cow::Owned(members);
        }
        Cow::Borrowed(&self.members)
    }

    /// Its own id, if a host can take it.
    pub(crate) fn own_id(&self) -> Option<&str> {
        self.identity.as_ref()?.id.as_deref()
    }
}

impl<'a> Row<'a> {
    /// A member's value, as it is written.
    pub(crate) fn value(&self, member: &Member) -> &'a str {
        &self.text[member.value..member.end]
    }

    /// What a member's value says, if it is a string.
    pub(crate) fn said(&self, member: &Member) -> Option<Cow<'a, str>> {
        said(self.value(member), member.is_plain)
    }

    /// Whether a member's value is a string of Unicode: an escape can stand for what is none.
    pub(crate) fn is_text(&self, member: &Member) -> bool {
        let value = self.value(member);
        let may_be_none = || value.as_bytes().windows(2).any(|pair| pair == br"\u");
        member.is_plain
            || (value.starts_with('"') && (!may_be_none() || self.said(member).is_some()))
    }

    /// Reads what stands where a row should.
    pub(crate) fn read(walk: &mut Walk<'a>, detail: RowDetail) -> Result<Self, Malformed> {
        let mut members = Vec::new();
        let is_object = walk.peek() == Some(b'{');
        let (start, line_breaks, controls) = (walk.at(), walk.line_breaks(), walk.controls());
        let identity = if is_object {
            Some(match detail {
                RowDetail::Text => Identity::read(walk)?,
                RowDetail::Members => Identity::read_with(&mut members, walk)?,
            })
        } else {
            walk.skip()?;
            None
        };
        let has_line_breaks = walk.line_breaks() > line_breaks;
        let controls = walk.controls() - controls;
        let text = walk.since(start);
        Ok(Self { text, has_line_breaks, controls, is_unreadable: false, identity, members })
    }

    /// What stands where a row should and cannot be read.
    pub(crate) const fn unreadable(text: &'a str) -> Self {
        Self {
            text,
            has_line_breaks: false,
            controls: 0,
            is_unreadable: true,
            identity: None,
            members: Vec::new(),
        }
    }
}

impl<'a> Identity<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, Malformed> {
        let mut identity = Self::default();
        walk.object(|walk, name| {
            if name.is("id") {
                identity.id = walk.string_or_skip()?.filter(|id| is_usable(id));
            } else if name.is("eventTime") {
                identity.time = walk.string_or_skip()?.and_then(|text| EventTime::parse(&text));
            } else {
                walk.skip()?;
            }
            Ok(())
        })?;
        Ok(identity)
    }

    /// The same, and the members on the way.
    fn read_with(members: &mut Vec<Member>, walk: &mut Walk<'a>) -> Result<Self, Malformed> {
        let mut identity = Self::default();
        let (start, mut count) = (walk.at(), 0);
        members.reserve(MEMBERS_COMMON);
        walk.object(|walk, name| {
            let member = Member::read(walk, name, start)?;
            let said = || said(walk.since(start + member.value), member.is_plain);
            match member.field {
                Some(Field::Id) => identity.id = said().filter(|id| is_usable(id)),
                Some(Field::EventTime) => {
                    identity.time = said().and_then(|text| EventTime::parse(&text));
                }
                _ => {}
            }
            count += 1;
            if count <= MEMBERS_KEPT_MAX {
                members.push(member);
            }
            Ok(())
        })?;
        if count > MEMBERS_KEPT_MAX {
            *members = Vec::new();
        }
        Ok(identity)
    }
}

impl Member {
    /// Walks the value. The row begins at `row_start`.
    fn read(walk: &mut Walk<'_>, name: Written<'_>, row_start: usize) -> Result<Self, Malformed> {
        walk.peek();
        let value = walk.at() - row_start;
        let is_plain = walk.written_or_skip()?.is_some_and(|string| string.plain().is_some());
        let (start, end) = (name.start() - row_start, walk.at() - row_start);
        Ok(Self { start, value, end, field: Field::named(name), is_plain })
    }
}

impl Field {
    fn named(name: Written<'_>) -> Option<Self> {
        let plain = name.plain().map(Cow::Borrowed);
        Some(match &*plain.or_else(|| name.read())? {
            "id" => Self::Id,
            "eventTime" => Self::EventTime,
            "action" => Self::Action,
            "definition" => Self::Definition,
            "senderAddress" => Self::SenderAddress,
            "recipientAddress" => Self::RecipientAddress,
            "subject" => Self::Subject,
            "messageId" => Self::MessageId,
            "senderIpAddress" => Self::SenderIpAddress,
            "hits" => Self::Hits,
            "taggedMalicious" => Self::TaggedMalicious,
            "identifiers" => Self::Identifiers,
            _ => return None,
        })
    }
}

/// What a value says, if it is a string.
fn said(value: &str, is_plain: bool) -> Option<Cow<'_, str>> {
    match value.get(1..value.len() - 1) {
        Some(plain) if is_plain => Some(Cow::Borrowed(plain)),
        _ => Walk::of(value).string_or_skip().ok().flatten(),
    }
}

/// Whether an id can be an event's: hosts take so many bytes and no more.
fn is_usable(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
}

/// The contract's bound on the id of an event, less the time that is appended to it.
const ID_BYTES_MAX: usize = 4 * 1_024 - 32;
pub(crate) const FIELDS: usize = Field::Identifiers as usize + 1;
/// A row of the recordings has fourteen members.
const MEMBERS_COMMON: usize = 16;
/// A page of rows with more than so many would take much memory. (I5)
const MEMBERS_KEPT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row<'_> {
        Row::read(&mut Walk::of(text), RowDetail::Text).unwrap()
    }

    #[test]
    fn id_and_time_are_found_wherever_they_stand() {
        let row = row(r#"{"a":[{"id":"no"}],"eventTime":"1970-01-01T00:00:01+0000","id":"yes"}"#);
        assert_eq!(row.id(), "yes@1");
        assert_eq!(row.time().and_then(EventTime::unix_nanos), Some(1_000_000_000));
        assert_eq!(row.oddity(), None);
    }

    #[test]
    fn escapes_in_names_and_values_are_undone() {
        let row = row(r#"{"\u0069d":"a\/b","event\u0054ime":"1970-01-01T00:00:01\u002b0000"}"#);
        assert_eq!(row.id(), "a/b@1");
        assert_eq!(row.oddity(), None);
    }

    #[test]
    fn one_id_at_two_times_is_two_rows_and_at_one_time_is_one_whatever_else_differs() {
        let at = |time: &str, more: &str| {
            let text = format!(r#"{{"id":"a","eventTime":"1970-01-01T{time}"{more}}}"#);
            (row(&text).id(), row(&text).key())
        };
        let (first, other) = (at("00:00:01+0000", ""), at("00:00:02+0000", ""));
        assert_eq!((first.0.as_str(), other.0.as_str()), ("a@1", "a@2"));
        assert_ne!(first.1, other.1);
        assert_eq!(first, at("00:00:01+0000", r#","hits":2"#));
        assert_eq!(first, at("01:00:01+0100", ""));
        let half = at("00:00:01.5Z", "");
        assert_eq!(half.0, "a@1.500000000");
        assert_ne!(half.1, first.1);
    }

    #[test]
    fn a_row_without_a_usable_id_is_known_by_all_of_its_bytes() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(ID_BYTES_MAX + 1));
        let texts =
            ["{}", r#"{"id":5}"#, r#"{"id":""}"#, r#"{"id":"\ud800"}"#, r#"{"id":null}"#, &long];
        for text in texts {
            let row = row(text);
            assert_eq!(row.oddity(), Some("it has no usable id"), "{text}");
            assert_eq!(row.id(), hex(&Sha1::digest(text.as_bytes())), "{text}");
            assert_eq!(row.id().len(), 40);
        }
        assert_eq!(row("{}").id(), "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f");
        assert_ne!(row(r#"{"id":5}"#).key(), row(r#"{"id":6}"#).key());
    }

    #[test]
    fn lone_surrogates_in_other_members_spoil_nothing() {
        let row = row(r#"{"\ud800":"\udfff","id":"a","eventTime":"1970-01-01T00:00:01Z"}"#);
        assert_eq!((row.id().as_str(), row.oddity()), ("a@1", None));
    }

    #[test]
    fn unreadable_times_are_told() {
        for time in ["5", "null", "\"\"", "\"yesterday\"", "[1]"] {
            let text = format!(r#"{{"id":"a","eventTime":{time}}}"#);
            assert_eq!(row(&text).oddity(), Some("its eventTime is unreadable"), "{time}");
        }
    }
}
