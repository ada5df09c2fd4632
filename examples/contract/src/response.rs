//! The head of a reply, as far as it is bound.

/// Whether a source may be given a reply with headers of so many bytes each, name and value. The error says
/// why not.
pub fn check_headers(bytes: impl ExactSizeIterator<Item = usize>) -> Result<(), String> {
    if bytes.len() > HEADERS_MAX || bytes.fold(0, usize::saturating_add) > HEADER_BYTES_MAX {
        return Err(format!(
            "the response has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        ));
    }
    Ok(())
}

const HEADERS_MAX: usize = 256;
/// Names and values of all headers together.
const HEADER_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_bound_by_number_and_together() {
        let is_taken = |bytes: &[usize]| check_headers(bytes.iter().copied()).is_ok();
        assert!(is_taken(&[1; HEADERS_MAX]) && !is_taken(&[1; HEADERS_MAX + 1]));
        assert!(is_taken(&[HEADER_BYTES_MAX]) && !is_taken(&[HEADER_BYTES_MAX, 1]));
        assert!(!is_taken(&[usize::MAX, usize::MAX]));
    }
}
