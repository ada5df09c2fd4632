//! What a check finds out about a ledger that many machines share: nothing is made, and nothing stored.

use serde::Serialize;
use source_contract::printable::printable;

use crate::commands::check::finding::State;
use crate::config::{NatsConfig, Store};
use crate::ledger::Ledger as _;
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
            Ok(Some(missing)) => (State::Warning, Some(missing)),
            Err(why) => (State::Failed, Some(why)),
        };
        let message = message.map(|message| printable(&message));
        Some(Self { stream: config.stream.clone(), state, message })
    }

    pub(super) fn works(&self) -> bool {
        self.state != State::Failed
    }
}

/// Gives what is not there yet.
async fn look(config: &NatsConfig, source: Option<&str>) -> Result<Option<String>, String> {
    let (ledger, missing) =
        opening::look_closely_at_nats(config).await.map_err(|why| match why {
            Unopened::Later(why) => why,
            Unopened::Never(faults) => faults.join("; "),
        })?;
    if let Some(source) = source.filter(|_| missing.is_none()) {
        ledger.stored(source).await.map_err(|why| why.to_string())?;
    }
    ledger.close().await.map_err(|why| why.to_string())?;
    Ok(missing.map(|name| {
        format!("stream {name} is not there yet: a worker makes it at its start, if its user may")
    }))
}
