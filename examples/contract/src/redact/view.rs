//! A text as it looks when what was done to it is undone: each byte knows where it came from.

use crate::printable::is_unprintable;

/// Bytes that a text stands for, without its blanks.
#[derive(Default)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Of each byte where it stands in the text: from the first byte to the one after the last.
    pub(super) places: Vec<(usize, usize)>,
}

impl View {
    /// The text itself, without blanks and what cannot be seen.
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self::default();
        for (at, character) in text.char_indices() {
            if !character.is_whitespace() && !is_unprintable(character) {
                let bytes = character.encode_utf8(&mut [0; 4]).len();
                view.bytes.extend_from_slice(&text.as_bytes()[at..at + bytes]);
                view.places.extend(std::iter::repeat_n((at, at + bytes), bytes));
            }
        }
        view
    }

    /// Without one layer of escapes: those of JSON, of a URL, and of most programming languages.
    pub(super) fn undone(&self) -> Self {
        let mut view = Self::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let length = unescape(&self.bytes[at..], &mut view.bytes);
            let place = (self.places[at].0, self.places[at + length - 1].1);
            view.places.resize(view.bytes.len(), place);
            at += length;
        }
        view
    }

    /// What each run of letters is as base64, in either alphabet; the first ones of it skipped.
    pub(super) fn base64(&self, skipped: usize) -> Self {
        self.decoded(6, skipped, |letter| match letter {
            b'A'..=b'Z' => Some(letter - b'A'),
            b'a'..=b'z' => Some(letter - b'a' + 26),
            b'0'..=b'9' => Some(letter - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        })
    }

    /// What each run of digits is as hex; the first ones of it skipped.
    pub(super) fn hex(&self, skipped: usize) -> Self {
        self.decoded(4, skipped, hex)
    }

    fn decoded(&self, width: u32, skipped: usize, value: impl Fn(u8) -> Option<u8>) -> Self {
        let mut view = Self::default();
        let (mut run, mut bits, mut have) = (0_usize, 0_u32, 0);
        for (at, letter) in self.bytes.iter().enumerate() {
            let Some(value) = value(*letter) else {
                if run > 0 {
                    // No secret goes on here: none has this byte, which is not of UTF-8.
                    view.bytes.push(0xff);
                    view.places.push(self.places[at]);
                }
                (run, have) = (0, 0);
                continue;
            };
            run += 1;
            if run <= skipped {
                continue;
            }
            bits = (bits << width) | u32::from(value);
            have += width;
            if have >= 8 {
                have -= 8;
                view.bytes.push((bits >> have).to_le_bytes()[0]);
                view.places.push((self.places[at - 1].0, self.places[at].1));
            }
        }
        view
    }
}

/// Adds what stands at the beginning of these bytes, unless it is a blank, and gives its length.
fn unescape(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let byte = |high: &u8, low: &u8| Some(hex(*high)? << 4 | hex(*low)?);
    let (byte, length) = match bytes {
        [b'%', high, low, ..] if byte(high, low).is_some() => (byte(high, low), 3),
        [b'\\', b'x', high, low, ..] if byte(high, low).is_some() => (byte(high, low), 4),
        [b'\\', b'u', rest @ ..] => match unicode(rest) {
            Some((character, length)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return length + 2;
            }
            None => (Some(b'\\'), 1),
        },
        [b'\\', b'b' | b'f' | b'n' | b'r' | b't', ..] => (None, 2),
        [b'\\', escaped, ..] if escaped.is_ascii_punctuation() => (Some(*escaped), 2),
        _ => (bytes.first().copied(), 1),
    };
    out.extend(byte.filter(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_control()));
    length
}

/// The character whose number stands here, as `00e9`, `d83d\ude00` or `{1f600}`, and its length.
fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let number = |digits: &[u8]| {
        let digit = |sum: Option<u32>, digit: &u8| Some(sum? << 4 | u32::from(hex(*digit)?));
        digits.iter().fold(Some(0), digit)
    };
    if let [b'{', rest @ ..] = bytes {
        let length = rest.iter().take(7).position(|byte| *byte == b'}')?;
        return Some((char::from_u32(number(&rest[..length])?)?, length + 2));
    }
    let unit = number(bytes.get(..4)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, 4));
    }
    let second = number(bytes.get(4..10)?.strip_prefix(b"\\u")?)?;
    let units = [unit, second].map(|unit| u16::try_from(unit).unwrap_or_default());
    Some((char::decode_utf16(units).next()?.ok()?, 10))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
