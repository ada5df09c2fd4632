//! A server of NATS for tests: a bucket, as far as a worker asks for one.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::config::NatsConfig;
use crate::ledger::nats::connection::Connection;
use crate::ledger::nats::stand_in::{Question, StandIn};

/// A server that runs as long as the test does.
pub(super) struct Server {
    stand_in: StandIn,
    state: Arc<Mutex<State>>,
}

/// Each key, with its sequence; without a value where it was taken away.
type Keys = BTreeMap<String, (u64, Option<String>)>;

#[derive(Default)]
struct State {
    keys: Keys,
    /// What is shown by whoever does not lead, if that is something else.
    behind: Option<Keys>,
    sequence: u64,
    /// Begins of subjects on which everything is refused, with a code.
    refused: Vec<(String, u64)>,
    /// The subjects of all questions so far.
    asked: Vec<String>,
}

impl Server {
    /// One without a key.
    pub(super) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let answer = move |Question { subject, headers, payload }: Question<'_>| {
            shared.lock().unwrap().answer(subject, headers, payload)
        };
        Self { stand_in: StandIn::start(answer), state }
    }

    /// The section `[ledger]` of a worker.
    pub(super) fn config(&self, worker: &str) -> NatsConfig {
        NatsConfig { lease: Duration::from_secs(2), ..self.stand_in.config(worker) }
    }

    /// A connection of a worker.
    pub(super) async fn connection(&self) -> Connection {
        Connection::open(&self.config("a")).await.ok().unwrap()
    }

    /// What a key says.
    pub(super) fn value(&self, subject: &str) -> Option<String> {
        self.state().keys.get(subject)?.1.clone()
    }

    /// Writes a key, as somebody else.
    pub(super) fn put(&self, subject: &str, value: &str) {
        self.state().put(subject, Some(value.to_owned()));
    }

    /// Takes a key away, as somebody else.
    pub(super) fn take_away(&self, subject: &str) {
        self.state().put(subject, None);
    }

    /// Has whoever does not lead show what is there now, whatever is written from here on.
    pub(super) fn fall_behind(&self) {
        let mut state = self.state();
        state.behind = Some(state.keys.clone());
    }

    /// Refuses everything on subjects that begin so.
    pub(super) fn refuse(&self, subject: &str, code: u64) {
        self.state().refused.push((subject.to_owned(), code));
    }

    /// Refuses nothing any more.
    pub(super) fn take_all(&self) {
        self.state().refused.clear();
    }

    /// How many questions there were on subjects that begin so.
    pub(super) fn asked(&self, subject: &str) -> usize {
        self.state().asked.iter().filter(|asked| asked.starts_with(subject)).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn put(&mut self, subject: &str, value: Option<String>) -> u64 {
        self.sequence += 1;
        self.keys.insert(subject.to_owned(), (self.sequence, value));
        self.sequence
    }

    /// The messages that answer a question: the headers of each, and what it says.
    fn answer(&mut self, subject: &str, headers: &str, payload: &str) -> Vec<(String, String)> {
        self.asked.push(subject.to_owned());
        let said = |answer: Value| vec![(String::new(), answer.to_string())];
        let error = |code: u64, why: &str| {
            said(json!({"error": {"code": 400, "err_code": code, "description": why}}))
        };
        if let Some((_, code)) = self.refused.iter().find(|(begin, _)| subject.starts_with(begin)) {
            if subject.contains(".DIRECT.") {
                return vec![("NATS/1.0 500 refused\r\n\r\n".to_owned(), String::new())];
            }
            return error(*code, "refused");
        }
        let header = |name: &str| {
            headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let question: Value = serde_json::from_str(payload).unwrap_or_default();
        let shown = |pattern: &Value, key: &str| {
            let pattern = pattern.as_str().unwrap();
            pattern.strip_suffix('*').map_or(pattern == key, |begin| key.starts_with(begin))
        };
        if subject.starts_with("$KV.") {
            let last = self.keys.get(subject).map_or(0, |(sequence, _)| *sequence);
            let expected = header("Nats-Expected-Last-Subject-Sequence");
            if expected.is_some_and(|expected| expected != last.to_string()) {
                return error(10_071, &format!("wrong last sequence: {last}"));
            }
            let value = header("KV-Operation").is_none().then(|| payload.to_owned());
            said(json!({"stream": "KV_S", "seq": self.put(subject, value)}))
        } else if subject.contains(".DIRECT.GET.") {
            let patterns = question["multi_last"].as_array().unwrap();
            let keys = self.behind.as_ref().unwrap_or(&self.keys).iter();
            let found = keys.filter_map(|(key, (sequence, value))| {
                let headers =
                    format!("NATS/1.0\r\nNats-Subject: {key}\r\nNats-Sequence: {sequence}\r\n\r\n");
                let is_asked = patterns.iter().any(|pattern| shown(pattern, key));
                is_asked.then_some((headers, value.clone()?))
            });
            found.chain([("NATS/1.0 204 EOB\r\n\r\n".to_owned(), String::new())]).collect()
        } else if subject.contains(".STREAM.INFO.") {
            let keys = self.keys.keys().filter(|key| shown(&question["subjects_filter"], key));
            let subjects: Value = keys.map(|key| (key.clone(), json!(1))).collect();
            said(json!({"state": {"subjects": subjects}}))
        } else {
            let key = question["last_by_subj"].as_str().unwrap();
            let Some((sequence, value)) = self.keys.get(key) else {
                return error(10_037, "no message found");
            };
            let headers =
                if value.is_none() { "NATS/1.0\r\nKV-Operation: DEL\r\n\r\n" } else { "" };
            said(json!({"message": {
                "subject": key,
                "seq": sequence,
                "hdrs": BASE64_STANDARD.encode(headers),
                "data": BASE64_STANDARD.encode(value.as_deref().unwrap_or_default()),
                "time": "2026-11-30T00:00:00Z",
            }}))
        }
    }
}
