//! The command `workers`: who shares a ledger, who runs which source, and how far each is.

mod found;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, TryStreamExt as _};
use source_contract::printable::{Form, escape};
use tokio::time::{Instant, timeout};

use crate::commands::answer::answer_aside;
use crate::commands::exit::Exit;
use crate::commands::refusal::Refusal;
use crate::commands::workers::found::{Found, FoundSource, FoundWorker};
use crate::config::{Cursors, NatsConfig, Outline, digest, fault};
use crate::ledger::nats::subject::shard;
use crate::ledger::{LedgerError, opening};
use crate::workers::members;
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
    let found = timeout(FIND_FOR_MAX, find(config, outline)).await.unwrap_or_else(|_| {
        let (stream, secs) = (&config.stream, FIND_FOR_MAX.as_secs());
        let why = format!("stream {stream}: not all questions have an answer within {secs} s");
        Err(Refusal::failed(why))
    })?;
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
    let configured: BTreeSet<&str> =
        outline.sources.iter().map(|source| source.name.as_str()).collect();
    let mut all: BTreeSet<String> = configured.iter().map(|name| (*name).to_owned()).collect();
    all.extend(stored);
    let stored = answers(all.iter().map(|source| ledger.stored(source))).await?;
    let now_ns = unix_ns();
    let sources = all.iter().zip(stored).map(|(source, stored)| {
        let owner = owner(shard(source), &names);
        let mut found = FoundSource {
            source: source.clone(),
            owner: owner.map(str::to_owned),
            configured: configured.contains(source.as_str()),
            owner_same_config: owner
                .map(|owner| members.get(owner).is_some_and(|member| member.config == own)),
            ..FoundSource::default()
        };
        match stored {
            Ok(Some(stored)) => found.add(stored, now_ns),
            Ok(None) => {}
            Err(why) => found.fault = Some(why.to_string()),
        }
        found
    });
    let sources: Vec<FoundSource> = sources.collect();
    let workers = members.iter().map(|(worker, member)| FoundWorker {
        worker: worker.clone(),
        since: member.since.clone(),
        version: member.version.clone(),
        same_config: member.config == own,
        sources: member.sources,
        runs: runs(worker, &sources),
        shards: shards(worker),
    });
    let workers = workers.collect();
    Ok(Found { stream: config.stream.clone(), workers, sources })
}

/// How many sources are a worker's own.
fn runs(worker: &str, sources: &[FoundSource]) -> usize {
    sources.iter().filter(|source| source.owner.as_deref() == Some(worker)).count()
}

/// Asks some questions at a time. The first that is asked in vain is the last: to all others nobody answers, either.
async fn answers<T>(
    questions: impl Iterator<Item = impl Future<Output = Result<T, LedgerError>>>,
) -> Result<Vec<Result<T, LedgerError>>, Refusal> {
    let asked = questions.map(async |question| {
        let begun = Instant::now();
        match question.await {
            Err(why) if begun.elapsed() >= ANSWER_FOR_MAX => Err(why.into()),
            answer => Ok(answer),
        }
    });
    futures_util::stream::iter(asked).buffered(ASKED_AT_A_TIME).try_collect().await
}

/// What stands for the configuration at hand among workers.
fn digest(lease: Duration, outline: &Outline) -> String {
    let sources = outline.sources.iter().map(|source| {
        let component = source.component.as_deref().unwrap_or(Path::new(""));
        (source.name.as_str(), source.digest, component)
    });
    digest::of_all(lease, sources)
}

fn unix_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

const ANSWER_FOR_MAX: Duration = Duration::from_secs(4);
const ASKED_AT_A_TIME: usize = 16;
/// Of all that is asked. 10,000 sources of servers that are far away take two minutes.
const FIND_FOR_MAX: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_question_that_is_asked_in_vain_is_the_last() {
        let asked = AtomicUsize::new(0);
        let in_vain = (0..10_000).map(|_| async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(10)).await;
            Err::<(), _>(LedgerError::Failed("no server leads it".to_owned()))
        });
        let begun = Instant::now();
        let refusal = answers(in_vain).await.err().map(|Refusal { exit, why }| (exit, why));
        assert_eq!(refusal, Some((Exit::Failed, "no server leads it".to_owned())));
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert!(asked.into_inner() <= 2 * ASKED_AT_A_TIME);
    }

    #[test]
    fn a_worker_runs_the_sources_that_are_its_own() {
        let of = |owner: Option<&str>| FoundSource {
            owner: owner.map(str::to_owned),
            ..FoundSource::default()
        };
        let sources = [of(Some("a")), of(Some("b")), of(None), of(Some("a"))];
        assert_eq!(["a", "b", "c"].map(|worker| runs(worker, &sources)), [2, 1, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_damaged_is_an_answer() {
        let damaged = (0..100).map(|number| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if number % 2 == 0 { Ok(()) } else { Err(LedgerError::Failed(String::new())) }
        });
        let answers = answers(damaged).await.ok().unwrap_or_default();
        assert_eq!(
            (answers.len(), answers.iter().filter(|answer| answer.is_ok()).count()),
            (100, 50)
        );
    }
}
