//! A JSON text, written from front to back.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::format::members::Text;
use crate::walk::plain_len;

/// The name of a member, as it stands before its value.
macro_rules! name {
    ($name:literal) => {
        concat!("\"", $name, "\":")
    };
}
pub(crate) use name;

/// An object that is being written. Names come from [`name!`].
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

    /// Members that are written already, such as `"a":1,"b":2`.
    pub(crate) fn members(&mut self, text: &str) {
        self.comma();
        self.text.push_str(text);
    }

    /// A member whose value is JSON already.
    pub(crate) fn json(&mut self, name: &str, value: &str) {
        self.name(name);
        self.text.push_str(value);
    }

    /// A member whose value is JSON in two parts.
    pub(crate) fn json_of_two(&mut self, name: &str, first: &str, second: &str) {
        self.json(name, first);
        self.text.push_str(second);
    }

    /// A member whose name and value are JSON already, the name but for its quotes.
    pub(crate) fn member(&mut self, name: &str, value: &str) {
        self.comma();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
        self.text.push_str(value);
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// A member of a row by another name.
    pub(crate) fn text(&mut self, name: &str, text: Option<&Text<'_>>) {
        if let Some(text) = text {
            self.json(name, text.written);
        }
    }

    /// A member that is what a text of the row said.
    pub(crate) fn said(&mut self, name: &str, text: &Cow<'_, str>) {
        self.name(name);
        self.quoted_text(text);
    }

    /// A list of what texts of the row said.
    pub(crate) fn list<'s>(
        &mut self,
        name: &str,
        texts: impl IntoIterator<Item = &'s Cow<'s, str>>,
    ) {
        self.name(name);
        self.text.push('[');
        for text in texts {
            self.comma();
            self.quoted_text(text);
        }
        self.text.push(']');
    }

    /// An object; left out if it gets no member.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.unless_empty(name, "{", members, "}");
    }

    /// A list of one object; left out if that gets no member.
    pub(crate) fn list_of_one(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.unless_empty(name, "[{", members, "}]");
    }

    fn unless_empty(
        &mut self,
        name: &str,
        open: &str,
        members: impl FnOnce(&mut Self),
        close: &str,
    ) {
        let before = self.text.len();
        self.name(name);
        self.text.push_str(open);
        let empty = self.text.len();
        members(self);
        if self.text.len() == empty {
            self.text.truncate(before);
        } else {
            self.text.push_str(close);
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.text.push_str(name);
    }

    fn comma(&mut self) {
        if !matches!(self.text.as_bytes().last(), Some(b'{' | b'[')) {
            self.text.push(',');
        }
    }

    fn quoted_text(&mut self, text: &Cow<'_, str>) {
        match text {
            // It was written without an escape, and needs none now.
            Cow::Borrowed(plain) => {
                self.text.push('"');
                self.text.push_str(plain);
                self.text.push('"');
            }
            Cow::Owned(said) => self.quoted(said),
        }
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        let mut rest = value;
        loop {
            let (plain, special) = rest.split_at(plain_len(rest.as_bytes()));
            self.text.push_str(plain);
            let Some(byte) = special.bytes().next() else { break };
            match byte {
                byte @ (b'"' | b'\\') => {
                    self.text.push('\\');
                    self.text.push(char::from(byte));
                }
                byte => {
                    let _ = write!(self.text, "\\u{byte:04x}");
                }
            }
            rest = &special[1..];
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_back_as_they_were() {
        for text in ["", "a", "\"\\\u{0}\u{1f}\n/é😀\u{7f}", "\\", "a\"", "\u{2028}"] {
            let written = JsonWriter::object_text(0, |out| {
                out.list(name!("a"), [&Cow::Owned(text.to_owned())])
            });
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(read, serde_json::json!({"a": [text]}));
        }
    }

    #[test]
    fn what_gets_no_member_is_left_out() {
        let written = JsonWriter::object_text(0, |out| {
            out.object(name!("a"), |_| {});
            out.list_of_one(name!("b"), |_| {});
            out.object(name!("c"), |out| {
                out.object(name!("d"), |_| {});
                out.json(name!("e"), "7");
                out.list_of_one(name!("f"), |out| out.member("g", "null"));
            });
            out.members(r#""h":1"#);
        });
        assert_eq!(written, r#"{"c":{"e":7,"f":[{"g":null}]},"h":1}"#);
    }
}
