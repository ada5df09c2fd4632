//! A JSON text, written from front to back out of pieces that are JSON already.

use std::fmt::Write as _;

/// An object that is being written.
///
/// A `head` is all that stands before a value, such as `"subject":`. It may open what the value stands
/// in, such as `"rule":{"name":`, which [`JsonWriter::close`] ends. The fewer pieces there are, the
/// less an event costs.
pub(crate) struct JsonWriter {
    text: String,
}

impl JsonWriter {
    /// The text of an object. `bytes` is a guess at its length.
    pub(crate) fn object_text(bytes: usize, members: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self { text: String::with_capacity(bytes) };
        writer.text.push('{');
        members(&mut writer);
        writer.text.push('}');
        writer.text
    }

    /// Members as they are written.
    pub(crate) fn members(&mut self, members: &str) {
        if !matches!(self.text.as_bytes().last(), Some(b'{' | b'[')) {
            self.text.push(',');
        }
        self.text.push_str(members);
    }

    /// A member.
    pub(crate) fn member(&mut self, head: &str, value: &str) {
        self.members(head);
        self.text.push_str(value);
    }

    /// A member, if there is one.
    pub(crate) fn optional(&mut self, head: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.member(head, value);
        }
    }

    /// A member that is a list.
    pub(crate) fn list(&mut self, head: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        self.member(head, "[");
        for value in values {
            self.members(value.as_ref());
        }
        self.close("]");
    }

    /// What a head has opened; left out if it gets no member.
    pub(crate) fn within(&mut self, head: &str, members: impl FnOnce(&mut Self), close: &str) {
        let before = self.text.len();
        self.members(head);
        let empty = self.text.len();
        members(self);
        if self.text.len() == empty {
            self.text.truncate(before);
        } else {
            self.close(close);
        }
    }

    /// Ends what a head has opened, or a value that was begun.
    #[inline]
    pub(crate) fn close(&mut self, close: &str) {
        self.text.push_str(close);
    }
}

/// A whole number, in decimal digits.
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    pub(crate) fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], start: 20 };
        while digits.start == 20 || number > 0 {
            digits.start -= 1;
            digits.bytes[digits.start] += (number % 10) as u8;
            number /= 10;
        }
        digits
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\0'..' ' => push_escaped(c, &mut quoted),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A character as an escape.
pub(crate) fn push_escaped(c: char, out: &mut String) {
    match c {
        // A row can have any number of tabs between its tokens: not six bytes for each. // I5
        '\t' => out.push_str("\\t"),
        c => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_read_back_as_they_were() {
        for text in ["", "a", "\"\\\u{0}\u{1f}\n/é😀\u{7f}", "\\", "a\"", "\u{2028}"] {
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
        }
    }

    #[test]
    fn what_gets_no_member_is_left_out() {
        let written = JsonWriter::object_text(0, |out| {
            out.within(r#""a":{"#, |_| {}, "}");
            out.within(
                r#""c":{"#,
                |out| {
                    out.within(r#""d":[{"#, |_| {}, "}]");
                    out.member(r#""e":"#, Digits::of(0).as_str());
                    out.within(r#""f":[{"#, |out| out.member(r#""g":"#, "null"), "}]");
                    out.member(r#""i":"#, Digits::of(u64::MAX).as_str());
                },
                "}",
            );
            out.optional(r#""j":"#, None);
            out.list(r#""k":"#, ["1", "2"]);
            out.list(r#""l":"#, [""; 0]);
            out.members(r#""m":1"#);
        });
        assert_eq!(
            written,
            r#"{"c":{"e":0,"f":[{"g":null}],"i":18446744073709551615},"k":[1,2],"l":[],"m":1}"#
        );
    }
}
