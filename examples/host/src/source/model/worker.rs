//! The run loop itself, stopped wherever it asks its ledger or its component for something.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use source_contract::redact::Redactor;
use source_contract::wait::SHORT_MAX;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bindings::{Batch, ErrorKind, Event, PollError, Stats};
use crate::http::room::Place;
use crate::ledger::{self, Entry, Ledger, LedgerError, Outcome, Position};
use crate::source::journal::Journal;
use crate::source::model::store::Sent;
use crate::source::poller::Poller;
use crate::source::{Ending, Source};

/// What the run loop waits for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Asked {
    Load,
    /// What comes after this row.
    Poll(u8),
    Commit(Sent),
}

/// What it is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Told {
    /// Where the source stands: its cursor and version.
    Position(u8, u64),
    NoPosition,
    /// Rows up to this one.
    Rows(u8),
    /// One row, and the cursor that was there.
    RowAside,
    /// That nothing has come.
    Nothing,
    NoBatch,
    Stored,
    Stale,
    NotStored,
    Unknown,
    /// To stop, while it waits.
    Stop,
}

/// One run loop.
pub(super) struct Worker {
    run: Pin<Box<dyn Future<Output = Ending>>>,
    gate: Arc<Gate>,
    stop: watch::Sender<bool>,
    told: Option<Told>,
}

impl Worker {
    /// One that begins. Needs a runtime whose clock stands.
    pub(super) fn begin(until_caught_up: bool) -> Self {
        let gate = Arc::new(Gate::default());
        let source = Source {
            name: "acme".to_owned(),
            poller: Arc::clone(&gate),
            budget: Arc::default(),
            ledger: Arc::clone(&gate) as Arc<dyn Ledger>,
        };
        let journal = Journal::new("acme".to_owned(), Redactor::default(), Arc::default());
        let (stop, stopped) = watch::channel(false);
        let run = Box::pin(source.run(journal, until_caught_up, stopped));
        Self { run, gate, stop, told: None }
    }

    /// Tells it something.
    pub(super) fn tell(&mut self, told: &Told) {
        if *told == Told::Stop {
            self.stop.send_replace(true);
        } else {
            let mut gate = self.gate.0.lock().unwrap();
            assert!(gate.asked.take().is_some(), "nothing is asked");
            gate.told = Some(told.clone());
        }
        self.told = Some(told.clone());
    }

    /// Runs it until it waits for somebody. The error is its end.
    pub(super) async fn until_it_asks(&mut self) -> Result<Asked, Ending> {
        let (begun, mut turns) = (Instant::now(), 0);
        let asked = poll_fn(|context| {
            turns += 1;
            assert!(turns <= TURNS_MAX, "it spins");
            match self.run.as_mut().poll(context) {
                Poll::Ready(ending) => Poll::Ready(Err(ending)),
                Poll::Pending => match self.gate.0.lock().unwrap().asked.clone() {
                    Some(asked) => Poll::Ready(Ok(asked)),
                    None => Poll::Pending,
                },
            }
        });
        let asked = tokio::time::timeout(2 * SHORT_MAX, asked).await;
        let asked = asked.expect("it waits for something that does not come");
        let (waited, is_over) = (begun.elapsed(), asked.is_err());
        match &self.told {
            Some(
                Told::NoPosition | Told::NoBatch | Told::Stale | Told::NotStored | Told::Unknown,
            ) if !is_over => {
                assert!((WAIT_MIN..=SHORT_MAX).contains(&waited), "{:?}: {waited:?}", self.told);
            }
            Some(Told::Stored) => assert!(waited <= 2 * INTERVAL, "{waited:?}"),
            _ => assert_eq!(waited, Duration::ZERO, "{:?}", self.told),
        }
        asked
    }
}

/// Where the run loop waits for an answer.
#[derive(Default)]
struct Gate(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    asked: Option<Asked>,
    told: Option<Told>,
}

impl Gate {
    fn ask(&self, asked: Asked) -> impl Future<Output = Told> + Send {
        let mut asked = Some(asked);
        poll_fn(move |_| {
            let mut waiting = self.0.lock().unwrap();
            if let Some(asked) = asked.take() {
                assert_eq!(waiting.asked.replace(asked), None, "two things are asked at a time");
            }
            waiting.told.take().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

impl Ledger for Gate {
    fn load<'a>(&'a self, _source: &'a str) -> ledger::Answer<'a, Result<Position, LedgerError>> {
        Box::pin(async {
            match self.ask(Asked::Load).await {
                Told::Position(cursor, version) => {
                    let cursor = (cursor > 0).then(|| cursor.to_string().into());
                    Ok(Position { cursor, version })
                }
                Told::NoPosition => Err(LedgerError::Failed("no quorum".to_owned())),
                told => panic!("{told:?} is no answer to a load"),
            }
        })
    }

    fn commit(&self, entry: Entry) -> ledger::Answer<'_, Outcome> {
        let rows = entry.events.iter().map(|event| event.id.parse().unwrap()).collect();
        let from = (row(entry.from.cursor.as_deref()), entry.from.version);
        let sent = Sent { rows, from, cursor: row(Some(&entry.cursor)) };
        Box::pin(async {
            match self.ask(Asked::Commit(sent)).await {
                Told::Stored => Outcome::Committed,
                Told::Stale => Outcome::Stale,
                Told::NotStored => Outcome::Failed(LedgerError::Failed("no quorum".to_owned())),
                Told::Unknown => Outcome::Unknown("no answer".to_owned()),
                told => panic!("{told:?} is no answer to a commit"),
            }
        })
    }

    fn close(&self) -> ledger::Answer<'_, Result<(), LedgerError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Poller for Arc<Gate> {
    async fn poll(&mut self, cursor: Option<&str>) -> Result<(Batch, Option<Place>), PollError> {
        let from = row(cursor);
        let (rows, to) = match self.ask(Asked::Poll(from)).await {
            Told::Rows(to) => (from..to, to),
            Told::RowAside => (from..from + 1, from),
            Told::Nothing => (from..from, from),
            Told::NoBatch => return Err(no_batch()),
            told => panic!("{told:?} is no answer to a poll"),
        };
        let event = |row: u8| Event {
            id: row.to_string(),
            kind: "scripted.row".to_owned(),
            time: None,
            body: "{}".to_owned(),
        };
        let batch = Batch {
            more: rows.len() > 1,
            events: rows.map(event).collect(),
            cursor: to.to_string(),
            next_poll_ms: INTERVAL.as_secs() * 1_000,
            notices: Vec::new(),
            stats: NO_STATS,
            progress: None,
            quota: None,
        };
        Ok((batch, None))
    }
}

fn no_batch() -> PollError {
    PollError {
        kind: ErrorKind::Transient,
        code: "unreachable".to_owned(),
        message: "no answer".to_owned(),
        retry_after_ms: None,
        notices: Vec::new(),
        stats: NO_STATS,
        quota: None,
    }
}

/// The row behind a cursor; the first is behind none.
fn row(cursor: Option<&str>) -> u8 {
    cursor.map_or(0, |cursor| cursor.parse().unwrap())
}

const NO_STATS: Stats = Stats {
    requests: 1,
    sent_bytes: 0,
    received_bytes: 0,
    rows: 0,
    duplicates: 0,
    counters: Vec::new(),
};
const INTERVAL: Duration = Duration::from_secs(5);
/// What the run loop waits at least after something went wrong.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// How often it may be woken before it asks.
const TURNS_MAX: u32 = 16;
