//! How much room a stream has left below the limits that somebody gave it.

use serde_json::Value;

/// What there is to say of a stream's room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// Before long it takes nothing more.
    Little(String),
    /// What is stored next is refused, or soon after.
    None(String),
}

/// Judges by what a leader says of a stream.
pub(super) fn room(name: &str, found: &Value) -> Room {
    let limits = [
        ("max_bytes", "bytes", "--max-bytes", BYTES_OF_BATCH),
        ("max_msgs", "messages", "--max-msgs", MESSAGES_OF_BATCH),
    ];
    // What the bucket keeps is taken away in time.
    let or_age = if name.starts_with("KV_") { "" } else { ", or set `max_age`" };
    let mut room = Room::Enough;
    for (setting, of, option, of_batch) in limits {
        // Without a limit it is -1.
        let Some(most) = found["config"][setting].as_u64().filter(|most| *most > 0) else {
            continue;
        };
        let used = found["state"][of].as_u64().unwrap_or(0);
        let left = most.saturating_sub(used);
        if left > most / 10 {
            continue;
        }
        // A full stream refuses what does not fit, and so seldom reaches its limit.
        let is_full = left <= of_batch.min(most / 20);
        let state = if is_full { "is full" } else { "is nearly full" };
        let why = format!(
            "stream {name} {state}: it holds {used} {of}, and its `{setting}` is {most}; raise it (nats stream edit \
             {name} {option}=…){or_age}: workers go on by themselves"
        );
        if is_full {
            return Room::None(why);
        }
        room = Room::Little(why);
    }
    room
}

/// Of a large stream less than this is left only shortly before batches are refused.
const BYTES_OF_BATCH: u64 = 1_048_576;
const MESSAGES_OF_BATCH: u64 = 1_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is told: nothing, or whether it is full and the limit.
    fn told(max_bytes: i64, bytes: u64, max_msgs: i64, messages: u64) -> Option<(bool, String)> {
        let found = json!({
            "config": {"max_bytes": max_bytes, "max_msgs": max_msgs},
            "state": {"bytes": bytes, "messages": messages},
        });
        let (is_full, why) = match room("S", &found) {
            Room::Enough => return None,
            Room::Little(why) => (false, why),
            Room::None(why) => (true, why),
        };
        let option = why.split("nats stream edit S --").nth(1).unwrap_or_default();
        Some((is_full, option.split('=').next().unwrap_or_default().to_owned()))
    }

    #[test]
    fn a_stream_is_nearly_full_from_nine_tenths_and_full_before_the_last_byte() {
        let bytes = |is_full| Some((is_full, "max-bytes".to_owned()));
        let messages = |is_full| Some((is_full, "max-msgs".to_owned()));
        assert_eq!(told(-1, u64::MAX, -1, u64::MAX), None);
        assert_eq!(told(0, 5, 0, 5), None);
        assert_eq!(told(1_000_000, 899_999, -1, 5), None);
        assert_eq!(told(1_000_000, 900_000, -1, 5), bytes(false));
        assert_eq!(told(1_000_000, 950_000, -1, 5), bytes(true));
        assert_eq!(told(1_000_000, 1_000_001, -1, 5), bytes(true));
        // One percent of a large stream is room for many batches.
        assert_eq!(told(10_000_000_000, 9_900_000_000, -1, 5), bytes(false));
        assert_eq!(told(10_000_000_000, 9_999_000_000, -1, 5), bytes(true));
        assert_eq!(told(-1, 5, 100, 90), messages(false));
        assert_eq!(told(-1, 5, 100, 99), messages(true));
        // The one that is full, whichever it is.
        assert_eq!(told(1_000, 900, 100, 100), messages(true));
        assert_eq!(told(1_000, 1_000, 100, 90), bytes(true));
    }
}
