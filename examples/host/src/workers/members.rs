//! What a worker tells the others of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use source_contract::printable::printable;

use crate::ledger::nats::bucket::Kept;
use crate::ledger::nats::connection::{Connection, Unanswered};
use crate::ledger::nats::stream::bucket;

/// A worker, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// What tells it from another one of the same name.
    pub(crate) id: String,
    /// What stands for its configuration.
    pub(crate) config: String,
    /// That of its host.
    pub(crate) version: String,
    /// When it came: RFC 3339.
    pub(crate) since: String,
    /// How many sources its configuration has.
    pub(crate) sources: usize,
}

/// The workers that are there, by name.
pub(crate) type Members = BTreeMap<String, Member>;

/// The subject of a worker's key.
pub(crate) fn subject(stream: &str, worker: &str) -> String {
    format!("$KV.{stream}.member.{worker}")
}

/// Asks who is there. A server may be behind, and for long: one that does not show a worker's own key, as it was
/// written last, is not believed, and the leader is asked.
pub(crate) async fn list(
    connection: &Connection,
    stream: &str,
    own: (&str, u64),
    within: Duration,
) -> Result<Members, Unanswered> {
    let kept = connection.newest(&bucket(stream), &[subject(stream, "*")], within).await?;
    if !shows(stream, own, &kept) {
        return list_of_leader(connection, stream, within).await;
    }
    Ok(kept.iter().filter_map(|kept| read(stream, kept)).collect())
}

/// Asks the leader who is there: a question for each worker.
pub(crate) async fn list_of_leader(
    connection: &Connection,
    stream: &str,
    within: Duration,
) -> Result<Members, Unanswered> {
    let kept = connection.newest_of_leader(&bucket(stream), &subject(stream, "*"), within).await?;
    Ok(kept.iter().filter_map(|kept| read(stream, kept)).collect())
}

/// Asks the leader whose a name is.
pub(crate) async fn of_leader(
    connection: &Connection,
    stream: &str,
    worker: &str,
    within: Duration,
) -> Result<Option<Member>, Unanswered> {
    let what = format!("STREAM.MSG.GET.{}", bucket(stream));
    let question = json!({ "last_by_subj": subject(stream, worker) });
    let found = match connection.api(&what, &question, within).await {
        Ok(found) => found,
        Err(why) if why.is_no_message() => return Ok(None),
        // It may be anybody's.
        Err(why) => return Err(why),
    };
    // What stands in the place of a key that is gone is empty.
    let payload = found["message"]["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
    Ok(payload.and_then(|payload| member(&payload)))
}

/// Whether a worker's key is among these, as it was written last.
fn shows(stream: &str, (worker, sequence): (&str, u64), kept: &[Kept]) -> bool {
    let own = subject(stream, worker);
    kept.iter().any(|kept| kept.subject == own && kept.sequence >= sequence)
}

/// A worker's key.
fn read(stream: &str, kept: &Kept) -> Option<(String, Member)> {
    let worker = kept.subject.strip_prefix(&subject(stream, ""))?;
    Some((worker.to_owned(), member(&kept.payload)?))
}

/// What a worker wrote. What somebody else did counts for nobody.
fn member(payload: &[u8]) -> Option<Member> {
    let member: Member = serde_json::from_slice(payload).ok()?;
    let said = [&member.id, &member.config, &member.version, &member.since];
    let is_sound =
        said.iter().all(|text| text.len() <= TEXT_BYTES_MAX && printable(text) == **text);
    is_sound.then_some(member)
}

const TEXT_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::workers::server::Server;

    fn kept(subject: &str, payload: &str) -> Kept {
        Kept { subject: subject.to_owned(), sequence: 1, payload: payload.to_owned().into() }
    }

    #[test]
    fn a_member_comes_back_as_it_went_there_and_nobody_elses_words_count() {
        let member = Member {
            id: "1f".into(),
            config: "00ff".into(),
            version: "1.0.0".into(),
            since: "2026-11-30T00:00:00Z".into(),
            sources: 7,
        };
        let text = serde_json::to_string(&member).unwrap();
        let newer = text.replace('{', "{\"more\":[1],");
        for text in [&text, &newer] {
            let read = read("S", &kept("$KV.S.member.host-1", text));
            assert_eq!(read, Some(("host-1".to_owned(), member.clone())));
        }
        for (subject, payload) in [
            ("$KV.T.member.host-1", text.as_str()),
            ("$KV.S.hold.source.a", text.as_str()),
            ("$KV.S.member.host-1", "{}"),
            ("$KV.S.member.host-1", ""),
            ("$KV.S.member.host-1", &text.replace("1.0.0", "\\u009b2J")),
            ("$KV.S.member.host-1", &text.replace("1.0.0", &"1".repeat(65))),
        ] {
            assert_eq!(read("S", &kept(subject, payload)), None, "{subject} {payload}");
        }
    }

    #[tokio::test]
    async fn a_worker_that_the_leader_does_not_tell_of_is_not_taken_for_gone() {
        let server = Server::start();
        server.put("$KV.S.member.a", "");
        let connection = server.connection().await;
        server.refuse("$JS.API.STREAM.MSG.GET.KV_S", 10_008);
        let listed = list_of_leader(&connection, "S", Duration::from_secs(2)).await;
        assert!(matches!(listed, Err(Unanswered::Refused { code: 10_008, .. })), "{listed:?}");
    }

    #[test]
    fn a_list_without_the_newest_of_the_own_key_is_not_believed() {
        let kept = [Kept { sequence: 7, ..kept("$KV.S.member.a", "") }];
        assert!(shows("S", ("a", 7), &kept) && shows("S", ("a", 6), &kept));
        assert!(!shows("S", ("a", 8), &kept));
        assert!(!shows("S", ("b", 1), &kept) && !shows("S", ("a", 1), &[]));
    }
}
