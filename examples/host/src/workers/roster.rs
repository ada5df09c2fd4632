//! This worker among the others: says that it is there, sees who else is, and what follows for its sources.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::nats::connection::{Connection, Unanswered, refused};
use crate::ledger::opening::Unopened;
use crate::workers::members::{self, Member, Members};
use crate::workers::shards::Assignment;
use crate::workers::standing::Standing;
use crate::workers::telling::{self, Telling};

/// Where a worker's key is, and how long the servers keep it.
pub(super) struct Place {
    /// To the servers.
    pub(super) connection: Connection,
    /// The ledger's stream.
    pub(super) stream: String,
    /// Its name.
    pub(super) worker: String,
    /// How long the servers keep the key.
    pub(super) lease: Duration,
}

impl Place {
    /// How often the key is written: twice it may fail within a lease.
    pub(super) fn every(&self) -> Duration {
        self.lease / 3
    }

    fn answer_within(&self) -> Duration {
        self.every().min(ANSWER_FOR_MAX)
    }

    fn retry_after(&self) -> Duration {
        self.every().min(RETRY_AFTER_MAX)
    }
}

/// This worker, as long as it is there.
pub(super) struct Roster {
    place: Place,
    own: Member,
    /// Its sources are all of its configuration, whatever others run.
    all: bool,
    /// The sequence of its key; 0 if there is none.
    sequence: u64,
    /// When the newest of its keys was sent that is known to be written.
    written: Instant,
    standing: Standing,
    telling: Telling,
    assignment: watch::Sender<Assignment>,
}

/// Why a key is not written.
enum Unwritten {
    /// Another worker has this name; the sequence of its key.
    Taken(u64),
    /// No answer.
    Unanswered(Unanswered),
}

impl Roster {
    /// Comes to the other workers: writes the key, and looks who is there. If another worker was called so within a
    /// lease, it waits whether that one writes its key again.
    pub(super) async fn join(
        place: Place,
        own: Member,
        all: bool,
    ) -> Result<(Self, watch::Receiver<Assignment>), Unopened> {
        let (assignment, assigned) = watch::channel(Assignment::None);
        let standing = Standing::new(&place.worker);
        let telling = Telling::default();
        let written = Instant::now();
        let mut roster =
            Self { place, own, all, sequence: 0, written, standing, telling, assignment };
        let joined = match roster.come().await {
            Ok(()) => roster.list().await.map_err(|why| roster.later(&why)),
            Err(why) => Err(why),
        };
        match joined {
            Ok(members) => {
                roster.looked(members);
                Ok((roster, assigned))
            }
            Err(Unopened::Never(why)) => Err(Unopened::Never(why)),
            Err(later) => {
                // It may be there all the same: then others would leave it shards for a lease.
                if let Err(why) = roster.take_back().await {
                    tracing::debug!(
                        "the key of a worker that did not come may still be there: {why}"
                    );
                }
                Err(later)
            }
        }
    }

    /// Writes the key for the first time.
    async fn come(&mut self) -> Result<(), Unopened> {
        let (worker, lease) = (self.place.worker.clone(), self.place.lease);
        let (begun, mut other) = (Instant::now(), None);
        loop {
            match (self.write().await, other) {
                (Ok(()), _) => return Ok(()),
                (Err(Unwritten::Unanswered(why)), _) if begun.elapsed() >= JOIN_FOR_MAX => {
                    return Err(self.later(&why));
                }
                // Servers choose a leader: of a bucket that was just made, too.
                (Err(Unwritten::Unanswered(_)), _) => {}
                (Err(Unwritten::Taken(newest)), None) => {
                    other = Some(newest);
                    let secs = lease.as_secs();
                    tracing::info!(
                        worker,
                        "a worker of this name was there within the last {secs} s: waiting whether it still is"
                    );
                }
                (Err(Unwritten::Taken(newest)), Some(before)) if newest != before => {
                    return Err(Unopened::Never(vec![format!(
                        "another worker is called {worker}, and runs; give each a name of its own under \
                         `ledger.worker`, or leave it out"
                    )]));
                }
                // It missed its time to write: whoever wrote it is gone, most likely. If not, it is the one that
                // is refused.
                (Err(Unwritten::Taken(newest)), _) if begun.elapsed() >= lease / 2 => {
                    self.sequence = newest;
                    self.standing.succeeds = true;
                }
                (Err(Unwritten::Taken(_)), _) => {}
            }
            tokio::time::sleep(self.place.retry_after()).await;
        }
    }

    fn later(&self, why: &Unanswered) -> Unopened {
        Unopened::Later(format!("worker {}: {why}", self.place.worker))
    }

    /// Stays among the workers until it is to leave; then takes its key away, so that others need not wait for its
    /// end. It ends before that if another process has its name: then nothing is assigned to this one any more.
    pub(super) async fn run(mut self, mut leave: watch::Receiver<bool>) {
        let mut next = Instant::now() + self.place.every();
        let mut is_lapsed = false;
        loop {
            let lapse = (!is_lapsed).then(|| self.written + self.place.lease);
            let beat = async {
                tokio::time::sleep_until(next).await;
                self.beat().await
            };
            let beaten = tokio::select! {
                biased;
                () = told(&mut leave) => return self.leave().await,
                beaten = beat => Some(beaten),
                () = tokio::time::sleep_until(lapse.unwrap_or(next)), if lapse.is_some() => None,
            };
            next = Instant::now() + self.place.retry_after();
            match beaten {
                Some(Ok(())) => {
                    is_lapsed = false;
                    next = self.written + self.place.every();
                }
                Some(Err(Unwritten::Unanswered(why))) => {
                    self.telling.failed(&self.place.worker, &why.to_string());
                }
                Some(Err(Unwritten::Taken(_))) => return telling::taken(&self.place.worker),
                None => {
                    is_lapsed = true;
                    self.standing.lapsed();
                    self.assignment.send_replace(Assignment::None);
                    self.telling.lapsed(&self.place.worker, self.place.lease);
                }
            }
        }
    }

    /// Writes the key anew, and looks who is there.
    async fn beat(&mut self) -> Result<(), Unwritten> {
        self.write().await?;
        let members = self.list().await.map_err(Unwritten::Unanswered)?;
        self.looked(members);
        Ok(())
    }

    /// Writes the key, unless another worker has the name.
    async fn write(&mut self) -> Result<(), Unwritten> {
        let ttl = format!("{}s", self.place.lease.as_secs());
        let payload = Bytes::from(serde_json::to_vec(&self.own).unwrap_or_default());
        let sent = Instant::now();
        self.sequence = match self.put(payload.clone(), &ttl, None).await {
            // Or the one before was written though no answer came, or it is gone.
            Err(Unanswered::Refused { code: OTHER_SEQUENCE, why }) => {
                self.find(&why).await?;
                self.put(payload, &ttl, None).await
            }
            written => written,
        }
        .map_err(Unwritten::Unanswered)?;
        self.written = sent;
        Ok(())
    }

    /// Takes the key away, and leaves.
    async fn leave(mut self) {
        if let Err(why) = self.take_back().await {
            let secs = self.place.lease.as_secs();
            tracing::warn!("other workers take the sources over in {secs} s: {why}");
        }
    }

    /// Takes the key away, if there is one of its own. The servers forget within a second that there was.
    async fn take_back(&mut self) -> Result<(), Unanswered> {
        let gone = match self.put(Bytes::new(), "1s", Some("DEL")).await {
            // One was being written just then.
            Err(Unanswered::Refused { code: OTHER_SEQUENCE, why }) => match self.find(&why).await {
                Ok(()) => self.put(Bytes::new(), "1s", Some("DEL")).await,
                Err(Unwritten::Taken(_)) => return Ok(()),
                Err(Unwritten::Unanswered(why)) => Err(why),
            },
            gone => gone,
        };
        gone.map(drop)
    }

    /// Finds the own key by the word of the server, which knows another one, unless that is another worker's.
    async fn find(&mut self, word: &str) -> Result<(), Unwritten> {
        let newest = word.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(0);
        if (1..self.sequence).contains(&newest) {
            // A leader that is cut off speaks for some seconds of what was before.
            let why = "the server that leads is behind what was written".to_owned();
            return Err(Unwritten::Unanswered(Unanswered::Late(why)));
        }
        let (place, within) = (&self.place, self.place.answer_within());
        let found = members::of_leader(&place.connection, &place.stream, &place.worker, within);
        let found = found.await.map_err(Unwritten::Unanswered)?;
        if found.is_some_and(|other| other.id != self.own.id) {
            return Err(Unwritten::Taken(newest));
        }
        self.sequence = newest;
        Ok(())
    }

    /// Puts something in the place of the key that it has now, and of no other one.
    async fn put(
        &self,
        payload: Bytes,
        ttl: &str,
        operation: Option<&str>,
    ) -> Result<u64, Unanswered> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-TTL", ttl);
        headers.insert("Nats-Expected-Last-Subject-Sequence", self.sequence.to_string().as_str());
        if let Some(operation) = operation {
            headers.insert("KV-Operation", operation);
        }
        let subject = members::subject(&self.place.stream, &self.place.worker);
        let within = self.place.answer_within();
        let answer = self.place.connection.ask(&subject, Some(headers), payload, within).await?;
        refused(&answer)?["seq"]
            .as_u64()
            .ok_or_else(|| Unanswered::Late("the answer has no sequence".to_owned()))
    }

    /// Who is there, by a server that knows of the own key what was written last.
    async fn list(&self) -> Result<Members, Unanswered> {
        let (place, within) = (&self.place, self.place.answer_within());
        let own = (place.worker.as_str(), self.sequence);
        members::list(&place.connection, &place.stream, own, within).await
    }

    /// What follows for its sources from who is there.
    fn looked(&mut self, mut members: Members) {
        // It may have run out by now.
        members.insert(self.place.worker.clone(), self.own.clone());
        let mut share = self.standing.looked(members.keys().cloned().collect());
        share.spread = share.spread.min(self.place.lease);
        self.telling.looked(&self.place.worker, &self.own, &members, share.shards.count());
        let assignment = if self.all { Assignment::All } else { Assignment::Shards(share) };
        self.assignment.send_if_modified(|current| {
            let is_other = *current != assignment;
            *current = assignment;
            is_other
        });
    }
}

/// Returns when the worker is to leave.
async fn told(leave: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left to be there for.
    let _ = leave.wait_for(|leave| *leave).await;
}

const OTHER_SEQUENCE: u64 = 10_071;
const JOIN_FOR_MAX: Duration = Duration::from_secs(10);
const ANSWER_FOR_MAX: Duration = Duration::from_secs(2);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::workers::server::Server;

    #[tokio::test]
    async fn a_key_is_written_three_times_a_lease() {
        let server = Server::start();
        let mut place = place(&server, server.connection().await);
        for (lease, every, within) in [(10, 3_333, 2_000), (2, 666, 666), (3_600, 1_200_000, 2_000)]
        {
            place.lease = Duration::from_secs(lease);
            let times = (place.every().as_millis(), place.answer_within().as_millis());
            assert_eq!(times, (every, within));
        }
    }

    fn place(server: &Server, connection: Connection) -> Place {
        let config = server.config("a");
        Place { connection, stream: config.stream, worker: config.worker, lease: config.lease }
    }

    fn member(id: &str) -> Member {
        let text = String::new;
        Member { id: id.to_owned(), config: text(), version: text(), since: text(), sources: 1 }
    }

    const KEY: &str = "$KV.S.member.a";

    #[tokio::test]
    async fn a_worker_that_cannot_see_who_is_there_takes_its_key_back() {
        let server = Server::start();
        server.refuse("$JS.API.DIRECT.GET.", 500);
        let place = place(&server, server.connection().await);
        let joined = Roster::join(place, member("1"), false).await;
        assert!(matches!(joined, Err(Unopened::Later(_))));
        assert_eq!((server.asked(KEY), server.value(KEY)), (2, None));
    }

    #[tokio::test]
    async fn a_worker_whose_name_another_process_has_ends() {
        let server = Server::start();
        let place = place(&server, server.connection().await);
        let joined = Roster::join(place, member("1"), false).await;
        let (roster, mut assigned) = joined.ok().unwrap();
        assigned.mark_unchanged();
        let other = serde_json::to_string(&member("2")).unwrap();
        server.put(KEY, &other);
        let (_leave, left) = watch::channel(false);
        tokio::time::timeout(Duration::from_secs(5), roster.run(left)).await.unwrap();
        assert!(assigned.changed().await.is_err());
        assert_eq!(server.value(KEY), Some(other));
    }

    #[tokio::test]
    async fn a_leader_that_is_behind_the_own_key_is_not_asked_whose_the_name_is() {
        let server = Server::start();
        let place = place(&server, server.connection().await);
        let joined = Roster::join(place, member("1"), false).await;
        let (mut roster, _assigned) = joined.ok().unwrap();
        // As one that is cut off has it: the key of a process before.
        server.put(KEY, &serde_json::to_string(&member("0")).unwrap());
        roster.sequence = 7;
        assert!(matches!(roster.beat().await, Err(Unwritten::Unanswered(_))));
        assert_eq!(roster.sequence, 7);
    }

    #[tokio::test]
    async fn whose_a_name_is_tells_the_leader_and_no_server_that_is_behind() {
        let server = Server::start();
        server.put(KEY, &serde_json::to_string(&member("2")).unwrap());
        server.fall_behind();
        server.take_away(KEY);
        let place = place(&server, server.connection().await);
        let begun = Instant::now();
        let joined = Roster::join(place, member("1"), false).await;
        let (mut roster, _assigned) = joined.ok().unwrap();
        assert!(begun.elapsed() < roster.place.lease / 2);
        // Its own, of which it has heard nothing.
        server.put(KEY, &server.value(KEY).unwrap());
        assert!(roster.beat().await.is_ok());
        // Somebody else's, of which the leader does not tell.
        let other = serde_json::to_string(&member("2")).unwrap();
        server.put(KEY, &other);
        server.refuse("$JS.API.STREAM.MSG.GET.", 10_008);
        assert!(matches!(roster.beat().await, Err(Unwritten::Unanswered(_))));
        assert_eq!(server.value(KEY), Some(other));
    }
}
