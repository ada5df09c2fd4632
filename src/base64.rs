//! Standard base64, as keys, signatures and cursors have it: one way of the library for all of them.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

/// With `=` at its end where the length wants it.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = vec![b'='; bytes.len().div_ceil(3).saturating_mul(4)];
    // The library's own way to a string brings along all that would print its impossible error.
    let written = ENGINE.encode_slice(bytes, &mut text);
    debug_assert!(written.is_ok(), "there is room for it");
    String::from_utf8(text).unwrap_or_default()
}

/// The same without `=`.
pub(crate) fn encode_unpadded(bytes: &[u8]) -> String {
    let mut text = encode(bytes);
    text.truncate(text.trim_end_matches('=').len());
    text
}

/// `=` at the end may be there or not. None for what is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// What `encode_unpadded` gives, and nothing else.
pub(crate) fn decode_unpadded(text: &str) -> Option<Vec<u8>> {
    if text.ends_with('=') { None } else { decode(text) }
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648.
    #[test]
    fn it_is_as_its_rfc_has_it() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            let unpadded = text.trim_end_matches('=');
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(encode_unpadded(bytes.as_bytes()), unpadded);
            for text in [text, unpadded] {
                assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
            }
            assert_eq!(decode_unpadded(text).is_some(), text == unpadded);
        }
        for odd in ["Z", "Zg===", "Zm9v Zg", "Zh==", "Z?=="] {
            assert_eq!(decode(odd), None, "{odd}");
        }
    }
}
