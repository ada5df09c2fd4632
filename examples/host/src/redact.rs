//! Keeps secrets and control characters out of what a component says: the second line of defence.

/// Longest text of a component that is passed on, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;
/// Shorter values are no secrets: taking them out would only make texts unreadable.
const SECRET_BYTES_MIN: usize = 4;
const REDACTED: &str = "[redacted]";

/// Knows the secrets of one source, and takes them out of texts.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret within a longer one does not leave the rest of it behind.
    secrets: Vec<String>,
}

impl Redactor {
    /// A redactor for these secrets, in the forms in which they may come back.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for secret in secrets {
            // In the text of a JSON document the secret may have been escaped.
            let escaped = serde_json::Value::from(secret.as_str()).to_string();
            let escaped = escaped[1..escaped.len() - 1].to_owned();
            if escaped != secret {
                all.push(escaped);
            }
            all.push(secret);
        }
        all.retain(|secret| secret.trim().len() >= SECRET_BYTES_MIN);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self { secrets: all }
    }

    /// The text without secrets, without control characters, and no longer than a log can take.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), REDACTED);
            }
        }
        printable(&text)
    }
}

/// The text with control characters escaped, cut to what a log can take.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for character in text.chars() {
        if out.len() >= TEXT_BYTES_MAX {
            out.push('…');
            break;
        }
        if is_unprintable(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, line and paragraph separators, and those that turn the direction of text.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a value under this key is taken to be a secret.
pub fn is_secret_key(key: &str) -> bool {
    const MARKS: [&str; 6] = ["key", "secret", "token", "password", "passphrase", "credential"];
    let key = key.to_ascii_lowercase();
    MARKS.iter().any(|mark| key.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        let redactor = Redactor::new(["hunter22".to_owned()]);
        assert_eq!(
            redactor.clean("key hunter22, again hunter22"),
            "key [redacted], again [redacted]"
        );
    }

    #[test]
    fn a_secret_within_a_longer_one_leaves_nothing_behind() {
        let redactor = Redactor::new(["abcd".to_owned(), "abcdefgh".to_owned()]);
        assert_eq!(redactor.clean("<abcdefgh>"), "<[redacted]>");
    }

    #[test]
    fn a_secret_is_found_in_its_json_form() {
        let redactor = Redactor::new(["pa\"ss\\word".to_owned()]);
        assert_eq!(redactor.clean(r#"{"p":"pa\"ss\\word"}"#), r#"{"p":"[redacted]"}"#);
    }

    #[test]
    fn short_values_are_left_alone() {
        let redactor = Redactor::new(["eu".to_owned(), "    ".to_owned()]);
        assert_eq!(redactor.clean("europe    is up"), "europe    is up");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\nb\u{1b}[31mc\u{202e}"), "a\\u{a}b\\u{1b}[31mc\\u{202e}");
    }

    #[test]
    fn long_texts_are_cut() {
        let cut = printable(&"é".repeat(5_000));
        assert!(cut.len() <= TEXT_BYTES_MAX + 4);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn keys_of_secrets_are_known_by_their_name() {
        for key in ["secret_key", "apiKey", "client_secret", "Password", "access-token"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["base_url", "start", "type"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }
}
