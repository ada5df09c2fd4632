//! What the log tells of the workers: what changes, and that once.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::workers::members::{Member, Members};

/// What was told already.
#[derive(Default)]
pub(super) struct Telling {
    /// Who was there, and how many shards were this worker's.
    there: Option<(BTreeSet<String>, usize)>,
    /// Whose configuration differed.
    differing: BTreeSet<String>,
    /// Why others do not see this worker, as far as it was told.
    troubles: BTreeSet<String>,
}

impl Telling {
    /// Tells who is there, if that changed, and whose configuration is another.
    pub(super) fn looked(&mut self, worker: &str, own: &Member, members: &Members, shards: usize) {
        if !std::mem::take(&mut self.troubles).is_empty() {
            tracing::info!(worker, "the ledger answers again");
        }
        let there: BTreeSet<String> = members.keys().cloned().collect();
        if self.there.as_ref().is_none_or(|(before, count)| *before != there || *count != shards) {
            tracing::info!(worker, shards, workers = there.len(), "workers: {}", names(&there));
            self.there = Some((there, shards));
        }
        let differing = differing(own, members);
        if differing != self.differing {
            if differing.is_empty() {
                tracing::info!(worker, "all workers have the same configuration");
            } else {
                let (names, config) = (names(&differing), &own.config);
                tracing::warn!(
                    worker,
                    config,
                    "other workers have another configuration: {names}; a source that the worker of its shard does \
                     not have is run by nobody: give all workers the same file and components"
                );
            }
            self.differing = differing;
        }
    }

    /// Tells why this worker is not seen by the others.
    pub(super) fn failed(&mut self, worker: &str, why: &str) {
        if self.is_new(why) {
            tracing::warn!(worker, "other workers are not told that this one is there: {why}");
        }
    }

    /// Tells that others may run its sources by now.
    pub(super) fn lapsed(&mut self, worker: &str, lease: Duration) {
        self.there = None;
        self.troubles.insert(String::new());
        let secs = lease.as_secs();
        tracing::error!(
            worker,
            "no answer of the ledger for {secs} s: this worker's sources stop until there is one"
        );
    }
}

impl Telling {
    /// Whether a reason was not told since the last answer. Of many only some are.
    fn is_new(&mut self, why: &str) -> bool {
        self.troubles.len() < TROUBLES_MAX && self.troubles.insert(why.to_owned())
    }
}

/// Tells that another process has this worker's name by now.
pub(super) fn taken(worker: &str) {
    tracing::error!(
        worker,
        "another process has this worker's name by now, and this one ends: give each a name of its own under \
         `ledger.worker`, or leave it out"
    );
}

/// Whose configuration is another.
fn differing(own: &Member, members: &Members) -> BTreeSet<String> {
    let others = members.iter().filter(|(_, member)| member.config != own.config);
    others.map(|(worker, _)| worker.clone()).collect()
}

/// Names, and no more of them than a line can take.
fn names(workers: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = workers.iter().take(SHOWN_MAX).map(String::as_str).collect();
    match workers.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

const SHOWN_MAX: usize = 16;
const TROUBLES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(config: &str) -> Member {
        Member {
            id: String::new(),
            config: config.to_owned(),
            version: String::new(),
            since: String::new(),
            sources: 1,
        }
    }

    #[test]
    fn those_with_another_configuration_are_named() {
        let members = [("a", "1"), ("b", "2"), ("c", "1"), ("d", "3")];
        let members = members.map(|(worker, config)| (worker.to_owned(), member(config))).into();
        assert_eq!(names(&differing(&member("1"), &members)), "b, d");
        assert_eq!(names(&differing(&member("2"), &members)), "a, c, d");
    }

    #[test]
    fn each_reason_is_told_once_until_there_is_an_answer() {
        let mut telling = Telling::default();
        assert!(telling.is_new("no answer"));
        telling.lapsed("a", Duration::from_secs(10));
        assert!(!telling.is_new("no answer") && telling.is_new("another has the name"));
        assert_eq!((0..20).filter(|number| telling.is_new(&number.to_string())).count(), 5);
        telling.looked("a", &member("1"), &Members::new(), 0);
        assert!(telling.is_new("no answer"));
    }

    #[test]
    fn no_more_names_are_told_than_a_line_can_take() {
        let workers = (10..40).map(|number| number.to_string()).collect();
        let told = names(&workers);
        assert!(told.starts_with("10, 11, ") && told.ends_with(", 25 and 14 more"), "{told}");
    }
}
