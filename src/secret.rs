//! Secrets: usable, never shown, and taken out of what the API says.

use core::fmt;

/// Holds a secret. `Debug` shows that there is one and nothing more; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret<T>(T);

impl<T> Secret<T> {
    /// Takes a secret in.
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// Hands the secret out, for signing and for headers.
    pub(crate) const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// All secrets that a text from outside could repeat.
#[derive(Debug)]
pub(crate) struct Secrets(Secret<Vec<String>>);

impl Secrets {
    /// Each secret in each form in which it could be repeated.
    pub(crate) const fn new(secrets: Vec<String>) -> Self {
        Self(Secret::new(secrets))
    }

    pub(crate) fn add(&mut self, secret: String) {
        self.0.0.push(secret);
    }

    /// Hides the secrets in a text that came from outside, should it repeat one, and makes it one
    /// printable line of bounded length. (I4)
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut secrets: Vec<&String> = self.0.expose().iter().collect();
        // The longest first: one may hold another.
        while let Some((index, secret)) = secrets.iter().enumerate().max_by_key(|(_, s)| s.len()) {
            text = text.replace(*secret, "[redacted]");
            secrets.swap_remove(index);
        }
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(FOREIGN_TEXT_CHARS_MAX)
            .collect()
    }

    /// Whether a text repeats a secret that is too long to be there by chance.
    pub(crate) fn are_repeated_in(&self, text: &str) -> bool {
        let long = |secret: &&String| secret.len() >= CHANCE_BYTES_MAX;
        self.0.expose().iter().filter(long).any(|secret| text.contains(secret))
    }
}

/// A shorter text can be part of a longer one by chance.
const CHANCE_BYTES_MAX: usize = 8;
/// How much of a text of the API goes into a message.
const FOREIGN_TEXT_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_does_not_show_it() {
        let secret = Secret::new(String::from("hunter2"));
        assert_eq!(format!("{secret:?} {secret:#?}"), "[redacted] [redacted]");
    }
}
