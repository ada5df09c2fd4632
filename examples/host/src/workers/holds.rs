//! Waits that an API asked for, as workers tell each other of them: whoever takes a source over waits as the one
//! before it would have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::HeaderMap;
use serde::{Deserialize, Serialize};
use source_contract::wait::HINT_MAX;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::Instant;

use crate::ledger::nats::bucket::Kept;
use crate::ledger::nats::connection::{Connection, refused};
use crate::ledger::nats::stream::bucket;
use crate::ledger::nats::subject::token;
use crate::source::budget::{Budget, Held};

/// The waits of all workers. Clones share them.
#[derive(Clone)]
pub(crate) struct Holds {
    connection: Connection,
    stream: Arc<str>,
    told: mpsc::Sender<Held>,
}

/// A budget under the name that it has among the workers.
pub(crate) type Named = (Arc<str>, Arc<Budget>);

/// Budgets whose waits are asked for together, once: with the first of them that is to be used.
pub(crate) struct Asked {
    budgets: Vec<Named>,
    done: OnceCell<()>,
}

impl Asked {
    /// How many are asked for in one question: the servers list no more than some thousand keys at a time.
    pub(crate) const SIZE: usize = 250;

    /// In parts that are one question each.
    pub(crate) fn in_parts(budgets: Vec<Named>) -> impl Iterator<Item = Arc<Self>> {
        let mut budgets = budgets.into_iter().peekable();
        std::iter::from_fn(move || {
            budgets.peek()?;
            let budgets = budgets.by_ref().take(Self::SIZE).collect();
            Some(Arc::new(Self { budgets, done: OnceCell::new() }))
        })
    }
}

impl Holds {
    /// Those in the bucket of a stream; and what writes them, as long as there are budgets.
    pub(crate) fn new(
        connection: Connection,
        stream: &str,
    ) -> (Self, impl Future<Output = ()> + use<>) {
        let (told, held) = mpsc::channel(UNWRITTEN_MAX);
        let stream: Arc<str> = stream.into();
        let writing = write(connection.clone(), Arc::clone(&stream), held);
        (Self { connection, stream, told }, writing)
    }

    /// A budget that several sources name, or that of a source alone.
    pub(crate) fn budget(&self, shared: Option<&str>, source: &str) -> Named {
        let name: Arc<str> = match shared {
            Some(budget) => format!("budget.{}", token(budget)).into(),
            None => format!("source.{}", token(source)).into(),
        };
        (Arc::clone(&name), Arc::new(Budget::told(name, self.told.clone())))
    }

    /// Holds a budget, and those that are asked for with it, as others wrote. Without an answer in time nothing is
    /// held: that costs a request.
    pub(crate) async fn heed(&self, asked: &Asked) {
        asked.done.get_or_init(|| self.ask(&asked.budgets)).await;
    }

    /// Does it again and again for budgets that are used by others meanwhile.
    pub(crate) async fn keep_heeding(self, budgets: Vec<Named>, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            for budgets in budgets.chunks(Asked::SIZE) {
                self.ask(budgets).await;
            }
        }
    }

    async fn ask(&self, budgets: &[Named]) {
        let subjects: BTreeMap<String, &Arc<Budget>> =
            budgets.iter().map(|(name, budget)| (subject(&self.stream, name), budget)).collect();
        let patterns: Vec<String> = subjects.keys().cloned().collect();
        let found = self.connection.newest(&bucket(&self.stream), &patterns, ANSWER_FOR_MAX).await;
        let found = found.unwrap_or_default();
        for (subject, wait) in found.iter().filter_map(|kept| read(kept, unix_ms())) {
            if let Some(budget) = subjects.get(subject) {
                budget.heed(wait);
            }
        }
    }
}

/// What a key of a wait says.
#[derive(Serialize, Deserialize)]
struct Hold {
    /// When it ends, in milliseconds of Unix time. Clocks that differ cost a request, or some time.
    until_ms: u64,
}

fn subject(stream: &str, name: &str) -> String {
    format!("$KV.{stream}.hold.{name}")
}

/// What is still to be waited for by a key.
fn read(kept: &Kept, now_ms: u64) -> Option<(&str, Duration)> {
    let hold: Hold = serde_json::from_slice(&kept.payload).ok()?;
    let wait = Duration::from_millis(hold.until_ms.saturating_sub(now_ms)).min(HINT_MAX);
    (!wait.is_zero()).then_some((kept.subject.as_str(), wait))
}

/// Writes waits that are told, each key at most once a second.
async fn write(connection: Connection, stream: Arc<str>, mut told: mpsc::Receiver<Held>) {
    let (mut unwritten, mut held) = (Unwritten::default(), Vec::new());
    loop {
        let due = unwritten.due().unwrap_or_else(|| Instant::now() + WRITE_EVERY);
        tokio::select! {
            biased;
            count = told.recv_many(&mut held, UNWRITTEN_MAX) => if count == 0 {
                return;
            },
            () = tokio::time::sleep_until(due) => {}
        }
        held.drain(..).for_each(|held| unwritten.add(held));
        while let Some((name, wait)) = unwritten.take(Instant::now()) {
            let left = wait.until.saturating_duration_since(Instant::now());
            let mut headers = HeaderMap::new();
            // The servers count whole seconds, and none is for ever.
            let secs = left.as_millis().div_ceil(1_000).max(1);
            headers.insert("Nats-TTL", format!("{secs}s").as_str());
            let until_ms = unix_ms().saturating_add(u64::try_from(left.as_millis()).unwrap_or(0));
            let payload = serde_json::to_vec(&Hold { until_ms }).unwrap_or_default();
            let written = connection
                .ask(&subject(&stream, &name), Some(headers), payload.into(), ANSWER_FOR_MAX)
                .await;
            if let Err(why) = written.and_then(|answer| refused(&answer)) {
                tracing::debug!("a wait is not told to other workers: {why}");
                unwritten.put_back(name, wait);
                // The next one may take as long: first what was told meanwhile.
                break;
            }
        }
    }
}

/// Waits that are to be written.
#[derive(Default)]
struct Unwritten {
    waits: BTreeMap<Arc<str>, Wait>,
    /// Until when each was last written, and when.
    written: BTreeMap<Arc<str>, (Instant, Instant)>,
}

/// A wait that is to be written.
#[derive(Clone, Copy)]
struct Wait {
    until: Instant,
    /// From when on it may be.
    due: Instant,
    /// How often it could not be.
    failures: u32,
}

impl Unwritten {
    fn add(&mut self, held: Held) {
        let now = Instant::now();
        let (until, due) = match self.written.get(&held.budget) {
            // Others know.
            Some((until, _)) if *until >= held.until => return,
            Some((_, at)) => (held.until, (*at + WRITE_EVERY).max(now)),
            None => (held.until, now),
        };
        // What is over before anybody could take a source over is kept from nobody.
        if until.saturating_duration_since(now) >= WAIT_MIN {
            let wait = self.waits.entry(held.budget).or_insert(Wait { until, due, failures: 0 });
            wait.until = until.max(wait.until);
        }
    }

    /// When the next one may be written.
    fn due(&self) -> Option<Instant> {
        self.waits.values().map(|wait| wait.due).min()
    }

    /// One that may be written by now, and is not over.
    fn take(&mut self, now: Instant) -> Option<(Arc<str>, Wait)> {
        self.written.retain(|_, (until, at)| *until > now || *at + WRITE_EVERY > now);
        self.waits.retain(|_, wait| wait.until > now);
        let name = self.waits.iter().find(|(_, wait)| wait.due <= now)?.0;
        let (name, wait) = self.waits.remove_entry(&Arc::clone(name))?;
        self.written.insert(Arc::clone(&name), (wait.until, now));
        Some((name, wait))
    }

    /// One that could not be written: a few times it is tried again, ever later.
    fn put_back(&mut self, name: Arc<str>, wait: Wait) {
        self.written.remove(&name);
        let failures = wait.failures + 1;
        if failures < FAILURES_MAX {
            let due = Instant::now() + AGAIN_AFTER * failures;
            self.waits.insert(name, Wait { due, failures, ..wait });
        }
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

const ANSWER_FOR_MAX: Duration = Duration::from_secs(2);
/// Waits that are told and not yet taken note of.
const UNWRITTEN_MAX: usize = 1_024;
const WRITE_EVERY: Duration = Duration::from_secs(1);
const WAIT_MIN: Duration = Duration::from_secs(1);
/// Servers choose another leader in a few seconds.
const AGAIN_AFTER: Duration = Duration::from_secs(4);
const FAILURES_MAX: u32 = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ledger::nats::stand_in::StandIn;
    use crate::workers::server::Server;

    fn held(budget: &str, secs: u64) -> Held {
        Held { budget: budget.into(), until: Instant::now() + Duration::from_secs(secs) }
    }

    fn taken(unwritten: &mut Unwritten) -> Vec<(String, u64)> {
        let now = Instant::now();
        std::iter::from_fn(|| unwritten.take(now))
            .map(|(name, wait)| (name.to_string(), (wait.until - now).as_secs()))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_is_written_at_once_and_then_once_a_second() {
        let mut unwritten = Unwritten::default();
        assert_eq!(unwritten.due(), None);
        unwritten.add(held("a", 10));
        unwritten.add(held("b", 20));
        assert_eq!(unwritten.due(), Some(Instant::now()));
        assert_eq!(taken(&mut unwritten), [("a".to_owned(), 10), ("b".to_owned(), 20)]);
        // The same again, a shorter one, and none that is worth it.
        for again in [held("a", 10), held("a", 3), held("c", 0)] {
            unwritten.add(again);
        }
        assert_eq!(unwritten.due(), None);
        unwritten.add(held("a", 30));
        unwritten.add(held("a", 40));
        assert_eq!(taken(&mut unwritten), []);
        assert_eq!(unwritten.due(), Some(Instant::now() + WRITE_EVERY));
        tokio::time::advance(WRITE_EVERY).await;
        assert_eq!(taken(&mut unwritten), [("a".to_owned(), 39)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_is_not_written_and_nothing_is_kept_of_it() {
        let mut unwritten = Unwritten::default();
        unwritten.add(held("a", 2));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(&mut unwritten), []);
        unwritten.add(held("b", 2));
        assert_eq!(taken(&mut unwritten).len(), 1);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(&mut unwritten), []);
        assert!(unwritten.waits.is_empty() && unwritten.written.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_written_is_tried_again_ever_later_and_a_few_times() {
        let mut unwritten = Unwritten::default();
        unwritten.add(held("a", 600));
        let begun = Instant::now();
        let mut tried = Vec::new();
        while let Some(due) = unwritten.due() {
            tokio::time::sleep_until(due).await;
            let (name, wait) = unwritten.take(Instant::now()).unwrap();
            tried.push(begun.elapsed().as_secs());
            unwritten.put_back(name, wait);
            // The same again makes it no sooner.
            if tried.len() < 5 {
                unwritten.add(held("a", 600));
            }
        }
        assert_eq!(tried, [0, 4, 12, 24, 40]);
        // Nobody knows of it yet.
        unwritten.add(held("a", 500));
        assert_eq!(taken(&mut unwritten), [("a".to_owned(), 500)]);
    }

    #[tokio::test]
    async fn a_wait_that_the_server_refuses_is_written_later() {
        let server = Server::start();
        let key = "$KV.S.hold.source.acme";
        server.refuse(key, 10_077);
        let (holds, writing) = Holds::new(server.connection().await, "S");
        let writing = tokio::spawn(writing);
        holds.budget(None, "acme").1.hold(Duration::from_mins(1));
        wait_until(|| server.asked(key) > 0).await;
        server.take_all();
        wait_until(|| server.value(key).is_some()).await;
        assert_eq!(server.asked(key), 2);
        writing.abort();
    }

    #[tokio::test]
    async fn what_is_told_is_taken_note_of_while_the_server_does_not_answer() {
        let server = StandIn::start(|_| Vec::new());
        let connection = Connection::open(&server.config("a")).await.ok().unwrap();
        let (told, waits) = mpsc::channel(UNWRITTEN_MAX);
        let all_taken = || wait_until(|| told.capacity() == UNWRITTEN_MAX);
        for number in 0..20 {
            told.send(held(&number.to_string(), 600)).await.unwrap();
        }
        let writing = tokio::spawn(write(connection, "S".into(), waits));
        all_taken().await;
        let begun = Instant::now();
        told.send(held("late", 600)).await.unwrap();
        all_taken().await;
        assert!(begun.elapsed() < ANSWER_FOR_MAX * 2, "{:?}", begun.elapsed());
        writing.abort();
    }

    async fn wait_until(is_so: impl Fn() -> bool) {
        let so = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), so).await.unwrap();
    }

    #[test]
    fn what_is_left_of_a_wait_counts_within_the_bound_of_any_wait() {
        let kept = |payload: &str| Kept {
            subject: "$KV.S.hold.budget.acme".to_owned(),
            sequence: 1,
            payload: payload.to_owned().into(),
        };
        for (payload, wait) in [
            ("{\"until_ms\": 5000}", Some(Duration::from_secs(4))),
            ("{\"until_ms\": 1000}", None),
            ("{\"until_ms\": 18446744073709551615}", Some(HINT_MAX)),
            ("{\"until_ms\": -1}", None),
            ("", None),
        ] {
            let kept = kept(payload);
            assert_eq!(read(&kept, 1_000).map(|(_, wait)| wait), wait, "{payload}");
        }
    }

    #[test]
    fn what_is_asked_together_is_bounded() {
        let budgets = |count: usize| {
            (0..count).map(|number| (number.to_string().into(), Arc::default())).collect()
        };
        let parts = |count| -> Vec<usize> {
            Asked::in_parts(budgets(count)).map(|asked| asked.budgets.len()).collect()
        };
        assert_eq!(parts(0), [0_usize; 0]);
        assert_eq!(parts(501), [250, 250, 1]);
    }
}
