//! Where sources stand, by the word of the stream's leader: its other servers may be behind.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::ledger::nats::connection::Unanswered;
use crate::ledger::nats::cursor::Stored;
use crate::ledger::nats::{AGAIN_AFTER, COMMIT_FOR_MAX, LATER_FOR_MAX, NatsLedger};
use crate::ledger::{LedgerError, Position};

impl NatsLedger {
    /// What is stored of a source.
    pub(crate) async fn stored(&self, source: &str) -> Result<Option<Stored>, LedgerError> {
        let stream = &self.subjects.stream;
        let question = json!({ "last_by_subj": self.subjects.cursor(source) });
        let Some(found) = self.ask_leader("STREAM.MSG.GET", &question).await? else {
            return Ok(None);
        };
        let message = &found["message"];
        Stored::read(message).map(Some).map_err(|why| {
            LedgerError::Failed(format!(
                "message {} of stream {stream} is no cursor of {source:?}: {why}; nothing is polled until \
                 `source-host cursor set` or `cursor reset` puts one in its place",
                message["seq"]
            ))
        })
    }

    /// The newest message in the place of a source's cursor, whatever it is: asked for once.
    pub(super) async fn newest_cursor(&self, source: &str) -> Result<Option<Value>, Unanswered> {
        let what = format!("STREAM.MSG.GET.{}", self.subjects.stream);
        let question = json!({ "last_by_subj": self.subjects.cursor(source) });
        match self.connection.api(&what, &question, COMMIT_FOR_MAX).await {
            Ok(found) => Ok(Some(found["message"].clone())),
            Err(why) if why.is_no_message() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// The sources that have a cursor, whoever's configuration they are in.
    pub(crate) async fn sources(&self) -> Result<Vec<String>, LedgerError> {
        let stream = &self.subjects.stream;
        let (mut sources, mut listed) = (Vec::new(), 0);
        loop {
            let question =
                json!({ "subjects_filter": self.subjects.all_cursors(), "offset": listed });
            let found = self
                .connection
                .api(&format!("STREAM.INFO.{stream}"), &question, COMMIT_FOR_MAX)
                .await;
            let found =
                found.map_err(|why| LedgerError::Failed(format!("stream {stream}: {why}")))?;
            let subjects = found["state"]["subjects"].as_object();
            let before = listed;
            listed += subjects.map_or(0, serde_json::Map::len);
            for subject in subjects.into_iter().flat_map(|subjects| subjects.keys()) {
                let Some(source) = self.subjects.source(subject) else {
                    let subject = source_contract::printable::printable(subject);
                    tracing::warn!(
                        "{subject} in stream {stream} is no subject of a cursor: somebody else writes there"
                    );
                    continue;
                };
                sources.push(source);
            }
            let total =
                found["total"].as_u64().and_then(|total| usize::try_from(total).ok()).unwrap_or(0);
            if listed == before || listed >= total {
                sources.sort();
                return Ok(sources);
            }
        }
    }

    /// The position that a source is polled from.
    pub(super) async fn position(&self, source: &str) -> Result<Position, LedgerError> {
        let begun = Instant::now();
        loop {
            let stored = self.stored(source).await?;
            if stored.is_none() {
                self.check_identity().await?;
            }
            let (version, events) =
                stored.as_ref().map_or((0, 0), |stored| (stored.version, stored.events));
            let before = {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                match seen.get(source) {
                    Some((before, _)) if *before > version => *before,
                    _ => {
                        seen.insert(source.to_owned(), (version, events));
                        let cursor = stored.and_then(|stored| stored.cursor);
                        return Ok(Position { cursor, version });
                    }
                }
            };
            // Whoever has come to lead just now may be behind for a moment.
            if begun.elapsed() >= LATER_FOR_MAX {
                return Err(LedgerError::Failed(format!(
                    "stream {} has gone back behind what was stored: message {before} was the cursor of {source:?}, \
                     and {version} is now; if the stream was made anew or comes from a copy, start the workers again \
                     to go on from what it holds",
                    self.subjects.stream
                )));
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Sees that the stream is the one that this worker began with. In one that was made anew no source has a
    /// cursor: those of other workers would begin from nothing there, while they hold theirs up.
    async fn check_identity(&self) -> Result<(), LedgerError> {
        let Some(identity) = &self.identity else { return Ok(()) };
        // Many sources may begin at a time.
        let checked = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked().is_some_and(|checked| checked.elapsed() < CHECKED_FOR) {
            return Ok(());
        }
        let about = self.ask_leader("STREAM.INFO", &Value::Null).await?.unwrap_or_default();
        match identity.other(&about) {
            None => {
                *checked() = Some(Instant::now());
                Ok(())
            }
            Some(made) => Err(LedgerError::Failed(format!(
                "stream {} was made anew: the one that this worker began with is of {}, and this one of {made}; start \
                 the workers again to go on from what it holds",
                self.subjects.stream,
                identity.made()
            ))),
        }
    }

    /// Asks the stream's leader, for as long as another one may be chosen. None: there is no such message.
    async fn ask_leader(&self, what: &str, question: &Value) -> Result<Option<Value>, LedgerError> {
        let stream = &self.subjects.stream;
        let what = format!("{what}.{stream}");
        let begun = Instant::now();
        loop {
            let why = match self.connection.api(&what, question, LOAD_FOR_MAX).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(why) if why.is_no_message() => return Ok(None),
                Err(why) => why,
            };
            if begun.elapsed() >= LATER_FOR_MAX {
                return Err(LedgerError::Failed(format!("stream {stream}: {why}")));
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

/// How long the stream is taken for the same that was asked for.
const CHECKED_FOR: Duration = Duration::from_secs(1);
const LOAD_FOR_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use crate::ledger::Position;
    use crate::ledger::nats::identity::Identity;
    use crate::ledger::nats::stand_in::{StandIn, kept, none};

    #[tokio::test]
    async fn a_source_begins_from_nothing_in_the_stream_that_the_worker_began_with_alone() {
        let about = |created: &str| json!({"created": created, "ts": "2026-11-30T14:00:00.2Z"});
        let old = about("2026-11-30T12:00:00.7Z");
        for (created, is_taken) in
            [("2026-11-30T12:00:00.7Z", true), ("2026-11-30T14:00:09.7Z", false)]
        {
            let now = about(created);
            let server = StandIn::by_subject(move |subject| match subject {
                "$JS.API.STREAM.INFO.S" => now.clone(),
                _ => none(),
            });
            let ledger = server.ledger(Identity::of(&old)).await;
            let position = ledger.position("acme").await.map_err(|why| why.to_string());
            if is_taken {
                assert_eq!(position, Ok(Position { cursor: None, version: 0 }));
                continue;
            }
            let why = position.unwrap_err();
            assert!(why.starts_with("stream S was made anew: "), "{why}");
            assert!(why.contains(created) && why.contains("start the workers again"), "{why}");
            // A look at it, as by `cursor show`, is no worker's.
            assert_eq!(ledger.stored("acme").await, Ok(None));
        }
    }

    #[tokio::test]
    async fn a_source_goes_on_from_a_cursor_whoever_stored_it() {
        let server = StandIn::by_subject(|_| kept(7, "c1"));
        let ledger = server.ledger(None).await;
        let position = ledger.position("acme").await.unwrap();
        assert_eq!(position, Position { cursor: Some("c1".into()), version: 7 });
    }
}
