//! Two workers run one source on a ledger that does what its trait says: every order of what they do, and of what
//! befalls them.
//!
//! Each of them is the run loop itself. Between any two of the steps that it asks for it may be stopped for as long
//! as one likes, crash, or be told to stop. A commit may be stored and answered, refused, stored or not without an
//! answer, or sent and stored only later, when nobody waits for it; a load may have no answer, or one that was true
//! before; a poll may fail, or find nothing yet. Of all the orders there are, none may lose a row, store one twice
//! or before an older one; and each must come to its end.
//!
//! What a run loop does next depends on what it asks for and on what it waits to learn, and on nothing before: so
//! each order need not be run from its beginning. That is itself put to the test, by orders that are.

#![allow(clippy::unwrap_used)]

mod store;
mod worker;

use std::collections::HashMap;

use tokio::runtime::Runtime;

use crate::source::Ending;
use crate::source::model::store::{Fence, Sent, Store};
use crate::source::model::worker::{Asked, Told, Worker};

/// Rows that the API comes to have, and how many a page gives.
const ROWS: u8 = 4;
const PAGE: u8 = 2;
/// Crashes, failures and answers that are lost, in one order.
const MISHAPS: u8 = 3;

/// Where a worker is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Seen {
    asked: Asked,
    /// What it polls from.
    loaded: Option<(u8, u64)>,
    /// The cursor of a batch of which it does not know whether that is stored.
    doubt: Option<u8>,
    is_stopping: bool,
}

impl Seen {
    fn begin() -> Self {
        Self { asked: Asked::Load, loaded: None, doubt: None, is_stopping: false }
    }

    /// After it was told this, and asked for that.
    fn then(&self, told: &Told, asked: Asked) -> Self {
        let (mut loaded, mut doubt, mut is_stopping) = (self.loaded, self.doubt, self.is_stopping);
        match (told, &self.asked) {
            (Told::Position(cursor, version), _) => {
                (loaded, doubt) = (Some((*cursor, *version)), None);
            }
            (Told::Unknown, Asked::Commit(sent)) => (loaded, doubt) = (None, Some(sent.cursor)),
            (Told::Stop, _) => is_stopping = true,
            (Told::Rows(_) | Told::Nothing, _) => {}
            _ => loaded = None,
        }
        Self { asked, loaded, doubt, is_stopping }
    }
}

/// What the run loop was seen to do.
struct RunLoop {
    runtime: Runtime,
    next: HashMap<(Seen, Told), Seen>,
    /// What one was told that came there.
    told: HashMap<Seen, Vec<Told>>,
}

impl RunLoop {
    fn new() -> Self {
        let told = HashMap::from([(Seen::begin(), Vec::new())]);
        Self { runtime: runtime(), next: HashMap::new(), told }
    }

    /// Where a worker is after it was told something.
    fn next(&mut self, seen: &Seen, told: &Told) -> Seen {
        let key = (seen.clone(), told.clone());
        if let Some(next) = self.next.get(&key) {
            return next.clone();
        }
        let mut all = self.told[seen].clone();
        all.push(told.clone());
        let asked = self.runtime.block_on(async {
            let mut worker = Worker::begin(false);
            let mut asked = worker.until_it_asks().await;
            assert_eq!(asked, Ok(Asked::Load));
            for told in &all {
                worker.tell(told);
                asked = worker.until_it_asks().await;
            }
            asked
        });
        let next = after(seen, told, asked);
        self.next.insert(key, next.clone());
        self.told.entry(next.clone()).or_insert(all);
        next
    }
}

/// Where a worker is after it was told this and did that. One that has ended begins anew.
fn after(seen: &Seen, told: &Told, did: Result<Asked, Ending>) -> Seen {
    let is_told_to_stop = *told == Told::Stop || seen.is_stopping;
    match did {
        Ok(asked) => {
            let next = seen.then(told, asked);
            // What is under way is waited for, and nothing else.
            assert!(!is_told_to_stop || matches!(next.asked, Asked::Commit(_)), "{next:?}");
            next
        }
        Err(ending) => {
            assert!(is_told_to_stop && ending == Ending::Stopped, "{seen:?}: {ending:?}");
            let is_under_way = *told == Told::Stop && matches!(seen.asked, Asked::Commit(_));
            assert!(!is_under_way, "a batch that is under way is dropped");
            Seen::begin()
        }
    }
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    RowAppears,
    /// A commit that nobody waits for any more.
    Lands,
    Told(usize, Told),
    Crashes(usize),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    store: Store,
    late: Vec<Sent>,
    workers: [Seen; 2],
    /// Rows that the API has so far.
    available: u8,
    rows: u8,
    mishaps_left: u8,
}

impl World {
    fn begin(rows: u8, mishaps: u8) -> Self {
        Self {
            store: Store::default(),
            late: Vec::new(),
            workers: [Seen::begin(), Seen::begin()],
            available: 1,
            rows,
            mishaps_left: mishaps,
        }
    }

    /// Every world that one step leads to, and that step.
    fn next(&self, fence: Fence, run_loop: &mut RunLoop) -> Vec<(Step, World)> {
        let mut worlds = Vec::new();
        if self.available < self.rows {
            let world = Self { available: self.available + 1, ..self.clone() };
            worlds.push((Step::RowAppears, world));
        }
        for late in 0..self.late.len() {
            let mut world = self.clone();
            let sent = world.late.remove(late);
            world.store.take(&sent, fence);
            worlds.push((Step::Lands, world));
        }
        for (place, seen) in self.workers.iter().enumerate() {
            let mut tell = |told: Told, is_mishap: bool, change: &dyn Fn(&mut World)| {
                if is_mishap && self.mishaps_left == 0 {
                    return;
                }
                let mut world = self.clone();
                world.workers[place] = run_loop.next(seen, &told);
                world.mishaps_left -= u8::from(is_mishap);
                change(&mut world);
                worlds.push((Step::Told(place, told), world));
            };
            let nothing = |_: &mut World| {};
            if !seen.is_stopping {
                tell(Told::Stop, true, &nothing);
            }
            match &seen.asked {
                Asked::Load => {
                    for behind in 0..=self.store.before.len() {
                        let (cursor, version) = self.store.position(behind);
                        tell(Told::Position(cursor, version), behind > 0, &nothing);
                    }
                    tell(Told::NoPosition, true, &nothing);
                }
                Asked::Poll(from) => {
                    let to = self.available.min(from + PAGE);
                    if to > *from {
                        tell(Told::Rows(to), false, &nothing);
                    }
                    tell(Told::Nothing, true, &nothing);
                    tell(Told::NoBatch, true, &nothing);
                }
                Asked::Commit(sent) if !sent.is_news() => tell(Told::Stored, false, &nothing),
                Asked::Commit(sent) => {
                    let store = |world: &mut World| {
                        world.store.take(sent, fence);
                    };
                    let is_stored = self.store.clone().take(sent, fence);
                    tell(if is_stored { Told::Stored } else { Told::Stale }, false, &store);
                    tell(Told::NotStored, true, &nothing);
                    tell(Told::Unknown, true, &nothing);
                    tell(Told::Unknown, true, &store);
                    tell(Told::Unknown, true, &|world| world.late.push(sent.clone()));
                }
            }
            if *seen != Seen::begin() && self.mishaps_left > 0 {
                let mut world = self.clone();
                world.workers[place] = Seen::begin();
                world.mishaps_left -= 1;
                // What it sent may be stored when nobody waits for it any more.
                if let Asked::Commit(sent) = &seen.asked {
                    let mut later = world.clone();
                    later.late.push(sent.clone());
                    worlds.push((Step::Crashes(place), later));
                }
                worlds.push((Step::Crashes(place), world));
            }
        }
        worlds
    }

    /// Holds what has come to its end to that end.
    fn check_end(&self) {
        assert_eq!(self.store.cursor, self.rows, "an order comes to an end, and rows are left");
        for seen in &self.workers {
            assert_eq!(seen.asked, Asked::Poll(self.rows), "a worker does not go on");
        }
    }
}

/// What was found in all orders.
#[derive(Clone, Copy, Default, Debug)]
struct Found {
    /// In how many orders the steps can follow each other.
    orders: u128,
    /// Orders at whose end a row is not there, or more than once.
    losing: u128,
    repeating: u128,
    /// Rows lost and repeated at most, in one order.
    lost_most: usize,
    repeated_most: usize,
}

/// Walks all orders from a world on; each world once, however many lead to it.
fn walk(
    world: World,
    fence: Fence,
    run_loop: &mut RunLoop,
    known: &mut HashMap<World, Option<Found>>,
) -> Found {
    if let Some(found) = known.get(&world) {
        return found.expect("an order comes to where it was, and may go on so for ever");
    }
    known.insert(world.clone(), None);
    let next = world.next(fence, run_loop);
    let (lost, repeated) = world.store.faults();
    let is_in_order = world.store.rows.is_sorted();
    assert!(is_in_order || fence != Fence::Version, "rows are stored out of their order");
    // Without a fence a cursor may go back again and again: an order that has shown a fault is at its end.
    let found = if next.is_empty() || lost + repeated > 0 {
        // Without a fence the cursor may be behind by then.
        if fence == Fence::Version {
            world.check_end();
        }
        Found {
            orders: 1,
            losing: u128::from(lost > 0),
            repeating: u128::from(repeated > 0),
            lost_most: lost,
            repeated_most: repeated,
        }
    } else {
        let mut all = Found::default();
        for (_, next) in next {
            let found = walk(next, fence, run_loop, known);
            all.orders += found.orders;
            all.losing += found.losing;
            all.repeating += found.repeating;
            all.lost_most = all.lost_most.max(found.lost_most);
            all.repeated_most = all.repeated_most.max(found.repeated_most);
        }
        all
    };
    known.insert(world, Some(found));
    found
}

fn all_orders(fence: Fence) -> Found {
    let (mut run_loop, mut known) = (RunLoop::new(), HashMap::new());
    let found = walk(World::begin(ROWS, MISHAPS), fence, &mut run_loop, &mut known);
    let (worlds, places) = (known.len(), run_loop.next.len());
    eprintln!("{fence:?}: {worlds} worlds, the run loop told {places} things, {found:?}");
    found
}

#[test]
fn no_order_of_two_workers_loses_a_row_or_stores_one_twice() {
    let found = all_orders(Fence::Version);
    assert_eq!((found.losing, found.repeating), (0, 0));
    assert!(found.orders > 1_000_000, "{found:?}");
}

#[test]
fn without_the_fence_rows_are_stored_twice() {
    let found = all_orders(Fence::None);
    assert!(found.repeating > 0, "{found:?}");
}

#[test]
fn a_fence_for_the_cursor_alone_does_not_do() {
    let found = all_orders(Fence::CursorAlone);
    assert!(found.repeating > 0, "{found:?}");
}

#[test]
fn what_a_worker_does_next_depends_on_nothing_that_the_model_leaves_out() {
    let (mut run_loop, mut steps) = (RunLoop::new(), 0);
    let mut random = 1_u64;
    for _ in 0..2_000 {
        let runtime = runtime();
        let mut workers = [(); 2].map(|()| runtime.block_on(begun()));
        let mut world = World::begin(3 * ROWS, 3 * MISHAPS);
        loop {
            let mut next = world.next(Fence::Version, &mut run_loop);
            if next.is_empty() {
                break;
            }
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let chosen = (random >> 33) % next.len() as u64;
            let (step, after) = next.swap_remove(usize::try_from(chosen).unwrap());
            let before = std::mem::replace(&mut world, after);
            steps += 1;
            match step {
                Step::RowAppears | Step::Lands => {}
                Step::Crashes(place) => workers[place] = runtime.block_on(begun()),
                Step::Told(place, told) => {
                    workers[place].tell(&told);
                    let did = runtime.block_on(workers[place].until_it_asks());
                    if did.is_err() {
                        workers[place] = runtime.block_on(begun());
                    }
                    let seen = self::after(&before.workers[place], &told, did);
                    assert_eq!(seen, world.workers[place], "{told:?}");
                }
            }
        }
        assert_eq!(world.store.faults(), (0, 0));
        world.check_end();
    }
    eprintln!("{steps} steps");
}

/// A worker that has begun.
async fn begun() -> Worker {
    let mut worker = Worker::begin(false);
    assert_eq!(worker.until_it_asks().await, Ok(Asked::Load));
    worker
}

#[tokio::test(start_paused = true)]
async fn one_that_is_only_to_catch_up_does_not_try_for_ever() {
    let (moves, stays) = (Told::Rows(8), Told::RowAside);
    for (polled, told, tries) in [
        (&moves, Told::Stale, 11),
        (&moves, Told::Unknown, 11),
        (&stays, Told::Unknown, 11),
        (&moves, Told::NotStored, 1),
    ] {
        let mut worker = Worker::begin(true);
        let mut tried = 0;
        let ending = loop {
            match worker.until_it_asks().await {
                Ok(Asked::Load) => worker.tell(&Told::Position(7, 7)),
                Ok(Asked::Poll(_)) => worker.tell(polled),
                Ok(Asked::Commit(_)) => {
                    tried += 1;
                    assert!(tried <= 100, "{told:?}: for ever");
                    worker.tell(&told);
                }
                Err(ending) => break ending,
            }
        };
        assert_eq!((ending, tried), (Ending::Failed, tries), "{told:?}");
    }
}
