//! A row on one line, as JSON can hold it.

use std::fmt::Write as _;

/// The text of a row without the line breaks between its tokens. Control characters inside its
/// strings, which JSON does not allow, are escaped: what a client has that reads them all the same.
pub(crate) fn one_line(row: &str) -> String {
    let mut out = String::with_capacity(row.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in row.chars() {
        match (c, in_string) {
            ('\n' | '\r', false) => {}
            ('\n', true) => out.push_str("\\n"),
            ('\r', true) => out.push_str("\\r"),
            ('\t', true) => out.push_str("\\t"),
            (c, true) if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            (c, _) => out.push(c),
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    out
}
