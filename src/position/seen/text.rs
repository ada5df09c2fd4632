//! The text of the list of seen rows: base64 of what tells each from the one before it.

use std::fmt::Write as _;

use crate::base64;
use crate::json::record::Value;
use crate::json::value::Json;
use crate::position::seen::{
    BYTES_MAX, ENTRY_BYTES_MAX, Entry, KEY_BYTES, KEYS_MAX, PAGE_BYTES, STRAYS, Seen,
    VARINT_BYTES_MAX,
};
use crate::row::Key;

impl Seen {
    /// How many `encode` gives.
    pub(super) fn bytes(&self) -> usize {
        let (mut bytes, mut before) = (0, STRAYS);
        for entry in &self.entries {
            let slot = entry.slot();
            bytes += varint_bytes((slot - before) << 1) + KEY_BYTES;
            bytes += if entry.is_stray { 4 } else { 0 } + usize::from(entry.has_tally());
            before = slot;
        }
        bytes
    }

    /// Of each row the second, less that of the one before, and a last bit that says whether a tally
    /// follows; its key; of a stray the second that it is remembered until; and the tally: how many
    /// were delivered. Numbers have their lowest byte first, as WebAssembly has them.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len() * (KEY_BYTES + 1) + ENTRY_BYTES_MAX);
        let mut before = STRAYS;
        for entry in &self.entries {
            let slot = entry.slot();
            let head = (slot - before) << 1 | u64::from(entry.has_tally());
            push_varint(head, &mut bytes);
            bytes.extend_from_slice(&entry.key.to_le_bytes()[..KEY_BYTES]);
            if entry.is_stray {
                bytes.extend_from_slice(&entry.second.to_le_bytes());
            }
            if entry.has_tally() {
                bytes.push(entry.delivered);
            }
            before = slot;
        }
        bytes
    }

    /// None unless it is just what `encode` gives: in order, none twice, not too many.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut entries: Vec<Entry> = Vec::with_capacity(bytes.len() / (KEY_BYTES + 1));
        let (mut left, mut slot) = (bytes, STRAYS);
        while !left.is_empty() {
            let head = take_varint(&mut left)?;
            slot += head >> 1;
            let key = take_number(&mut left, KEY_BYTES)?;
            let is_stray = slot == STRAYS;
            let second = if is_stray { take_number(&mut left, 4)? } else { slot - 1 };
            let has_tally = head & 1 > 0;
            let tally = if has_tally { take_number(&mut left, 1)? } else { 1 };
            let [delivered, ..] = tally.to_le_bytes();
            let second = u32::try_from(second).ok()?;
            let entry = Entry { key, second, is_stray, delivered };
            let is_next = entries.last().is_none_or(|last| last.place() < entry.place());
            let is_tally = delivered > 0 && has_tally == entry.has_tally();
            if !is_next || !is_tally {
                return None;
            }
            entries.push(entry);
        }
        (entries.len() <= KEYS_MAX && bytes.len() <= BYTES_MAX + PAGE_BYTES)
            .then_some(Self { entries })
    }
}

/// Seven bits a byte, the lowest first; all but the last byte have the eighth.
fn push_varint(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn varint_bytes(number: u64) -> usize {
    let mut bytes = 1;
    while number >> (7 * bytes) > 0 {
        bytes += 1;
    }
    bytes
}

fn take_varint(left: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..VARINT_BYTES_MAX {
        let byte = take_number(left, 1)?;
        number |= (byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return (byte > 0 || place == 0).then_some(number);
        }
    }
    None
}

/// So many bytes, the lowest first.
fn take_number(left: &mut &[u8], count: usize) -> Option<u64> {
    let (bytes, others) = left.split_at_checked(count)?;
    *left = others;
    let mut number = [0; 8];
    number[..count].copy_from_slice(bytes);
    Some(u64::from_le_bytes(number))
}

impl Value for Key {
    fn write(&mut self, text: &mut String) {
        let _ = write!(text, "\"{:016x}\"", self.0);
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        let read = json.as_str().and_then(|text| u64::from_str_radix(text, 16).ok());
        self.0 = read.ok_or(": not a key")?;
        Ok(())
    }
}

impl Value for Seen {
    fn write(&mut self, text: &mut String) {
        text.push('"');
        text.push_str(&base64::encode_unpadded(&self.encode()));
        text.push('"');
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        let bytes = json.as_str().and_then(base64::decode_unpadded);
        let read = bytes.and_then(|bytes| Self::decode(&bytes));
        *self = read.ok_or(": not a list of seen rows")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Second;

    fn seen(rows: &[(Key, Option<i64>)]) -> Seen {
        let mut seen = Seen::default();
        let page: Vec<_> = rows.iter().map(|(key, secs)| (*key, secs.map(Second::new))).collect();
        seen.admit(&page, (Second::new(0), Second::new(9_000)));
        seen
    }

    fn key(number: u64) -> Key {
        Key(number << 16)
    }

    #[test]
    fn it_is_as_it_is_kept_for_ever() {
        let seen = seen(&[
            (key(0x0102_0304_0506), Some(3)),
            (key(0xff), Some(3)),
            (key(0xfe), Some(300)),
            (key(0xa0).counted(), Some(300)),
            (key(0xa0).counted(), Some(300)),
            (key(7), None),
        ]);
        let expected: &[&[u8]] = &[
            &[0, 7, 0, 0, 0, 0, 0, 0x28, 0x23, 0, 0],
            &[8, 0xff, 0, 0, 0, 0, 0],
            &[0, 6, 5, 4, 3, 2, 1],
            &[0xd3, 4, 0xa0, 0, 0, 0, 0, 0, 2],
            &[0, 0xfe, 0, 0, 0, 0, 0],
        ];
        assert_eq!(seen.encode(), expected.concat());
    }

    #[test]
    fn encoding_is_undone_by_decoding_and_by_nothing_else() {
        let seen = seen(&[
            (key(1), None),
            (key(2), None),
            (key(3), Some(1)),
            (key(4).counted(), Some(1)),
            (key(5), Some(200)),
            (key(6).counted(), Some(8_000)),
            (key(6).counted(), Some(8_000)),
        ]);
        let bytes = seen.encode();
        assert_eq!(bytes.len(), seen.bytes());
        assert_eq!(Seen::decode(&bytes).as_ref(), Some(&seen));
        assert_eq!(Seen::decode(&[]), Some(Seen::default()));
        for index in 0..bytes.len() {
            // Whatever else is read is written so, too.
            for byte in 0..=255 {
                let mut changed = bytes.clone();
                changed[index] = byte;
                let read = Seen::decode(&changed);
                assert!(read.is_none_or(|read| read.encode() == changed), "{index}: {byte}");
            }
            let cut = Seen::decode(&bytes[..index]);
            assert!(cut.is_none_or(|cut| cut.encode() == bytes[..index]), "{index}");
        }
    }

    #[test]
    fn what_is_never_written_is_refused() {
        let row = |head: &[u8], key: u8, more: &[u8]| [head, &[0, 0, 0, 0, 0, key], more].concat();
        let first = row(&[8], 5, &[]);
        for (what, second) in [
            ("twice", row(&[0], 5, &[])),
            ("out of order", row(&[0], 4, &[])),
            ("a number with a byte too many", row(&[0x82, 0], 5, &[])),
            ("a number without an end", row(&[0x80; 6], 5, &[])),
            ("a second past 32 bits", row(&[0x80, 0x80, 0x80, 0x80, 0x20], 5, &[])),
            ("a tally of one", row(&[1], 6, &[1])),
            ("a tally of none", row(&[1], 6, &[0])),
            ("a stray past others", row(&[0], 5, &[0, 0, 0, 9])),
        ] {
            assert!(Seen::decode(&first).is_some());
            assert_eq!(Seen::decode(&[first.clone(), second].concat()), None, "{what}");
        }
        let many = |count: u64| {
            let rows: Vec<_> =
                (0..count).map(|n| [&[0][..], &n.to_le_bytes()[..KEY_BYTES]].concat()).collect();
            let rows: Vec<_> = rows.concat();
            Seen::decode(&[&[2], &rows[1..]].concat()).is_some()
        };
        let max = KEYS_MAX as u64;
        assert_eq!([max, max + 1].map(many), [true, false]);
    }
}
