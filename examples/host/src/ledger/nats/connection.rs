//! The connection to the servers, and questions that have an answer in time.

mod leaving;
mod silence;
mod told;

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Request, ServerInfo};
use bytes::Bytes;
use serde_json::Value;
use source_contract::printable::printable;
use tokio::time::{Instant, timeout};

use crate::config::{Credentials, NatsConfig};
use crate::ledger::nats::connection::leaving::Leaving;
use crate::ledger::nats::connection::silence::Silences;
use crate::ledger::nats::connection::told::Told;

/// A connection, which is made again whenever it is lost. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) client: Client,
    /// What a server last complained of: of what it forbids it says nothing in an answer.
    complaint: Complaint,
    silences: Silences,
    leaving: Arc<Leaving>,
}

/// What a server last complained of, and when.
type Complaint = Arc<Mutex<Option<(Instant, String)>>>;

/// Why there is no connection.
pub(crate) enum Unconnected {
    /// It may be there later.
    Later(String),
    /// Not before somebody mends the configuration.
    Never(String),
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It was never sent.
    Unsent(String),
    /// No answer came in time: whoever was asked may have done it, or may do it yet.
    Late(String),
    /// Nobody is there to answer: what was asked was not done.
    Nobody,
    /// It was refused, with a code of the server's.
    Refused { code: u64, why: String },
}

impl Unanswered {
    /// Whether it is the server's word that there is no such message.
    pub(crate) fn is_no_message(&self) -> bool {
        matches!(self, Self::Refused { code: NO_MESSAGE, .. })
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent(why) => write!(f, "could not be sent: {why}"),
            Self::Late(why) => f.write_str(why),
            Self::Nobody => f.write_str(
                "no server leads it now: fewer than half of its replicas can be reached, or they are choosing; or JetStream is not \
                 on",
            ),
            Self::Refused { code, why } => write!(f, "the server refuses: {why} ({code})"),
        }
    }
}

impl Connection {
    /// Connects to one of the servers. It does not wait for them.
    pub(crate) async fn open(config: &NatsConfig) -> Result<Self, Unconnected> {
        let complaint = Complaint::default();
        let (silences, leaving) = (Silences::new(), Arc::<Leaving>::default());
        let (complained, told) = (Arc::clone(&complaint), Told::default());
        let (of_all, left, chosen) = (silences.clone(), Arc::clone(&leaving), Arc::clone(&leaving));
        let mut options = ConnectOptions::new()
            .name(format!("source-host {}", config.worker))
            .connection_timeout(CONNECT_FOR_MAX)
            // A server that is held up, or cut off, is given up after three of them.
            .ping_interval(PING_EVERY.min(config.lease / 6))
            .reconnect_delay_callback(|tries| {
                RECONNECT_AFTER * u32::try_from(tries.clamp(1, 20)).unwrap_or(20)
            })
            .reconnect_to_server_callback(move |pool, _| std::future::ready(chosen.choose(&pool)))
            .event_callback(move |event| {
                if matches!(event, Event::Connected) {
                    of_all.begin_anew();
                }
                if let Event::ServerError(error) = &event {
                    let why = printable(&error.to_string());
                    let mut complaint = complained.lock().unwrap_or_else(PoisonError::into_inner);
                    *complaint = Some((Instant::now(), why));
                }
                told.tell(&event, left.is_under_way());
                std::future::ready(())
            });
        if let Some(prefix) = &config.inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if let Some(file) = &config.ca_file {
            options = options.add_root_certificates(file.clone());
        }
        if config.servers.iter().any(|server| server.starts_with("tls:")) {
            options = options.require_tls(true);
        }
        options = match &config.credentials {
            Credentials::None => options,
            Credentials::User { user, password } => {
                options.user_and_password(user.clone(), password.clone())
            }
            Credentials::File(file) => options.credentials_file(file).await.map_err(|error| {
                let file = file.display();
                Unconnected::Never(format!("ledger.creds_file: {file} cannot be used: {error}"))
            })?,
        };
        let servers = &config.servers;
        match options.connect(servers.as_slice()).await {
            Ok(client) => Ok(Self { client, complaint, silences, leaving }),
            Err(error) => {
                let mut why = error.to_string();
                let mut source = error.source();
                while let Some(cause) = source {
                    let cause_text = cause.to_string();
                    if !why.contains(&cause_text) {
                        why = format!("{why}: {cause_text}");
                    }
                    source = cause.source();
                }
                let remedy = match error.kind() {
                    ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                        "the credentials are refused; correct `creds_file`, or `user` and `password`"
                    }
                    ConnectErrorKind::ServerParse => "correct the addresses",
                    _ if why.contains("certificate") => "name the CA's certificates in `ca_file`",
                    _ => "see that a server runs there, and can be reached",
                };
                let why = format!("NATS at {}: {why}; {remedy}", servers.join(", "));
                match error.kind() {
                    ConnectErrorKind::ServerParse => Err(Unconnected::Never(why)),
                    _ => Err(Unconnected::Later(why)),
                }
            }
        }
    }

    /// The server that is connected to.
    pub(crate) fn server(&self) -> ServerInfo {
        self.client.server_info()
    }

    /// The bytes that a message may have, headers among them.
    pub(crate) fn payload_max(&self) -> usize {
        self.client.max_payload()
    }

    /// Sends a message that needs no answer.
    pub(crate) async fn send(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), Unanswered> {
        let sent = self.client.publish_with_headers(subject, headers, payload);
        match timeout(SEND_FOR_MAX, sent).await {
            Ok(sent) => sent.map_err(|error| Unanswered::Unsent(error.to_string())),
            Err(_) => Err(Unanswered::Unsent("the connection takes nothing".to_owned())),
        }
    }

    /// Sends a message, and gives the answer. One that is no error may be empty.
    pub(crate) async fn ask(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
        within: Duration,
    ) -> Result<Bytes, Unanswered> {
        // An inbox of its own: of one that all questions share the client keeps what is never answered.
        let inbox = self.client.new_inbox();
        let mut request = Request::new().payload(payload).timeout(Some(within)).inbox(inbox);
        // Whatever is to be written has some.
        let is_write = headers.is_some();
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let begun = Instant::now();
        // The client's own limit begins when the connection has taken the question.
        let answer = timeout(within, self.client.send_request(subject.to_owned(), request)).await;
        let answer = match answer.unwrap_or_else(|_| Err(RequestErrorKind::TimedOut.into())) {
            Ok(answer) => Ok(answer.payload),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => Unanswered::Nobody,
                RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                    Unanswered::Unsent(error.to_string())
                }
                RequestErrorKind::TimedOut | RequestErrorKind::Other => {
                    let complaint = self.complaint_since(begun).unwrap_or_default();
                    Unanswered::Late(format!("no answer in {within:?}{complaint}"))
                }
            }),
        };
        if is_write {
            self.listen(subject, &answer, begun);
        }
        answer
    }

    /// Leaves a server by which nothing was written to a stream for too long, whatever else it answers: it may be cut
    /// off from the others.
    fn listen(&self, subject: &str, answer: &Result<Bytes, Unanswered>, begun: Instant) {
        let silence = self.silences.of(subject);
        let is_silent = match answer.as_ref().map(|answer| refused(answer)) {
            Ok(Ok(answer)) => {
                if answer["seq"].is_u64() {
                    silence.ends();
                }
                false
            }
            // What was sent before is not written yet; a leader that is cut off says so for long.
            Ok(Err(Unanswered::Refused { code: BEING_WRITTEN, .. }))
            | Err(Unanswered::Late(_) | Unanswered::Nobody) => true,
            // What a server knows without the others.
            Ok(Err(_)) | Err(_) => false,
        };
        // While none is connected to, none is silent.
        let is_connected = self.client.connection_state() == State::Connected;
        if is_silent
            && is_connected
            && !self.leaving.is_under_way()
            && let Some(silent) = silence.goes_on(begun)
        {
            let secs = silent.as_secs();
            tracing::warn!("nothing was written for {secs} s: another server of NATS is taken");
            let (silence, now) = (Arc::clone(silence), Instant::now());
            let is_over = move || silence.has_ended_since(now);
            self.leaving.begin(self.client.clone(), is_over);
        }
    }

    /// Asks `JetStream` itself, in its own form.
    pub(crate) async fn api(
        &self,
        what: &str,
        question: &Value,
        within: Duration,
    ) -> Result<Value, Unanswered> {
        let payload = if question.is_null() { Bytes::new() } else { question.to_string().into() };
        let answer = self.ask(&format!("$JS.API.{what}"), None, payload, within).await?;
        refused(&answer)
    }

    /// Sends what waits to be sent, and ends.
    pub(crate) async fn close(&self) {
        self.leaving.end();
        // Nothing waits for it: whoever sends waits for an answer.
        let _ = timeout(SEND_FOR_MAX, self.client.flush()).await;
        let _ = self.client.drain().await;
    }

    /// What a server has complained of since, if it has.
    fn complaint_since(&self, begun: Instant) -> Option<String> {
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, why) = complaint.as_ref()?;
        (*at >= begun).then(|| format!(": {}", super::complaint::with_remedy(why)))
    }
}

/// An answer of `JetStream`, or the error that it is.
pub(crate) fn refused(answer: &[u8]) -> Result<Value, Unanswered> {
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| Unanswered::Late(format!("the answer is not JetStream's: {error}")))?;
    let error = &answer["error"];
    if error.is_null() {
        return Ok(answer);
    }
    let code = error["err_code"].as_u64().or_else(|| error["code"].as_u64()).unwrap_or(0);
    let why = printable(error["description"].as_str().unwrap_or("it does not say why"));
    Err(Unanswered::Refused { code, why })
}

const NO_MESSAGE: u64 = 10_037;
const BEING_WRITTEN: u64 = 10_164;
const PING_EVERY: Duration = Duration::from_millis(1_500);
const CONNECT_FOR_MAX: Duration = Duration::from_secs(5);
const RECONNECT_AFTER: Duration = Duration::from_millis(50);
/// A connection that is lost keeps what is sent, up to a bound.
const SEND_FOR_MAX: Duration = Duration::from_secs(4);
