//! Tells people of workers: a line for each, then one for each source, and sentences below.

use source_contract::printable::printable;

use crate::commands::layout::{columns, span, wrap};
use crate::commands::workers::found::{Found, FoundSource, FoundWorker};

/// The tables, and what there is to say below them.
pub(super) fn text(found: &Found) -> String {
    let mut text = if found.workers.is_empty() {
        format!("no worker is there: nobody collects into stream {}\n", found.stream)
    } else {
        let heading =
            ["WORKER", "SINCE", "VERSION", "CONFIGURATION", "CONFIGURED", "RUNS", "SHARDS"];
        let mut rows = vec![heading.map(str::to_owned)];
        rows.extend(found.workers.iter().map(of_worker));
        columns(&rows)
    };
    let heading = ["SOURCE", "OWNER", "LAST COMMIT", "BY", "EVENTS", "PROGRESS"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(found.sources.iter().map(of_source));
    text.push('\n');
    text.push_str(&columns(&rows));
    let sentences = sentences(found);
    if !sentences.is_empty() {
        text.push('\n');
    }
    for sentence in &sentences {
        wrap(&mut text, sentence);
    }
    text
}

fn of_worker(worker: &FoundWorker) -> [String; 7] {
    [
        printable(&worker.worker),
        worker.since.clone(),
        worker.version.clone(),
        if worker.same_config { "same" } else { "differs" }.to_owned(),
        worker.sources.to_string(),
        worker.runs.to_string(),
        worker.shards.to_string(),
    ]
}

fn of_source(source: &FoundSource) -> [String; 6] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let known = |text: &Option<String>| or_none(text.as_deref().map(printable));
    // The digits of a second are nothing for a table.
    let committed = source.committed.as_deref().map(|time| match time.split_once('.') {
        Some((secs, _)) => format!("{}Z", printable(secs)),
        None => printable(time),
    });
    [
        printable(&source.source),
        known(&source.owner),
        or_none(committed),
        known(&source.committed_by),
        source.events.to_string(),
        or_none(source.lag_ms.map(|lag_ms| span(lag_ms) + " ago")),
    ]
}

/// What the lines do not say.
fn sentences(found: &Found) -> Vec<String> {
    let mut sentences = Vec::new();
    let named = |matches: &dyn Fn(&FoundSource) -> bool| {
        let names = found.sources.iter().filter(|source| matches(source));
        names.map(|source| printable(&source.source)).collect::<Vec<_>>()
    };
    let others: Vec<String> = found
        .workers
        .iter()
        .filter(|worker| !worker.same_config)
        .map(|worker| printable(&worker.worker))
        .collect();
    if !others.is_empty() {
        sentences.push(format!(
            "Another configuration than this file's: {}. Give all workers the same file and components.",
            others.join(", ")
        ));
    }
    // What its owner itself has stored, that has it. What nobody ever stored comes first.
    let elsewhere = |is_stored: bool| {
        named(&|source| {
            source.configured
                && source.owner_same_config == Some(false)
                && source.committed_by != source.owner
                && source.committed_by.is_some() == is_stored
        })
    };
    let elsewhere = [elsewhere(false), elsewhere(true)].concat();
    if !elsewhere.is_empty() {
        sentences.push(format!(
            "Run only if the configuration of their owners has them: {}.",
            few(&elsewhere)
        ));
    }
    let nobodys = named(&|source| !source.configured);
    if !nobodys.is_empty() {
        let whose = if others.is_empty() { "any worker's configuration" } else { "this file" };
        sentences.push(format!("Stored, and not in {whose}: {}.", few(&nobodys)));
    }
    let quiet = named(&|source| source.lag_ms.is_some_and(|lag_ms| lag_ms >= QUIET_MS));
    if !quiet.is_empty() {
        sentences.push(format!(
            "No progress stored for an hour or more: {}. That is so of a quiet API, too: the log of the owner has \
             what each poll finds, and `source-host check` asks the API itself.",
            few(&quiet)
        ));
    }
    sentences.extend(
        found
            .sources
            .iter()
            .filter_map(|source| source.fault.as_deref().map(printable))
            .take(FAULTS_MAX),
    );
    sentences
}

/// Names, and no more of them than a person reads.
fn few(names: &[String]) -> String {
    match names.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", names[..NAMES_MAX].join(", ")),
        None => names.join(", "),
    }
}

const QUIET_MS: u64 = 60 * 60 * 1_000;
const NAMES_MAX: usize = 16;
const FAULTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(worker: &str, same_config: bool) -> FoundWorker {
        FoundWorker {
            worker: worker.to_owned(),
            since: "2026-11-30T10:00:00Z".to_owned(),
            version: "0.1.0".to_owned(),
            same_config,
            sources: 3,
            runs: 2,
            shards: 256,
        }
    }

    fn source(source: &str, configured: bool, owner_same_config: Option<bool>) -> FoundSource {
        FoundSource {
            source: source.to_owned(),
            owner: owner_same_config.map(|same| if same { "host-1" } else { "host-2" }.to_owned()),
            configured,
            owner_same_config,
            committed: Some("2026-11-30T10:01:02.345678901Z".to_owned()),
            committed_by: Some("host-1".to_owned()),
            events: 12,
            complete_until: None,
            lag_ms: Some(4_200),
            fault: None,
        }
    }

    #[test]
    fn workers_and_sources_are_told_and_what_is_run_by_nobody_perhaps() {
        let mut damaged = source("acme", true, Some(true));
        (damaged.committed, damaged.committed_by) = (None, None);
        (damaged.lag_ms, damaged.fault) = (None, Some("message 7 is no cursor".to_owned()));
        let found = Found {
            stream: "S".to_owned(),
            workers: vec![worker("host-1", true), worker("host-2", false)],
            sources: vec![
                damaged,
                source("globex", true, Some(false)),
                FoundSource { lag_ms: Some(QUIET_MS), ..source("old", false, Some(true)) },
            ],
        };
        let expected = "\
WORKER  SINCE                 VERSION  CONFIGURATION  CONFIGURED  RUNS  SHARDS
host-1  2026-11-30T10:00:00Z  0.1.0    same           3           2     256
host-2  2026-11-30T10:00:00Z  0.1.0    differs        3           2     256

SOURCE  OWNER   LAST COMMIT           BY      EVENTS  PROGRESS
acme    host-1  -                     -       12      -
globex  host-2  2026-11-30T10:01:02Z  host-1  12      5 s ago
old     host-1  2026-11-30T10:01:02Z  host-1  12      60 min ago

Another configuration than this file's: host-2. Give all workers the same file
 and components.
Run only if the configuration of their owners has them: globex.
Stored, and not in this file: old.
No progress stored for an hour or more: old. That is so of a quiet API, too: the
 log of the owner has what each poll finds, and `source-host check` asks the
 API itself.
message 7 is no cursor
";
        assert_eq!(text(&found).replace("\n  ", "\n "), expected);
    }

    #[test]
    fn what_its_owner_stores_is_run_and_what_nobody_stored_is_named_first() {
        let by = |name: &str, worker: Option<&str>| FoundSource {
            committed_by: worker.map(str::to_owned),
            ..source(name, true, Some(false))
        };
        let mut sources: Vec<FoundSource> =
            (0..20).map(|number| by(&format!("run-{number}"), Some("host-2"))).collect();
        sources.extend([by("a", Some("host-1")), by("b", None), by("c", Some("host-1"))]);
        let found = Found {
            stream: "S".to_owned(),
            workers: vec![worker("host-1", true), worker("host-2", false)],
            sources,
        };
        let text = text(&found);
        let told = "Run only if the configuration of their owners has them: b, a, c.";
        assert!(text.lines().any(|line| line == told), "{text}");
    }

    #[test]
    fn that_nobody_is_there_is_told() {
        let found = Found {
            stream: "S".to_owned(),
            workers: Vec::new(),
            sources: vec![source("acme", false, None)],
        };
        let text = text(&found);
        assert!(text.starts_with("no worker is there"), "{text}");
        assert!(text.contains("not in any worker's configuration: acme."), "{text}");
    }
}
