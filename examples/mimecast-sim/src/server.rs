//! A simulated API that runs: started on a thread of its own, stopped when it is dropped.

pub(crate) mod connections;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::api::Api;
use crate::api::stats::{RequestRecord, Stats};
use crate::clock::ClockStart;
use crate::fault::{FaultRule, Faults};
use crate::gate::signature::Keys;
use crate::gate::standing::Standing;
use crate::gate::token::ClientCredentials;
use crate::ledger::{LedgerQuery, LedgerRows};
use crate::options::Options;
use crate::server::connections::serve;
use crate::world::row::ScriptedRow;
use crate::world::{ROWS_MAX, WorldOptions};

/// A simulated API at work. It stops, and closes every connection, when this is dropped.
pub struct Running {
    api: Arc<Api>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Options {
    /// Starts the API. Works from any thread; no async runtime is needed.
    ///
    /// # Errors
    /// The address is not on loopback or taken, there are too many rows, a share is not between 0
    /// and 1, or the secret key is not base64.
    pub fn start(self) -> io::Result<Running> {
        let refuse = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        if !self.listen.ip().is_loopback() {
            let message = format!("{} is not a loopback address; use 127.0.0.1", self.listen.ip());
            return Err(refuse(message));
        }
        if !(0.0..=1.0).contains(&self.world.ties) {
            return Err(refuse(format!("ties is {}; use 0 to 1", self.world.ties)));
        }
        let WorldOptions { rows, odd_rows, broken_rows, .. } = self.world;
        let rows = [rows, odd_rows, broken_rows].map(u64::from).iter().sum::<u64>();
        if rows > ROWS_MAX as u64 {
            return Err(refuse(format!("rows are {rows}; use at most {ROWS_MAX}")));
        }
        let listen = self.listen;
        let api = Arc::new(Api::new(self).map_err(refuse)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&api);
        let thread = std::thread::Builder::new()
            .name("mimecast-sim".to_owned())
            .spawn(move || run(&runtime, served, listener, stopped))?;
        Ok(Running { api, address, stop: Some(stop), thread: Some(thread) })
    }
}

/// Serves until it is told to stop; the runtime then drops every connection.
fn run(runtime: &Runtime, api: Arc<Api>, listener: TcpListener, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        tokio::spawn(serve(api, listener));
        let _ = stopped.await;
    });
}

impl Running {
    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The API 1.0 keys that it accepts.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.api.state().gate.signatures.keys().clone()
    }

    /// The API 2.0 application that it gives access tokens to.
    #[must_use]
    pub fn client(&self) -> ClientCredentials {
        self.api.state().gate.tokens.client().clone()
    }

    /// The server's clock, in Unix seconds.
    #[must_use]
    pub fn now_secs(&self) -> i64 {
        self.api.clock.now_secs()
    }

    /// Sets the server's clock.
    pub fn set_clock(&self, clock: ClockStart) {
        self.api.clock.set(clock);
    }

    /// Moves the server's clock ahead, or back if `secs` is below zero.
    pub fn advance_secs(&self, secs: i64) {
        self.api.clock.advance_secs(secs);
    }

    /// Replaces the faults; their counts start anew.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.api.state().faults = Faults::new(rules, self.api.options.seed);
    }

    /// Changes what the keys and the client are good for.
    pub fn set_standing(&self, standing: Standing) {
        self.api.state().gate.standing = standing;
    }

    /// Adds rows to the world. None of them was visible before now, whatever it says itself.
    pub fn push_rows(&self, rows: impl IntoIterator<Item = ScriptedRow>) {
        let mut state = self.api.state();
        let now_secs = self.now_secs();
        for row in rows {
            let visible_secs = row.visible_secs.max(now_secs);
            state.world.push(ScriptedRow { visible_secs, ..row });
        }
    }

    /// Lets every page token die, as a restart of the server does.
    pub fn forget_page_tokens(&self) {
        self.api.state().listings.clear();
    }

    /// Lets every access token die, as if all of them had expired.
    pub fn expire_tokens(&self) {
        self.api.state().gate.tokens.clear();
    }

    /// What a client should have, oldest first.
    #[must_use]
    pub fn ledger(&self, query: &LedgerQuery) -> LedgerRows {
        LedgerRows::new(Arc::clone(&self.api), query)
    }

    /// Counts since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.api.stats()
    }

    /// The last requests, those for access tokens aside, oldest first; ten thousand are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.api.state().tally.records.iter().cloned().collect()
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
