//! Tells a stream from another one of its name.

use serde_json::Value;

/// When a stream was made, and when that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    made: String,
    asked: String,
}

impl Identity {
    /// That of the stream which `STREAM.INFO` tells of.
    pub(super) fn of(about: &Value) -> Option<Self> {
        let text = |member: &str| about[member].as_str().map(str::to_owned);
        Some(Self { made: text("created")?, asked: text("ts")? })
    }

    /// When the stream was made that is told of, if it is another one: one that was made since.
    pub(super) fn other<'a>(&self, about: &'a Value) -> Option<&'a str> {
        let made = about["created"].as_str()?;
        // Of one that was restored from a copy each server tells another time: all of them lie before it was asked.
        // Both times are servers' own: one that is made anew within what their clocks differ is not told apart.
        (made != self.made && second(made) > second(&self.asked)).then_some(made)
    }

    /// When this one was made.
    pub(super) fn made(&self) -> &str {
        &self.made
    }
}

/// Of a time in RFC 3339, which has as many digits of the second as it needs.
fn second(time: &str) -> Option<&str> {
    time.get(.."2026-11-30T13:58:43".len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_that_was_made_since_is_another_one() {
        let about = |created: &str| json!({"created": created, "ts": "2026-11-30T14:30:00.5Z"});
        let identity = Identity::of(&about("2026-11-30T14:00:41.807784093Z")).unwrap();
        for same in [
            "2026-11-30T14:00:41.807784093Z",
            // As another server has it, after a stream was restored.
            "2026-11-30T14:00:41.69Z",
            "2026-11-30T14:29:59.691778684Z",
        ] {
            assert_eq!(identity.other(&about(same)), None, "{same}");
        }
        for other in ["2026-11-30T14:30:01Z", "2026-12-01T00:00:00.1Z"] {
            assert_eq!(identity.other(&about(other)), Some(other));
        }
        assert_eq!(identity.other(&json!({})), None);
        assert!(Identity::of(&json!({"created": "2026-11-30T14:00:41Z"})).is_none());
    }
}
