//! A server of NATS that says what a test has it say.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::config::{Credentials, NatsConfig};
use crate::ledger::nats::NatsLedger;
use crate::ledger::nats::connection::Connection;
use crate::ledger::nats::identity::Identity;

/// One that takes one connection.
pub(super) struct StandIn(String);

impl StandIn {
    /// Each question is answered by its subject.
    pub(super) fn start(answer: impl FnMut(&str) -> Value + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("nats://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || serve(&listener.accept().unwrap().0, answer));
        Self(address)
    }

    /// A ledger in a stream of it.
    pub(super) async fn ledger(&self, identity: Option<Identity>) -> NatsLedger {
        let config = NatsConfig {
            servers: vec![self.0.clone()],
            credentials: Credentials::None,
            ca_file: None,
            inbox_prefix: None,
            stream: "S".to_owned(),
            replicas: 1,
            worker: "w-1".to_owned(),
            lease: Duration::from_secs(10),
        };
        let Ok(connection) = Connection::open(&config).await else { panic!("no connection") };
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

/// Until the client ends the connection.
fn serve(mut stream: &TcpStream, mut answer: impl FnMut(&str) -> Value) {
    let about = json!({"server_id": "A", "server_name": "a", "version": "2.15.1", "go": "", "host": "", "port": 0,
        "proto": 1, "headers": true, "max_payload": 1 << 20, "client_id": 1});
    write!(stream, "INFO {about}\r\n").unwrap();
    let (mut lines, mut subscribed) = (BufReader::new(stream), Vec::new());
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => write!(stream, "PONG\r\n").unwrap(),
            ["SUB", inbox, id] => subscribed.push((inbox.to_owned(), id.to_owned())),
            ["PUB" | "HPUB", subject, inbox, .., bytes] => {
                let mut message = vec![0; bytes.parse::<usize>().unwrap() + 2];
                lines.read_exact(&mut message).unwrap();
                let (_, id) = subscribed.iter().find(|(own, _)| own == inbox).unwrap();
                let answer = answer(subject).to_string();
                write!(stream, "MSG {inbox} {id} {}\r\n{answer}\r\n", answer.len()).unwrap();
            }
            _ => {}
        }
        line.clear();
    }
}
