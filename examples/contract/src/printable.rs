//! Which characters a person cannot see, or is deceived by, and how they are written out instead.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// The form in which a character is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `\u{9b}`, for a person.
    Text,
    /// `\u009b`: within a JSON document it stays what it was.
    Json,
}

/// The text on one line with what is unprintable written out, cut to what a log can take.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for character in text.chars() {
        if out.len() >= TEXT_BYTES_MAX {
            out.push('…');
            break;
        }
        push(&mut out, character, Form::Text, None);
    }
    out
}

/// The whole text with what is unprintable written out, `kept` alone excepted.
pub fn escape(text: &str, form: Form, kept: Option<char>) -> Cow<'_, str> {
    if !text.chars().any(|character| Some(character) != kept && is_unprintable(character)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        push(&mut out, character, form, kept);
    }
    out.into()
}

/// Whether a terminal would obey this character, or show nothing for it, or another text than is
/// there.
pub(crate) fn is_unprintable(character: char) -> bool {
    !matches!(character, ' '..='~') && UNPRINTABLE.iter().any(|range| range.contains(&character))
}

fn push(out: &mut String, character: char, form: Form, kept: Option<char>) {
    if Some(character) == kept || !is_unprintable(character) {
        out.push(character);
        return;
    }
    match form {
        Form::Text => out.extend(character.escape_unicode()),
        Form::Json => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

/// Longest text of a component that is passed on, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;
/// Unicode's controls, separators of lines and paragraphs, and all that it calls
/// `Default_Ignorable_Code_Point`: what turns the direction of text is among them, and what can hide
/// a text within another.
const UNPRINTABLE: [RangeInclusive<char>; 19] = [
    '\0'..='\u{1f}',
    '\u{7f}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    // With the marks of annotations, whose text a terminal may hide.
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_written_out() {
        assert_eq!(printable("a\nb\u{1b}[31mc\u{202e}"), "a\\u{a}b\\u{1b}[31mc\\u{202e}");
        for character in "\u{7f}\u{80}\u{9b}\u{9d}\u{9f}\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\
            \u{200f}\u{2028}\u{202a}\u{202e}\u{2060}\u{2064}\u{2066}\u{2069}\u{fe0f}\u{feff}\
            \u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e007f}\u{e0100}"
            .chars()
        {
            assert_eq!(printable(&character.to_string()), character.escape_unicode().to_string());
        }
    }

    #[test]
    fn texts_of_all_languages_stay_as_they_are() {
        let text =
            "Zürich, naïve e\u{301}, Δοκιμή, проверка, בדיקה, اختبار, परीक्षण, 試験, 😀 ~\u{a0}…";
        assert_eq!(printable(text), text);
        assert!(matches!(escape(text, Form::Text, None), Cow::Borrowed(_)));
    }

    #[test]
    fn in_a_json_document_they_stay_what_they_were() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}z";
        let document = serde_json::Value::from(text).to_string() + "\n";
        let escaped = escape(&document, Form::Json, Some('\n'));
        assert_eq!(escaped, "\"a\\u009b\\u202e\\udb40\\udc41\\u007fz\"\n");
        assert_eq!(serde_json::from_str::<String>(&escaped).ok().as_deref(), Some(text));
    }

    #[test]
    fn long_texts_are_cut() {
        let cut = printable(&"é".repeat(5_000));
        assert!(cut.len() <= TEXT_BYTES_MAX + 4);
        assert!(cut.ends_with('…'));
    }
}
