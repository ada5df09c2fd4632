//! Who runs which shard: the same for all who see the same workers.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::ledger::nats::subject::{SHARDS, shard};

/// The sources that a worker is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// All of its configuration.
    All,
    /// Those of these shards.
    Shards(Share),
    /// None: it does not know whether others run them.
    None,
}

/// A worker's part of the shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// The shards that it runs.
    pub(crate) shards: Shards,
    /// Shards that are its own, and that it takes at its next look: another worker runs them until then.
    pub(crate) awaited: usize,
    /// Sources that begin together are spread over no more than this.
    pub(crate) spread: Duration,
}

impl Assignment {
    /// Whether the source of this name is among them.
    pub(crate) fn has(&self, source: &str) -> bool {
        match self {
            Self::All => true,
            Self::Shards(share) => share.shards.has(shard(source)),
            Self::None => false,
        }
    }

    /// Whether no other source is to be expected as long as nobody comes or goes.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Self::All => true,
            Self::Shards(share) => share.awaited == 0,
            Self::None => false,
        }
    }
}

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shards([u64; WORDS]);

impl Shards {
    /// Whether this shard is in it.
    pub(crate) fn has(&self, shard: u16) -> bool {
        self.0.get(usize::from(shard / 64)).is_some_and(|word| word >> (shard % 64) & 1 == 1)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn insert(&mut self, shard: u16) {
        if let Some(word) = self.0.get_mut(usize::from(shard / 64)) {
            *word |= 1 << (shard % 64);
        }
    }
}

/// Who runs a shard: of each pair of worker and shard a number is drawn, and the highest has it. Of a worker that
/// comes or goes only its own shards move.
pub(crate) fn owner(shard: u16, workers: &BTreeSet<String>) -> Option<&str> {
    let drawn = |worker: &String| mixed(seed(worker) ^ mixed(u64::from(shard)));
    workers.iter().max_by_key(|worker| (drawn(worker), *worker)).map(String::as_str)
}

/// How a worker's part changes at a look.
pub(crate) struct Look<'a> {
    /// The worker that looks.
    pub(crate) own: &'a str,
    /// Who was there at its look before; at its first, who else is there.
    pub(crate) before: &'a BTreeSet<String>,
    /// Who is there.
    pub(crate) now: &'a BTreeSet<String>,
    /// What it runs.
    pub(crate) held: &'a Shards,
    /// Whether its own key was there all the time. If it was not, others who seem gone may only not have come back
    /// yet.
    pub(crate) is_steady: bool,
}

impl Look<'_> {
    /// The shards to run from here on, and how many more from the next look on.
    ///
    /// A shard of a worker that is gone is taken at once. One that a living worker runs is left to it until the next
    /// look: it has seen then, too, that it is no longer its own.
    pub(crate) fn share(&self) -> (Shards, usize) {
        let mut shards = Shards::default();
        let mut awaited = 0;
        for shard in 0..SHARDS {
            if owner(shard, self.now) != Some(self.own) {
                continue;
            }
            let is_free = match owner(shard, self.before) {
                None => self.is_steady,
                Some(before) if before == self.own => true,
                Some(before) => self.is_steady && !self.now.contains(before),
            };
            if is_free || self.held.has(shard) {
                shards.insert(shard);
            } else {
                awaited += 1;
            }
        }
        (shards, awaited)
    }
}

/// How many shards each of these workers runs.
pub(crate) fn counts(workers: &BTreeSet<String>) -> impl Fn(&str) -> usize {
    let owners: Vec<&str> = (0..SHARDS).filter_map(|shard| owner(shard, workers)).collect();
    move |worker| owners.iter().filter(|owner| **owner == worker).count()
}

/// A number that stands for a worker.
fn seed(worker: &str) -> u64 {
    let hash = Sha256::digest(worker);
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A number in which each bit hangs on all bits of the given one (`SplitMix64`).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

const WORDS: usize = SHARDS as usize / 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn workers(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
        numbers.into_iter().map(|number| format!("worker-{number}")).collect()
    }

    fn all_of(own: &str, workers: &BTreeSet<String>) -> Shards {
        let mut shards = Shards::default();
        (0..SHARDS)
            .filter(|shard| owner(*shard, workers) == Some(own))
            .for_each(|shard| shards.insert(shard));
        shards
    }

    #[test]
    fn only_the_shards_of_who_comes_or_goes_move() {
        for count in 1..24 {
            let before = workers(0..count);
            let after = workers(0..=count);
            let newcomer = format!("worker-{count}");
            for shard in 0..SHARDS {
                let (had, has) = (owner(shard, &before), owner(shard, &after));
                assert!(has == had || has == Some(newcomer.as_str()), "{shard}: {had:?}, {has:?}");
                assert!(had.is_some());
            }
        }
    }

    #[test]
    fn workers_have_about_as_much_each() {
        for count in [2_u32, 3, 5, 10, 20] {
            let workers = workers(0..count);
            let of = counts(&workers);
            let fair = f64::from(SHARDS) / f64::from(count);
            let counts: Vec<usize> = workers.iter().map(|worker| of(worker)).collect();
            assert_eq!(counts.iter().sum::<usize>(), usize::from(SHARDS));
            // Four times the standard deviation of a fair draw.
            let off = 4.0 * fair.sqrt();
            assert!(
                counts.iter().all(|count| {
                    (f64::from(u32::try_from(*count).unwrap()) - fair).abs() <= off
                }),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn a_shard_has_the_owner_that_it_has_in_each_version() {
        let workers = ["a", "b", "c"].map(str::to_owned).into_iter().collect();
        let owners: String = (0..24).filter_map(|shard| owner(shard, &workers)).collect();
        assert_eq!(owners, "acbbcaababcaabcaabaccbcc");
        assert_eq!(owner(0, &BTreeSet::new()), None);
    }

    #[test]
    fn the_first_worker_has_all_at_once() {
        let now = workers(0..1);
        let look = Look {
            own: "worker-0",
            before: &BTreeSet::new(),
            now: &now,
            held: &Shards::default(),
            is_steady: true,
        };
        let (shards, awaited) = look.share();
        assert_eq!((shards.count(), awaited), (usize::from(SHARDS), 0));
    }

    #[test]
    fn what_a_living_worker_runs_is_taken_at_the_second_look() {
        let (before, now) = (workers(0..2), workers(0..3));
        let mut look = Look {
            own: "worker-2",
            before: &before,
            now: &now,
            held: &Shards::default(),
            is_steady: true,
        };
        let all = all_of("worker-2", &now);
        assert_eq!(look.share(), (Shards::default(), all.count()));
        look.before = &now;
        assert_eq!(look.share(), (all, 0));
    }

    #[test]
    fn what_a_worker_ran_that_is_gone_is_taken_at_once_and_the_rest_kept() {
        let (before, now) = (workers(0..3), workers([0, 2]));
        let held = all_of("worker-0", &before);
        let mut look =
            Look { own: "worker-0", before: &before, now: &now, held: &held, is_steady: true };
        let all = all_of("worker-0", &now);
        assert!(all.count() > held.count());
        assert_eq!(look.share(), (all, 0));
        // Who was away itself does not know who is gone.
        look.is_steady = false;
        assert_eq!(look.share(), (held, all.count() - held.count()));
        let (none, nobody) = (Shards::default(), BTreeSet::new());
        let alone = workers(0..1);
        let back = Look { before: &nobody, now: &alone, held: &none, ..look };
        assert_eq!(back.share(), (none, usize::from(SHARDS)));
    }

    #[test]
    fn what_is_another_workers_is_given_up_at_once() {
        let (before, now) = (workers(0..1), workers(0..2));
        let held = all_of("worker-0", &before);
        let look =
            Look { own: "worker-0", before: &before, now: &now, held: &held, is_steady: true };
        assert_eq!(look.share(), (all_of("worker-0", &now), 0));
    }

    #[test]
    fn over_any_coming_and_going_each_shard_is_soon_run_by_one() {
        // Each worker looks once a round, in turn; who is there changes by chance.
        let mut chance = 7_u64;
        let mut draw = move || {
            chance = mixed(chance);
            chance
        };
        let mut present = workers(0..4);
        let mut state: Vec<(BTreeSet<String>, Shards)> = vec![Default::default(); 8];
        for round in 0..400 {
            let changes = round % 4 == 0;
            if changes {
                let worker = format!("worker-{}", draw() % 8);
                if !present.remove(&worker) {
                    present.insert(worker.clone());
                }
                let number: usize = worker.trim_start_matches("worker-").parse().unwrap();
                state[number] = Default::default();
            }
            for (number, state) in state.iter_mut().enumerate() {
                let own = format!("worker-{number}");
                if !present.contains(&own) {
                    continue;
                }
                let (before, held) = state.clone();
                let before = if before.is_empty() {
                    present.iter().filter(|worker| **worker != own).cloned().collect()
                } else {
                    before
                };
                let look = Look {
                    own: &own,
                    before: &before,
                    now: &present,
                    held: &held,
                    is_steady: true,
                };
                *state = (present.clone(), look.share().0);
            }
            if round % 4 < 2 || present.is_empty() {
                continue;
            }
            for shard in 0..SHARDS {
                let runs = (0..8).filter(|number| {
                    present.contains(&format!("worker-{number}")) && state[*number].1.has(shard)
                });
                assert_eq!(runs.count(), 1, "round {round}, shard {shard}");
            }
        }
    }
}
