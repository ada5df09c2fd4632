//! Leaving a server for another. By itself the client prefers servers that it had no trouble with, and one that is cut
//! off from the others takes a connection at any time: it is chosen again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ReconnectToServer, Server, ServerAddr};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The leaving of a server, while one is left.
#[derive(Default)]
pub(super) struct Leaving(Mutex<Option<UnderWay>>);

struct UnderWay {
    task: AbortHandle,
    /// The addresses that were chosen so far: which of them lead to the server that is left is seen from there only.
    chosen: Vec<ServerAddr>,
    /// Whether those are all that there are.
    are_all: bool,
}

impl Leaving {
    /// Leaves the server that is connected to, unless one is left already. Each address is tried once; it ends before
    /// if it is over.
    pub(super) fn begin(
        self: &Arc<Self>,
        client: Client,
        is_over: impl Fn() -> bool + Send + 'static,
    ) {
        let mut under_way = self.under_way();
        if under_way.is_some() {
            return;
        }
        let leaving = Arc::clone(self);
        let task = tokio::spawn(async move {
            leaving.leave(&client, is_over).await;
            leaving.end();
        });
        *under_way =
            Some(UnderWay { task: task.abort_handle(), chosen: Vec::new(), are_all: false });
    }

    /// Whether one is left now.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way().is_some()
    }

    /// Stays where it is.
    pub(super) fn end(&self) {
        if let Some(under_way) = self.under_way().take() {
            under_way.task.abort();
        }
    }

    /// The server to connect to next: while one is left, any that was not chosen yet. None: the client's choice.
    pub(super) fn choose(&self, pool: &[Server]) -> Option<ReconnectToServer> {
        let mut under_way = self.under_way();
        let under_way = under_way.as_mut()?;
        let others: Vec<_> = pool
            .iter()
            .map(|server| &server.addr)
            .filter(|address| !under_way.chosen.contains(address))
            .collect();
        under_way.are_all = others.len() <= 1;
        let chance = usize::try_from(getrandom::u32().unwrap_or_default()).unwrap_or_default();
        let addr = (*others.get(chance.checked_rem(others.len())?)?).clone();
        under_way.chosen.push(addr.clone());
        Some(ReconnectToServer { addr, delay: None })
    }

    async fn leave(&self, client: &Client, is_over: impl Fn() -> bool) {
        let left = client.server_info().server_id;
        let mut tried = None;
        for _ in 0..LOOKS_MAX {
            let at = client.server_info();
            if at.server_id != left || is_over() {
                return;
            }
            // It was connected to again: each connection to a server has a number of its own.
            if client.connection_state() == State::Connected && tried != Some(at.client_id) {
                let are_all = self.under_way().as_ref().is_none_or(|under_way| under_way.are_all);
                if are_all || timeout(TAKEN_FOR_MAX, client.force_reconnect()).await.is_err() {
                    return;
                }
                tried = Some(at.client_id);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, Option<UnderWay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the client begins to connect anew.
const TAKEN_FOR_MAX: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// For 20 s: an address that nothing answers at takes five of them.
const LOOKS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::Ordering;

    use async_nats::HeaderMap;
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::ledger::nats::connection::Connection;
    use crate::ledger::nats::stand_in::StandIn;

    #[tokio::test]
    async fn another_is_reached_whatever_the_client_had_against_it() {
        let [a, b, c] = ["n1", "n2", "n3"].map(silent);
        for server in [&b, &c] {
            server.turns_away(true);
        }
        let mut config = a.config("w-1");
        config.servers = [&a, &b, &c].map(StandIn::address).to_vec();
        let connection = loop {
            let connection = Connection::open(&config).await.ok().unwrap();
            let pool = connection.client.server_pool().await.unwrap();
            if pool.iter().filter(|server| server.failed_attempts > 0).count() == 2 {
                break connection;
            }
        };
        for server in [&b, &c] {
            server.turns_away(false);
        }
        leave(&connection, || false).await;
        assert_ne!(connection.server().server_id, "n1");
    }

    #[tokio::test]
    async fn each_address_of_a_server_alone_is_tried_once() {
        let server = silent("n1");
        let mut config = server.config("w-1");
        let connection = Connection::open(&config).await.ok().unwrap();
        leave(&connection, || false).await;
        assert_eq!(connects(&connection.client), 2);

        config.servers.push(config.servers[0].replace("127.0.0.1", "localhost"));
        let connection = Connection::open(&config).await.ok().unwrap();
        leave(&connection, || false).await;
        assert_eq!(connects(&connection.client), 3);
        // It has ended: the client chooses for itself again.
        let pool = connection.client.server_pool().await.unwrap();
        assert!(connection.leaving.choose(&pool).is_none());
    }

    #[tokio::test]
    async fn it_stays_where_something_is_written_after_all() {
        let server = silent("n1");
        let mut config = server.config("w-1");
        config.servers.push(config.servers[0].replace("127.0.0.1", "localhost"));
        for connects_max in [1, 2] {
            let connection = Connection::open(&config).await.ok().unwrap();
            let client = connection.client.clone();
            leave(&connection, move || connects(&client) >= connects_max).await;
            assert_eq!(connects(&connection.client), connects_max);
        }
    }

    #[tokio::test]
    async fn it_ends_with_the_connection_and_is_one_at_a_time() {
        let server = silent("n1");
        let connection = Connection::open(&server.config("w-1")).await.ok().unwrap();
        server.turns_away(true);
        let [first, second] = [(); 2].map(|()| {
            let kept = Arc::new(());
            let held = Arc::clone(&kept);
            // It never is.
            let is_over = move || Arc::strong_count(&held) == 0;
            connection.leaving.begin(connection.client.clone(), is_over);
            kept
        });
        sleep(3 * LOOK_EVERY).await;
        assert_eq!([&first, &second].map(Arc::strong_count), [2, 1]);
        let closing = tokio::spawn(async move { connection.close().await });
        sleep(LOOK_EVERY).await;
        assert_eq!(Arc::strong_count(&first), 1);
        closing.abort();
    }

    #[tokio::test]
    async fn a_server_that_writes_to_one_stream_only_is_left() {
        let writes = json!({"seq": 1}).to_string();
        let to_bucket = writes.clone();
        let a = StandIn::named("n1", move |asked| {
            let answer = (String::new(), to_bucket.clone());
            if asked.subject.starts_with("$KV.") { vec![answer] } else { Vec::new() }
        });
        let b = StandIn::named("n2", move |_| vec![(String::new(), writes.clone())]);
        let mut config = a.config("w-1");
        let connection = Connection::open(&config).await.ok().unwrap();
        config.servers.push(b.address());
        connection.client.set_server_pool(config.servers.as_slice()).await.unwrap();
        let is_written = async |subject: &str| {
            let within = Duration::from_millis(200);
            connection.ask(subject, Some(HeaderMap::new()), Bytes::new(), within).await.is_ok()
        };
        assert!(!is_written("S.cursor.1.a").await);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(7)).await;
        tokio::time::resume();
        assert!(is_written("$KV.S.member.a").await);
        assert_eq!(connects(&connection.client), 1);
        assert!(!is_written("S.cursor.1.a").await);
        ended(&connection).await;
        assert_eq!(connection.server().server_id, "n2");
        assert!(is_written("S.cursor.1.a").await);
    }

    /// A server that answers nothing.
    fn silent(id: &'static str) -> StandIn {
        StandIn::named(id, |_| Vec::new())
    }

    /// Leaves the server that is connected to, until that has ended.
    async fn leave(connection: &Connection, is_over: impl Fn() -> bool + Send + 'static) {
        connection.leaving.begin(connection.client.clone(), is_over);
        ended(connection).await;
    }

    async fn ended(connection: &Connection) {
        let ended = async {
            while connection.leaving.is_under_way() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(Duration::from_secs(10), ended).await.unwrap();
    }

    fn connects(client: &Client) -> u64 {
        client.statistics().connects.load(Ordering::Relaxed)
    }
}
