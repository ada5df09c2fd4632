//! Delivers batches: into the output first, then their cursors into the state. One thread does it
//! for all sources, so that lines never mix and lengths and cursors agree.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::bindings::Event;
use crate::machine::shortage;
use crate::output::{Output, OutputError};
use crate::state::{CommitError, CursorChange, Mark, State, StateError};

/// Where a source stands.
#[derive(Clone, Debug)]
pub struct Position {
    /// The cursor to poll with.
    pub cursor: Option<Arc<str>>,
    /// A batch polled from this position is only taken as long as nothing was rolled back since.
    generation: u64,
}

/// Events and the cursor that acknowledges them.
#[derive(Debug)]
pub struct Delivery {
    /// The source's name.
    pub source: String,
    /// The position that was polled from.
    pub from: Position,
    /// What the poll gave.
    pub events: Vec<Event>,
    /// Where to go on.
    pub cursor: String,
    /// Whether another batch follows at once: then this one may wait to be committed with it.
    pub more: bool,
}

/// Why a batch was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// Nobody reads the output any more: the host has nothing left to do.
    Closed(String),
    /// The batch, or one before it, could not be stored. It may work later.
    Failed(String),
    /// The delivering thread has ended: nothing is stored any more.
    Ended,
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) | Self::Failed(why) => f.write_str(why),
            Self::Ended => f.write_str("the delivering thread has ended"),
        }
    }
}

impl std::error::Error for DeliveryError {}

impl From<OutputError> for DeliveryError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Closed(why) => Self::Closed(why),
            OutputError::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<StateError> for DeliveryError {
    fn from(error: StateError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<CommitError> for DeliveryError {
    fn from(error: CommitError) -> Self {
        StateError::from(error).into()
    }
}

/// The way to the delivering thread, for any number of sources.
#[derive(Clone)]
pub struct Deliverer {
    commands: Sender<Command>,
}

impl Deliverer {
    /// Starts the thread, with the cursors of the state.
    pub fn start(output: Box<dyn Output>, state: Box<dyn State>) -> Result<Self, DeliveryError> {
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
            .map_err(|error| DeliveryError::Failed(shortage::no_thread(&error)))?;
        Ok(Self { commands })
    }

    /// Where a source stands.
    pub async fn position(&self, source: &str) -> Result<Position, DeliveryError> {
        self.ask(|reply| Command::Position { source: source.to_owned(), reply }).await
    }

    /// Delivers a batch. With `more` it may be committed a little later, with those that follow.
    pub async fn deliver(&self, delivery: Delivery) -> Result<(), DeliveryError> {
        self.ask(|reply| Command::Deliver { delivery, reply }).await
    }

    /// Commits what still waits to be committed, and ends the thread: output and state are closed.
    pub async fn close(self) -> Result<(), DeliveryError> {
        self.ask(|reply| Command::Close { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, DeliveryError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| DeliveryError::Ended)?;
        answer.await.map_err(|_| DeliveryError::Ended)?
    }
}

type Reply<T> = oneshot::Sender<Result<T, DeliveryError>>;

enum Command {
    Position { source: String, reply: Reply<Position> },
    Deliver { delivery: Delivery, reply: Reply<()> },
    Close { reply: Reply<()> },
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
    failure: Option<DeliveryError>,
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
                Ok(Command::Position { source, reply }) => {
                    drop(reply.send(self.position(&source)));
                }
                Ok(Command::Deliver { delivery, reply }) => {
                    drop(reply.send(self.deliver(delivery)));
                }
                Ok(Command::Close { reply }) => {
                    let committed = self.commit();
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
                    if let Err(error) = self.commit() {
                        tracing::error!("batches not committed: {error}");
                    }
                }
                // Dropped without a word: what is not committed will be polled again.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn position(&mut self, source: &str) -> Result<Position, DeliveryError> {
        // What an output holds without its cursor would come a second time.
        if self.failure.is_some() {
            self.commit()?;
        }
        // No source is asked for what could not be kept.
        self.state.check()?;
        self.output.check()?;
        Ok(Position { cursor: self.cursors.get(source).cloned(), generation: self.generation })
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<(), DeliveryError> {
        let Delivery { source, from, events, cursor, more } = delivery;
        if from.generation != self.generation {
            let why = self.failure.clone();
            return Err(why.unwrap_or_else(|| {
                DeliveryError::Failed("an earlier batch was taken back".to_owned())
            }));
        }
        // What follows a batch of which nobody knows whether it counts could not be taken back alone.
        if self.failure.is_some() {
            self.commit()?;
        }
        self.state.check()?;
        if let Err(error) = self.output.write(&source, &events) {
            let error = DeliveryError::from(error);
            self.roll_back(&error);
            return Err(error);
        }
        let cursor: Arc<str> = cursor.into();
        let before = self.cursors.insert(source.clone(), Arc::clone(&cursor));
        let group = self.group.get_or_insert_with(Group::begin);
        group.add(source, before, cursor, events.len());
        let may_wait =
            more && self.failure.is_none() && self.output.may_group() && group.may_grow();
        if may_wait { Ok(()) } else { self.commit() }
    }

    /// Makes the group durable: events first, then cursors.
    fn commit(&mut self) -> Result<(), DeliveryError> {
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
                let error = DeliveryError::from(error);
                self.unsettled = Some(Unsettled { mark });
                self.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Goes back to what is committed, if the output can. If not, what was written stays, and its
    /// cursors stay in the group.
    fn roll_back(&mut self, error: &DeliveryError) {
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
