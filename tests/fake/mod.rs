//! A host for the machine: its clock stands still until a test moves it, its replies are handed in,
//! and it keeps what it was asked to send. Writes and reads dates without the code under test.
#![allow(dead_code, reason = "each test crate uses a part of it")]
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod date;
pub(crate) mod dice;
pub(crate) mod spread;
pub(crate) mod world;

use mimecast_ttp_source::{
    Batch, Config, Diagnostic, ErrorKind, HttpError, Memory, Moment, Notice, PollError, Request,
    Response, Step, poll,
};
use serde_json::{Value, json};

pub(crate) use date::{api_date, http_date};
use date::{api_second, http_second};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;
/// The `start` of `config()`: 2026-11-01T00:00:00Z.
pub(crate) const T: i64 = 1_793_491_200;

/// A configuration that needs nothing else, and starts at `T`.
pub(crate) fn config() -> Value {
    json!({
        "base_url": "https://api.example",
        "auth": {
            "type": "hmac",
            "access_key": "test-access-key",
            "secret_key": "dGVzdC1zZWNyZXQta2V5",
            "app_id": "test-app-id",
            "app_key": "test-app-key",
        },
        "start": "2026-11-01T00:00:00Z",
    })
}

/// `config()` with some keys put in or replaced.
pub(crate) fn config_with(changes: Value) -> Value {
    let (mut config, Value::Object(changes)) = (config(), changes) else { panic!("no object") };
    config.as_object_mut().unwrap().extend(changes);
    config
}

pub(crate) fn paths(faults: &[Diagnostic]) -> Vec<&str> {
    let mut paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

/// `config()` with the value at a path such as `filters.query` put in.
pub(crate) fn with(path: &str, value: Value) -> Value {
    let mut config = config();
    put(&mut config, path, value);
    config
}

pub(crate) fn put(config: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(config, |object, key| &mut object[key]);
    *place = value;
}

/// Every fault of a configuration that must have one.
#[track_caller]
pub(crate) fn faults(config: &Value) -> Vec<Diagnostic> {
    Config::parse(&config.to_string()).map(drop).expect_err("the configuration is bad").0
}

pub(crate) type Reply = Result<Response, HttpError>;
pub(crate) type Outcome = Result<Batch, PollError>;

pub(crate) struct Host {
    config: Config,
    /// Unix seconds.
    pub(crate) now: i64,
    pub(crate) cursor: Option<String>,
    /// All requests so far, the newest last.
    pub(crate) asked: Vec<Asked>,
}

/// A request as the API reads it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) body: Value,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) token: Option<String>,
    /// What it was signed with: `x-mc-date`.
    pub(crate) signed: i64,
}

impl Host {
    /// An hour past `T`.
    pub(crate) fn new(config: &Value) -> Self {
        let config = Config::parse(&config.to_string()).unwrap();
        Self { config, now: T + HOUR, cursor: None, asked: Vec::new() }
    }

    /// After a crash: what it had in memory is lost, what it stored is not.
    pub(crate) fn restarted(&self, config: &Value) -> Self {
        Self { now: self.now, cursor: self.cursor.clone(), ..Self::new(config) }
    }

    /// The same cursor under another configuration.
    pub(crate) fn reconfigure(&mut self, config: &Value) {
        self.config = Config::parse(&config.to_string()).unwrap();
    }

    /// A poll whose requests all get the same answer; most polls take one.
    pub(crate) fn poll(&mut self, reply: impl Into<Given>) -> Outcome {
        let reply = reply.into().0;
        self.poll_with(|_| reply.clone())
    }

    /// A poll whose requests are answered one by one. Stores the cursor of a batch.
    pub(crate) fn poll_with(&mut self, mut answer: impl FnMut(&Asked) -> Reply) -> Outcome {
        let now = self.now;
        let asked = &mut self.asked;
        let outcome = poll_once(&self.config, self.cursor.as_deref(), moment(now, 0), |request| {
            let reply = answer(&request);
            asked.push(request);
            (reply, moment(now, u8::try_from(asked.len() % 256).unwrap()))
        });
        if let Ok(batch) = &outcome {
            self.cursor = Some(batch.cursor.clone());
        }
        outcome
    }

    pub(crate) fn last(&self) -> &Asked {
        self.asked.last().expect("a request was sent")
    }

    /// What the next poll would ask for.
    pub(crate) fn next(&self) -> Asked {
        let memory = &mut Memory::new();
        match poll(&self.config, memory, self.cursor.as_deref(), moment(self.now, 0)) {
            Step::Send(request, _) => Asked::of(request),
            Step::Done(outcome) => panic!("{outcome:?}"),
        }
    }

    /// Answers with no row if the API is asked for its newest row next.
    pub(crate) fn skip_newest(&mut self) {
        if self.next().asks_newest() {
            assert_eq!(self.poll(no_rows()).unwrap().events, []);
        }
    }

    /// Lets the API answer until a batch says that it caught up. The ids of all events, in order.
    pub(crate) fn collect(&mut self, api: &Api) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..20_000 {
            let now = self.now;
            let batch = self.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
            ids.extend(own_ids(&batch));
            if !batch.more {
                return ids;
            }
        }
        panic!("it never catches up");
    }
}

/// Steps a poll to its end. Each request is answered, and the time at which the reply came told.
pub(crate) fn poll_once(
    config: &Config,
    cursor: Option<&str>,
    at: Moment,
    answer: impl FnMut(Asked) -> (Reply, Moment),
) -> Outcome {
    poll_in(&mut Memory::new(), config, cursor, at, answer)
}

/// The same in an instance that was called before.
pub(crate) fn poll_in(
    memory: &mut Memory,
    config: &Config,
    cursor: Option<&str>,
    at: Moment,
    mut answer: impl FnMut(Asked) -> (Reply, Moment),
) -> Outcome {
    let mut step = poll(config, memory, cursor, at);
    for _ in 0..REQUESTS_MAX {
        step = match step {
            Step::Send(request, pending) => {
                let (reply, at) = answer(Asked::of(request));
                pending.reply(reply, at)
            }
            Step::Done(outcome) => return outcome,
        };
    }
    panic!("one poll asks without end");
}

/// A poll is one page, and twice more if the clock was off.
const REQUESTS_MAX: u32 = 4;

impl Asked {
    /// It is the question that goes before a pass of several windows.
    pub(crate) fn asks_newest(&self) -> bool {
        self.body["data"][0]["oldestFirst"] == false
    }

    pub(crate) fn of(request: Request) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let second = |name: &str| api_second(body["data"][0][name].as_str().unwrap());
        let token = body["meta"]["pagination"]["pageToken"].as_str().map(str::to_owned);
        let signed = http_second(request.header("x-mc-date").unwrap());
        Self { from: second("from"), to: second("to"), token, signed, body, request }
    }
}

/// Anything a test may answer with.
pub(crate) struct Given(Reply);

impl From<Response> for Given {
    fn from(response: Response) -> Self {
        Self(Ok(response))
    }
}

impl From<HttpError> for Given {
    fn from(error: HttpError) -> Self {
        Self(Err(error))
    }
}

impl From<Reply> for Given {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}

/// Why there can be no response that may be there next time, and the code of each.
pub(crate) fn no_responses() -> [(HttpError, &'static str); 5] {
    let why = || "why".to_owned();
    [
        (HttpError::Dns(why()), "dns"),
        (HttpError::Connect(why()), "connect"),
        (HttpError::Tls(why()), "tls"),
        (HttpError::Timeout(why()), "timeout"),
        (HttpError::Other(why()), "exchange_failed"),
    ]
}

/// A page of rows, with the count and the token of the next page where there is one.
pub(crate) fn page(
    rows: &[Value],
    count: impl Into<Option<usize>>,
    next: Option<&str>,
) -> Response {
    let mut body = json!({
        "meta": {"status": 200, "pagination": {"pageSize": 500}},
        "data": [{"impersonationLogs": rows}],
        "fail": [],
    });
    if let Some(count) = count.into() {
        body["data"][0]["resultCount"] = json!(count);
    }
    if let Some(next) = next {
        body["meta"]["pagination"]["next"] = json!(next);
    }
    response(200, body)
}

/// A page whose rows are given as text.
pub(crate) fn page_of_text(rows: &str) -> String {
    format!(
        r#"{{"meta":{{"status":200}},"data":[{{"resultCount":1,"impersonationLogs":[{rows}]}}],"fail":[]}}"#
    )
}

pub(crate) fn no_rows() -> Response {
    page(&[], 0, None)
}

pub(crate) fn row(id: &str, unix_secs: i64) -> Value {
    json!({"id": id, "subject": "Grüße \"1\"", "eventTime": api_date(unix_secs)})
}

/// Bytes stand as they are; a JSON value becomes its text.
pub(crate) fn response(status: u16, body: impl Into<Body>) -> Response {
    Response { status, headers: Vec::new(), body: body.into().0 }
}

pub(crate) struct Body(Vec<u8>);

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(value.to_string().into_bytes())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

pub(crate) trait WithHeader {
    fn header_of(self, name: &str, value: &str) -> Self;
    /// With the `Date` of an API whose clock shows this.
    fn dated(self, unix_secs: i64) -> Self;
}

impl WithHeader for Response {
    fn header_of(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn dated(self, unix_secs: i64) -> Self {
        self.header_of("Date", &http_date(unix_secs))
    }
}

/// An API without faults: its rows, sorted, a page at a time. Its tokens are of one window each.
pub(crate) struct Api {
    /// Identity and second.
    pub(crate) rows: Vec<(String, i64)>,
    pub(crate) page_size: usize,
    /// Whatever order is asked for.
    pub(crate) is_newest_first: bool,
    /// Whether it says how many rows a request has found.
    pub(crate) counts: bool,
    /// Its clock less the host's, told in `Date`.
    pub(crate) offset_secs: i64,
}

impl Api {
    pub(crate) fn of(rows: impl IntoIterator<Item = (String, i64)>) -> Self {
        let rows = rows.into_iter().collect();
        Self { rows, page_size: 500, is_newest_first: false, counts: true, offset_secs: 0 }
    }

    pub(crate) fn answer(&self, asked: &Asked, host_now: i64) -> Response {
        let now = host_now + self.offset_secs;
        let span = asked.from..=asked.to.min(now);
        let mut found: Vec<_> = self.rows.iter().filter(|(_, t)| span.contains(t)).collect();
        found.sort_by_key(|(_, second)| *second);
        if self.is_newest_first {
            found.reverse();
        }
        let window = format!("{}-{}", asked.from, asked.to);
        let skipped: usize = asked.token.as_deref().map_or(0, |token| {
            let (skipped, of) = token[1..].split_once(" of ").unwrap();
            assert_eq!(of, window, "a token of another window: {asked:?}");
            skipped.parse().unwrap()
        });
        let shown: Vec<_> =
            found.iter().skip(skipped).take(self.page_size).map(|(id, t)| row(id, *t)).collect();
        let end = skipped + shown.len();
        let next = (end < found.len()).then(|| format!("p{end} of {window}"));
        let count = self.counts.then_some(found.len());
        page(&shown, count, next.as_deref()).dated(now)
    }
}

pub(crate) fn numbered(numbers: std::ops::Range<i64>, second: fn(i64) -> i64) -> Api {
    Api::of(numbers.map(|n| (format!("row-{n}"), second(n))))
}

/// The rows' own ids of a batch's events: what an event's id has besides is its time.
pub(crate) fn ids(batch: &Batch) -> Vec<&str> {
    batch.events.iter().map(|event| own_id(&event.id)).collect()
}

pub(crate) fn own_ids(batch: &Batch) -> Vec<String> {
    ids(batch).into_iter().map(str::to_owned).collect()
}

pub(crate) fn own_id(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(own, _)| own)
}

pub(crate) fn codes(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.code).collect()
}

/// The error of a poll that must have failed in this way.
#[track_caller]
pub(crate) fn failed(outcome: Outcome, kind: ErrorKind) -> PollError {
    let error = outcome.expect_err("the poll must fail");
    assert_eq!(error.kind, kind, "{error:?}");
    error
}

pub(crate) fn moment(unix_secs: i64, salt: u8) -> Moment {
    let unix_nanos = u64::try_from(unix_secs).unwrap() * 1_000_000_000 + 123_456_789;
    Moment { unix_nanos, random: [salt; 16] }
}
