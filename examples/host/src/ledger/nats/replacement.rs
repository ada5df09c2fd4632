//! A cursor that a person puts in the place of another.

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::ledger::nats::connection::{Unanswered, refused};
use crate::ledger::nats::cursor::{self, Stored};
use crate::ledger::nats::judgement::{Judgement, judge};
use crate::ledger::nats::{AGAIN_AFTER, COMMIT_FOR_MAX, LATER_FOR_MAX, NatsLedger};
use crate::ledger::{LedgerError, Outcome};

impl NatsLedger {
    /// Puts a cursor in the place of what is stored of a source, or none to begin anew. Whoever runs the source
    /// meanwhile goes on from it. False if there was nothing, and is nothing.
    pub(crate) async fn put(
        &self,
        source: &str,
        cursor: Option<&str>,
    ) -> Result<bool, LedgerError> {
        let stream = &self.subjects.stream;
        let told = |why: &Unanswered| LedgerError::Failed(format!("stream {stream}: {why}"));
        // Whatever stands there, it may be damaged.
        let message = self.newest_cursor(source).await.map_err(|why| told(&why))?;
        let stored = message.as_ref().and_then(|message| Stored::read(message).ok());
        if cursor.is_none()
            && stored.as_ref().map_or(message.is_none(), |stored| stored.cursor.is_none())
        {
            return Ok(false);
        }
        let version = version(message.as_ref());
        let events = stored.map_or(0, |stored| stored.events);
        // No worker's name: those have no blanks.
        let author = if cursor.is_some() { "cursor set" } else { "cursor reset" };
        let headers = cursor::headers(stream, version, events, None, author);
        let payload = Bytes::copy_from_slice(cursor.unwrap_or_default().as_bytes());
        let subject = self.subjects.cursor(source);
        let answer = self.connection.ask(&subject, Some(headers), payload, COMMIT_FOR_MAX).await;
        match answer.and_then(|answer| refused(&answer)) {
            Ok(_) => Ok(true),
            Err(why) => match judge(why.clone(), stream) {
                Judgement::Outcome(Outcome::Stale) => Err(LedgerError::Failed(format!(
                    "stream {stream}: a worker stored a cursor of {source:?} meanwhile; try again"
                ))),
                Judgement::Outcome(Outcome::Unknown(_)) => {
                    let settled = self.settle(source, cursor, version).await;
                    settled.map(|()| true).map_err(|what| {
                        LedgerError::Failed(format!("stream {stream}: {why}; {what}"))
                    })
                }
                _ => Err(told(&why)),
            },
        }
    }

    /// Whether a cursor was put in the place of this version, of which nobody knows: the leader is asked for some
    /// seconds. The error says that it was not, or that it may have been, and what to do.
    async fn settle(
        &self,
        source: &str,
        cursor: Option<&str>,
        before: u64,
    ) -> Result<(), &'static str> {
        let begun = Instant::now();
        loop {
            let newest = self.newest_cursor(source).await;
            let stands = newest.as_ref().is_ok_and(|found| version(found.as_ref()) == before);
            match newest {
                // What is under way may be stored yet; if so, another try is refused.
                Ok(_) if stands => {}
                Ok(Some(found))
                    if Stored::read(&found)
                        .is_ok_and(|found| found.cursor.as_deref() == cursor) =>
                {
                    return Ok(());
                }
                // Somebody else's: from this one, or from the one before.
                Ok(_) => return Err(PERHAPS_STORED),
                Err(_) => {}
            }
            if begun.elapsed() >= LATER_FOR_MAX {
                return Err(if stands { "not stored; try again" } else { PERHAPS_STORED });
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

fn version(message: Option<&Value>) -> u64 {
    message.and_then(|message| message["seq"].as_u64()).unwrap_or(0)
}

const PERHAPS_STORED: &str =
    "perhaps stored: run `source-host cursor show` to see what stands, when the servers answer";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    use crate::ledger::nats::cursor::Stored;
    use crate::ledger::nats::stand_in::{StandIn, kept, none};

    /// What comes of a cursor that is set, of whose storing the server says nothing that is known; then it says
    /// this of what stands.
    async fn set(then: Value) -> Result<bool, String> {
        let mut asked = 0;
        let server = StandIn::by_subject(move |subject| {
            if !subject.starts_with("$JS.API.STREAM.MSG.GET.") {
                return json!({"error": {"err_code": 99, "description": "something new"}});
            }
            asked += 1;
            if asked == 1 { kept(7, "c1") } else { then.clone() }
        });
        let ledger = server.ledger(None).await;
        ledger.put("acme", Some("c2")).await.map_err(|why| why.to_string())
    }

    #[tokio::test]
    async fn a_cursor_without_an_answer_is_asked_for_again() {
        let unknown = json!({"error": {"err_code": 10_008, "description": "no leader"}});
        let (stored, stands, gone, others, unanswered) = tokio::join!(
            set(kept(8, "c2")),
            set(kept(7, "c1")),
            set(none()),
            set(kept(9, "c3")),
            set(unknown),
        );
        assert_eq!(stored, Ok(true));
        let why = stands.unwrap_err();
        assert!(why.contains("something new") && why.ends_with("; not stored; try again"), "{why}");
        for perhaps in [gone, others, unanswered] {
            let why = perhaps.unwrap_err();
            assert!(why.contains("; perhaps stored: run `source-host cursor show`"), "{why}");
        }
    }

    /// Who stored what is put there by the worker `w-1` of a configuration.
    async fn author(cursor: Option<&str>) -> String {
        let put = Arc::new(Mutex::new(Value::Null));
        let sees = Arc::clone(&put);
        let server = StandIn::start(move |asked| {
            let answer = if asked.subject.starts_with("$JS.API.STREAM.MSG.GET.") {
                kept(7, "c1")
            } else {
                let [headers, data] =
                    [asked.headers, asked.payload].map(|text| STANDARD.encode(text));
                *sees.lock().unwrap() = json!({"seq": 8, "hdrs": headers, "data": data});
                json!({"stream": "S", "seq": 8})
            };
            vec![(String::new(), answer.to_string())]
        });
        assert!(server.ledger(None).await.put("acme", cursor).await.is_ok_and(|put| put));
        let stored = Stored::read(&put.lock().unwrap()).unwrap();
        assert_eq!(stored.cursor.as_deref(), cursor);
        stored.worker
    }

    #[tokio::test]
    async fn a_cursor_that_a_person_puts_there_is_of_no_worker() {
        assert_eq!(author(Some("c2")).await, "cursor set");
        assert_eq!(author(None).await, "cursor reset");
    }
}
