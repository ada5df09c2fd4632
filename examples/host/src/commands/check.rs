//! The command `check`: asks each source once whether it works, and the servers of a shared ledger. Nothing is
//! collected or stored.

mod finding;
mod ledger;
mod table;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use source_contract::printable::{Form, escape};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::commands::answer::answer_aside;
use crate::commands::check::finding::Finding;
use crate::commands::check::ledger::Ledger;
use crate::commands::exit::Exit;
use crate::commands::prepared::{Part, Prepared, Unprepared, client};
use crate::config::SourceConfig;
use crate::config::fault;
use crate::limits::{HttpLimits, Limits};
use crate::machine::process;
use crate::source::failure::of_call;
use crate::source::judged::judged;

/// Checks the sources of a configuration file, and prints what was found. It takes no lock and
/// touches neither state nor output: it may run beside a host.
pub(super) async fn check(config: &Path, json: bool, limits: Limits) -> Exit {
    let prepared = match Prepared::load(config, limits).await {
        Ok(prepared) => prepared,
        Err(Unprepared::Faulty(faults)) => {
            fault::log(&faults);
            return Exit::Misconfigured;
        }
        Err(Unprepared::Short(why)) => {
            tracing::error!("{why}");
            return Exit::Failed;
        }
    };
    let Prepared { store, sources, .. } = prepared;
    let first = sources.first().map(|(source, _)| source.name.clone());
    let (sources, ledger) =
        tokio::join!(find(sources, limits.http), Ledger::find(&store, first.as_deref()));
    let Some(sources) = sources else { return Exit::Failed };
    let ok = sources.iter().all(Finding::works) && ledger.as_ref().is_none_or(Ledger::works);
    let text = if json {
        let text = serde_json::to_string(&Document { ok, sources, ledger });
        let text = text.expect("it holds no map, whose keys could be other than texts");
        escape(&text, Form::Json, None).into_owned() + "\n"
    } else {
        table::text(&sources, ledger.as_ref())
    };
    match answer_aside(text).await {
        Ok(()) if ok => Exit::Done,
        Ok(()) => Exit::Failed,
        Err(why) => {
            tracing::error!("{why}");
            Exit::Failed
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    ok: bool,
    sources: Vec<Finding>,
    ledger: Option<Ledger>,
}

/// Checks all sources at the same time, within a bound. They are told in the order of the file; none
/// if a check broke off.
async fn find(sources: Vec<(SourceConfig, Part)>, limits: HttpLimits) -> Option<Vec<Finding>> {
    let places = Arc::new(Semaphore::new(AT_A_TIME_MAX));
    process::open_files(sources.len().min(AT_A_TIME_MAX));
    let mut checks = JoinSet::new();
    for (index, (source, part)) in sources.into_iter().enumerate() {
        let places = Arc::clone(&places);
        checks.spawn(async move {
            let _place = places.acquire().await;
            (index, find_one(&source, part, limits).await)
        });
    }
    let mut found = Vec::new();
    while let Some(joined) = checks.join_next().await {
        match joined {
            Ok(finding) => found.push(finding),
            Err(error) => {
                tracing::error!("a check broke off: {error}");
                return None;
            }
        }
    }
    found.sort_by_key(|(index, _)| *index);
    Some(found.into_iter().map(|(_, finding)| finding).collect())
}

async fn find_one(source: &SourceConfig, part: Part, limits: HttpLimits) -> Finding {
    let made = part.and_then(|component| {
        let client = client(source, limits).map_err(|fault| fault.to_string())?;
        Ok((component, client))
    });
    let (component, client) = match made {
        Ok(made) => made,
        Err(why) => return Finding::of_component(source, why),
    };
    let mut instance = match component.instantiate(Some(Arc::new(client))).await {
        Ok(instance) => instance,
        Err(failure) => return Finding::of_error(source, &of_call(failure), 0),
    };
    let checked = instance.check(&source.config).await;
    // Counted by the host: a component that failed told nothing.
    let requests = instance.requests();
    match judged(checked) {
        Ok(report) => Finding::of_report(source, &report, requests),
        Err(error) => Finding::of_error(source, &error, requests),
    }
}

/// Sources that are checked at a time.
const AT_A_TIME_MAX: usize = 8;
