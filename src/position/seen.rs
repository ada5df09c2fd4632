//! Which rows near the watermark have been delivered: the memory that keeps overlap from repeating
//! rows.

use std::fmt::Write as _;

use crate::base64;
use crate::json::record::Value;
use crate::json::value::Json;
use crate::row::Key;
use crate::timestamp::Second;

/// Keys of delivered rows with the second of each, ordered by key. At most 100,000. (I5)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: Key,
    /// Unix seconds, held within 32 bits.
    second: u32,
    /// It was not shown by its own second: this one only says for how long it is remembered.
    is_stray: bool,
}

impl Seen {
    /// Takes the rows of a page in, in order, and says of each whether it is new: delivered neither
    /// before nor earlier in this page. (I7)
    ///
    /// Those without a second are strays, remembered for as long as rows of `end`. How many there are
    /// is told, too.
    ///
    /// Once the list is full no more are added, and none is ever evicted.
    pub(crate) fn admit(
        &mut self,
        page: &[(Key, Option<Second>)],
        end: Second,
    ) -> (Vec<bool>, u64) {
        let mut order: Vec<(Key, usize)> =
            page.iter().enumerate().map(|(index, (key, _))| (*key, index)).collect();
        order.sort_unstable();
        let mut is_new = vec![false; page.len()];
        let mut added = Vec::new();
        let mut previous = None;
        let mut strays = 0;
        for (key, index) in order {
            let is_stray = page[index].1.is_none();
            let second = within_32_bits(page[index].1.unwrap_or(end));
            if previous.replace(key) == Some(key) {
                continue;
            }
            strays += u64::from(is_stray);
            if let Ok(place) = self.place(key) {
                let known = &mut self.entries[place];
                *known = Entry { key, second: second.max(known.second), is_stray };
                if !is_stray {
                    known.second = second;
                }
            } else {
                is_new[index] = true;
                added.push(Entry { key, second, is_stray });
            }
        }
        added.truncate(KEYS_MAX.saturating_sub(self.entries.len()));
        self.merge(&added);
        (is_new, strays)
    }

    /// Both lists are in order, and share no key.
    fn merge(&mut self, added: &[Entry]) {
        let mut known = core::mem::take(&mut self.entries).into_iter().peekable();
        self.entries.reserve_exact(known.len() + added.len());
        for entry in added {
            while let Some(before) = known.next_if(|known| known.key < entry.key) {
                self.entries.push(before);
            }
            self.entries.push(*entry);
        }
        self.entries.extend(known);
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.place(key).is_ok()
    }

    fn place(&self, key: Key) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.key)
    }

    /// How many of the rows known lie in `[from, to]`.
    pub(crate) fn count(&self, from: Second, to: Second) -> u64 {
        let span = within_32_bits(from)..=within_32_bits(to);
        let is_within = |entry: &Entry| span.contains(&entry.second) && !entry.is_stray;
        self.entries.iter().map(|entry| u64::from(is_within(entry))).sum()
    }

    /// How many are strays.
    pub(crate) fn strays(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.is_stray)).sum()
    }

    /// The latest second of a row that is known.
    pub(crate) fn newest(&self) -> Option<Second> {
        self.entries.iter().map(|entry| Second::new(entry.second.into())).max()
    }

    /// Forgets the rows before a second.
    pub(crate) fn forget_before(&mut self, second: Second) {
        let second = within_32_bits(second);
        self.entries.retain(|entry| entry.second >= second);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= KEYS_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Base64 of twelve bytes a row: its key, with the last bit of strays, and its second, both
    /// big-endian.
    fn encode(&self, text: &mut String) {
        let bytes: Vec<[u8; ENTRY_BYTES]> = self
            .entries
            .iter()
            .map(|entry| {
                let mut bytes = [0; ENTRY_BYTES];
                let key = entry.key.0 | u64::from(entry.is_stray);
                bytes[..8].copy_from_slice(&key.to_be_bytes());
                bytes[8..].copy_from_slice(&entry.second.to_be_bytes());
                bytes
            })
            .collect();
        text.push_str(&base64::encode_unpadded(bytes.as_flattened()));
    }

    /// None unless it is just what `encode` gives: in order, no key twice, not too many.
    fn decode(text: &str) -> Option<Self> {
        let bytes = base64::decode(text)?;
        let (chunks, []) = bytes.as_chunks::<ENTRY_BYTES>() else { return None };
        let entries: Vec<Entry> = chunks
            .iter()
            .map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| {
                let key = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                Entry {
                    key: Key(key & !1),
                    second: u32::from_be_bytes([i, j, k, l]),
                    is_stray: key & 1 > 0,
                }
            })
            .collect();
        let fits = entries.len() <= KEYS_MAX && entries.is_sorted_by(|a, b| a.key < b.key);
        fits.then_some(Self { entries })
    }
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
        self.encode(text);
        text.push('"');
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        *self = json.as_str().and_then(Self::decode).ok_or(": not a list of seen rows")?;
        Ok(())
    }
}

/// Rows outside 1970 to 2106 count as at the nearer end of it.
fn within_32_bits(second: Second) -> u32 {
    u32::try_from(second.unix_secs().max(0)).unwrap_or(u32::MAX)
}

const ENTRY_BYTES: usize = 12;

/// With it a cursor stays below 2 MiB.
pub(crate) const KEYS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: std::ops::Range<u32>) -> Vec<(Key, Option<Second>)> {
        numbers.map(|n| (Key::of(&n.to_string(), None), Some(Second::new(i64::from(n))))).collect()
    }

    fn encode(seen: &Seen) -> String {
        let mut text = String::new();
        seen.encode(&mut text);
        text
    }

    fn admit(seen: &mut Seen, page: &[(Key, Option<Second>)]) -> Vec<bool> {
        seen.admit(page, Second::new(i64::MAX)).0
    }

    #[test]
    fn a_stray_is_remembered_to_the_end_and_counted_by_no_second_until_it_is_shown_by_its_own() {
        let mut seen = Seen::default();
        for (second, end, expected, count) in [
            (None, 9, (vec![true], 1), 0),
            (None, 7, (vec![false], 1), 0),
            (Some(5), 9, (vec![false], 0), 1),
            (None, 9, (vec![false], 1), 0),
        ] {
            let page = [(Key::of("a", None), second.map(Second::new))];
            assert_eq!(seen.admit(&page, Second::new(end)), expected);
            assert_eq!(seen.count(Second::new(0), Second::new(9)), count);
            assert_eq!(seen.strays(), 1 - count);
        }
        seen.forget_before(Second::new(9));
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn a_row_is_new_once() {
        let mut seen = Seen::default();
        let mut page = rows(0..2);
        page.push(page[0]);
        assert_eq!(admit(&mut seen, &page), [true, true, false]);
        assert_eq!(admit(&mut seen, &rows(1..4)), [false, true, true]);
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn what_is_taken_in_takes_no_more_memory_than_it_needs() {
        let mut seen = Seen::default();
        admit(&mut seen, &rows(0..1_000));
        admit(&mut seen, &rows(1_000..1_100));
        assert!(seen.entries.capacity() < 2 * seen.len(), "{}", seen.entries.capacity());
    }

    #[test]
    fn rows_are_counted_between_bounds_that_are_both_part_of_it() {
        let mut seen = Seen::default();
        admit(&mut seen, &rows(0..10));
        assert_eq!(seen.count(Second::new(3), Second::new(5)), 3);
        seen.forget_before(Second::new(5));
        assert_eq!(seen.count(Second::new(0), Second::new(99)), 5);
    }

    #[test]
    fn a_full_list_takes_no_more_and_evicts_none() {
        let mut seen = Seen::default();
        let max = u32::try_from(KEYS_MAX).unwrap();
        admit(&mut seen, &rows(0..max));
        assert!(seen.is_full());
        assert_eq!(admit(&mut seen, &rows(max..max + 1)), [true]);
        assert_eq!(seen.len(), KEYS_MAX);
        assert!(seen.contains(Key::of("0", None)));
        assert!(encode(&seen).len() < 2 * 1024 * 1024 - 64 * 1024);
    }

    #[test]
    fn encoding_is_undone_by_decoding_and_by_nothing_else() {
        let mut seen = Seen::default();
        admit(&mut seen, &rows(0..3));
        admit(&mut seen, &[(Key::of("stray", None), None)]);
        let text = encode(&seen);
        assert_eq!(Seen::decode(&text), Some(seen));
        assert_eq!(Seen::decode(""), Some(Seen::default()));
        let twice = format!("{}{}", &text[..16], &text[..16]);
        for damaged in [&text[1..], &text[..40], &twice, "A", "????????????????"] {
            assert_eq!(Seen::decode(damaged), None, "{damaged}");
        }
    }
}
