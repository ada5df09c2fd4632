//! The endpoint: what becomes of one request for logs, from its bytes to its answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method};

use crate::clock::Clock;
use crate::date::{api_date, http_date, start_of_day};
use crate::fault::{Fault, Faults};
use crate::listing::{Listing, Listings, Place, refused};
use crate::options::{Log, Options, PagingMode, RateHeaders, ToBound};
use crate::query::{self, Query};
use crate::quota::Meter;
use crate::refusal::Refusal;
use crate::reply::{self, Page};
use crate::signature::Gate;
use crate::stats::{Stats, Tally};
use crate::world::{Selection, World};

/// The path of the endpoint.
pub const LOGS_PATH: &str = "/api/ttp/impersonation/get-logs";

/// A page when the request names no size.
const PAGE_SIZE_DEFAULT: u32 = 100;

/// The simulated API without its network.
pub(crate) struct Api {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    state: Mutex<State>,
}

/// What changes while the server runs.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) gate: Gate,
    pub(crate) listings: Listings,
    pub(crate) faults: Faults,
    pub(crate) tally: Tally,
    meter: Meter,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay_ms: u64,
    pub(crate) ending: Ending,
}

/// How the connection fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    Cut,
    Dropped,
}

impl Api {
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let clock = Clock::new(options.clock);
        let (now_ms, now_secs) = (clock.now_ms(), clock.now_secs());
        let seed = options.seed;
        let state = State {
            world: World::new(options.world.clone(), options.script.clone(), seed, now_secs),
            gate: Gate::new(options.keys.clone(), options.standing)?,
            listings: Listings::new(run_key()),
            faults: Faults::new(options.faults.clone(), seed),
            tally: Tally::default(),
            meter: Meter::new(options.quota, now_ms),
        };
        Ok(Self { options, clock, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut state = self.state();
        state.world.advance(self.clock.now_secs());
        Stats {
            rows_visible: state.world.visible_count() as u64,
            rows_hidden: state.world.hidden_count() as u64,
            ..state.tally.stats.clone()
        }
    }

    /// Answers a request to any API path.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        let state = &mut *state;
        let parsed = query::parse(body);
        let has_token = matches!(&parsed, Ok((_, Some(_))));
        let mishap = state.faults.next(has_token);

        let turn = Turn { api: self, now_ms, path, headers };
        let mut outcome = match mishap.fault.as_ref().and_then(before_execution) {
            Some(outcome) => outcome,
            None if !state.meter.spend(now_ms) => {
                Outcome::new("quota", 429, error_json("429 Quota Exceeded"))
            }
            None => turn.execute(state, method, parsed, mishap.fault.as_ref()),
        };
        if let Some(fault @ (Fault::Cut | Fault::Drop)) = &mishap.fault {
            (outcome.name, outcome.rows) = (format!("fault {}", fault.name()), 0);
        }
        let name = std::mem::take(&mut outcome.name);
        if self.options.log == Log::Stderr {
            let (number, rows) = (state.tally.stats.requests + 1, outcome.rows);
            let (date, status) = (api_date(now_ms.div_euclid(1000)), outcome.status);
            eprintln!("{date} request {number}: {status} {name}, {rows} rows");
        }
        state.tally.add(now_ms, body, name, outcome.rows);
        let ending = match mishap.fault {
            Some(Fault::Cut) => Ending::Cut,
            Some(Fault::Drop) => Ending::Dropped,
            _ => Ending::Whole,
        };
        let mut allowance = state.meter.allowance(now_ms);
        if let Some(reset_ms) = outcome.reset_ms {
            (allowance.remaining, allowance.reset_ms) = (0, reset_ms);
        }
        let mut answer = outcome.into_answer(ending, mishap.delay_ms);
        for (name, value) in [
            ("Limit", u64::from(allowance.limit)),
            ("Remaining", u64::from(allowance.remaining)),
            ("Reset", allowance.reset_ms),
        ] {
            let name = rate_header(self.options.style.rate_headers, name);
            answer.headers.push((name, value.to_string()));
        }
        answer.headers.push(("Date", http_date(now_ms.div_euclid(1000))));
        answer
    }
}

/// One request at its moment.
struct Turn<'a> {
    api: &'a Api,
    now_ms: i64,
    path: &'a str,
    headers: &'a HeaderMap,
}

type Parsed = Result<(Query, Option<String>), Refusal>;

impl Turn<'_> {
    fn execute(
        &self,
        state: &mut State,
        method: &Method,
        parsed: Parsed,
        fault: Option<&Fault>,
    ) -> Outcome {
        if self.path != LOGS_PATH {
            return Outcome::new("status 404", 404, error_json("404 Not Found"));
        }
        if method != Method::POST {
            return Outcome::new("status 405", 405, error_json("405 Method Not Allowed"))
                .with("Allow", "POST".to_owned());
        }
        let now_secs = self.now_ms.div_euclid(1000);
        if let Err(refusal) = state.gate.admit(self.headers, self.path, now_secs) {
            return Outcome::refused(&refusal);
        }
        let media = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media.is_some_and(|media| media.starts_with("application/json")) {
            let message = "the header Content-Type is not application/json";
            return Outcome::refused(&Refusal::new(400, "err_validation_content_type", message));
        }
        if let Some(outcome) = fault.and_then(instead_of_page) {
            return outcome;
        }
        let page = parsed.and_then(|(query, token)| self.page(state, query, token, fault));
        match page {
            Err(refusal) => Outcome::refused(&refusal),
            Ok(page) => {
                let body = page.body(self.api.options.style);
                let name =
                    if fault == Some(&Fault::SameToken) { "fault same-token" } else { "page" };
                Outcome { rows: page.rows.len() as u64, ..Outcome::new(name, 200, body) }
            }
        }
    }

    fn page(
        &self,
        state: &mut State,
        query: Query,
        token: Option<String>,
        fault: Option<&Fault>,
    ) -> Result<Page, Refusal> {
        let now_secs = self.now_ms.div_euclid(1000);
        let paging = &self.api.options.paging;
        state.world.advance(now_secs);
        let page_size = query.page_size.unwrap_or(PAGE_SIZE_DEFAULT).min(paging.page_size_max);

        let (listing, place) = match &token {
            Some(token) => {
                let life_secs = paging.token_life_secs;
                let (place, listing) =
                    state.listings.open(token, &query, self.now_ms, life_secs)?;
                (listing, Some(place))
            }
            None => (self.listing(state, query), None),
        };
        let result = match &listing.pinned {
            Some(pinned) => Selection::Rows(Arc::clone(pinned)),
            None => state.world.select(&listing.query.filters, listing.from, listing.to),
        };
        let result_count = result.len();
        let size = page_size as usize;
        let offset = usize::try_from(place.map_or(0, |place| place.offset)).unwrap_or(usize::MAX);
        let numbers: Vec<u32> = if listing.query.oldest_first {
            result.iter().skip(offset).take(size).copied().collect()
        } else {
            result.iter().rev().skip(offset).take(size).copied().collect()
        };
        drop(result);

        let end = offset.saturating_add(numbers.len());
        let rows = numbers.iter().map(|&number| state.world.text(number)).collect();
        let id = match place {
            Some(place) => Some(place.listing),
            None => (end < result_count).then(|| state.listings.keep(listing)),
        };
        let token_at = |offset: usize| {
            let place = Place { listing: id?, offset: offset as u64, issued_ms: self.now_ms };
            Some(state.listings.token(place))
        };
        let next = match fault {
            Some(Fault::SameToken) => token,
            _ if end < result_count => token_at(end),
            _ => None,
        };
        let previous = if offset > 0 { token_at(offset.saturating_sub(size)) } else { None };
        Ok(Page { size: page_size, result_count, next, previous, rows })
    }

    /// A new result, its defaults filled in as of now.
    fn listing(&self, state: &mut State, query: Query) -> Listing {
        let now_secs = self.now_ms.div_euclid(1000);
        let from = query.from.unwrap_or(start_of_day(now_secs));
        let to = match (query.to.unwrap_or(now_secs), self.api.options.paging.to_bound) {
            (to, ToBound::Inclusive) => to,
            (to, ToBound::Exclusive) => to.saturating_sub(1),
        };
        let pinned = match self.api.options.paging.mode {
            PagingMode::Live => None,
            PagingMode::Snapshot => Some(state.world.select(&query.filters, from, to).into_rows()),
        };
        Listing { query, from, to, pinned }
    }
}

/// How a request ended, before it is dressed for the wire.
struct Outcome {
    name: String,
    status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    rows: u64,
    /// What the rate-limit headers say instead of the truth.
    reset_ms: Option<u64>,
}

impl Outcome {
    fn new(name: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            content_type: "application/json",
            headers: Vec::new(),
            body: body.into(),
            rows: 0,
            reset_ms: None,
        }
    }

    fn refused(refusal: &Refusal) -> Self {
        Self::new(&format!("refused {}", refusal.error.code), refusal.status, refusal.body())
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn into_answer(self, ending: Ending, delay_ms: u64) -> Answer {
        let Self { status, content_type, headers, body, .. } = self;
        Answer { status, content_type, headers, body, delay_ms, ending }
    }
}

/// Faults of a gateway: the request is never executed.
fn before_execution(fault: &Fault) -> Option<Outcome> {
    let name = format!("fault {}", fault.name());
    Some(match fault {
        Fault::RateLimit { reset_ms, retry_after_secs } => {
            let outcome = Outcome {
                reset_ms: Some(*reset_ms),
                ..Outcome::new(&name, 429, error_json("429 Quota Exceeded"))
            };
            match retry_after_secs {
                Some(secs) => outcome.with("Retry-After", secs.to_string()),
                None => outcome,
            }
        }
        Fault::Status(509) => Outcome::new(&name, 509, ""),
        Fault::Status(status) => Outcome::new(&name, *status, reply::gateway_error(*status)),
        Fault::Html => Outcome {
            content_type: "text/html; charset=utf-8",
            ..Outcome::new(&name, 503, reply::html_page())
        },
        Fault::Drop => Outcome::new(&name, 500, ""),
        _ => return None,
    })
}

/// Faults of the API itself: the request was let in, then something else than a page comes back.
fn instead_of_page(fault: &Fault) -> Option<Outcome> {
    let name = format!("fault {}", fault.name());
    Some(match fault {
        Fault::Fail { retryable } => {
            let refusal = Refusal::new(200, "err_internal_system_error", "0000 System Error");
            let refusal = if *retryable { refusal.retryable() } else { refusal };
            Outcome::new(&name, 200, refusal.body())
        }
        Fault::MetaStatus => Outcome::new(&name, 200, reply::meta_status_500()),
        Fault::Garbage => Outcome::new(&name, 200, reply::garbage()),
        Fault::DeadToken => Outcome::new(&name, 400, refused("the page token has expired").body()),
        Fault::Oversized { body_bytes } => Outcome::new(&name, 200, reply::oversized(*body_bytes)),
        _ => return None,
    })
}

fn error_json(message: &str) -> String {
    serde_json::json!({"error": {"message": message}}).to_string()
}

fn rate_header(style: RateHeaders, name: &str) -> &'static str {
    match (style, name) {
        (RateHeaders::Joined, "Limit") => "X-RateLimit-Limit",
        (RateHeaders::Joined, "Remaining") => "X-RateLimit-Remaining",
        (RateHeaders::Joined, _) => "X-RateLimit-Reset",
        (RateHeaders::Dashed, "Limit") => "X-Rate-Limit-Limit",
        (RateHeaders::Dashed, "Remaining") => "X-Rate-Limit-Remaining",
        (RateHeaders::Dashed, _) => "X-Rate-Limit-Reset",
    }
}

/// A key that no other run has: page tokens die with their server.
fn run_key() -> [u8; 16] {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || RandomState::new().hash_one(0).to_be_bytes();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&half());
    key[8..].copy_from_slice(&half());
    key
}
