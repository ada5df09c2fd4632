//! Mail addresses within a text: bare, with a display name, or several.

use std::borrow::Cow;

use crate::format::members::Members;
use crate::json::writer::quoted;
use crate::row::Field;

/// The addresses of a member, each as a JSON string.
pub(crate) enum Addresses<'a> {
    /// The member is one, and has its place.
    Whole(Cow<'a, str>),
    /// The member says more than these do, and is left; or has none that fits.
    Parts { fitting: Vec<Cow<'a, str>>, count: usize },
}

impl<'a> Addresses<'a> {
    /// Takes those addresses of a member that fit.
    pub(crate) fn take(
        members: &mut Members<'a>,
        field: Field,
        fits: impl Fn(&str) -> bool,
    ) -> Self {
        let none = |count| Self::Parts { fitting: Vec::new(), count };
        let Some(text) = members.text(field) else { return none(0) };
        if bare(&text.said).is_some() {
            if !fits(&text.said) {
                return none(1);
            }
            members.take(&text);
            return Self::Whole(Cow::Borrowed(text.written));
        }
        let found = addresses(&text.said);
        let fitting = found.iter().filter(|address| fits(address));
        let fitting = fitting.map(|address| Cow::Owned(quoted(address))).collect();
        Self::Parts { fitting, count: found.len() }
    }

    /// All that fit.
    pub(crate) fn all(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Whole(address) => std::slice::from_ref(address),
            Self::Parts { fitting, .. } => fitting,
        }
    }

    /// The one that there is: of several nobody knows which one is meant.
    pub(crate) fn only(&self) -> Option<&str> {
        match self {
            Self::Whole(address) => Some(address),
            Self::Parts { fitting, count: 1 } => fitting.first().map(|address| &**address),
            Self::Parts { .. } => None,
        }
    }
}

/// The bare addresses of a text such as `Jane <jane@example.com>, joe@example.com`. Parts of it that
/// are no address are left out.
fn addresses(text: &str) -> Vec<&str> {
    parts(text).filter_map(|part| bare(in_angles(part).unwrap_or(part).trim())).collect()
}

/// The text itself, if it can be an address: something on both sides of an `@`, and nothing that only
/// stands around addresses.
fn bare(text: &str) -> Option<&str> {
    let (mut at, mut is_ascii) = (None, true);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'@' if at.is_none() => at = Some(index),
            b'@' | b'"' | b'(' | b')' | b',' | b':' | b';' | b'<' | b'>' => return None,
            0..=b' ' | 0x7f => return None,
            _ => is_ascii &= byte.is_ascii(),
        }
    }
    let fits = at.is_some_and(|at| at > 0 && at + 1 < text.len());
    (fits && (is_ascii || !text.contains(is_blank))).then_some(text)
}

/// White space, and what shows nothing or turns the order of what follows: a text with one of these is
/// made to look like another.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// What stands between the last `<` and the `>` after it, outside of quotes.
fn in_angles(part: &str) -> Option<&str> {
    let start = outside_quotes(part, |c| c == '<').last()? + 1;
    let end = part[start..].find('>')?;
    Some(&part[start..start + end])
}

/// The text cut at each comma and semicolon outside of quotes.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = outside_quotes(text, |c| matches!(c, ',' | ';')).chain([text.len()]);
    ends.map(move |end| {
        let part = &text[start..end];
        start = (end + 1).min(text.len());
        part
    })
}

/// Where such characters stand outside of quotes. Those looked for have one byte.
fn outside_quotes(text: &str, wanted: impl Fn(char) -> bool) -> impl Iterator<Item = usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.char_indices().filter_map(move |(at, c)| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match c {
            _ if was_escaped => None,
            '\\' if is_quoted => {
                is_escaped = true;
                None
            }
            '"' => {
                is_quoted = !is_quoted;
                None
            }
            c => (!is_quoted && wanted(c)).then_some(at),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_whatever_stands_around_them() {
        for (text, found) in [
            ("a@b.example", &["a@b.example"][..]),
            ("Jane Doe <jane@b.example>", &["jane@b.example"]),
            ("\"Doe, Jane\" <jane@b.example>", &["jane@b.example"]),
            ("\"Doe \\\"<x@y>, \\\" Jane\" <jane@b.example>", &["jane@b.example"]),
            ("<a@b.example>", &["a@b.example"]),
            ("< a@b.example >", &["a@b.example"]),
            ("a@b.example, c@d.example", &["a@b.example", "c@d.example"]),
            ("a@b.example;c@d.example", &["a@b.example", "c@d.example"]),
            ("A <a@b.example>, \"C; D\" <c@d.example>,", &["a@b.example", "c@d.example"]),
            ("ünï@cödé.example", &["ünï@cödé.example"]),
            ("a@evil.example <jane@b.example>", &["jane@b.example"]),
            ("a@b.example, nobody", &["a@b.example"]),
            ("\"a b\"@c.example", &[]),
            ("Jane (at home) jane@b.example", &[]),
            ("nobody", &[]),
            ("@b.example", &[]),
            ("a@", &[]),
            ("<>", &[]),
            ("", &[]),
            ("Jane <jane@b.example", &[]),
            ("\"Jane <jane@b.example>", &[]),
            ("a@b\u{0}.example", &[]),
            ("Jane\u{a0}Doe\u{3000}jane@b.example", &[]),
            ("\u{200b}jane@b.example", &[]),
            ("a\u{202e}b@c.example", &[]),
            ("a@b@c.example", &[]),
            ("mailto:a@b.example", &[]),
        ] {
            assert_eq!(addresses(text), found, "{text}");
        }
    }
}
