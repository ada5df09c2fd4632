//! The ledger that many machines share: a stream of NATS `JetStream`.
//!
//! Events and cursor of a batch are one atomic batch of the stream. Its last message is the cursor, and counts
//! only if no other cursor was stored for the source since the one that was polled with: so whoever comes second
//! stores nothing. Who runs a source is agreed upon only to save requests.

pub(crate) mod bucket;
mod complaint;
pub(crate) mod connection;
pub(crate) mod cursor;
pub(crate) mod identity;
mod judgement;
mod message;
mod pack;
mod position;
mod replacement;
mod room;
#[cfg(test)]
pub(crate) mod stand_in;
pub(crate) mod stream;
pub(crate) mod subject;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use source_contract::wait;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::bindings::Event;
use crate::config::NatsConfig;
use crate::ledger::nats::connection::{Connection, refused};
use crate::ledger::nats::identity::Identity;
use crate::ledger::nats::judgement::{Judgement, judge, of_beginning};
use crate::ledger::nats::pack::{Message, Unpacked, pack};
use crate::ledger::nats::subject::Subjects;
use crate::ledger::{Answer, Entry, Ledger, LedgerError, Outcome, Position};

/// The ledger, as one worker has it.
pub(crate) struct NatsLedger {
    connection: Connection,
    subjects: Subjects,
    worker: String,
    /// What this worker has last seen of each source: its version, and its events so far.
    seen: Mutex<BTreeMap<String, (u64, u64)>>,
    /// Messages that a batch may have: a server tells if it allows fewer.
    messages_max: AtomicUsize,
    /// That of the stream at the start, if this is a worker's.
    identity: Option<Identity>,
    /// When the stream was last seen to be that one.
    checked: Mutex<Option<Instant>>,
    /// Batches of this worker that are open at a time: the servers allow so many of a stream.
    open: Semaphore,
}

impl NatsLedger {
    /// The ledger in a stream: that alone, if its identity is given.
    pub(crate) fn new(
        connection: Connection,
        config: &NatsConfig,
        identity: Option<Identity>,
    ) -> Self {
        Self {
            connection,
            subjects: Subjects::of(&config.stream),
            worker: config.worker.clone(),
            seen: Mutex::default(),
            messages_max: AtomicUsize::new(MESSAGES_MAX),
            identity,
            checked: Mutex::default(),
            open: Semaphore::new(OPEN_MAX),
        }
    }

    async fn store(&self, entry: &Entry) -> Outcome {
        if entry.events.is_empty() && entry.from.cursor.as_ref() == Some(&entry.cursor) {
            return Outcome::Committed;
        }
        let (begun, mut repacked) = (Instant::now(), 0);
        loop {
            // The same again is as safe as the first time: if one of them was stored, the other finds another
            // version.
            let (why, for_max) = match self.send(entry).await {
                Judgement::Outcome(outcome) => return outcome,
                Judgement::AtMost(messages) => {
                    let most = messages.saturating_sub(1).max(1);
                    self.messages_max.fetch_min(most, Ordering::Relaxed);
                    repacked += 1;
                    if repacked > REPACKED_MAX {
                        return failed(format!(
                            "stream {}: {messages} messages are too many",
                            self.subjects.stream
                        ));
                    }
                    continue;
                }
                Judgement::Later(why) => (why, LATER_FOR_MAX),
                Judgement::Crowded(why) => (why, CROWDED_FOR_MAX),
            };
            if begun.elapsed() >= for_max {
                return failed(why);
            }
            // By chance: of many workers none comes first each time.
            let chance = wait::chance(getrandom::u32().ok());
            tokio::time::sleep(AGAIN_AFTER.mul_f64(0.5 + chance)).await;
        }
    }

    /// One batch, from its first message to its last.
    async fn send(&self, entry: &Entry) -> Judgement {
        let Subjects { stream } = &self.subjects;
        // Before it is packed, which takes its memory again. A cursor alone opens no batch.
        let _open = if entry.events.is_empty() { None } else { self.open.acquire().await.ok() };
        let (messages, id) = match self.pack(&entry.source, &entry.events).and_then(|messages| {
            let id = batch_id().map_err(|error| format!("no batch has a name: {error}"))?;
            Ok((messages, id))
        }) {
            Ok(packed) => packed,
            Err(why) => return Judgement::Outcome(failed(why)),
        };
        let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
        let within = COMMIT_FOR_MAX + Duration::from_secs((bytes / BYTES_A_SECOND) as u64);
        let count = messages.len() + 1;
        for (place, message) in messages.into_iter().enumerate() {
            let mut headers = in_batch(&id, place + 1);
            headers.insert(cursor::EVENTS, message.events.to_string().as_str());
            let Message { subject, payload, .. } = message;
            // The first is waited for: a server that knows no batches would store all the others, too.
            let sent = if place == 0 {
                let answer = self.connection.ask(&subject, Some(headers), payload, within).await;
                match answer {
                    Ok(answer) if answer.is_empty() => Ok(()),
                    Ok(answer) => match refused(&answer) {
                        Ok(_) => {
                            return Judgement::Outcome(Outcome::Failed(self.knows_no_batches()));
                        }
                        Err(why) => Err(why),
                    },
                    Err(why) => Err(why),
                }
            } else {
                self.connection.send(subject, headers, payload).await
            };
            if let Err(why) = sent {
                return of_beginning(why, stream);
            }
        }
        let events_before = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(&entry.source).map_or(0, |(_, events)| *events)
        };
        let events = events_before.saturating_add(entry.events.len() as u64);
        let version = entry.from.version;
        let mut headers =
            cursor::headers(stream, version, events, entry.complete_until, &self.worker);
        if count > 1 {
            for (name, value) in [("Nats-Batch-Id", id.as_str()), ("Nats-Batch-Commit", "1")] {
                headers.insert(name, value);
            }
            headers.insert("Nats-Batch-Sequence", count.to_string().as_str());
        }
        let payload = Bytes::copy_from_slice(entry.cursor.as_bytes());
        let subject = self.subjects.cursor(&entry.source);
        let answer = self.connection.ask(&subject, Some(headers), payload, within).await;
        let answer = match answer.and_then(|answer| refused(&answer)) {
            Ok(answer) => answer,
            Err(why) => return judge(why, stream),
        };
        if count > 1 && (answer["batch"] != id.as_str() || answer["count"] != count) {
            return Judgement::Outcome(Outcome::Failed(self.knows_no_batches()));
        }
        let Some(version) = answer["seq"].as_u64() else {
            return Judgement::Outcome(Outcome::Unknown(format!(
                "stream {stream}: the answer has no sequence"
            )));
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(entry.source.clone(), (version, events));
        Judgement::Outcome(Outcome::Committed)
    }

    fn pack(&self, source: &str, events: &[Event]) -> Result<Vec<Message>, String> {
        let payload_max = self.connection.payload_max();
        let (messages_max, bytes_max) = (
            self.messages_max.load(Ordering::Relaxed),
            payload_max.saturating_sub(HEADERS_BYTES_MAX),
        );
        pack(&self.subjects, source, events, messages_max, bytes_max).map_err(|unpacked| match unpacked {
            Unpacked::TooLarge { id, bytes } => {
                let id = source_contract::printable::printable(&id);
                format!(
                    "event {id} has {bytes} bytes, and the NATS servers take messages of {payload_max} with their \
                     headers; raise `max_payload` of the servers: until then the source is held here"
                )
            }
            Unpacked::TooMany => format!(
                "{} events need more than {messages_max} messages of {payload_max} bytes; raise `max_payload` of the \
                 NATS servers: until then the source is held here",
                events.len()
            ),
        })
    }

    /// Messages were stored singly, and perhaps without their cursor: each batch more would store more of them.
    fn knows_no_batches(&self) -> LedgerError {
        LedgerError::Closed(format!(
            "stream {}: a server takes the messages of a batch singly: it is too old, or `allow_atomic` was taken \
             from the stream; events may be there twice from here on, and nothing more is stored",
            self.subjects.stream
        ))
    }
}

impl Ledger for NatsLedger {
    fn load<'a>(&'a self, source: &'a str) -> Answer<'a, Result<Position, LedgerError>> {
        Box::pin(self.position(source))
    }

    fn commit(&self, entry: Entry) -> Answer<'_, Outcome> {
        Box::pin(async move { self.store(&entry).await })
    }

    fn close(&self) -> Answer<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            self.connection.close().await;
            Ok(())
        })
    }
}

fn failed(why: String) -> Outcome {
    Outcome::Failed(LedgerError::Failed(why))
}

/// The headers of a batch's message.
fn in_batch(id: &str, sequence: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Batch-Id", id);
    headers.insert("Nats-Batch-Sequence", sequence.to_string().as_str());
    headers
}

/// A name that no other batch has.
fn batch_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut id, byte| {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

/// The servers take 1,000 messages a batch, one of them the cursor.
const MESSAGES_MAX: usize = 999;
/// They allow 50 open batches of a stream, over all workers: more than twelve of them wait for each other.
const OPEN_MAX: usize = 4;
/// How often a server may say that it takes fewer messages.
const REPACKED_MAX: u32 = 3;
/// What the headers of a message take of its bytes.
const HEADERS_BYTES_MAX: usize = 2 << 10;
/// Servers choose another leader in a few seconds.
const LATER_FOR_MAX: Duration = Duration::from_secs(10);
/// A batch that somebody left open counts for ten seconds.
const CROWDED_FOR_MAX: Duration = Duration::from_mins(1);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Longer for many bytes.
const COMMIT_FOR_MAX: Duration = Duration::from_secs(4);
const BYTES_A_SECOND: usize = 2 << 20;
