//! A cursor in words, for a person.

use crate::contract::source::PollError;
use crate::position::cursor::Cursor;

/// What a cursor says: names and values.
///
/// # Errors
/// As a poll with this cursor.
pub fn explain(cursor: &str) -> Result<Vec<(String, String)>, PollError> {
    let cursor = Cursor::decode(cursor).map_err(PollError::from)?;
    Ok(vec![("complete_until".into(), cursor.position.watermark.to_string())])
}
