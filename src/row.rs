//! One log row: its text as it came, its identity and its time.

use std::borrow::Cow;

use sha1::{Digest as _, Sha1};

use crate::seen::Key;
use crate::timestamp::EventTime;
use crate::walk::{Malformed, Walk};

/// A row as it stands in a page.
pub(crate) struct Row<'a> {
    /// All of it, from brace to brace; or whatever else stood where a row should.
    pub(crate) text: &'a str,
    /// Between tokens; elsewhere JSON has none.
    pub(crate) has_line_breaks: bool,
    /// What could be read of it. None if it is no object.
    pub(crate) fields: Option<RowFields<'a>>,
}

/// The two fields of a row that collecting depends on. All others pass through unread.
#[derive(Default)]
pub(crate) struct RowFields<'a> {
    id: Option<Cow<'a, str>>,
    time: Option<EventTime>,
}

impl Row<'_> {
    /// When it happened, if that can be read.
    pub(crate) fn time(&self) -> Option<EventTime> {
        self.fields.as_ref()?.time
    }

    /// What the row is known by: its own `id`, which recordings show to be unique; else the hex
    /// SHA-1 of all of its bytes.
    pub(crate) fn id(&self) -> Cow<'_, str> {
        match self.own_id() {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(hex(&Sha1::digest(self.text.as_bytes()))),
        }
    }

    /// The same in eight bytes, for the list of seen rows.
    pub(crate) fn key(&self) -> Key {
        Key::of(&self.id())
    }

    /// What is not as documented.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        match &self.fields {
            None => Some("it is no object"),
            Some(RowFields { id: None, .. }) => Some("it has no usable id"),
            Some(RowFields { time: None, .. }) => Some("its eventTime is unreadable"),
            Some(_) => None,
        }
    }

    fn own_id(&self) -> Option<&str> {
        self.fields.as_ref()?.id.as_deref()
    }
}

impl<'a> Row<'a> {
    /// Reads what stands where a row should.
    pub(crate) fn read(walk: &mut Walk<'a>) -> Result<Self, Malformed> {
        let is_object = walk.peek() == Some(b'{');
        let (start, line_breaks) = (walk.at(), walk.line_breaks());
        let fields = if is_object {
            Some(RowFields::read(walk)?)
        } else {
            walk.skip()?;
            None
        };
        let has_line_breaks = walk.line_breaks() > line_breaks;
        Ok(Self { text: walk.since(start), has_line_breaks, fields })
    }
}

impl<'a> RowFields<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        walk.object(|walk, name| {
            if name.is("id") {
                fields.id = walk.string_or_skip()?.filter(|id| !id.is_empty());
            } else if name.is("eventTime") {
                fields.time = walk.string_or_skip()?.and_then(|text| EventTime::parse(&text));
            } else {
                walk.skip()?;
            }
            Ok(())
        })?;
        Ok(fields)
    }
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row<'_> {
        Row::read(&mut Walk::of(text)).unwrap()
    }

    #[test]
    fn id_and_time_are_found_wherever_they_stand() {
        let row = row(r#"{"a":[{"id":"no"}],"eventTime":"1970-01-01T00:00:01+0000","id":"yes"}"#);
        assert_eq!(row.id(), "yes");
        assert_eq!(row.time().and_then(EventTime::unix_nanos), Some(1_000_000_000));
        assert_eq!(row.oddity(), None);
    }

    #[test]
    fn escapes_in_names_and_values_are_undone() {
        let row = row(r#"{"\u0069d":"a\/b","event\u0054ime":"1970-01-01T00:00:01\u002b0000"}"#);
        assert_eq!(row.id(), "a/b");
        assert_eq!(row.oddity(), None);
    }

    #[test]
    fn a_row_without_a_usable_id_is_known_by_all_of_its_bytes() {
        for text in ["{}", r#"{"id":5}"#, r#"{"id":""}"#, r#"{"id":"\ud800"}"#, r#"{"id":null}"#] {
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
        assert_eq!((row.id(), row.oddity()), (Cow::Borrowed("a"), None));
    }

    #[test]
    fn unreadable_times_are_told() {
        for time in ["5", "null", "\"\"", "\"yesterday\"", "[1]"] {
            let text = format!(r#"{{"id":"a","eventTime":{time}}}"#);
            assert_eq!(row(&text).oddity(), Some("its eventTime is unreadable"), "{time}");
        }
    }
}
