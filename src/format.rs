//! The forms that an event's body can have, each a pure function of the row.

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

    /// The body of the event for a row. `row` is the text of one JSON object.
    pub(crate) fn body(self, row: &str, has_line_breaks: bool) -> String {
        match self {
            Self::Raw if has_line_breaks => one_line(row),
            Self::Raw => row.to_owned(),
        }
    }
}

/// JSON allows line breaks between tokens only, so that all of them can go.
pub(crate) fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_loses_line_breaks_between_tokens_and_nothing_else() {
        let row = "{ \"a\" :\r\n\t\"x\\n\u{2028}\\u000a\" ,\n\"b\": 1.50 }";
        let body = Format::Raw.body(row, true);
        assert_eq!(body, "{ \"a\" :\t\"x\\n\u{2028}\\u000a\" ,\"b\": 1.50 }");
    }
}
