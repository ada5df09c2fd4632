//! What to ask the feed, and what its answer means. In a source of your own, change this file next.

use form_urlencoded::Serializer;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Config, Secret};

/// A `GET` to be sent once.
#[derive(Debug)]
pub struct Request {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
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
    pub complete_until: u64,
}

/// An item.
#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub time: Option<u64>,
    pub body: String,
}

/// What the host should do next. The same as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transient,
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
}

/// The feed's position in a cursor.
pub fn position(cursor: &str) -> Result<String, Failure> {
    let value: Value = serde_json::from_str(cursor).unwrap_or_default();
    match (value["version"].as_u64(), value["since"].as_str()) {
        (Some(VERSION), Some(since)) if is_position(since) => Ok(since.to_owned()),
        (Some(version), _) if version > VERSION => Err(fail(
            Kind::Cursor,
            "cursor_newer",
            "the cursor is of a newer version: use that one",
        )),
        _ => Err(fail(
            Kind::Cursor,
            "cursor_damaged",
            "the cursor is not one of this source: put the right one back, or begin anew without",
        )),
    }
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
    Request { url: query.finish(), headers }
}

/// Makes a batch of the answer to [`request`].
pub fn batch(
    config: &Config,
    since: Option<&str>,
    reply: &Reply,
    now: u64,
) -> Result<Batch, Failure> {
    let body = body(reply, since)?;
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| {
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
    let more = !page.items.is_empty();
    if more && since == Some(&page.next) {
        let text = "`next` leads back to the same page: its items would come again for ever";
        return Err(protocol("position_stuck", text));
    }
    let events: Result<Vec<Event>, Failure> = page.items.iter().map(|item| event(item)).collect();
    let events = events?;
    // While there is more, all that is known is how far the feed's own order has come.
    let newest = events.iter().filter_map(|event| event.time).max().unwrap_or(0);
    Ok(Batch {
        events,
        cursor: json!({"version": VERSION, "since": page.next}).to_string(),
        more,
        next_poll_ms: if more { 0 } else { config.poll_interval_secs * 1000 },
        complete_until: if more { newest.min(now) } else { now },
    })
}

/// The body of a good answer, or what another one means.
fn body<'a>(reply: &'a Reply, since: Option<&str>) -> Result<&'a [u8], Failure> {
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
        200 => return Ok(&response.body),
        401 => (Kind::Auth, "unauthorized", "give a `token` that the feed knows"),
        403 => (Kind::Auth, "forbidden", "have the `token` allowed to read this feed"),
        410 if since.is_some() => (
            Kind::Cursor,
            "position_gone",
            "the feed no longer has the items after the cursor: to go on without them, begin anew",
        ),
        429 => (Kind::Transient, "rate_limited", "wait"),
        408 | 425 | 500..=599 => {
            (Kind::Transient, "feed_failed", "wait; if it lasts, ask its people")
        }
        _ => (Kind::Protocol, "unexpected_status", "check `url`: is it that of the feed?"),
    };
    let message = format!("the feed answers with status {}: {remedy}", response.status);
    let wish = wait_ms(response).filter(|_| kind == Kind::Transient);
    Err(Failure { retry_after_ms: wish, ..fail(kind, code, message) })
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next: String,
}

fn event(item: &RawValue) -> Result<Event, Failure> {
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
        Some(Ok(Item { id, time })) if (1..=TEXT_BYTES_MAX).contains(&id.len()) => Ok(Event {
            id,
            time: time.and_then(|time| {
                let text: String = serde_json::from_str(time.get()).ok()?;
                let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
                u64::try_from(time.unix_timestamp_nanos()).ok()
            }),
            // Within a text a line break is written `\n`: a real one stands between tokens.
            body: item.get().replace(['\r', '\n'], ""),
        }),
        // Passed over, it would be lost.
        _ => Err(protocol("bad_item", "an item is no object with an `id` of 1 to 4096 bytes")),
    }
}

/// The feed's wish, in whole seconds. (A date would need a clock that is right.)
fn wait_ms(response: &Response) -> Option<u64> {
    let mut headers = response.headers.iter();
    let (_, secs) = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    Some(secs.trim().parse::<u64>().ok()?.min(WAIT_SECS_MAX) * 1000)
}

fn is_position(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len())
}

fn protocol(code: &'static str, message: impl Into<String>) -> Failure {
    fail(Kind::Protocol, code, message)
}

fn fail(kind: Kind, code: &'static str, message: impl Into<String>) -> Failure {
    Failure { kind, code, message: message.into(), retry_after_ms: None }
}

const VERSION: u64 = 1;
/// Of an id, and of a position.
const TEXT_BYTES_MAX: usize = 4096;
const ITEMS_MAX: usize = 1000;
const WAIT_SECS_MAX: u64 = 15 * 60;
