//! What an instance keeps from one call to the next. Nothing depends on it: what is lost costs a
//! request for an access token, and reading a cursor's text.

use crate::api::access_token::TokenCache;
use crate::contract::source::PollError;
use crate::position::cursor::Cursor;

/// What an instance keeps between calls: its newest access token, and what the cursor that it gave out
/// last says.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) tokens: TokenCache,
    pub(crate) last: LastCursor,
}

/// The cursor that was given out last, with its text: reading 5,000 rows anew costs a tenth of a
/// page.
#[derive(Debug, Default)]
pub(crate) struct LastCursor(Option<(String, Cursor)>);

impl Memory {
    /// Of an instance that was not called yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { tokens: TokenCache::new(), last: LastCursor(None) }
    }
}

impl LastCursor {
    /// What a text says. It stays remembered: after an error the same is handed in again.
    #[inline(never)]
    pub(crate) fn read(&self, text: &str) -> Result<Cursor, PollError> {
        match &self.0 {
            Some((last, cursor)) if is_same(last, text) => Ok(cursor.clone()),
            _ => Ok(Cursor::decode(text)?),
        }
    }

    /// Writes a cursor that is to be given out.
    pub(crate) fn write(&mut self, mut cursor: Cursor) -> String {
        let text = cursor.encode();
        self.0 = Some((text.clone(), cursor));
        text
    }
}

/// Eight bytes at a time, as comparing them does not everywhere.
fn is_same(one: &str, other: &str) -> bool {
    let (ones, rest) = one.as_bytes().as_chunks::<8>();
    let (others, other_rest) = other.as_bytes().as_chunks::<8>();
    let is_same =
        |index: usize| u64::from_ne_bytes(ones[index]) == u64::from_ne_bytes(others[index]);
    ones.len() == others.len() && rest == other_rest && (0..ones.len()).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::cursor::Pass;

    #[test]
    fn what_was_given_out_last_is_not_read_again() {
        let mut last = LastCursor::default();
        let text = last.write(Cursor::default());
        // As no text says it: only what is kept can be this.
        let kept = Cursor { pass: Some(Pass::default()), ..Cursor::default() };
        last.0 = Some((text.clone(), kept.clone()));
        for _ in 0..2 {
            assert_eq!(last.read(&text), Ok(kept.clone()));
        }
        assert_ne!(last.read(&format!("{text} ")), Ok(kept));
    }

    #[test]
    fn a_text_that_differs_in_one_byte_is_another() {
        let text = "0123456789abcdefghi";
        assert!(is_same(text, text) && is_same("", ""));
        for end in 0..text.len() {
            assert!(!is_same(text, &text[..end]), "{end}");
            let other = format!("{}~{}", &text[..end], &text[end + 1..]);
            assert!(!is_same(text, &other), "{other}");
        }
    }
}
