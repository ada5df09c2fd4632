//! What to ask the feed, and what its answer means. For another source, this file is to change next.

use form_urlencoded::Serializer;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use crate::config::{Config, Secret};

/// What every event is.
pub const KIND: &str = "feed.item";

/// An exchange that is to be made once.
#[derive(Debug)]
pub struct Request {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub timeout_ms: u32,
}

/// What the feed answered.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer, or why there is none: the contract's case as a code, and a text.
pub type Reply = Result<Response, (&'static str, String)>;

/// One page of events, and where to go on. The rest of a contract's batch is always the same here.
#[derive(Debug)]
pub struct Batch {
    pub events: Vec<Event>,
    pub cursor: String,
    pub more: bool,
    pub next_poll_ms: u64,
    pub notices: Vec<Notice>,
    pub quota: Option<Quota>,
}

/// An item.
#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub time: Option<u64>,
    pub body: String,
}

/// What a person should know.
#[derive(Debug)]
pub struct Notice {
    pub is_warning: bool,
    pub code: &'static str,
    pub message: String,
}

/// What the feed says of its rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: Option<u64>,
    pub remaining: u64,
    pub reset_ms: u64,
}

/// What the host should do next. The same as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transient,
    Throttled,
    Auth,
    Config,
    Cursor,
    Protocol,
}

/// Why there is no batch.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub code: &'static str,
    pub message: String,
    pub retry_after_ms: Option<u64>,
    pub quota: Option<Quota>,
}

/// The position in a cursor, if it is one of the feed of the configuration.
pub fn position(config: &Config, cursor: &str) -> Result<String, Failure> {
    let (feed, since) = read(cursor)?;
    if feed == config.url {
        return Ok(since);
    }
    let message =
        "the cursor is of another feed than `url`: put the right `url` back, or begin anew";
    Err(fail(Kind::Cursor, "cursor_foreign", message))
}

/// What a cursor says, by name.
pub fn explain(cursor: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let (feed, since) = read(cursor)?;
    Ok(vec![("feed", feed), ("since", since)])
}

/// The feed's URL in a cursor, which holds no secret, and the position.
fn read(cursor: &str) -> Result<(String, String), Failure> {
    let value: Value = serde_json::from_str(cursor).unwrap_or_default();
    let version = value["version"].as_u64();
    let message = match (version, value["feed"].as_str(), value["since"].as_str()) {
        (Some(VERSION), Some(feed), Some(since)) if is_position(since) => {
            return Ok((feed.to_owned(), since.to_owned()));
        }
        _ if version > Some(VERSION) => "the cursor is of a newer version: use that one",
        _ => "the cursor is not one of this source: put the right one back, or begin anew",
    };
    Err(fail(Kind::Cursor, "cursor_refused", message))
}

/// Asks for what comes after a position; without one, from the feed's first item on.
pub fn request(config: &Config, since: Option<&str>, limit: u64, random: u64) -> Request {
    let mut query = Serializer::for_suffix(format!("{}?", config.url), config.url.len() + 1);
    query.extend_pairs(since.map(|since| ("since", since)));
    query.append_pair("limit", &limit.to_string());
    // A name for this exchange, so that the feed's people can find it in their logs.
    let id = format!("{random:016x}");
    let mut headers = vec![("Accept", "application/json".to_owned()), ("X-Request-Id", id)];
    headers.extend(
        config.token.iter().map(|Secret(token)| ("Authorization", format!("Bearer {token}"))),
    );
    Request { method: "GET", url: query.finish(), headers, body: Vec::new(), timeout_ms: 30_000 }
}

/// Makes a batch of the answer to [`request`].
pub fn batch(
    config: &Config,
    since: Option<&str>,
    reply: &Reply,
    now: u64,
) -> Result<Batch, Failure> {
    let response = response(reply, since, now)?;
    let page: Page<'_> = serde_json::from_slice(&response.body).map_err(|error| {
        // The error's own text may repeat what the feed said.
        let (line, column) = (error.line(), error.column());
        let text = format!("the answer is not a page of a feed: see line {line}, column {column}");
        protocol("not_a_page", text)
    })?;
    if page.items.len() > ITEMS_MAX {
        return Err(protocol("too_many_items", "a page has more than 1000 items"));
    }
    if !is_position(&page.next) {
        return Err(protocol("bad_position", "`next` is not of 1 to 4096 bytes"));
    }
    // It goes into the cursor, and that may be shown.
    if config.token.as_ref().is_some_and(|Secret(token)| page.next.contains(token.as_str())) {
        return Err(protocol("bad_position", "`next` repeats the token"));
    }
    let more = !page.items.is_empty();
    if more && since == Some(&page.next) {
        let text = "`next` leads back to the same page: its items would come again for ever";
        return Err(protocol("position_stuck", text));
    }
    let mut notices = Vec::new();
    let events: Result<Vec<Event>, Failure> =
        page.items.iter().map(|item| event(item, &mut notices)).collect();
    let quota = quota(response);
    let spent_ms = quota.filter(|quota| quota.remaining == 0).map_or(0, |quota| quota.reset_ms);
    let pause_ms = if more { 0 } else { config.poll_interval_secs * 1000 };
    Ok(Batch {
        events: events?,
        cursor: json!({"version": VERSION, "feed": config.url, "since": page.next}).to_string(),
        more,
        next_poll_ms: pause_ms.max(spent_ms),
        notices,
        quota,
    })
}

/// What to tell of a first page of one item, to whoever asks whether it works.
pub fn finding(batch: &Batch) -> Notice {
    let (code, message) = match batch.events.len() {
        0 => ("no_items", "the feed answers, and holds no item yet"),
        _ => ("first_item", "the feed answers with its first item; it does not tell its newest"),
    };
    Notice { is_warning: false, code, message: message.to_owned() }
}

/// A good answer, or what another one means.
fn response<'a>(reply: &'a Reply, since: Option<&str>, now: u64) -> Result<&'a Response, Failure> {
    let response = match reply {
        Ok(response) => response,
        Err((code, text)) => {
            let kind = match *code {
                "denied" => Kind::Config,
                "too_large" => Kind::Protocol,
                _ => Kind::Transient,
            };
            return Err(fail(kind, code, text.as_str()));
        }
    };
    let (kind, code, remedy) = match response.status {
        200 => return Ok(response),
        401 => (Kind::Auth, "unauthorized", "give a `token` that the feed knows"),
        403 => (Kind::Auth, "forbidden", "have the `token` allowed to read this feed"),
        410 if since.is_some() => (
            Kind::Cursor,
            "position_gone",
            "the feed no longer has the items after the cursor: to go on without them, begin anew",
        ),
        429 => (Kind::Throttled, "rate_limited", "wait"),
        408 | 425 | 500..=599 => {
            (Kind::Transient, "feed_failed", "wait; if it lasts, ask its people")
        }
        _ => (Kind::Protocol, "unexpected_status", "check `url`: is it that of the feed?"),
    };
    let message = format!("the feed answers with status {}: {remedy}", response.status);
    let may_pass = matches!(kind, Kind::Transient | Kind::Throttled);
    let retry_after_ms = wait_ms(response, now).filter(|_| may_pass);
    Err(Failure { retry_after_ms, quota: quota(response), ..fail(kind, code, message) })
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next: String,
}

fn event(item: &RawValue, notices: &mut Vec<Notice>) -> Result<Event, Failure> {
    #[derive(Deserialize)]
    struct Item<'a> {
        id: String,
        /// Not read yet: whatever it is, it must not hold up the feed.
        #[serde(borrow)]
        time: Option<&'a RawValue>,
    }
    // A list would do for the two members, too.
    let read = item.get().starts_with('{').then(|| serde_json::from_str(item.get()));
    match read {
        Some(Ok(Item { id, time })) if (1..=TEXT_BYTES_MAX).contains(&id.len()) => {
            let read = time.and_then(|time| {
                let text: String = serde_json::from_str(time.get()).ok()?;
                let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
                u64::try_from(time.unix_timestamp_nanos()).ok()
            });
            // Once for a page, however many of its items are so.
            if time.is_some() && read.is_none() && notices.is_empty() {
                let message = "the `time` of an item is not as RFC 3339 has it: it comes without";
                let (is_warning, code) = (true, "unreadable_time");
                notices.push(Notice { is_warning, code, message: message.to_owned() });
            }
            // Within a text a line break is written `\n`: a real one stands between tokens.
            Ok(Event { id, time: read, body: item.get().replace(['\r', '\n'], "") })
        }
        // Passed over, it would be lost.
        _ => Err(protocol("bad_item", "an item is no object with an `id` of 1 to 4096 bytes")),
    }
}

/// The feed's wish: in whole seconds, or a date.
fn wait_ms(response: &Response, now: u64) -> Option<u64> {
    let text = header(response, "retry-after")?;
    let secs = text.parse().ok().or_else(|| {
        let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        u64::try_from(until.unix_timestamp() - i64::try_from(now / 1_000_000_000).ok()?).ok()
    })?;
    Some(secs.min(WAIT_SECS_MAX) * 1000)
}

fn quota(response: &Response) -> Option<Quota> {
    let number = |name| header(response, name)?.parse::<u64>().ok();
    Some(Quota {
        limit: number("ratelimit-limit"),
        remaining: number("ratelimit-remaining")?,
        reset_ms: number("ratelimit-reset")?.saturating_mul(1000),
    })
}

fn header<'a>(response: &'a Response, wanted: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim())
}

fn is_position(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len())
}

fn protocol(code: &'static str, message: impl Into<String>) -> Failure {
    fail(Kind::Protocol, code, message)
}

/// A failure without a wish of the feed.
pub fn fail(kind: Kind, code: &'static str, message: impl Into<String>) -> Failure {
    Failure { kind, code, message: message.into(), retry_after_ms: None, quota: None }
}

const VERSION: u64 = 1;
/// Of an id, and of a position.
const TEXT_BYTES_MAX: usize = 4096;
const ITEMS_MAX: usize = 1000;
const WAIT_SECS_MAX: u64 = 15 * 60;
