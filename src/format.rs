//! The forms that an event's body can have, each a pure function of the row.
//!
//! | format | what it is |
//! |---|---|
//! | `raw` | the row's text as it came |
//! | `ecs` | Elastic Common Schema 8.11 |
//! | `ocsf_detection_finding` | OCSF 1.5, class 2004 |
//! | `ocsf_email_activity` | OCSF 1.5, class 4009 |
//!
//! Nothing of a row is lost in any of them: what has no place in a schema, or is not of the type that
//! the schema wants, stands as it was given in a part of its own (`mimecast`, `unmapped`). Nothing is
//! guessed: what a row does not have is not in the event.

mod address;
mod ecs;
mod members;
mod ocsf;

use std::borrow::Cow;

use crate::json::writer::{push_escaped, quoted};
use crate::row::{Row, RowDetail};
use ocsf::Class;

/// A form of an event's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The row's text as it came, on one line.
    Raw,
    /// Elastic Common Schema 8.11, nested.
    Ecs,
    /// OCSF 1.5, Detection Finding.
    OcsfDetectionFinding,
    /// OCSF 1.5, Email Activity.
    OcsfEmailActivity,
}

impl Format {
    /// All of them, with the names that the configuration gives them.
    const NAMED: [(&'static str, Self); 4] = [
        ("raw", Self::Raw),
        ("ecs", Self::Ecs),
        ("ocsf_detection_finding", Self::OcsfDetectionFinding),
        ("ocsf_email_activity", Self::OcsfEmailActivity),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(own, _)| *own == name).map(|(_, format)| *format)
    }

    pub(crate) fn names() -> String {
        Self::NAMED.map(|(name, _)| name).join(", ")
    }

    /// What a row is to be read for.
    pub(crate) const fn row_detail(self) -> RowDetail {
        match self {
            Self::Raw => RowDetail::Text,
            Self::Ecs | Self::OcsfDetectionFinding | Self::OcsfEmailActivity => RowDetail::Members,
        }
    }

    /// How long the event for a row can be, in bytes: a few of its texts stand in several places.
    pub(crate) fn bytes_max(self, row: &Row<'_>, keep_original: bool) -> usize {
        // An escape has six bytes.
        let len = row.text.len() + 5 * row.controls;
        if self == Self::Raw {
            return len;
        }
        let repeated = len.min(4 * members::TEXT_BYTES_MAX) * 3;
        let is_kept = keep_original && len <= ORIGINAL_BYTES_MAX;
        let original = if is_kept { 2 * len } else { 0 };
        len + repeated + original + FIXED_BYTES_MAX
    }

    /// The body of the event for a row: one JSON object on one line. With `keep_original` a form
    /// other than `raw` carries the raw one along, as text, unless that is very long.
    pub(crate) fn body(self, row: &Row<'_>, keep_original: bool) -> String {
        let is_kept = keep_original && row.text.len() <= ORIGINAL_BYTES_MAX;
        let original = (is_kept && self != Self::Raw).then(|| quoted(&raw(row)));
        let original = original.as_deref();
        let body = match self {
            Self::Raw => return raw(row).into_owned(),
            Self::Ecs => ecs::event(row, original),
            Self::OcsfDetectionFinding => ocsf::event(Class::DetectionFinding, row, original),
            Self::OcsfEmailActivity => ocsf::event(Class::EmailActivity, row, original),
        };
        if is_mended(row) { mended(&body) } else { body }
    }
}

/// The row's text. What is no object becomes one.
fn raw<'a>(row: &Row<'a>) -> Cow<'a, str> {
    let text = if is_mended(row) { Cow::Owned(mended(row.text)) } else { Cow::Borrowed(row.text) };
    if row.is_object() { text } else { Cow::Owned(format!("{{\"row\":{text}}}")) }
}

const fn is_mended(row: &Row<'_>) -> bool {
    row.has_line_breaks || row.controls > 0
}

/// The text as JSON on one line: control characters within strings are escaped, line breaks between
/// tokens left out.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let (mut is_string, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            '\0'..' ' if is_string => push_escaped(c, &mut mended),
            '\n' | '\r' => {}
            c => mended.push(c),
        }
        is_string ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_string && !is_escaped;
    }
    mended
}

/// A longer row is not carried along: all of it is in its event anyway. (I5)
const ORIGINAL_BYTES_MAX: usize = 64 << 10;
/// What an event has besides its row.
const FIXED_BYTES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::walk::Walk;

    #[test]
    fn raw_loses_line_breaks_between_tokens_and_nothing_else() {
        let text = "{ \"a\" :\r\n\t\"x\\n\u{2028}\\u000a\" ,\n\"b\": 1.50 }";
        let row = Row::read(&mut Walk::of(text), RowDetail::Members).unwrap();
        let body = Format::Raw.body(&row, true);
        assert_eq!(body, "{ \"a\" :\t\"x\\n\u{2028}\\u000a\" ,\"b\": 1.50 }");
    }

    #[test]
    fn control_characters_within_strings_are_escaped_and_nothing_else_changes() {
        let text = "{ \"a\\\\\" :\n\"\t\\\"\u{1}\n\", \"b\\\"\":\t1 }";
        for detail in [RowDetail::Text, RowDetail::Members] {
            let row = Row::read(&mut Walk::of(text), detail).unwrap();
            assert_eq!(row.controls, 3);
            let body = Format::Raw.body(&row, true);
            assert_eq!(body, "{ \"a\\\\\" :\"\\t\\\"\\u0001\\u000a\", \"b\\\"\":\t1 }");
            for format in [Format::Raw, Format::Ecs, Format::OcsfDetectionFinding] {
                let body = format.body(&row, true);
                serde_json::from_str::<serde_json::Value>(&body).expect(&body);
                assert!(!body.contains('\n') && body.len() <= format.bytes_max(&row, true));
            }
        }
    }
}
