//! The head of a reply, as far as it is bound.

/// Whether a source may be given a reply with headers of so many bytes each, name and value.
pub fn is_within_bounds(headers_bytes: impl Iterator<Item = usize>) -> bool {
    let (mut count, mut sum) = (0, 0_usize);
    for bytes in headers_bytes {
        count += 1;
        sum = sum.saturating_add(bytes);
    }
    count <= HEADERS_MAX && sum <= HEADER_BYTES_MAX
}

/// What is said of a reply that it may not be given.
pub const BEYOND_BOUNDS: &str = "the headers of the response are too many, or too large";
/// Headers of a reply: many times what an API sends.
pub const HEADERS_MAX: usize = 256;
/// Names and values of all headers together.
const HEADER_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_bound_by_number_and_together() {
        let fits = |bytes: &[usize]| is_within_bounds(bytes.iter().copied());
        assert!(fits(&[1; HEADERS_MAX]) && !fits(&[1; HEADERS_MAX + 1]));
        assert!(fits(&[HEADER_BYTES_MAX]) && !fits(&[HEADER_BYTES_MAX, 1]));
        assert!(!fits(&[usize::MAX, usize::MAX]));
    }
}
