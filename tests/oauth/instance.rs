//! One instance of the component as a host has it, and the replies that it is given.

use mimecast_ttp_source::{
    Config, Memory, Moment, PollError, Report, Request, Response, Step, check, poll,
};
use serde_json::{Value, json};

use crate::fake::{HOUR, Outcome, Reply, T, config_with, page, response};

pub(crate) const SECRET: &str = "cs/7Qw3-Zr+distinctive";

pub(crate) fn oauth2() -> Value {
    config_with(json!({"auth":
        {"type": "oauth2", "client_id": "client/1", "client_secret": SECRET}}))
}

/// One instance of the component, and the cursor that its host stores.
pub(crate) struct Instance {
    pub(crate) config: Value,
    pub(crate) memory: Memory,
    pub(crate) now: i64,
    pub(crate) cursor: Option<String>,
    /// The requests of the last poll or check.
    pub(crate) sent: Vec<Request>,
}

impl Instance {
    pub(crate) fn new(config: Value) -> Self {
        Self { config, memory: Memory::new(), now: T + HOUR, cursor: None, sent: Vec::new() }
    }

    /// An instance that has a token, called `old`.
    pub(crate) fn with_token() -> Self {
        let mut instance = Self::new(oauth2());
        instance.poll([grant("old", 1_799), empty()]).unwrap();
        instance
    }

    pub(crate) fn poll<const N: usize>(&mut self, replies: [Response; N]) -> Outcome {
        self.poll_with(replies.map(Ok))
    }

    /// A poll that takes just these replies.
    pub(crate) fn poll_with<const N: usize>(&mut self, replies: [Reply; N]) -> Outcome {
        let config = Config::parse(&self.config.to_string()).unwrap();
        let at = self.at();
        let step = poll(&config, &mut self.memory, self.cursor.as_deref(), at);
        let outcome =
            drive(step, replies, &mut self.sent, |pending, reply| pending.reply(reply, at));
        if let Ok(batch) = &outcome {
            self.cursor = Some(batch.cursor.clone());
        }
        outcome
    }

    pub(crate) fn check<const N: usize>(
        &mut self,
        replies: [Response; N],
    ) -> Result<Report, PollError> {
        let config = Config::parse(&self.config.to_string()).unwrap();
        let at = self.at();
        let step = check(&config, &mut self.memory, at);
        drive(step, replies.map(Ok), &mut self.sent, |pending, reply| pending.reply(reply, at))
    }

    pub(crate) fn at(&self) -> Moment {
        let unix_nanos = u64::try_from(self.now).unwrap() * 1_000_000_000;
        Moment { unix_nanos, random: [3; 16] }
    }

    /// What the last poll asked for: `token`, or logs with which token.
    pub(crate) fn asked(&self) -> Vec<&str> {
        self.sent.iter().map(|sent| sent.header("authorization").unwrap_or("token")).collect()
    }
}

pub(crate) fn drive<P, T, const N: usize>(
    mut step: Step<P, T>,
    replies: [Reply; N],
    sent: &mut Vec<Request>,
    reply: impl Fn(P, Reply) -> Step<P, T>,
) -> Result<T, PollError> {
    sent.clear();
    let mut replies = replies.into_iter();
    loop {
        step = match step {
            Step::Send(request, pending) => {
                sent.push(request);
                reply(pending, replies.next().expect("one request less"))
            }
            Step::Done(outcome) => {
                assert!(replies.next().is_none(), "a reply is left");
                return outcome;
            }
        };
    }
}

pub(crate) fn grant(token: &str, expires_in: impl Into<Value>) -> Response {
    let expires_in: Value = expires_in.into();
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in,
        "scope": ""});
    response(200, body)
}

pub(crate) fn empty() -> Response {
    page(&[], 0, None)
}

/// As the gateway tells of a failure.
pub(crate) fn gateway(status: u16, code: &str) -> Response {
    response(status, json!({"fail": [{"code": code, "message": "no"}]}))
}
