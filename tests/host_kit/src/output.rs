//! What a host has written out: the probe's events among it, in whatever envelope.

use serde_json::Value;

/// What a host has written out.
#[derive(Default)]
pub struct Output {
    /// The bodies of events, in their order.
    pub events: Vec<Value>,
    /// Lines that are no event of the probe: cut by a kill, or of the host's own.
    pub strange: Vec<String>,
    /// Whether the last line has no end.
    pub is_cut: bool,
}

impl Output {
    /// Reads it, up to the last line that has its end.
    pub fn read(bytes: &[u8]) -> Self {
        let mut output = Self::default();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.last() != Some(&b'\n') {
                output.is_cut = true;
                break;
            }
            let line = String::from_utf8_lossy(line);
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(&line).ok().and_then(body) {
                Some(event) => output.events.push(event),
                None => output.strange.push(line.trim_end().chars().take(200).collect()),
            }
        }
        output
    }

    /// The ids of all events, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| event["probe"].as_str())
    }
}

/// The event's body in what may be an envelope around it: as an object, or as its text.
fn body(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.get("probe").is_some_and(Value::is_string) => {
            Some(Value::Object(members))
        }
        Value::Object(members) => members.into_iter().find_map(|(_, value)| body(value)),
        Value::Array(items) => items.into_iter().find_map(body),
        Value::String(text) if text.starts_with('{') => body(serde_json::from_str(&text).ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_in_envelopes_too() {
        let lines = concat!(
            "{\"probe\":\"0-0\"}\n\n",
            "{\"source\":\"a\",\"event\":{\"probe\":\"0-1\"}}\n",
            "{\"records\":[{\"body\":\"{\\\"probe\\\":\\\"0-2\\\"}\"}]}\n",
            "{\"pro\n{\"probe\":\"0-3\"}",
        );
        let output = Output::read(lines.as_bytes());
        assert_eq!(output.ids().collect::<Vec<_>>(), ["0-0", "0-1", "0-2"]);
        assert_eq!((output.strange.len(), output.is_cut), (1, true));
    }
}
