//! What the workers tell each other: the newest messages of a stream's subjects.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::time::timeout;

use crate::ledger::nats::connection::{Connection, Unanswered};
use crate::ledger::nats::message::Message;

/// A message as a bucket keeps it.
pub(crate) struct Kept {
    /// The subject that it has.
    pub(crate) subject: String,
    /// Its place in the stream.
    pub(crate) sequence: u64,
    /// What it says.
    pub(crate) payload: Bytes,
}

impl Connection {
    /// The newest message of each subject of a stream that a pattern fits, by any of its servers: one of them may
    /// be behind, for as long as it likes.
    pub(crate) async fn newest(
        &self,
        stream: &str,
        patterns: &[String],
        within: Duration,
    ) -> Result<Vec<Kept>, Unanswered> {
        let listing = async {
            let unsent = |why: String| Unanswered::Unsent(why);
            let inbox = self.client.new_inbox();
            let subscribed = self.client.subscribe(inbox.clone()).await;
            let mut answers = subscribed.map_err(|error| unsent(error.to_string()))?;
            let question = json!({ "multi_last": patterns, "batch": KEPT_MAX }).to_string();
            let subject = format!("$JS.API.DIRECT.GET.{stream}");
            let asked = self.client.publish_with_reply(subject, inbox, question.into()).await;
            asked.map_err(|error| unsent(error.to_string()))?;
            let mut kept = Vec::new();
            while let Some(message) = answers.next().await {
                match message.status.map(|status| status.as_u16()) {
                    None => kept.extend(
                        message.headers.and_then(|headers| read(&headers, message.payload)),
                    ),
                    // The end; and that there is none.
                    Some(204 | 404) => return Ok(kept),
                    Some(503) => return Err(Unanswered::Nobody),
                    Some(code) => {
                        let why = message.description.unwrap_or_default();
                        return Err(Unanswered::Refused { code: code.into(), why });
                    }
                }
                if kept.len() > KEPT_MAX {
                    return Ok(kept);
                }
            }
            Err(Unanswered::Late("the connection ended".to_owned()))
        };
        match timeout(within, listing).await {
            Ok(listed) => listed,
            Err(_) => Err(Unanswered::Late(format!("no answer in {within:?}"))),
        }
    }

    /// The same by the stream's leader, which is not behind: a question for each message, each answered in time.
    pub(crate) async fn newest_of_leader(
        &self,
        stream: &str,
        pattern: &str,
        within: Duration,
    ) -> Result<Vec<Kept>, Unanswered> {
        let question = json!({ "subjects_filter": pattern });
        let found = self.api(&format!("STREAM.INFO.{stream}"), &question, within).await?;
        let subjects = found["state"]["subjects"].as_object();
        let subjects = subjects.into_iter().flat_map(|subjects| subjects.keys()).take(KEPT_MAX);
        let asked = subjects.map(|subject| self.of_leader(stream, subject.clone(), within));
        // Futures with bounds of their own: what borrows from the answer cannot be sent to another thread.
        let asked: Vec<_> = asked.collect();
        let kept = futures_util::stream::iter(asked).buffered(ASKED_AT_A_TIME);
        let kept: Vec<Option<Kept>> = kept.try_collect().await?;
        Ok(kept.into_iter().flatten().collect())
    }

    /// The newest message of a subject by the stream's leader, if there is one.
    async fn of_leader(
        &self,
        stream: &str,
        subject: String,
        within: Duration,
    ) -> Result<Option<Kept>, Unanswered> {
        let question = json!({ "last_by_subj": subject });
        let found = match self.api(&format!("STREAM.MSG.GET.{stream}"), &question, within).await {
            Ok(found) => found,
            // It ran out meanwhile. Whatever else is refused may be there: a list without it says it is not.
            Err(why) if why.is_no_message() => return Ok(None),
            Err(why) => return Err(why),
        };
        let message = Message::read(&found["message"]).ok();
        let message =
            message.filter(|message| ENDS.iter().all(|header| message.header(header).is_none()));
        Ok(message.map(|message| Kept {
            subject,
            sequence: message.sequence,
            payload: message.payload.into(),
        }))
    }
}

/// A message, unless it only says that there is none any more.
fn read(headers: &HeaderMap, payload: Bytes) -> Option<Kept> {
    if ENDS.iter().any(|header| headers.get(*header).is_some()) {
        return None;
    }
    let subject = headers.get("Nats-Subject")?.as_str().to_owned();
    let sequence = headers.get("Nats-Sequence")?.as_str().parse().ok()?;
    Some(Kept { subject, sequence, payload })
}

/// Headers of what stands in the place of a message that ran out, or was taken away.
const ENDS: [&str; 2] = ["Nats-Marker-Reason", "KV-Operation"];
const ASKED_AT_A_TIME: usize = 16;
/// The servers give no more at a time.
const KEPT_MAX: usize = 1_000;
