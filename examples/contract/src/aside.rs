//! What a call gives beside its events: codes, notices, counters.

/// Whether they keep to the contract: these codes of errors and notices, the names of these counters. The
/// error says how they do not.
pub fn check<'a>(
    code: Option<&str>,
    mut notices: impl ExactSizeIterator<Item = &'a str>,
    mut counters: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), String> {
    if notices.len() > NOTICES_MAX {
        let count = notices.len();
        return Err(format!("there are {count} notices; at most {NOTICES_MAX} are allowed"));
    }
    if counters.len() > COUNTERS_MAX {
        let count = counters.len();
        return Err(format!("there are {count} counters; at most {COUNTERS_MAX} are allowed"));
    }
    if code.is_none_or(is_name) && notices.all(is_name) && counters.all(is_name) {
        return Ok(());
    }
    Err(format!(
        "a code or a name of a counter is not in snake_case, or not of 1 to {NAME_BYTES_MAX} bytes"
    ))
}

/// Whether a cursor may be explained by so many pairs. The error says why not.
pub fn check_pairs(count: usize) -> Result<(), String> {
    if count <= PAIRS_MAX {
        return Ok(());
    }
    Err(format!("the cursor is explained by {count} pairs; at most {PAIRS_MAX} are allowed"))
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

const NAME_BYTES_MAX: usize = 128;
const NOTICES_MAX: usize = 100;
/// The most counters of a call.
pub const COUNTERS_MAX: usize = 64;
const PAIRS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> [bool; 3] {
        let none = || [].into_iter();
        [
            check(Some(name), none(), none()).is_ok(),
            check(None, [name].into_iter(), none()).is_ok(),
            check(None, none(), [name].into_iter()).is_ok(),
        ]
    }

    #[test]
    fn names_are_short_and_in_snake_case() {
        let longest = "n".repeat(NAME_BYTES_MAX);
        for name in ["a", "page_token_refused", "http_4xx", &longest] {
            assert_eq!(named(name), [true; 3], "{name}");
        }
        let longer = "n".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "A", "a-b", "a b", "a\n", &longer] {
            assert_eq!(named(name), [false; 3], "{name:?}");
        }
    }

    #[test]
    fn counts_are_bound() {
        let many = |notices: usize, counters: usize| {
            check(None, vec!["a"; notices].into_iter(), vec!["a"; counters].into_iter()).is_ok()
        };
        assert!(many(NOTICES_MAX, COUNTERS_MAX));
        assert!(!many(NOTICES_MAX + 1, 0) && !many(0, COUNTERS_MAX + 1));
        assert!(check_pairs(PAIRS_MAX).is_ok() && check_pairs(PAIRS_MAX + 1).is_err());
    }
}
