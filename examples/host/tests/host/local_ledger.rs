//! The order of output and state holds when either of them fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use source_host::bindings::Event;
use source_host::ledger::local::LocalLedger;
use source_host::ledger::{Entry, Ledger as _, LedgerError, Outcome, Position};
use source_host::output::{Output, OutputError};
use source_host::state::{CommitError, CursorChange, Mark, State, StateError, StoredCursor};

/// What became durable, and what is to fail.
#[derive(Default)]
struct World {
    written: Vec<String>,
    synced: usize,
    committed: usize,
    cursors: BTreeMap<String, String>,
    marks: Vec<String>,
    commits: usize,
    write_fails: bool,
    sync_fails: bool,
    commit: Commit,
}

/// What comes of a commit.
#[derive(Clone, Copy, Default)]
enum Commit {
    #[default]
    Stored,
    NotStored,
    /// Nobody knows.
    Unknown,
}

type Shared = Arc<Mutex<World>>;

/// An output into the world. `durable` is whether it can take back.
struct FakeOutput(Shared, bool);

impl Output for FakeOutput {
    fn check(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn write(&mut self, source: &str, events: &[Event]) -> Result<(), OutputError> {
        let mut world = self.0.lock().unwrap();
        let fails = world.write_fails;
        // One that fails may have taken a part.
        let taken = if fails { 1 } else { events.len() };
        let lines = events.iter().take(taken).map(|event| format!("{source} {}", event.id));
        world.written.extend(lines);
        if fails { Err(OutputError::Failed("the output is full".into())) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<Option<Mark>, OutputError> {
        let mut world = self.0.lock().unwrap();
        if world.sync_fails {
            return Err(OutputError::Failed("the output does not sync".into()));
        }
        world.synced = world.written.len();
        Ok(Some(Mark { output: "fake".into(), text: world.synced.to_string() }))
    }

    fn committed(&mut self) {
        let mut world = self.0.lock().unwrap();
        world.committed = world.synced;
    }

    fn roll_back(&mut self) -> bool {
        let mut world = self.0.lock().unwrap();
        if self.1 {
            let committed = world.committed;
            world.written.truncate(committed);
        }
        self.1
    }

    fn may_group(&self) -> bool {
        self.1
    }
}

/// A state in the world.
struct FakeState(Shared);

/// An error of a real state: those cannot be made by hand.
fn state_error() -> StateError {
    let nowhere = std::path::Path::new("/no/such/folder/state.db");
    source_host::state::sqlite::SqliteState::open(nowhere).err().unwrap()
}

impl State for FakeState {
    fn cursors(&self) -> Result<BTreeMap<String, StoredCursor>, StateError> {
        Ok(BTreeMap::new())
    }

    fn mark(&self, _output: &str) -> Result<Option<String>, StateError> {
        Ok(None)
    }

    fn check(&self) -> Result<(), StateError> {
        Ok(())
    }

    fn commit(&mut self, changes: &[CursorChange], mark: Option<&Mark>) -> Result<(), CommitError> {
        let mut world = self.0.lock().unwrap();
        match world.commit {
            Commit::Stored => {}
            Commit::NotStored => return Err(CommitError::NotStored(state_error())),
            Commit::Unknown => return Err(CommitError::Unknown(state_error())),
        }
        // I1: whatever a cursor acknowledges is safe already.
        assert_eq!(world.synced, world.written.len());
        for change in changes {
            world.cursors.insert(change.source.clone(), change.cursor.to_string());
        }
        world.marks.extend(mark.map(|mark| mark.text.clone()));
        world.commits += 1;
        Ok(())
    }

    fn remove(&mut self, _source: &str) -> Result<bool, StateError> {
        Ok(false)
    }
}

fn start(can_take_back: bool) -> (Shared, LocalLedger) {
    let world = Shared::default();
    let output = Box::new(FakeOutput(Arc::clone(&world), can_take_back));
    let ledger = LocalLedger::start(output, Box::new(FakeState(Arc::clone(&world)))).unwrap();
    (world, ledger)
}

fn batch(source: &str, from: Position, number: u32, more: bool) -> Entry {
    let event = |part: &str| Event {
        id: format!("{number}{part}"),
        kind: "scripted.row".into(),
        time: None,
        body: "{}".into(),
    };
    let events = vec![event("a"), event("b")];
    Entry {
        source: source.into(),
        from,
        events,
        cursor: format!("c{number}").into(),
        complete_until: None,
        more,
    }
}

/// Commits a batch from where the source stands.
async fn commit(ledger: &LocalLedger, source: &str, number: u32, more: bool) -> Outcome {
    match ledger.load(source).await {
        Ok(from) => ledger.commit(batch(source, from, number, more)).await,
        Err(error) => Outcome::Failed(error),
    }
}

async fn committed(ledger: &LocalLedger, source: &str, number: u32, more: bool) {
    assert_eq!(commit(ledger, source, number, more).await, Outcome::Committed);
}

fn failed(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

async fn cursor(ledger: &LocalLedger, source: &str) -> Option<String> {
    ledger.load(source).await.unwrap().cursor.map(|cursor| cursor.to_string())
}

#[tokio::test]
async fn batches_of_a_backfill_are_committed_together_and_the_last_at_once() {
    let (world, ledger) = start(true);
    for number in 1..=3 {
        committed(&ledger, "acme", number, number < 3).await;
    }
    let world = world.lock().unwrap();
    assert_eq!(world.commits, 1);
    assert_eq!(world.cursors["acme"], "c3");
    assert_eq!(world.marks, ["6"]);
}

#[tokio::test]
async fn a_group_has_a_bound_in_batches_and_in_time() {
    let (world, ledger) = start(true);
    for number in 1..=32 {
        committed(&ledger, "acme", number, true).await;
    }
    assert_eq!(world.lock().unwrap().commits, 1);
    committed(&ledger, "acme", 33, true).await;
    assert_eq!(world.lock().unwrap().cursors["acme"], "c32");
    // Nobody delivers any more: the group is committed all the same.
    crate::bench::wait_for("the group", || world.lock().unwrap().cursors["acme"] == "c33");
}

#[tokio::test]
async fn an_output_that_cannot_take_back_commits_each_batch() {
    let (world, ledger) = start(false);
    for number in 1..=3 {
        committed(&ledger, "acme", number, true).await;
        assert_eq!(world.lock().unwrap().commits, number as usize);
    }
}

#[tokio::test]
async fn a_failed_write_takes_the_whole_group_back() {
    let (world, ledger) = start(true);
    committed(&ledger, "acme", 1, false).await;
    committed(&ledger, "acme", 2, true).await;
    world.lock().unwrap().write_fails = true;
    failed(&commit(&ledger, "acme", 3, true).await);
    assert_eq!(world.lock().unwrap().written, ["acme 1a", "acme 1b"]);
    world.lock().unwrap().write_fails = false;
    assert_eq!(cursor(&ledger, "acme").await.as_deref(), Some("c1"));
    committed(&ledger, "acme", 2, false).await;
    assert_eq!(world.lock().unwrap().written.len(), 4);
}

#[tokio::test]
async fn a_failed_sync_or_commit_takes_the_whole_group_back() {
    for fail in [
        |world: &mut World, on| world.sync_fails = on,
        |world: &mut World, on| {
            world.commit = if on { Commit::NotStored } else { Commit::Stored };
        },
    ] {
        let (world, ledger) = start(true);
        committed(&ledger, "acme", 1, true).await;
        fail(&mut world.lock().unwrap(), true);
        failed(&commit(&ledger, "acme", 2, false).await);
        assert!(world.lock().unwrap().written.is_empty());
        assert_eq!(cursor(&ledger, "acme").await, None);
        fail(&mut world.lock().unwrap(), false);
        // Until a commit has worked, no batch waits for another.
        committed(&ledger, "acme", 1, true).await;
        assert_eq!(world.lock().unwrap().cursors["acme"], "c1");
    }
}

#[tokio::test]
async fn what_may_be_acknowledged_is_neither_taken_back_nor_followed_until_that_is_known() {
    for can_take_back in [true, false] {
        let (world, ledger) = start(can_take_back);
        let ahead = ledger.load("two").await.unwrap();
        world.lock().unwrap().commit = Commit::Unknown;
        assert!(matches!(commit(&ledger, "one", 1, false).await, Outcome::Unknown(_)));
        // Neither the same source goes on nor another, whose batch is here already.
        ledger.load("one").await.unwrap_err();
        failed(&ledger.commit(batch("two", ahead.clone(), 1, false)).await);
        assert_eq!(world.lock().unwrap().written, ["one 1a", "one 1b"]);
        world.lock().unwrap().commit = Commit::Stored;
        assert_eq!(cursor(&ledger, "one").await.as_deref(), Some("c1"));
        assert_eq!(ledger.commit(batch("two", ahead, 1, false)).await, Outcome::Committed);
        assert_eq!(world.lock().unwrap().written.len(), 4);
        assert_eq!(world.lock().unwrap().cursors.len(), 2);
    }
}

#[tokio::test]
async fn a_batch_from_a_position_that_was_taken_back_is_refused() {
    let (world, ledger) = start(true);
    committed(&ledger, "one", 1, true).await;
    let ahead = ledger.load("one").await.unwrap();
    assert_eq!(ahead.cursor.as_deref(), Some("c1"));
    // Another source's failure takes the group of both back.
    world.lock().unwrap().write_fails = true;
    failed(&commit(&ledger, "two", 1, true).await);
    world.lock().unwrap().write_fails = false;
    failed(&ledger.commit(batch("one", ahead, 2, false)).await);
    assert!(world.lock().unwrap().written.is_empty());
    assert_eq!(cursor(&ledger, "one").await, None);
}

#[tokio::test]
async fn what_was_printed_is_not_printed_again_when_only_its_commit_failed() {
    let (world, ledger) = start(false);
    world.lock().unwrap().commit = Commit::NotStored;
    assert!(matches!(commit(&ledger, "acme", 1, true).await, Outcome::Unknown(_)));
    // As long as the state fails, nobody may poll: the batch would come a second time.
    ledger.load("acme").await.unwrap_err();
    world.lock().unwrap().commit = Commit::Stored;
    assert_eq!(cursor(&ledger, "acme").await.as_deref(), Some("c1"));
    assert_eq!(world.lock().unwrap().cursors["acme"], "c1");
    assert_eq!(world.lock().unwrap().written.len(), 2);
}

#[tokio::test]
async fn closing_commits_what_is_left() {
    let (world, ledger) = start(true);
    committed(&ledger, "acme", 1, true).await;
    ledger.close().await.unwrap();
    assert_eq!(world.lock().unwrap().cursors["acme"], "c1");
}

#[tokio::test]
async fn a_thread_that_has_ended_is_not_taken_for_an_output_that_nobody_reads() {
    let (_, ledger) = start(true);
    ledger.clone().close().await.unwrap();
    assert_eq!(commit(&ledger, "acme", 1, false).await, Outcome::Failed(LedgerError::Ended));
}
