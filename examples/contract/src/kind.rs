//! The kind of an event: a name that may become part of a file's name, or of a bus's subject.

/// Whether a text is a kind of the contract.
pub fn is_kind(text: &str) -> bool {
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    text.len() <= KIND_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(is_part)
}

/// Whether these are all kinds that a source may give. The error says why they are not.
pub fn check_kinds<'a>(mut kinds: impl ExactSizeIterator<Item = &'a str>) -> Result<(), String> {
    if kinds.len() > KINDS_MAX {
        return Err(format!("it has {} kinds of events; at most {KINDS_MAX}", kinds.len()));
    }
    if kinds.all(is_kind) { Ok(()) } else { Err("one of its kinds of events is none".to_owned()) }
}

const KIND_BYTES_MAX: usize = 128;
const KINDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_short_name_that_fits_into_paths_and_subjects() {
        let longest = "k".repeat(KIND_BYTES_MAX);
        for kind in ["a", "acme.audit.login", "a-1_b.c", &longest] {
            assert!(is_kind(kind), "{kind}");
        }
        let longer = "k".repeat(KIND_BYTES_MAX + 1);
        for kind in ["", ".", "..", "1a", "Acme", "a b", "a/b", "a\n", "a*", "a\u{e9}", &longer] {
            assert!(!is_kind(kind), "{kind:?}");
        }
    }

    #[test]
    fn kinds_are_bound() {
        assert_eq!(check_kinds(vec!["a"; KINDS_MAX].into_iter()), Ok(()));
        assert!(check_kinds(vec!["a"; KINDS_MAX + 1].into_iter()).is_err());
        assert!(check_kinds(["a", ""].into_iter()).is_err());
    }
}
