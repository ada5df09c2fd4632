//! Which rows near the watermark have been delivered: the memory that keeps overlap from repeating
//! rows.

mod text;

use crate::row::Key;
use crate::timestamp::Second;

/// What is known of delivered rows: of strays first, by key, then of all others by second and key. At
/// most 100,000, and no more than fit a cursor. (I5)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// The first 48 bits of it: enough to tell the rows of a second apart.
    key: u64,
    /// Unix seconds, held within 32 bits.
    second: u32,
    /// It was not shown by its own second: this one only says for how long it is remembered.
    is_stray: bool,
    /// How many rows of this key were delivered: more than one only of rows without an id. None: it is
    /// to be taken out.
    delivered: u8,
}

/// What became of the rows of a page.
pub(crate) struct Admission {
    /// For each row zero if it is known; else, which of the rows with its key it is, from one on.
    pub(crate) ordinals: Vec<u8>,
    /// How many are strays.
    pub(crate) strays: u64,
    /// All that is new is remembered.
    pub(crate) is_kept: bool,
}

impl Entry {
    /// Where its second is in the list.
    fn slot(&self) -> u64 {
        if self.is_stray { STRAYS } else { u64::from(self.second) + 1 }
    }

    fn place(&self) -> Place {
        (self.slot(), self.key)
    }

    /// It takes a byte to say how many there are.
    fn has_tally(&self) -> bool {
        self.delivered != 1
    }
}

impl Seen {
    /// Takes the rows of a page of the window from `from` to `to` in, in order, and says of each
    /// whether it is new: delivered neither before nor earlier in this page. (I7)
    ///
    /// Those without a second within the window are strays, remembered for as long as rows of its end.
    ///
    /// Rows without an id are as many as one page shows of them: on another it may be the same ones that
    /// come again. Where the API counts more, the window is halved until a page shows them all.
    ///
    /// Once the list is full no more are added, and none is ever evicted.
    pub(crate) fn admit(
        &mut self,
        page: &[(Key, Option<Second>)],
        (from, to): (Second, Second),
    ) -> Admission {
        let within = |time: Option<Second>| time.filter(|time| (from..=to).contains(time));
        let mut order = Vec::with_capacity(page.len());
        for (index, (key, time)) in page.iter().enumerate() {
            order.push(((within(*time).map_or(STRAYS, slot), key.known_bits()), index));
        }
        order.sort_unstable();
        let mut admission = Admission { ordinals: vec![0; page.len()], strays: 0, is_kept: true };
        // What is known takes more bytes if it is counted or moved.
        let may_grow = self.bytes_bound() + page.len() * ENTRY_BYTES_MAX <= BYTES_MAX + PAGE_BYTES;
        let (mut added, mut moved) = (Vec::new(), Vec::new());
        let (mut start, mut near) = (0, 0);
        while let Some((place, index)) = order.get(start).copied() {
            let mut end = start + 1;
            while end < order.len() && order[end].0 == place {
                end += 1;
            }
            let (key, time) = page[index];
            let rows = if key.is_counted() { (end - start).min(COUNT_MAX.into()) } else { 1 };
            let rows = u8::try_from(rows).unwrap_or(COUNT_MAX);
            let is_stray = within(time).is_none();
            // The page goes up as the list does: what comes next is not far.
            let known = self.find(key, time, near);
            let (Ok(place) | Err(place)) = known;
            near = if is_stray { 0 } else { place };
            admission.strays += if is_stray { rows.into() } else { 0 };
            let second = within_32_bits(within(time).unwrap_or(to));
            let new = Entry { key: key.known_bits(), second, is_stray, delivered: 0 };
            let mut entry = known.map_or(new, |known| self.entries[known]);
            let news = rows.saturating_sub(entry.delivered);
            for (ordinal, (_, index)) in (1..=news).zip(&order[start..end]) {
                admission.ordinals[*index] = entry.delivered + ordinal;
            }
            entry.delivered += news;
            start = end;
            let Ok(known) = known else {
                added.push(entry);
                continue;
            };
            if !may_grow {
                admission.is_kept &= news == 0;
            } else if entry.is_stray == is_stray {
                entry.second = entry.second.max(second);
                self.entries[known] = entry;
            } else {
                self.entries[known].delivered = 0;
                let second = if is_stray { second.max(entry.second) } else { second };
                moved.push(Entry { second, is_stray, ..entry });
            }
        }
        if !moved.is_empty() {
            self.merge(&moved);
            self.tidy();
        }
        let mut left = &added[..];
        while !left.is_empty() && self.room() > 0 {
            let (some, others) = left.split_at(left.len().min(self.room()));
            self.merge(some);
            left = others;
        }
        admission.is_kept &= left.is_empty();
        admission
    }

    /// Both lists are in order. It goes from their ends: what is known before all that is new stays where
    /// it is.
    #[inline(never)]
    fn merge(&mut self, added: &[Entry]) {
        let mut known = self.entries.len();
        self.entries.reserve_exact(added.len());
        self.entries.extend_from_slice(added);
        let (mut left, mut to) = (added.len(), self.entries.len());
        while left > 0 {
            to -= 1;
            let new = added[left - 1];
            if known > 0 && self.entries[known - 1].place() > new.place() {
                known -= 1;
                self.entries[to] = self.entries[known];
            } else {
                left -= 1;
                self.entries[to] = new;
            }
        }
    }

    /// Of entries of one place the last one stays, and none that is to be taken out.
    fn tidy(&mut self) {
        let mut kept = 0;
        for index in 0..self.entries.len() {
            let entry = self.entries[index];
            let is_again = self.entries.get(index + 1).is_some_and(|n| n.place() == entry.place());
            if entry.delivered > 0 && !is_again {
                self.entries[kept] = entry;
                kept += 1;
            }
        }
        self.entries.truncate(kept);
    }

    pub(crate) fn contains(&self, key: Key, time: Option<Second>) -> bool {
        self.find(key, time, 0).is_ok()
    }

    /// A row is known by its second, which is no earlier than that of the entry `near`, or, whatever that
    /// is, as a stray. If it is not, where its own second would be.
    #[inline(never)]
    fn find(&self, key: Key, time: Option<Second>, near: usize) -> Result<usize, usize> {
        let own = self.search((time.map_or(STRAYS, slot), key.known_bits()), near);
        let has_strays = self.entries.first().is_some_and(|first| first.is_stray);
        if own.is_ok() || !has_strays {
            return own;
        }
        self.search((STRAYS, key.known_bits()), 0).or(own)
    }

    /// Where there is an entry, or would be, from this one on: in steps that double.
    #[inline(never)]
    fn search(&self, place: Place, near: usize) -> Result<usize, usize> {
        let (mut start, mut step) = (near, 1);
        while self.entries.get(start + step).is_some_and(|entry| entry.place() < place) {
            start += step;
            step *= 2;
        }
        let end = self.entries.len().min(start + step + 1);
        let found = self.entries[start..end].binary_search_by_key(&place, Entry::place);
        found.map(|index| start + index).map_err(|index| start + index)
    }

    /// How many of the rows known lie in `[from, to]`.
    #[inline(never)]
    pub(crate) fn count(&self, from: Second, to: Second) -> u64 {
        let (Ok(start) | Err(start)) = self.search((slot(from), 0), 0);
        let to = slot(to);
        let mut count = 0;
        for entry in &self.entries[start..] {
            if entry.slot() > to {
                break;
            }
            count += u64::from(entry.delivered);
        }
        count
    }

    /// How many are strays.
    pub(crate) fn strays(&self) -> u64 {
        let strays = self.entries.iter().take_while(|entry| entry.is_stray);
        strays.map(|entry| u64::from(entry.delivered)).sum()
    }

    /// The latest second of a row that is known.
    pub(crate) fn newest(&self) -> Option<Second> {
        self.entries.iter().map(|entry| Second::new(entry.second.into())).max()
    }

    /// The earliest second of a row that is known by it.
    pub(crate) fn oldest(&self) -> Option<Second> {
        let first = self.entries.iter().find(|entry| !entry.is_stray)?;
        Some(Second::new(first.second.into()))
    }

    /// Forgets the rows before a second.
    pub(crate) fn forget_before(&mut self, second: Second) {
        let second = within_32_bits(second);
        self.entries.retain(|entry| entry.second >= second);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many more there is room for, whatever they are.
    fn room(&self) -> usize {
        let room = BYTES_MAX.saturating_sub(self.bytes_bound()) / ENTRY_BYTES_MAX;
        room.min(KEYS_MAX.saturating_sub(self.entries.len()))
    }

    /// How many bytes the list takes at most. Most are so short that there is no need to add them up.
    fn bytes_bound(&self) -> usize {
        let len = self.entries.len();
        if len > SHORT_MAX { self.bytes() } else { len * ENTRY_BYTES_MAX }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Where the rows of a second are in the list.
fn slot(second: Second) -> u64 {
    u64::from(within_32_bits(second)) + 1
}

/// What the list goes by: the slot of a second, and a key.
type Place = (u64, u64);

/// Rows outside 1970 to 2106 count as at the nearer end of it.
fn within_32_bits(second: Second) -> u32 {
    u32::try_from(second.unix_secs().max(0)).unwrap_or(u32::MAX)
}

/// Where strays are in the list: before all others.
const STRAYS: u64 = 0;
/// How many rows are told apart that are alike in every byte.
const COUNT_MAX: u8 = u8::MAX;
pub(crate) const KEYS_MAX: usize = 100_000;
const SHORT_MAX: usize = KEYS_MAX / 2;
const KEY_BYTES: usize = 6;
/// A slot has 33 bits, and one more says whether there is a tally.
const VARINT_BYTES_MAX: usize = 5;
/// Of a second that is far from the one before, or of a stray; and with a tally.
const ENTRY_BYTES_MAX: usize = VARINT_BYTES_MAX + KEY_BYTES + 1;
/// What 100,000 rows take whose seconds are close, and some more. As text 954,668 bytes: with it a
/// cursor stays below `CURSOR_BYTES_MAX`, even where the rows of one more page take as many as they can.
const BYTES_MAX: usize = 716_000;
const PAGE_BYTES: usize = 500 * ENTRY_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: std::ops::Range<u32>) -> Vec<(Key, Option<Second>)> {
        numbers.map(|n| (Key::of(&n.to_string(), None), Some(Second::new(i64::from(n))))).collect()
    }

    fn admit(seen: &mut Seen, page: &[(Key, Option<Second>)]) -> Vec<bool> {
        let all = (Second::new(0), Second::new(i64::MAX));
        seen.admit(page, all).ordinals.iter().map(|ordinal| *ordinal > 0).collect()
    }

    /// What a page of rows without an id comes to, all of the second 5.
    fn admit_alike(seen: &mut Seen, ids: &str) -> Vec<u8> {
        let page: Vec<_> =
            ids.split(' ').map(|id| (Key::of(id, None).counted(), Some(Second::new(5)))).collect();
        seen.admit(&page, (Second::new(0), Second::new(9))).ordinals
    }

    #[test]
    fn a_stray_is_remembered_to_the_end_and_counted_by_no_second_until_it_is_shown_by_its_own() {
        let mut seen = Seen::default();
        let page = [(Key::of("a", None), Some(Second::new(5)))];
        for (from, to, ordinal, count) in
            [(6, 9, 1, 0), (6, 7, 0, 0), (0, 9, 0, 1), (6, 9, 0, 0), (0, 4, 0, 0)]
        {
            let admission = seen.admit(&page, (Second::new(from), Second::new(to)));
            assert_eq!((admission.ordinals, admission.strays), (vec![ordinal], 1 - count));
            assert_eq!(seen.count(Second::new(0), Second::new(9)), count);
            assert_eq!((seen.strays(), seen.len()), (1 - count, 1));
        }
        assert_eq!(seen.newest(), Some(Second::new(9)));
        seen.forget_before(Second::new(9));
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn a_stray_is_known_by_its_key_whatever_its_second_and_others_by_both() {
        let mut seen = Seen::default();
        admit(&mut seen, &[(Key::of("a", None), None), (Key::of("b", None), Some(Second::new(5)))]);
        let knows = |id, second| seen.contains(Key::of(id, None), second);
        let [five, six] = [5, 6].map(|secs| Some(Second::new(secs)));
        assert_eq!([None, five, six].map(|second| knows("a", second)), [true; 3]);
        assert_eq!([None, five, six].map(|second| knows("b", second)), [false, true, false]);
    }

    #[test]
    fn rows_without_an_id_are_as_many_as_one_page_shows() {
        let mut seen = Seen::default();
        assert_eq!(admit_alike(&mut seen, "a b a"), [1, 1, 2]);
        assert_eq!(seen.count(Second::new(5), Second::new(5)), 3);
        assert_eq!(admit_alike(&mut seen, "a a b"), [0, 0, 0]);
        assert_eq!(admit_alike(&mut seen, "a a a b b"), [3, 0, 0, 2, 0]);
        assert_eq!((seen.len(), seen.count(Second::new(0), Second::new(9))), (2, 5));
        // With an id, one is one however often it is shown.
        let twice = [rows(7..8)[0]; 2];
        assert_eq!(admit(&mut seen, &twice), [true, false]);
    }

    #[test]
    fn more_rows_that_are_alike_than_are_told_apart_are_as_many_as_that() {
        let mut seen = Seen::default();
        let ordinals = admit_alike(&mut seen, &["a"; 300].join(" "));
        assert_eq!(ordinals.iter().filter(|ordinal| **ordinal > 0).count(), 255);
        assert_eq!(admit_alike(&mut seen, "a"), [0]);
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
        let one_more = rows(max..max + 1);
        for _ in 0..2 {
            let admission = seen.admit(&one_more, (Second::new(0), one_more[0].1.unwrap()));
            assert_eq!((admission.ordinals, admission.is_kept), (vec![1], false));
        }
        assert_eq!(seen.len(), KEYS_MAX);
        assert!(rows(0..max).iter().all(|(key, time)| seen.contains(*key, *time)));
    }

    #[test]
    fn rows_that_lie_far_apart_take_more_room() {
        let mut seen = Seen::default();
        let second = |n: i64| Some(Second::new(n * 20_000));
        for n in 0..200 {
            let page: Vec<_> = (n * 500..(n + 1) * 500)
                .map(|n| (Key::of(&n.to_string(), None), second(n)))
                .collect();
            seen.admit(&page, (Second::new(0), Second::new(i64::MAX)));
        }
        assert!(seen.is_full());
        assert!((79_000..80_000).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn rows_that_are_alike_are_counted_until_the_list_is_full() {
        let mut seen = Seen::default();
        let rows =
            |n: i64| (Key::of(&n.to_string(), None).counted(), Some(Second::new(n * 20_000)));
        let mut admit = |rows: Vec<_>| {
            let was_full = seen.is_full();
            let admission = seen.admit(&rows, (Second::new(0), Second::new(i64::MAX)));
            assert!(seen.bytes() <= BYTES_MAX + PAGE_BYTES);
            (was_full, admission.is_kept)
        };
        for n in 0..157 {
            assert_eq!(admit((n * 500..(n + 1) * 500).map(rows).collect()), (false, true));
        }
        // There is less room than a page takes, and then none.
        for n in 0..200 {
            let page = (n * 250..(n + 1) * 250).flat_map(|n| [rows(n); 2]).collect();
            let (was_full, is_kept) = admit(page);
            assert!(is_kept || was_full, "{n}");
        }
        assert!(seen.is_full());
    }
}
