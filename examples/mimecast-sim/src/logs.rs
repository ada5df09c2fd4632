//! The endpoint for logs: what becomes of one request, from its parsed body to its page.

use std::sync::Arc;

use hyper::Method;
use hyper::header::CONTENT_TYPE;

use crate::api::{Request, State};
use crate::date::start_of_day;
use crate::fault::Fault;
use crate::listing::{Listing, Place};
use crate::options::{Options, PagingMode, ToBound};
use crate::outcome::{Outcome, error_json, instead_of_page};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::reply::Page;
use crate::world::Selection;

/// The path of the endpoint.
pub const LOGS_PATH: &str = "/api/ttp/impersonation/get-logs";

/// A page when the request names no size.
const PAGE_SIZE_DEFAULT: u32 = 100;

type Parsed = Result<(Query, Option<String>), Refusal>;

/// Answers a request to this path, or to one that is not known.
pub(crate) fn answer(
    options: &Options,
    state: &mut State,
    request: &Request<'_>,
    parsed: Parsed,
    fault: Option<&Fault>,
) -> Outcome {
    if request.path != LOGS_PATH {
        return Outcome::new("status 404", 404, error_json("404 Not Found"));
    }
    if request.method != Method::POST {
        return Outcome::post_only();
    }
    if let Err(refusal) = state.gate.admit(request) {
        return Outcome::refused(&refusal);
    }
    let media = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media.is_some_and(|media| media.starts_with("application/json")) {
        let message = "the header Content-Type is not application/json";
        return Outcome::refused(&Refusal::new(400, "err_validation_content_type", message));
    }
    if let Some(outcome) = fault.and_then(instead_of_page) {
        return outcome;
    }
    let turn = Turn { options, now_ms: request.now_ms };
    let page = parsed.and_then(|(query, token)| turn.page(state, query, token, fault));
    match page {
        Err(refusal) => Outcome::refused(&refusal),
        Ok(page) => {
            let body = page.body(options.style);
            let name = if fault == Some(&Fault::SameToken) { "fault same-token" } else { "page" };
            Outcome::new(name, 200, body).with_rows(page.rows.len())
        }
    }
}

/// One page at its moment.
struct Turn<'a> {
    options: &'a Options,
    now_ms: i64,
}

impl Turn<'_> {
    fn page(
        &self,
        state: &mut State,
        query: Query,
        token: Option<String>,
        fault: Option<&Fault>,
    ) -> Result<Page, Refusal> {
        let paging = &self.options.paging;
        state.world.advance(self.now_secs());
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
        let now_secs = self.now_secs();
        let from = query.from.unwrap_or(start_of_day(now_secs));
        let to = match (query.to.unwrap_or(now_secs), self.options.paging.to_bound) {
            (to, ToBound::Inclusive) => to,
            (to, ToBound::Exclusive) => to.saturating_sub(1),
        };
        let pinned = match self.options.paging.mode {
            PagingMode::Live => None,
            PagingMode::Snapshot => Some(state.world.select(&query.filters, from, to).into_rows()),
        };
        Listing { query, from, to, pinned }
    }

    fn now_secs(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}
