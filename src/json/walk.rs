//! A JSON text, walked once, by a caller who says what to read and what to step over.
//!
//! Most of a page is stepped over: a row passes through as it came, and only two of its members are
//! looked at, wherever they stand in it and however often. A parser gives the text of a row, too
//! (`serde_json` as a `RawValue`), but refuses a page for one control character in one string: the
//! API has been seen to write subjects so, and who sends the mail chooses them. This walk counts them,
//! and tells where it came to an end, so that `reply/hole.rs` can lead another around a row that cannot
//! be read. Apart from that it is strict (RFC 8259): a test holds it against `serde_json`.

#![allow(clippy::inline_always, reason = "the walk over a page is what a poll costs most")]

use std::borrow::Cow;
use std::fmt;

use crate::json::written::Written;

/// A place in a JSON text.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    text: &'a str,
    at: usize,
    line_breaks: usize,
    controls: usize,
}

/// Why a text is not JSON, or not of the shape that was looked for. The walk stands where that
/// showed. Says nothing of the text's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    NotJson,
    EndsEarly,
    ControlCharacter,
    TooDeep,
    TooLong,
    // Not as the reader of a page wants it. With a text of its own each outcome of the walk would be
    // eight bytes instead of one, and the component a kilobyte larger.
    TooManyRows,
    NoRows,
    Trailing,
}

impl<'a> Walk<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { text, at: 0, line_breaks: 0, controls: 0 }
    }

    /// Walks an object; `member` is called past each name and has to walk the value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Written<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.sequence(b'{', b'}', |walk| {
            walk.punctuation(b'"')?;
            let name = walk.string()?;
            walk.punctuation(b':')?;
            member(walk, name)
        })
    }

    /// Walks an array; `element` has to walk each element.
    pub(crate) fn array(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.sequence(b'[', b']', element)
    }

    /// Reads a whole text. The error says why and where it is not as it should be.
    pub(crate) fn whole<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, String> {
        let value = read(&mut self).and_then(|value| self.end().map(|()| value));
        value.map_err(|why| self.located(why))
    }

    /// Why, and where the walk stands.
    pub(crate) fn located(&self, why: Malformed) -> String {
        format!("{why}, at byte {} of {}", self.at, self.text.len())
    }

    /// Steps over a value.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'"') {
            self.at += 1;
            self.string().map(drop)
        } else {
            self.skip_nested(SKIP_DEPTH_MAX)
        }
    }

    /// Steps over a value, and gives what it says if it is a string.
    pub(crate) fn string_or_skip(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        self.written_or_skip().map(|written| written?.read())
    }

    /// Steps over a value, and gives it as it is written if it is a string.
    #[inline(always)]
    pub(crate) fn written_or_skip(&mut self) -> Result<Option<Written<'a>>, Malformed> {
        if self.peek() == Some(b'"') {
            self.at += 1;
            self.string().map(Some)
        } else {
            self.skip().map(|()| None)
        }
    }

    /// The next byte that is no white space; the walk stands before it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_past_blanks(),
        }
    }

    /// Line breaks passed so far between tokens.
    pub(crate) const fn line_breaks(&self) -> usize {
        self.line_breaks
    }

    /// Control characters passed so far within strings, where JSON has none.
    pub(crate) const fn controls(&self) -> usize {
        self.controls
    }

    /// How far the walk has come, in bytes.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Goes on at a place further along.
    pub(crate) fn pass(&mut self, place: usize) {
        self.at = self.at.max(place);
    }

    /// The text from a place that the walk has passed up to where it stands.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Malformed::Trailing),
        }
    }

    const fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[cold]
    fn peek_past_blanks(&mut self) -> Option<u8> {
        loop {
            match self.bytes().get(self.at) {
                Some(b'\n' | b'\r') => self.line_breaks += 1,
                Some(b' ' | b'\t') => {}
                other => return other.copied(),
            }
            self.at += 1;
        }
    }

    #[inline]
    fn sequence(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.punctuation(open)?;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.punctuation(close),
            }
        }
    }

    fn skip_nested(&mut self, depth_left: usize) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(drop)
            }
            Some(b'{') => {
                let depth_left = depth_left.checked_sub(1).ok_or(Malformed::TooDeep)?;
                self.object(|walk, _| walk.skip_nested(depth_left))
            }
            Some(b'[') => {
                let depth_left = depth_left.checked_sub(1).ok_or(Malformed::TooDeep)?;
                self.array(|walk| walk.skip_nested(depth_left))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) => Err(Malformed::NotJson),
            None => Err(Malformed::EndsEarly),
        }
    }

    /// A string whose first quote is passed.
    #[inline(always)]
    fn string(&mut self) -> Result<Written<'a>, Malformed> {
        let bytes = self.bytes();
        let start = self.at;
        let mut end = start;
        let mut has_escapes = false;
        loop {
            let Some(rest) = bytes.get(end..) else { return Err(Malformed::EndsEarly) };
            end += plain_len(rest);
            match bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(Written::new(self.text, start, end, has_escapes));
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.at = end;
                    self.escape()?;
                    end = self.at;
                }
                Some(_) => {
                    self.controls += 1;
                    end += 1;
                }
                None => {
                    self.at = end;
                    return Err(Malformed::EndsEarly);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let len = match self.bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => 6,
            Some(_) => return Err(Malformed::NotJson),
            None => return Err(Malformed::EndsEarly),
        };
        let digits = self.bytes().get(self.at + 2..self.at + len);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(Malformed::NotJson);
        }
        self.at += len;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.at += usize::from(self.bytes()[self.at] == b'-');
        if self.bytes().get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes().get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes().get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes().get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        match self.bytes().get(self.at) {
            _ if self.at > start => Ok(()),
            Some(_) => Err(Malformed::NotJson),
            None => Err(Malformed::EndsEarly),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Malformed::NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn punctuation(&mut self, byte: u8) -> Result<(), Malformed> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Malformed::NotJson),
            None => Err(Malformed::EndsEarly),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "it is not JSON, or not of the documented shape",
            Self::EndsEarly => "it ends too early",
            Self::ControlCharacter => "a string holds a control character",
            Self::TooDeep => "it is nested too deep",
            Self::TooLong => "a value is longer than it may be",
            Self::TooManyRows => "it has more rows than a page may have",
            Self::NoRows => "an element of data has no rows",
            Self::Trailing => "something follows the JSON value",
        })
    }
}

/// How many bytes at the start are neither a quote, nor a backslash, nor a control character.
/// Looks at eight at a time: most of a page is strings.
#[inline]
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // A byte of each is zero, or less than a space, where it borrows from its high bit. Such a
        // borrow may reach into later bytes, never into earlier ones: the first hit is right.
        let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES) & !(word ^ (ONES * 0x22));
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES) & !(word ^ (ONES * 0x5c));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let hits = (quote | backslash | control) & HIGHS;
        if hits != 0 {
            return index * 8 + (hits.trailing_zeros() / 8) as usize;
        }
    }
    let plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    chunks.len() * 8 + rest.iter().take_while(plain).count()
}

/// How deep what is stepped over may be nested. (I5)
const SKIP_DEPTH_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_refused_where_it_ceases_to_be() {
        for (text, at) in [
            ("", 0),
            ("<html>", 0),
            ("{", 1),
            ("[1,]", 3),
            ("[1 2]", 3),
            (r#"{"a" 1}"#, 5),
            (r#""\u12"#, 1),
            ("{a:1}", 1),
            ("[]x", 2),
            ("tru", 0),
            ("[1,\n x]", 5),
            ("\"a", 2),
            ("01", 1),
            ("-", 1),
            ("1.", 2),
            ("1e+", 3),
            ("\"\\x\"", 1),
        ] {
            let why = Walk::of(text).whole(Walk::skip).unwrap_err();
            assert!(why.ends_with(&format!(", at byte {at} of {}", text.len())), "{text}: {why}");
        }
    }

    /// Texts made by changing, cutting and joining pieces of JSON, some right and some not.
    fn texts() -> impl Iterator<Item = String> {
        const PIECES: [&str; 34] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\"a\"",
            "\"id\"",
            "\"\\u00e9\\n\"",
            "\"é😀 x\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud800\"",
            "\"\\udc00\\ud800\"",
            "\"\\q\"",
            "\"\\u12g4\"",
            "0",
            "-0",
            "12",
            "-1.5e+3",
            "1.",
            ".5",
            "1e",
            "01",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\n",
            "\t",
            "\u{1}",
            "\"0123456789 abcdef \\\" 01234567\"",
        ];
        let mut state = 1u64;
        let mut dice = move |sides: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        (0..200_000).map(move |_| (0..=dice(9)).map(|_| PIECES[dice(PIECES.len())]).collect())
    }

    /// With what JSON wants escaped in strings escaped there; elsewhere nothing but blanks changes.
    fn escaped(text: &str) -> String {
        let mut parts = text.split('\u{1}');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + "\\u0001" + part)
    }

    #[test]
    fn it_takes_what_serde_json_takes_and_control_characters_in_strings_and_nothing_else() {
        let (mut taken, mut with_controls) = (0, 0);
        for text in texts() {
            let mut walk = Walk::of(&text);
            let ours = walk.skip().and_then(|()| walk.end()).is_ok();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            if walk.controls() == 0 {
                assert_eq!(ours, theirs, "{text:?}");
                taken += u32::from(ours);
            } else {
                assert!(!theirs, "{text:?}");
                if ours && !text.contains(['\n', '\t']) {
                    let escaped = escaped(&text);
                    let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&escaped).is_ok();
                    assert!(theirs, "{text:?}");
                    with_controls += 1;
                }
            }
        }
        assert!(taken > 5_000, "{taken} of the texts were JSON");
        assert!(with_controls > 2, "{with_controls} of them but for control characters");
    }

    #[test]
    fn strings_say_what_serde_json_says() {
        for text in texts() {
            let mut walk = Walk::of(&text);
            let Ok(Some(ours)) = walk.string_or_skip() else { continue };
            if walk.controls() > 0 {
                continue;
            }
            assert_eq!(
                serde_json::from_str(walk.since(0)).ok(),
                Some(ours.into_owned()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn plain_bytes_end_at_the_first_that_is_not() {
        for len in 0..40 {
            for special in ["\"", "\\", "\n", "\u{1f}", "\0"] {
                let text = format!("{}{special}{special}\u{ff}\u{80}", "~é !"[..1].repeat(len));
                assert_eq!(plain_len(text.as_bytes()), len, "{text:?}");
            }
        }
        assert_eq!(plain_len("é\u{7f}\u{80}😀 #[]".as_bytes()), 13);
    }
}
