//! The forms that an event's body can have, each a pure function of the row.

use crate::row::Row;

/// A form of an event's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The row's text as it came, on one line.
    Raw,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "raw" => Some(Self::Raw),
            _ => None,
        }
    }

    pub(crate) const fn names() -> &'static str {
        "raw"
    }

    /// The body of the event for a row: one JSON value on one line.
    pub(crate) fn body(self, row: &Row<'_>) -> String {
        match self {
            // JSON allows line breaks between tokens only, so that all of them can go.
            Self::Raw if row.has_line_breaks => row.text.replace(['\n', '\r'], ""),
            Self::Raw => row.text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::Walk;

    #[test]
    fn raw_loses_line_breaks_between_tokens_and_nothing_else() {
        let text = "{ \"a\" :\r\n\t\"x\\n\u{2028}\\u000a\" ,\n\"b\": 1.50 }";
        let row = Row::read(&mut Walk::of(text)).unwrap();
        let body = Format::Raw.body(&row);
        assert_eq!(body, "{ \"a\" :\t\"x\\n\u{2028}\\u000a\" ,\"b\": 1.50 }");
    }
}
