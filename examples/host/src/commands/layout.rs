//! How a command lays out what it tells on a terminal.

use std::fmt::Write as _;

/// A table: each column as wide as its widest cell.
pub(super) fn columns<const COUNT: usize>(rows: &[[String; COUNT]]) -> String {
    let widths: [usize; COUNT] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A time as a person says it.
pub(super) fn span(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs.div_ceil(60)),
        secs @ 7_200..172_800 => format!("{} h", secs.div_ceil(3_600)),
        secs => format!("{} days", secs.div_ceil(86_400)),
    }
}

/// Adds a sentence as lines of a width that every terminal has; a word that is longer stays whole.
pub(super) fn wrap(text: &mut String, sentence: &str) {
    let mut width = 0;
    for word in sentence.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text.push_str("\n ");
            width = 1;
        }
        if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += length;
    }
    text.push('\n');
}

const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["A", "B", "C"], ["long", "", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), "A     B  C\nlong     x\n");
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_suits_it() {
        let shown = [0, 1, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000, u64::MAX].map(span);
        let expected =
            ["0 s", "1 s", "119 s", "2 min", "120 min", "2 h", "2 days", "213503982335 days"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_sentence_is_wrapped_at_words_and_a_long_word_stays_whole() {
        let mut text = String::new();
        wrap(&mut text, &format!("{} end  of it", "words".to_owned() + &" word".repeat(19)));
        wrap(&mut text, &format!("a {}", "x".repeat(100)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "words".to_owned() + &" word".repeat(15));
        assert_eq!(lines[1], "  word word word word end of it");
        assert_eq!(lines[2..], ["a".to_owned(), format!("  {}", "x".repeat(100))]);
    }
}
