//! What a worker runs, by what it has seen of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::workers::shards::{Look, Shards, Share};

/// What a worker knows of the others, and what it runs therefore.
pub(super) struct Standing {
    worker: String,
    /// Who was there at the look before; none before the first.
    before: Option<BTreeSet<String>>,
    held: Shards,
    is_steady: bool,
    /// Whether it stands in the place of one of its name, whose shards nobody has taken.
    pub(super) succeeds: bool,
}

impl Standing {
    /// That of a worker that comes.
    pub(super) fn new(worker: &str) -> Self {
        let worker = worker.to_owned();
        let (held, is_steady, succeeds) = (Shards::default(), true, false);
        Self { worker, before: None, held, is_steady, succeeds }
    }

    /// Its part, now that these are there.
    pub(super) fn looked(&mut self, now: BTreeSet<String>) -> Share {
        let is_alone = self.before.is_none() && self.is_steady && now.len() == 1;
        let before = self.before.take().unwrap_or_else(|| {
            let before = now.iter().filter(|worker| self.succeeds || **worker != self.worker);
            before.cloned().collect()
        });
        self.succeeds = false;
        let look = Look {
            own: &self.worker,
            before: &before,
            now: &now,
            held: &self.held,
            is_steady: self.is_steady,
        };
        let (shards, awaited) = look.share();
        (self.held, self.is_steady, self.before) = (shards, true, Some(now));
        // Where nobody was before, nobody is in the way.
        let spread = if is_alone { Duration::ZERO } else { SPREAD_MAX };
        Share { shards, awaited, spread }
    }

    /// Others may run by now what it ran.
    pub(super) fn lapsed(&mut self) {
        (self.before, self.held, self.is_steady) = (None, Shards::default(), false);
    }
}

const SPREAD_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::nats::subject::SHARDS;

    fn workers(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const ALL: usize = SHARDS as usize;

    #[test]
    fn one_alone_begins_with_all_at_once() {
        let mut standing = Standing::new("a");
        let share = standing.looked(workers(&["a"]));
        assert_eq!((share.shards.count(), share.awaited, share.spread), (ALL, 0, Duration::ZERO));
    }

    #[test]
    fn one_that_comes_to_others_waits_a_look_and_they_give_at_once() {
        let (mut first, mut second) = (Standing::new("a"), Standing::new("b"));
        first.looked(workers(&["a"]));
        let both = workers(&["a", "b"]);
        let awaits = second.looked(both.clone());
        assert_eq!(awaits.shards.count(), 0);
        let left = first.looked(both.clone());
        assert_eq!(left.shards.count() + awaits.awaited, ALL);
        let has = second.looked(both);
        assert_eq!((has.shards.count(), has.awaited), (awaits.awaited, 0));
        assert!(has.spread > Duration::ZERO);
        // The other one goes.
        assert_eq!(second.looked(workers(&["b"])).shards.count(), ALL);
    }

    #[test]
    fn one_that_was_away_waits_a_look_whoever_is_there() {
        let mut standing = Standing::new("a");
        standing.looked(workers(&["a", "b"]));
        standing.looked(workers(&["a", "b"]));
        standing.lapsed();
        let share = standing.looked(workers(&["a"]));
        assert_eq!((share.shards.count(), share.awaited), (0, ALL));
        // The other one is back as well.
        let share = standing.looked(workers(&["a", "b"]));
        assert!(share.awaited == 0 && (1..ALL).contains(&share.shards.count()));
    }

    #[test]
    fn one_that_was_killed_and_begins_again_has_its_shards_at_once() {
        let mut standing = Standing::new("a");
        standing.succeeds = true;
        let share = standing.looked(workers(&["a", "b"]));
        assert!(share.awaited == 0 && (1..ALL).contains(&share.shards.count()));
        // Once only.
        standing.lapsed();
        assert_eq!(standing.looked(workers(&["a", "b"])).shards.count(), 0);
    }
}
