//! The body of a reply, as text.

/// Whether a body is neither an answer of the API nor none at all: its own failures are JSON or empty.
pub(crate) fn is_foreign(is_json: bool, body: &str) -> bool {
    !is_json && !body.trim_ascii().is_empty()
}

/// The body as text, without a byte order mark. `bool` tells that bytes that are not UTF-8 were
/// replaced. None if the text would be longer than `bytes_max`.
pub(crate) fn body_text(body: Vec<u8>, bytes_max: usize) -> Option<(String, bool)> {
    let mut body = body;
    if body.starts_with(BYTE_ORDER_MARK) {
        body.drain(..BYTE_ORDER_MARK.len());
    }
    let error = match String::from_utf8(body) {
        Ok(text) => return (text.len() <= bytes_max).then_some((text, false)),
        Err(error) => error,
    };
    let chunks = error.as_bytes().utf8_chunks();
    let mended_bytes: usize = chunks
        .map(|chunk| chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 })
        .sum();
    if mended_bytes > bytes_max {
        return None;
    }
    let mut text = String::with_capacity(mended_bytes);
    for chunk in error.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some((text, true))
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
