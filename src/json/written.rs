//! A string of a JSON text, as it is written: what it says is read where that is asked for.

#![allow(clippy::inline_always, reason = "the walk over a page is what a poll costs most")]

use std::borrow::Cow;

/// A string as it is written, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    walked: &'a str,
    start: usize,
    end: usize,
    has_escapes: bool,
}

impl<'a> Written<'a> {
    #[inline(always)]
    pub(super) const fn new(walked: &'a str, start: usize, end: usize, has_escapes: bool) -> Self {
        Self { walked, start, end, has_escapes }
    }

    /// Whether it says just this. `name` needs no escapes.
    #[inline(always)]
    pub(crate) fn is(self, name: &str) -> bool {
        if self.has_escapes {
            return self.read().is_some_and(|text| text == name);
        }
        self.end - self.start == name.len() && self.text() == name
    }

    /// Where it begins, at its first quote.
    pub(crate) const fn start(self) -> usize {
        self.start - 1
    }

    /// As it is written.
    pub(crate) fn text(self) -> &'a str {
        &self.walked[self.start..self.end]
    }

    /// What it says, if that is what is written.
    #[inline(always)]
    pub(crate) fn plain(self) -> Option<&'a str> {
        (!self.has_escapes).then(|| self.text())
    }

    /// What it says; None if it holds a lone surrogate.
    pub(crate) fn read(self) -> Option<Cow<'a, str>> {
        let mut rest = self.text();
        if !self.has_escapes {
            return Some(Cow::Borrowed(rest));
        }
        let mut said = String::with_capacity(rest.len());
        while let Some((plain, escaped)) = rest.split_once('\\') {
            said.push_str(plain);
            let mut chars = escaped.chars();
            said.push(match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (code, after) = code_point(chars.as_str())?;
                    chars = after.chars();
                    code
                }
                itself => itself,
            });
            rest = chars.as_str();
        }
        said.push_str(rest);
        Some(Cow::Owned(said))
    }
}

/// The character of the digits past `\u`, of two escapes where it takes a surrogate pair, and what
/// follows. None if a surrogate stands alone.
fn code_point(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let (first, rest) = (unit(text)?, text.get(4..)?);
    if let Some(code) = char::from_u32(first) {
        return Some((code, rest));
    }
    let second = rest.strip_prefix("\\u").and_then(unit)?;
    let is_pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
    let code = is_pair.then(|| 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((char::from_u32(code)?, rest.get(6..)?))
}
