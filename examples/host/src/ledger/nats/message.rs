//! A message as `JetStream` gives it in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A stored message.
pub(super) struct Message {
    pub(super) sequence: u64,
    pub(super) payload: Vec<u8>,
    headers: Vec<u8>,
}

impl Message {
    /// Reads what `STREAM.MSG.GET` gives. The error says what is wrong with it.
    pub(super) fn read(message: &Value) -> Result<Self, String> {
        let decoded = |member: &str| match message[member].as_str() {
            Some(text) => STANDARD.decode(text).map_err(|_| format!("its {member} cannot be read")),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            sequence: message["seq"].as_u64().ok_or("it has no sequence")?,
            payload: decoded("data")?,
            headers: decoded("hdrs")?,
        })
    }

    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = std::str::from_utf8(&self.headers).ok()?;
        let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }
}
