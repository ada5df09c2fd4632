//! Opens the ledger that a configuration names.

use std::path::Path;
use std::sync::Arc;

use crate::config::{NatsConfig, OutputConfig};
use crate::ledger::Ledger;
use crate::ledger::local::LocalLedger;
use crate::ledger::nats::NatsLedger;
use crate::ledger::nats::connection::{Connection, Unconnected};
use crate::ledger::nats::stream::{self, Seen, Unusable};
use crate::machine::shortage::Shortage;
use crate::output;
use crate::state::sqlite::SqliteState;

/// Why a ledger cannot be opened.
pub(crate) enum Unopened {
    /// It may be opened later.
    Later(String),
    /// Not before somebody mends what is wrong.
    Never(Vec<String>),
}

impl From<Unusable> for Unopened {
    fn from(why: Unusable) -> Self {
        match why {
            Unusable::Later(why) => Self::Later(why),
            Unusable::Never(why) => Self::Never(why),
        }
    }
}

/// Opens state and output of this machine, where they were left.
pub(crate) async fn open_local(
    state: &Path,
    output: &OutputConfig,
) -> Result<Arc<dyn Ledger>, Unopened> {
    let (state, output) = (state.to_owned(), output.clone());
    let open = move || {
        let mut state = SqliteState::open(&state).map_err(|error| error.to_string())?;
        let output =
            output::opening::open(&output, &mut state).map_err(|error| error.to_string())?;
        LocalLedger::start(output, Box::new(state)).map_err(|error| error.to_string())
    };
    // On a thread of its own: a slow disk keeps no signal waiting.
    let opened = tokio::task::spawn_blocking(open).await;
    match opened.unwrap_or_else(|broken_off| Err(broken_off.to_string())) {
        Ok(ledger) => Ok(Arc::new(ledger)),
        Err(why) if Shortage::of_files().is_none() => Err(Unopened::Never(vec![why])),
        Err(why) => Err(Unopened::Later(why)),
    }
}

/// Connects, and sees that stream and bucket are fit.
pub(crate) async fn open_nats(config: &NatsConfig) -> Result<(Connection, NatsLedger), Unopened> {
    let connection = connect(config).await?;
    let identity = stream::prepare(&connection, config).await?;
    let ledger = NatsLedger::new(connection.clone(), config, identity);
    Ok((connection, ledger))
}

/// Connects, and makes nothing that is not there: to look at it.
pub(crate) async fn look_at_nats(
    config: &NatsConfig,
) -> Result<(Connection, NatsLedger), Unopened> {
    let connection = connect(config).await?;
    let ledger = NatsLedger::new(connection.clone(), config, None);
    Ok((connection, ledger))
}

/// The same, and sees that stream and bucket are fit if they are there.
pub(crate) async fn look_closely_at_nats(
    config: &NatsConfig,
) -> Result<(NatsLedger, Seen), Unopened> {
    let (connection, ledger) = look_at_nats(config).await?;
    let seen = stream::look(&connection, config).await?;
    Ok((ledger, seen))
}

async fn connect(config: &NatsConfig) -> Result<Connection, Unopened> {
    Connection::open(config).await.map_err(|why| match why {
        Unconnected::Later(why) => Unopened::Later(why),
        Unconnected::Never(why) => Unopened::Never(vec![why]),
    })
}
