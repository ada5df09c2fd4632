//! The command `workers`: who shares a ledger, who runs which source, and how far each is.

mod found;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use source_contract::printable::{Form, escape};

use crate::commands::answer::answer_aside;
use crate::commands::exit::Exit;
use crate::commands::refusal::Refusal;
use crate::commands::workers::found::{Found, FoundSource, FoundWorker};
use crate::config::{Cursors, NatsConfig, Outline, digest, fault};
use crate::ledger::nats::NatsLedger;
use crate::ledger::nats::subject::shard;
use crate::ledger::opening;
use crate::workers::members::{self, Members};
use crate::workers::shards::{counts, owner};

/// Tells of the workers of a configuration's ledger. It becomes none of them.
pub(super) async fn workers(config: &Path, json: bool) -> Exit {
    let outline = match Outline::load(config, &|name| std::env::var_os(name)) {
        Ok(outline) => outline,
        Err(faults) => {
            fault::log(&faults);
            return Exit::Misconfigured;
        }
    };
    match told(&outline, json).await {
        Ok(()) => Exit::Done,
        Err(Refusal { exit, why }) => {
            tracing::error!("{why}");
            exit
        }
    }
}

async fn told(outline: &Outline, json: bool) -> Result<(), Refusal> {
    let Cursors::Nats(config) = &outline.cursors else {
        return Err(Refusal::usage(
            "this configuration keeps events and cursors on one machine, for one host: there are no workers; give \
             it a section [ledger] in the place of [state] and [output] to have some",
        ));
    };
    let found = find(config, outline).await?;
    let text = if json {
        let text = serde_json::to_string(&found);
        let text = text.expect("it holds no map, whose keys could be other than texts");
        escape(&text, Form::Json, None).into_owned() + "\n"
    } else {
        table::text(&found)
    };
    answer_aside(text).await.map_err(Refusal::failed)
}

async fn find(config: &NatsConfig, outline: &Outline) -> Result<Found, Refusal> {
    let (connection, ledger) = opening::look_at_nats(config).await?;
    // First: that there is no such stream is told by it.
    let stored = ledger.sources().await?;
    let members = members::list_of_leader(&connection, &config.stream, ANSWER_FOR_MAX).await;
    let members = members
        .map_err(|why| Refusal::failed(format!("the workers of {}: {why}", config.stream)))?;
    let own = digest(config.lease, outline);
    let names: BTreeSet<String> = members.keys().cloned().collect();
    let shards = counts(&names);
    let workers = members.iter().map(|(worker, member)| FoundWorker {
        worker: worker.clone(),
        since: member.since.clone(),
        version: member.version.clone(),
        same_config: member.config == own,
        sources: member.sources,
        shards: shards(worker),
    });
    let workers = workers.collect();
    let configured: BTreeSet<&str> =
        outline.sources.iter().map(|source| source.name.as_str()).collect();
    let mut all: BTreeSet<String> = configured.iter().map(|name| (*name).to_owned()).collect();
    all.extend(stored);
    let now_ns = unix_ns();
    let told = all.into_iter().map(|source| {
        let owner = owner(shard(&source), &names).map(str::to_owned);
        let is_configured = configured.contains(source.as_str());
        let same = owner.as_ref().map(|owner| has_config(&members, owner, &own));
        let ledger = &ledger;
        async move {
            let place = Place { owner, is_configured, same };
            of_source(ledger, source, place, now_ns).await
        }
    });
    let sources = futures_util::stream::iter(told).buffered(ASKED_AT_A_TIME).collect().await;
    Ok(Found { stream: config.stream.clone(), workers, sources })
}

/// What stands for the configuration at hand among workers.
fn digest(lease: Duration, outline: &Outline) -> String {
    let sources = outline.sources.iter().map(|source| {
        let component = source.component.as_deref().unwrap_or(Path::new(""));
        (source.name.as_str(), source.digest, component)
    });
    digest::of_all(lease, sources)
}

fn has_config(members: &Members, worker: &str, config: &str) -> bool {
    members.get(worker).is_some_and(|member| member.config == config)
}

/// Whose a source is, and by whose configuration.
struct Place {
    owner: Option<String>,
    is_configured: bool,
    same: Option<bool>,
}

async fn of_source(ledger: &NatsLedger, source: String, place: Place, now_ns: u64) -> FoundSource {
    let mut found = FoundSource {
        source,
        owner: place.owner,
        configured: place.is_configured,
        owner_same_config: place.same,
        ..FoundSource::default()
    };
    match ledger.stored(&found.source).await {
        Ok(Some(stored)) => found.add(stored, now_ns),
        Ok(None) => {}
        Err(why) => found.fault = Some(why.to_string()),
    }
    found
}

fn unix_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

const ANSWER_FOR_MAX: Duration = Duration::from_secs(4);
const ASKED_AT_A_TIME: usize = 16;
