//! Two workers run one source on one ledger: every order of what they do, and of what befalls them.
//!
//! A worker does what the run loop does: it loads, polls, commits, and begins anew with a load whatever came of
//! it. Between any two of these steps it may be stopped for as long as one likes, or crash. A commit may be
//! stored and answered, refused, stored or not without an answer, or sent and stored only later, when nobody
//! waits for it; a load may show what stood there before. Of all the orders there are, none may lose a row, or
//! store one twice; and each must come to its end.

use std::collections::HashMap;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use source_host::bindings::Event;
use source_host::ledger::{Answer, Entry, Ledger, LedgerError, Outcome, Position};

/// Rows that the API comes to have, and how many a page gives.
const ROWS: u8 = 4;
const PAGE: u8 = 2;
/// Crashes, failures and answers that are lost, in one order.
const MISHAPS: u8 = 3;

/// What keeps a worker from storing what another has stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fence {
    /// A batch counts if the position still stands that it was polled from.
    Version,
    /// Nothing does.
    None,
    /// The cursor is guarded, the events before it are not.
    CursorAlone,
}

/// What is stored: rows in the order in which they came.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Store {
    rows: Vec<u8>,
    cursor: Option<u8>,
    version: u64,
    /// What was stored before: a load may come to somebody who is behind.
    before: Vec<Option<u8>>,
}

/// A commit on its way.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Sent {
    rows: Vec<u8>,
    version: u64,
    cursor: u8,
}

impl Store {
    fn take(&mut self, sent: &Sent, fence: Fence) -> Outcome {
        let stands = self.version == sent.version;
        if stands || fence != Fence::Version {
            self.rows.extend(&sent.rows);
        }
        if !stands && fence != Fence::None {
            return Outcome::Stale;
        }
        self.before.push(self.cursor);
        self.cursor = Some(sent.cursor);
        self.version += 1;
        Outcome::Committed
    }
}

/// What becomes of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    StoredUnanswered,
    LostUnanswered,
    StoredLater,
}

/// The ledger as one worker has it for one step.
struct Memory {
    store: Mutex<Store>,
    late: Mutex<Vec<Sent>>,
    fate: Fate,
    /// By how many versions a load is behind.
    behind: usize,
    fence: Fence,
}

impl Ledger for Memory {
    fn load<'a>(&'a self, _source: &'a str) -> Answer<'a, Result<Position, LedgerError>> {
        let store = self.store.lock().unwrap();
        let known = store.before.len() - self.behind;
        let cursor = store.before.get(known).copied().unwrap_or(store.cursor);
        let cursor = cursor.map(|cursor| cursor.to_string().into());
        let position = Position { cursor, version: store.version - self.behind as u64 };
        Box::pin(std::future::ready(Ok(position)))
    }

    fn commit(&self, entry: Entry) -> Answer<'_, Outcome> {
        let rows = entry.events.iter().map(|event| event.id.parse().unwrap()).collect();
        let sent =
            Sent { rows, version: entry.from.version, cursor: entry.cursor.parse().unwrap() };
        let mut store = self.store.lock().unwrap();
        let unanswered = || Outcome::Unknown("no answer".into());
        let outcome = match self.fate {
            Fate::Answered => store.take(&sent, self.fence),
            Fate::Refused => Outcome::Failed(LedgerError::Failed("no quorum".into())),
            Fate::LostUnanswered => unanswered(),
            Fate::StoredUnanswered => {
                store.take(&sent, self.fence);
                unanswered()
            }
            Fate::StoredLater => {
                self.late.lock().unwrap().push(sent);
                unanswered()
            }
        };
        Box::pin(std::future::ready(outcome))
    }

    fn close(&self) -> Answer<'_, Result<(), LedgerError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where a worker is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Worker {
    Begins,
    Loaded {
        cursor: u8,
        version: u64,
    },
    /// It has polled up to a row.
    Polled {
        cursor: u8,
        version: u64,
        up_to: u8,
    },
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    store: Store,
    late: Vec<Sent>,
    workers: [Worker; 2],
    /// Rows that the API has so far.
    available: u8,
    mishaps_left: u8,
}

/// What was found in all orders.
#[derive(Default, Debug)]
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

impl World {
    fn begin() -> Self {
        Self {
            store: Store::default(),
            late: Vec::new(),
            workers: [Worker::Begins, Worker::Begins],
            available: 1,
            mishaps_left: MISHAPS,
        }
    }

    /// Every world that one step leads to.
    fn next(&self, fence: Fence) -> Vec<World> {
        let mut worlds = Vec::new();
        if self.available < ROWS {
            worlds.push(Self { available: self.available + 1, ..self.clone() });
        }
        for late in 0..self.late.len() {
            let mut world = self.clone();
            let sent = world.late.remove(late);
            world.store.take(&sent, fence);
            worlds.push(world);
        }
        for (place, worker) in self.workers.iter().enumerate() {
            if *worker != Worker::Begins && self.mishaps_left > 0 {
                let mut world = self.with(place, Worker::Begins);
                world.mishaps_left -= 1;
                worlds.push(world);
            }
            match worker {
                Worker::Begins => worlds.extend(self.load(place, fence)),
                Worker::Loaded { cursor, version } => {
                    let up_to = self.available.min(cursor + PAGE);
                    if up_to > *cursor {
                        let polled = Worker::Polled { cursor: *cursor, version: *version, up_to };
                        worlds.push(self.with(place, polled));
                    }
                }
                Worker::Polled { cursor, version, up_to } => {
                    worlds.extend(self.commit(place, (*cursor, *version, *up_to), fence));
                }
            }
        }
        worlds
    }

    fn load(&self, place: usize, fence: Fence) -> Vec<World> {
        let oldest = if self.mishaps_left > 0 { self.store.before.len() } else { 0 };
        let loaded = (0..=oldest).filter_map(|behind| {
            let memory = Memory { behind, ..self.memory(Fate::Answered, fence) };
            let position = at_once(memory.load("acme")).unwrap();
            let cursor = position.cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let mut world = self.with(place, Worker::Loaded { cursor, version: position.version });
            world.mishaps_left -= u8::from(behind > 0);
            // One that finds nothing new changes nothing.
            (cursor < ROWS).then_some(world)
        });
        loaded.collect()
    }

    fn commit(&self, place: usize, polled: (u8, u64, u8), fence: Fence) -> Vec<World> {
        let (cursor, version, up_to) = polled;
        let mut fates = vec![Fate::Answered];
        if self.mishaps_left > 0 {
            fates.extend([
                Fate::Refused,
                Fate::StoredUnanswered,
                Fate::LostUnanswered,
                Fate::StoredLater,
            ]);
        }
        let event = |row: u8| Event {
            id: row.to_string(),
            kind: "scripted.row".into(),
            time: None,
            body: "{}".into(),
        };
        let committed = |fate| {
            let memory = self.memory(fate, fence);
            let from = Position { cursor: Some(cursor.to_string().into()), version };
            let entry = Entry {
                source: "acme".into(),
                from,
                events: (cursor..up_to).map(event).collect(),
                cursor: up_to.to_string().into(),
                complete_until: None,
                more: false,
            };
            // Whatever comes of it, the next step is to load.
            at_once(memory.commit(entry));
            let mut world = self.with(place, Worker::Begins);
            world.store = memory.store.into_inner().unwrap();
            world.late = memory.late.into_inner().unwrap();
            world.mishaps_left -= u8::from(fate != Fate::Answered);
            world
        };
        fates.into_iter().map(committed).collect()
    }

    fn memory(&self, fate: Fate, fence: Fence) -> Memory {
        let (store, late) = (Mutex::new(self.store.clone()), Mutex::new(self.late.clone()));
        Memory { store, late, fate, behind: 0, fence }
    }

    fn with(&self, place: usize, worker: Worker) -> Self {
        let mut world = self.clone();
        world.workers[place] = worker;
        world
    }

    /// Rows that are not there, and that are there once more than once.
    fn faults(&self) -> (usize, usize) {
        let mut counts = vec![0_usize; self.store.cursor.unwrap_or(0).into()];
        for row in &self.store.rows {
            if let Some(count) = counts.get_mut(usize::from(*row)) {
                *count += 1;
            }
        }
        let lost = counts.iter().filter(|count| **count == 0).count();
        (lost, counts.iter().map(|count| count.saturating_sub(1)).sum())
    }
}

/// Walks all orders from a world on; each world once, however many lead to it.
fn walk(world: &World, fence: Fence, known: &mut HashMap<World, Found>) -> Found {
    if let Some(found) = known.get(world) {
        return Found { ..*found };
    }
    let next = world.next(fence);
    let (lost, repeated) = world.faults();
    // Without a fence a cursor may go back again and again: an order that has shown a fault is at its end.
    let found = if next.is_empty() || lost + repeated > 0 {
        if lost + repeated == 0 {
            assert_eq!(
                world.store.cursor,
                Some(ROWS),
                "an order comes to an end, and rows are left"
            );
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
        for next in next {
            let found = walk(&next, fence, known);
            all.orders += found.orders;
            all.losing += found.losing;
            all.repeating += found.repeating;
            all.lost_most = all.lost_most.max(found.lost_most);
            all.repeated_most = all.repeated_most.max(found.repeated_most);
        }
        all
    };
    known.insert(world.clone(), Found { ..found });
    found
}

fn all_orders(fence: Fence) -> Found {
    let mut known = HashMap::new();
    let found = walk(&World::begin(), fence, &mut known);
    eprintln!("{fence:?}: {} worlds, {found:?}", known.len());
    found
}

/// The answer of a ledger that has no reason to wait.
fn at_once<T>(mut answer: Answer<'_, T>) -> T {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a ledger in memory waits"),
    }
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
