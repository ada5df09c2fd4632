//! What a check finds out about a ledger that many machines share: nothing is made, and nothing stored.

use serde::Serialize;
use source_contract::printable::printable;

use crate::commands::check::finding::State;
use crate::config::{NatsConfig, Store};
use crate::ledger::Ledger as _;
use crate::ledger::nats::stream::Seen;
use crate::ledger::opening::{self, Unopened};

/// What was found.
#[derive(Serialize)]
pub(super) struct Ledger {
    pub(super) stream: String,
    pub(super) state: State,
    pub(super) message: Option<String>,
}

impl Ledger {
    /// Looks at servers, stream and bucket; and whether cursors may be read, by that of a source.
    pub(super) async fn find(store: &Store, source: Option<&str>) -> Option<Self> {
        let Store::Nats(config) = store else { return None };
        let (state, message) = match look(config, source).await {
            Ok(None) => (State::Ok, None),
            Ok(Some(warning)) => (State::Warning, Some(warning)),
            Err(why) => (State::Failed, Some(why)),
        };
        let message = message.map(|message| printable(&message));
        Some(Self { stream: config.stream.clone(), state, message })
    }

    pub(super) fn works(&self) -> bool {
        self.state != State::Failed
    }
}

/// Gives what a person may have to look at.
async fn look(config: &NatsConfig, source: Option<&str>) -> Result<Option<String>, String> {
    let (ledger, seen) = opening::look_closely_at_nats(config).await.map_err(|why| match why {
        Unopened::Later(why) => why,
        Unopened::Never(faults) => faults.join("; "),
    })?;
    if let Some(source) = source.filter(|_| !matches!(seen, Seen::Missing(_))) {
        ledger.stored(source).await.map_err(|why| why.to_string())?;
    }
    ledger.close().await.map_err(|why| why.to_string())?;
    Ok(match seen {
        Seen::Fit => None,
        Seen::NearlyFull(why) => Some(why),
        Seen::Missing(name) => Some(format!(
            "stream {name} is not there yet: a worker makes it at its start, if its user may"
        )),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::ledger::nats::stand_in::StandIn;

    /// What is found of a server that says so of stream and bucket, and has neither a cursor nor anything else.
    async fn found(stream: Value, bucket: Value) -> (State, String) {
        let server = StandIn::start(move |asked| {
            let answer = match asked.subject {
                "$JS.API.STREAM.INFO.S" => stream.clone(),
                "$JS.API.STREAM.INFO.KV_S" => bucket.clone(),
                _ => json!({"error": {"err_code": 10_037, "description": "no message found"}}),
            };
            vec![(String::new(), answer.to_string())]
        });
        let found = Ledger::find(&Store::Nats(server.config("w-1")), Some("acme")).await.unwrap();
        (found.state, found.message.unwrap_or_default())
    }

    fn stream() -> Value {
        json!({"config": {
            "subjects": ["S.event.>", "S.cursor.>"], "retention": "limits", "storage": "file", "discard": "new",
            "num_replicas": 1, "allow_atomic": true, "allow_direct": true, "allow_rollup_hdrs": true,
            "allow_msg_ttl": true,
        }})
    }

    fn bucket() -> Value {
        let mut bucket = stream();
        bucket["config"]["subjects"] = json!(["$KV.S.>"]);
        bucket["config"]["max_msgs_per_subject"] = json!(1);
        bucket
    }

    fn missing() -> Value {
        json!({"error": {"err_code": 10_059, "description": "stream not found"}})
    }

    #[tokio::test]
    async fn a_stream_that_is_gone_while_its_bucket_is_there_is_a_failure() {
        assert_eq!(found(stream(), bucket()).await, (State::Ok, String::new()));
        for (stream, name) in [(missing(), "S"), (stream(), "KV_S")] {
            let (state, message) = found(stream, missing()).await;
            assert!(state == State::Warning, "{message}");
            assert!(message.starts_with(&format!("stream {name} is not there yet")), "{message}");
        }
        let (state, message) = found(missing(), bucket()).await;
        assert!(state == State::Failed, "{message}");
        assert!(message.starts_with("stream S is gone, and its bucket is there"), "{message}");
    }

    #[tokio::test]
    async fn a_stream_that_is_nearly_full_is_a_warning_and_a_full_one_a_failure() {
        for (bytes, state) in [(8_999, State::Ok), (9_000, State::Warning), (9_900, State::Failed)]
        {
            for is_bucket in [false, true] {
                let (mut stream, mut bucket) = (stream(), bucket());
                let limited = if is_bucket { &mut bucket } else { &mut stream };
                limited["config"]["max_bytes"] = json!(10_000);
                limited["state"] = json!({"bytes": bytes, "messages": 1});
                let (found, message) = found(stream, bucket).await;
                assert_eq!(found, state, "{message}");
                assert_eq!(found != State::Ok, message.contains("--max-bytes=…"), "{message}");
            }
        }
    }
}
