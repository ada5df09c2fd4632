//! The ledger of one machine: events into an output first, then their cursors into a state. One thread
//! does it for all sources, so that lines never mix and lengths and cursors agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::ledger::{Answer, Entry, Ledger, LedgerError, Outcome, Position};
use crate::machine::shortage;
use crate::output::Output;
use crate::state::{CommitError, CursorChange, Mark, State, StateError};

/// The way to the delivering thread, for any number of sources.
#[derive(Clone)]
pub struct LocalLedger {
    commands: Sender<Command>,
}

impl LocalLedger {
    /// Starts the thread, with the cursors of the state.
    pub fn start(output: Box<dyn Output>, state: Box<dyn State>) -> Result<Self, LedgerError> {
        let stored = state.cursors()?;
        let cursors = stored.into_iter().map(|(source, stored)| (source, stored.cursor));
        let writer = Writer {
            output,
            state,
            cursors: cursors.collect(),
            group: None,
            generation: 0,
            unsettled: None,
            failure: None,
        };
        // Each source has at most one command under way: the queue is as long as the sources are many.
        let (commands, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("delivery".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| LedgerError::Failed(shortage::no_thread(&error)))?;
        Ok(Self { commands })
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| LedgerError::Ended)?;
        answer.await.map_err(|_| LedgerError::Ended)
    }
}

impl Ledger for LocalLedger {
    fn load<'a>(&'a self, source: &'a str) -> Answer<'a, Result<Position, LedgerError>> {
        let load = |reply| Command::Load { source: source.to_owned(), reply };
        Box::pin(async move { self.ask(load).await? })
    }

    /// With `more` a batch may be committed a little later, with those that follow.
    fn commit(&self, entry: Entry) -> Answer<'_, Outcome> {
        let commit = self.ask(|reply| Command::Commit { entry, reply });
        Box::pin(async move { commit.await.unwrap_or_else(Outcome::Failed) })
    }

    fn close(&self) -> Answer<'_, Result<(), LedgerError>> {
        Box::pin(async move { self.ask(|reply| Command::Close { reply }).await? })
    }
}

enum Command {
    Load { source: String, reply: oneshot::Sender<Result<Position, LedgerError>> },
    Commit { entry: Entry, reply: oneshot::Sender<Outcome> },
    Close { reply: oneshot::Sender<Result<(), LedgerError>> },
}

/// The delivering thread's own.
struct Writer {
    output: Box<dyn Output>,
    state: Box<dyn State>,
    /// The newest cursor of each source, committed or not.
    cursors: BTreeMap<String, Arc<str>>,
    /// What to commit next.
    group: Option<Group>,
    /// Counts what was rolled back.
    generation: u64,
    /// A commit of which nobody knows whether it counts.
    unsettled: Option<Unsettled>,
    /// Why the last commit failed: until one succeeds, each batch is committed by itself.
    failure: Option<LedgerError>,
}

/// Batches that are written, and are committed together.
struct Group {
    /// The newest cursor of each source.
    changes: BTreeMap<String, CursorChange>,
    /// The committed cursor of each of these sources.
    replaced: BTreeMap<String, Option<Arc<str>>>,
    batches: u32,
    since: Instant,
}

impl Group {
    fn begin() -> Self {
        let (changes, replaced) = (BTreeMap::new(), BTreeMap::new());
        Self { changes, replaced, batches: 0, since: Instant::now() }
    }

    /// Adds a batch of so many events. `before` is the cursor that the source had.
    fn add(&mut self, source: String, before: Option<Arc<str>>, cursor: Arc<str>, events: usize) {
        self.batches += 1;
        self.replaced.entry(source.clone()).or_insert(before);
        let change = self.changes.entry(source.clone()).or_insert_with(|| CursorChange {
            source,
            cursor: Arc::clone(&cursor),
            events: 0,
        });
        change.cursor = cursor;
        change.events += events as u64;
    }

    fn may_grow(&self) -> bool {
        self.batches < GROUP_BATCHES_MAX && self.since.elapsed() < GROUP_FOR_MAX
    }
}

/// What was committed with the group.
struct Unsettled {
    mark: Option<Mark>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Command>) {
        loop {
            let command = match self.group.as_ref().filter(|_| self.failure.is_none()) {
                Some(group) => {
                    queue.recv_timeout(GROUP_FOR_MAX.saturating_sub(group.since.elapsed()))
                }
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match command {
                // Whoever asked may have been stopped: then nobody waits for the answer.
                Ok(Command::Load { source, reply }) => {
                    drop(reply.send(self.load(&source)));
                }
                Ok(Command::Commit { entry, reply }) => {
                    drop(reply.send(self.take(entry)));
                }
                Ok(Command::Close { reply }) => {
                    let committed = self.store();
                    // Behind a commit of which nobody knows it would undo what that stored.
                    if self.unsettled.is_none()
                        && let Some(mark) = self.output.close()
                        && let Err(error) = self.state.commit(&[], Some(&mark))
                    {
                        let error = StateError::from(error);
                        tracing::warn!("the next start cannot know of this good end: {error}");
                    }
                    drop(self);
                    drop(reply.send(committed));
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.store() {
                        tracing::error!("batches not committed: {error}");
                    }
                }
                // Dropped without a word: what is not committed will be polled again.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn load(&mut self, source: &str) -> Result<Position, LedgerError> {
        // What an output holds without its cursor would come a second time.
        if self.failure.is_some() {
            self.store()?;
        }
        // No source is asked for what could not be kept.
        self.state.check()?;
        self.output.check()?;
        Ok(Position { cursor: self.cursors.get(source).cloned(), version: self.generation })
    }

    fn take(&mut self, entry: Entry) -> Outcome {
        if entry.from.version != self.generation {
            return self.failure.clone().map_or(Outcome::Stale, Outcome::Failed);
        }
        let (source, cursor) = (entry.source.clone(), Arc::clone(&entry.cursor));
        match self.write(entry) {
            Ok(()) => Outcome::Committed,
            // It stays to be stored, if it is not.
            Err(LedgerError::Failed(why))
                if self.cursors.get(&source).is_some_and(|last| Arc::ptr_eq(last, &cursor)) =>
            {
                Outcome::Unknown(why)
            }
            Err(error) => Outcome::Failed(error),
        }
    }

    fn write(&mut self, entry: Entry) -> Result<(), LedgerError> {
        let Entry { source, events, cursor, more, .. } = entry;
        // What follows a batch of which nobody knows whether it counts could not be taken back alone.
        if self.failure.is_some() {
            self.store()?;
        }
        self.state.check()?;
        if let Err(error) = self.output.write(&source, &events) {
            let error = LedgerError::from(error);
            self.roll_back(&error);
            return Err(error);
        }
        let before = self.cursors.insert(source.clone(), Arc::clone(&cursor));
        let group = self.group.get_or_insert_with(Group::begin);
        group.add(source, before, cursor, events.len());
        let may_wait =
            more && self.failure.is_none() && self.output.may_group() && group.may_grow();
        if may_wait { Ok(()) } else { self.store() }
    }

    /// Makes the group durable: events first, then cursors.
    fn store(&mut self) -> Result<(), LedgerError> {
        let Some(group) = &self.group else { return Ok(()) };
        let changes: Vec<CursorChange> = group.changes.values().cloned().collect();
        let mark = match self.unsettled.take() {
            Some(Unsettled { mark }) => mark,
            None => self.output.sync().map_err(|error| {
                let error = error.into();
                self.roll_back(&error);
                error
            })?,
        };
        match self.state.commit(&changes, mark.as_ref()) {
            Ok(()) => {
                self.output.committed();
                self.group = None;
                self.failure = None;
                Ok(())
            }
            Err(error @ CommitError::NotStored(_)) => {
                let error = error.into();
                self.roll_back(&error);
                Err(error)
            }
            // What was written may be acknowledged: it stays until that is known.
            Err(error @ CommitError::Unknown(_)) => {
                let error = LedgerError::from(error);
                self.unsettled = Some(Unsettled { mark });
                self.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Goes back to what is committed, if the output can. If not, what was written stays, and its
    /// cursors stay in the group.
    fn roll_back(&mut self, error: &LedgerError) {
        self.failure = Some(error.clone());
        if self.output.roll_back() {
            for (source, committed) in
                self.group.take().into_iter().flat_map(|group| group.replaced)
            {
                match committed {
                    Some(cursor) => self.cursors.insert(source, cursor),
                    None => self.cursors.remove(&source),
                };
            }
            self.generation += 1;
        }
    }
}

/// Batches that are committed together at most: what a crash repeats.
const GROUP_BATCHES_MAX: u32 = 32;
const GROUP_FOR_MAX: Duration = Duration::from_secs(1);
