//! A server of NATS that says what a test has it say.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::config::{Credentials, NatsConfig};
use crate::ledger::nats::NatsLedger;
use crate::ledger::nats::connection::Connection;
use crate::ledger::nats::identity::Identity;

/// One that runs as long as the test does.
pub(crate) struct StandIn {
    address: SocketAddr,
    turns_away: Arc<AtomicBool>,
}

/// What it is asked.
pub(crate) struct Question<'a> {
    pub(crate) subject: &'a str,
    pub(crate) headers: &'a str,
    pub(crate) payload: &'a str,
}

/// Messages that answer a question: the headers of each, or none, and what it says.
pub(crate) type Answers = Vec<(String, String)>;

impl StandIn {
    /// One that answers each question so.
    pub(crate) fn start(answer: impl FnMut(Question<'_>) -> Answers + Send + 'static) -> Self {
        Self::named("n1", answer)
    }

    /// The same, one of several.
    pub(crate) fn named(
        id: &'static str,
        answer: impl FnMut(Question<'_>) -> Answers + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(answer));
        let turns_away = Arc::<AtomicBool>::default();
        let is_turned_away = Arc::clone(&turns_away);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if is_turned_away.load(Ordering::Relaxed) {
                    continue;
                }
                let (answer, greeting) = (Arc::clone(&answer), greeting(id, number));
                thread::spawn(move || {
                    drop(serve(&stream, &greeting, |asked| answer.lock().unwrap()(asked)));
                });
            }
        });
        Self { address, turns_away }
    }

    /// Whether whoever connects from here on is turned away.
    pub(crate) fn turns_away(&self, turns_away: bool) {
        self.turns_away.store(turns_away, Ordering::Relaxed);
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// One that answers by the subject alone.
    pub(super) fn by_subject(mut answer: impl FnMut(&str) -> Value + Send + 'static) -> Self {
        Self::start(move |asked| vec![(String::new(), answer(asked.subject).to_string())])
    }

    /// The section `[ledger]` of a worker.
    pub(crate) fn config(&self, worker: &str) -> NatsConfig {
        NatsConfig {
            servers: vec![self.address()],
            credentials: Credentials::None,
            ca_file: None,
            inbox_prefix: None,
            stream: "S".to_owned(),
            replicas: 1,
            worker: worker.to_owned(),
            lease: Duration::from_secs(10),
        }
    }

    /// A ledger in a stream of it.
    pub(super) async fn ledger(&self, identity: Option<Identity>) -> NatsLedger {
        let config = self.config("w-1");
        let connection = Connection::open(&config).await.ok().unwrap();
        NatsLedger::new(connection, &config, identity)
    }
}

/// A cursor as the server keeps it.
pub(super) fn kept(version: u64, cursor: &str) -> Value {
    let headers = STANDARD.encode("NATS/1.0\r\nSource-Cursor: 1\r\n\r\n");
    json!({"message": {"seq": version, "hdrs": headers, "data": STANDARD.encode(cursor)}})
}

/// That there is none.
pub(super) fn none() -> Value {
    json!({"error": {"err_code": 10_037, "description": "no message found"}})
}

/// What it says to whoever connects: which server it is, and which connection.
fn greeting(id: &str, number: usize) -> String {
    let info = json!({
        "server_id": id,
        "server_name": id,
        "version": "2.15.1",
        "proto": 1,
        "go": "",
        "host": "",
        "port": 4222,
        "headers": true,
        "max_payload": 1_048_576,
        "client_id": number,
    });
    format!("INFO {info}\r\n")
}

/// Serves one connection to its end.
fn serve(
    mut stream: &TcpStream,
    greeting: &str,
    mut answer: impl FnMut(Question<'_>) -> Answers,
) -> io::Result<()> {
    stream.write_all(greeting.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut inboxes = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (subject, inbox, head, all) = match words[..] {
            ["PING"] => {
                stream.write_all(b"PONG\r\n")?;
                continue;
            }
            ["SUB", inbox, id] => {
                inboxes.insert(inbox.to_owned(), id.to_owned());
                continue;
            }
            ["PUB", subject, inbox, all] => (subject, inbox, "0", all),
            ["HPUB", subject, inbox, head, all] => (subject, inbox, head, all),
            _ => continue,
        };
        let (head, all): (usize, usize) = (head.parse().unwrap(), all.parse().unwrap());
        let mut message = vec![0; all + 2];
        reader.read_exact(&mut message)?;
        let message = String::from_utf8(message).unwrap();
        let (headers, payload) = message[..all].split_at(head);
        for (headers, payload) in answer(Question { subject, headers, payload }) {
            let (id, head) = (&inboxes[inbox], headers.len());
            let all = head + payload.len();
            let begin = if head == 0 {
                format!("MSG {inbox} {id} {all}")
            } else {
                format!("HMSG {inbox} {id} {head} {all}")
            };
            let message = format!("{begin}\r\n{headers}{payload}\r\n");
            stream.write_all(message.as_bytes())?;
        }
    }
}
