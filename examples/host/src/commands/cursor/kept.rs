//! Where the cursors of a configuration are kept, and how they are changed there.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::commands::refusal::Refusal;
use crate::config::{Cursors, NatsConfig};
use crate::ledger::LedgerError;
use crate::ledger::nats::NatsLedger;
use crate::ledger::opening;
use crate::state::sqlite::SqliteState;
use crate::state::{CursorChange, State as _, StateError};
use crate::timestamp::rfc3339;

/// A cursor, and what is known of it.
pub(super) struct Kept {
    pub(super) cursor: Arc<str>,
    /// Events delivered so far.
    pub(super) events: u64,
    /// When it was stored: RFC 3339.
    pub(super) updated: String,
}

/// All of them, by source.
pub(super) async fn all(cursors: &Cursors) -> Result<BTreeMap<String, Kept>, Refusal> {
    let ledger = match cursors {
        Cursors::State(path) => {
            let stored = SqliteState::read(path)?.unwrap_or_default().into_iter();
            return Ok(stored
                .map(|(source, stored)| {
                    let updated_ms = u64::try_from(stored.updated_ms).unwrap_or(0);
                    let updated = rfc3339(updated_ms.saturating_mul(1_000_000)).unwrap_or_default();
                    (source, Kept { cursor: stored.cursor, events: stored.events, updated })
                })
                .collect());
        }
        Cursors::Nats(config) => open(config).await?,
    };
    let kept = futures_util::stream::iter(ledger.sources().await?)
        .map(|source| of_ledger(&ledger, source))
        .buffer_unordered(ASKED_AT_A_TIME);
    let kept: Vec<Option<(String, Kept)>> = kept.try_collect().await?;
    Ok(kept.into_iter().flatten().collect())
}

/// That of one source.
pub(super) async fn one(cursors: &Cursors, source: &str) -> Result<Option<Kept>, Refusal> {
    match cursors {
        Cursors::State(_) => Ok(all(cursors).await?.remove(source)),
        Cursors::Nats(config) => {
            let kept = of_ledger(&open(config).await?, source.to_owned()).await?;
            Ok(kept.map(|(_, kept)| kept))
        }
    }
}

/// Stores one.
pub(super) async fn set(cursors: &Cursors, source: &str, cursor: &str) -> Result<(), Refusal> {
    match cursors {
        Cursors::State(path) => {
            let change =
                CursorChange { source: source.to_owned(), cursor: cursor.into(), events: 0 };
            Ok(SqliteState::open(path)?.commit(&[change], None).map_err(StateError::from)?)
        }
        Cursors::Nats(config) => {
            Ok(open(config).await?.put(source, Some(cursor)).await.map(drop)?)
        }
    }
}

/// Forgets one. False if there was none.
pub(super) async fn forget(cursors: &Cursors, source: &str) -> Result<bool, Refusal> {
    match cursors {
        Cursors::State(path) => Ok(SqliteState::open(path)?.remove(source)?),
        Cursors::Nats(config) => Ok(open(config).await?.put(source, None).await?),
    }
}

async fn open(config: &NatsConfig) -> Result<NatsLedger, Refusal> {
    Ok(opening::look_at_nats(config).await?.1)
}

async fn of_ledger(
    ledger: &NatsLedger,
    source: String,
) -> Result<Option<(String, Kept)>, LedgerError> {
    let Some(stored) = ledger.stored(&source).await? else { return Ok(None) };
    let (events, updated) = (stored.events, stored.at);
    Ok(stored.cursor.map(|cursor| (source, Kept { cursor, events, updated })))
}

const ASKED_AT_A_TIME: usize = 16;
