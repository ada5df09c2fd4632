//! Keeps secrets out of what a component says: the second line of defence.

mod view;

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::printable::printable;
use crate::redact::view::View;

/// Knows the secrets of one source, and takes them out of texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The secrets as a view shows them, long ones in pieces.
    sought: BTreeSet<Vec<u8>>,
    /// Short secrets that hold blanks, in small letters: they are found only as they are.
    divided: BTreeSet<String>,
    finder: Finder,
}

#[derive(Clone, Default)]
enum Finder {
    /// There are no secrets.
    #[default]
    Nothing,
    Secrets(AhoCorasick),
    /// There are more than can be looked for.
    TooMuch,
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut redactor = Self::default();
        redactor.add(secrets);
        redactor
    }

    /// Takes these secrets out as well.
    pub fn add(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets {
            // A form has `+` for a blank.
            self.seek(&secret.trim().replace(' ', "+"));
            // `Bearer` goes before a secret that may be told without it.
            if let [_, last] = secret.split_whitespace().collect::<Vec<_>>()[..]
                && last.len() >= SPLIT_BYTES_MIN
            {
                self.seek(last);
            }
            self.seek(&secret);
        }
        let bytes: usize = self.sought.iter().map(Vec::len).sum();
        self.finder = match bytes {
            0 => Finder::Nothing,
            1..=SECRETS_BYTES_MAX => AhoCorasick::builder()
                .ascii_case_insensitive(true)
                // The others are faster, and many times as large.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&self.sought)
                .map_or(Finder::TooMuch, Finder::Secrets),
            _ => Finder::TooMuch,
        };
    }

    fn seek(&mut self, secret: &str) {
        let view = View::of(secret);
        let trimmed = secret.trim();
        let is_divided = (view.bytes.len() + 1..).contains(&trimmed.len())
            && trimmed.len() >= SECRET_BYTES_MIN
            && view.bytes.len() < SPLIT_BYTES_MIN;
        if is_divided {
            self.divided.insert(trimmed.to_ascii_lowercase());
        }
        // A text in which escapes are undone shows those undone, too, that the secret itself has.
        for shown in [view.undone(), view] {
            if shown.bytes.len() < if is_divided { 1 } else { SECRET_BYTES_MIN } {
                continue;
            }
            let last = shown.bytes.len().saturating_sub(PIECE_BYTES);
            for start in (0..shown.bytes.len()).step_by(PIECE_BYTES).map(|start| start.min(last)) {
                let end = shown.bytes.len().min(start + PIECE_BYTES);
                self.sought.insert(shown.bytes[start..end].to_ascii_lowercase());
            }
        }
    }

    /// The text without secrets, without control characters, and no longer than a log can take.
    pub fn clean(&self, text: &str) -> String {
        let seen = &text[..text.floor_char_boundary(SEEN_BYTES_MAX)];
        let finder = match &self.finder {
            Finder::Nothing => return printable(seen),
            Finder::Secrets(finder) => finder,
            Finder::TooMuch => return REDACTED.to_owned(),
        };
        // A secret that only begins in what was seen was not found: nothing near the end is shown.
        let shown = if seen.len() < text.len() {
            &seen[..seen.floor_char_boundary(SEEN_BYTES_MAX / 2)]
        } else {
            seen
        };
        let mut out = String::new();
        let mut at = 0;
        for (start, end) in self.found(finder, seen) {
            let start = start.min(shown.len());
            if start > at || (start == at && at < shown.len()) {
                out.push_str(&shown[at..start]);
                out.push_str(REDACTED);
                at = end.min(shown.len());
            }
        }
        out.push_str(&shown[at..]);
        if shown.len() < text.len() {
            out.push('…');
        }
        printable(&out)
    }

    /// Where secrets stand in a text, in whatever form: in order, and apart from each other.
    fn found(&self, finder: &AhoCorasick, text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let plain = View::of(text);
        let undone = plain.undone();
        self.find(finder, text, &undone.undone(), &mut found);
        for view in [plain, undone] {
            for skipped in 0..4 {
                self.find(finder, text, &view.base64(skipped), &mut found);
            }
            for skipped in 0..2 {
                self.find(finder, text, &view.hex(skipped), &mut found);
            }
            self.find(finder, text, &view, &mut found);
        }
        found.sort_unstable();
        found.dedup_by(|next, last| {
            let joined = next.0 <= last.1;
            if joined {
                last.1 = last.1.max(next.1);
            }
            joined
        });
        found
    }

    /// Adds where the secrets of one view stand in the text.
    fn find(&self, finder: &AhoCorasick, text: &str, view: &View, found: &mut Vec<(usize, usize)>) {
        let first = found.len();
        for hit in finder.find_overlapping_iter(&view.bytes) {
            let places = &view.places[hit.range()];
            let (mut start, end) = (places[0].0, places[places.len() - 1].1);
            // Words of a text, one after the other, look like a short secret soon.
            let whole = places.windows(2).all(|pair| pair[1].0 <= pair[0].1);
            let bytes_min = if whole { SECRET_BYTES_MIN } else { SPLIT_BYTES_MIN };
            let as_it_is = || text.get(start..end).map(str::to_ascii_lowercase);
            if hit.len() < bytes_min && !as_it_is().is_some_and(|it| self.divided.contains(&it)) {
                continue;
            }
            // Hits come by their ends: those that lie within this one are the last.
            while let Some(last) = found[first..].last().filter(|last| last.1 >= start) {
                start = start.min(last.0);
                found.pop();
            }
            found.push((start, end));
        }
    }
}

const REDACTED: &str = "[redacted]";
/// Shorter values are no secrets: taking them out would only make texts unreadable.
const SECRET_BYTES_MIN: usize = 4;
/// A secret of at least so many bytes is found when blanks divide it.
const SPLIT_BYTES_MIN: usize = 8;
/// Secrets are looked for in pieces of so many bytes.
const PIECE_BYTES: usize = 1_024;
/// All secrets of a source together; with more of them it says nothing that is passed on.
const SECRETS_BYTES_MAX: usize = 256 << 10;
/// As much of a text is looked at, of which the first half is shown at most: the other half has room
/// for the longest piece, each byte of it written as six.
const SEEN_BYTES_MAX: usize = 12 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(secret: &str, text: &str) -> String {
        Redactor::new([secret.to_owned()]).clean(text)
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        assert_eq!(
            clean("hunter22", "key hunter22, again hunter22hunter22"),
            "key [redacted], again [redacted]"
        );
    }

    #[test]
    fn a_secret_within_a_longer_one_leaves_nothing_behind() {
        let redactor = Redactor::new(["abcd".to_owned(), "abcdefgh".to_owned()]);
        assert_eq!(redactor.clean("<abcdefgh> <xabcdx>"), "<[redacted]> <x[redacted]x>");
        let redactor = Redactor::new(["abcdef".to_owned(), "efghij".to_owned()]);
        assert_eq!(redactor.clean("<abcdefghij>"), "<[redacted]>");
    }

    #[test]
    fn a_secret_is_found_without_what_is_around_it_and_in_letters_of_the_other_case() {
        assert_eq!(clean(" Hunter22\r\n", "<hunter22> <HUNTER22>"), "<[redacted]> <[redacted]>");
        assert_eq!(clean("Bearer abcdef0123", "<abcdef0123>"), "<[redacted]>");
    }

    #[test]
    fn a_secret_is_found_in_each_form_that_json_can_give_it() {
        let secret = "pa\"ss\\wo/rd+é😀";
        for text in [
            secret,
            r#"pa\"ss\\wo/rd+é😀"#,
            r#"pa\"ss\\wo\/rd+\u00e9\ud83d\ude00"#,
            r"\u0070a\u0022ss\u005Cwo\u002frd\u002B\u00E9\uD83D\uDE00",
            r#"pa\\\"ss\\\\wo\\\/rd+\\u00e9😀"#,
        ] {
            assert_eq!(clean(secret, &format!("<{text}>")), "<[redacted]>", "{text}");
        }
        // It holds what looks like an escape itself.
        for (secret, text) in [
            (r"a\nbc%41defg", r"a\nbc%41defg"),
            (r"a\nbc%41defg", r"a\\nbc%41defg"),
            (r"a\nbc%41defg", "a%5cnbc%2541defg"),
            ("first\nsecond", r"first\nsecond"),
            ("first\nsecond", "firstsecond"),
        ] {
            assert_eq!(clean(secret, &format!("<{text}>")), "<[redacted]>", "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_in_a_url() {
        let secret = "p@ss w/rd+=é";
        for text in [
            "p%40ss%20w%2Frd%2B%3D%C3%A9",
            "p%40ss%20w%2frd%2b%3d%c3%a9",
            "p@ss%20w/rd+=é",
            "p%40ss+w%2Frd%2B%3D%C3%A9",
            "%70%40%73%73%20%77%2F%72%64%2B%3D%C3%A9",
            "p%2540ss%2520w%252Frd%252B%253D%25C3%25A9",
        ] {
            assert_eq!(clean(secret, &format!("<{text}>")), "<[redacted]>", "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_and_hex() {
        let secret = "s3cr3t?>~~";
        for text in [
            "czNjcjN0Pz5+fg==",
            "czNjcjN0Pz5-fg",
            "czNjcjN0Pz5%2Bfg%3D%3D",
            r"czNjcjN0Pz5\u002bfg",
            "czNj cjN0\nPz5+fg==",
            // After `u:`, `us:`, `use:`, and before a line break.
            "dTpzM2NyM3Q/Pn5+",
            "dXM6czNjcjN0Pz5+fg==",
            "dXNlOnMzY3IzdD8+fn4=",
            "dXNlOnMzY3IzdD8+fn4K",
            "7333637233743f3e7e7e",
            "7333637233743F3E7E7E",
        ] {
            let cleaned = clean(secret, &format!("<{text}>"));
            assert!(cleaned.contains(REDACTED), "{text}: {cleaned}");
            let left: String = cleaned.replace(REDACTED, "");
            assert!(left.len() <= 9, "{text}: {cleaned}");
        }
    }

    #[test]
    fn a_longer_secret_is_found_though_blanks_divide_it() {
        assert_eq!(
            clean("hunter22", "<hun ter\n22> <h\u{200b}unter22>"),
            "<[redacted]> <[redacted]>"
        );
        assert_eq!(clean("andi", "and in <andi>"), "and in <[redacted]>");
    }

    #[test]
    fn a_short_secret_that_holds_blanks_is_found_as_it_is() {
        assert_eq!(clean("my pin1", "my pin 1 is not <My pin1>"), "my pin 1 is not <[redacted]>");
        assert_eq!(clean("a b c", "abc <a b c> a+b+c"), "abc <[redacted]> [redacted]");
        assert_eq!(clean(" ab\tcd\n", "ab cd <ab\tcd>"), "ab cd <[redacted]>");
    }

    #[test]
    fn short_values_are_left_alone() {
        let redactor = Redactor::new(["eu".to_owned(), "    ".to_owned(), String::new()]);
        assert_eq!(redactor.clean("europe    is up"), "europe    is up");
    }

    #[test]
    fn ordinary_texts_stay_as_they_are() {
        let redactor = Redactor::new(["hunter22".to_owned(), "Zm9vYmFy+/==".to_owned()]);
        let text = r#"GET https://api.example/v2/rows?from=2025-11-24T17%3A00%3A00Z: {"fail":["no\nrow"]}"#;
        assert_eq!(redactor.clean(text), text);
        assert_eq!(Redactor::default().clean(text), text);
    }

    #[test]
    fn no_part_of_a_secret_is_shown_where_a_text_is_cut() {
        let secret = (0..500).map(|number| format!("{number:04x}")).collect::<Vec<_>>().concat();
        for length in [100, 1_000, 2_000] {
            let secret = &secret[..length];
            let redactor = Redactor::new([secret.to_owned()]);
            for before in (0..2_100).step_by(7) {
                let cleaned = redactor.clean(&("-".repeat(before) + secret + "-"));
                assert!(!cleaned.contains(&secret[..4]), "{before}: {cleaned}");
            }
            // Everything before the end of what is looked at is taken out, and makes room for it.
            let long = redactor.clean(&secret.repeat(100_000 / length));
            assert_eq!(long, format!("{REDACTED}…"));
        }
    }

    #[test]
    fn more_secrets_than_can_be_looked_for_leave_nothing_to_be_shown() {
        let many = (0..30_000).map(|number| format!("secret-{number:05}"));
        assert_eq!(Redactor::new(many).clean("any text"), REDACTED);
    }

    #[test]
    fn what_is_cleaned_is_printable_and_bound() {
        let cleaned = clean("hunter22", &("\u{1b}hunter22\n".to_owned() + &"x".repeat(100_000)));
        assert!(cleaned.starts_with("\\u{1b}[redacted]\\u{a}xxx"), "{cleaned}");
        assert!(cleaned.len() < 2_010 && cleaned.ends_with('…'));
    }
}
