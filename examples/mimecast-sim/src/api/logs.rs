//! The endpoint for logs: what becomes of one request, from its parsed body to its page.

use std::sync::Arc;

use fastrand::Rng;
use hyper::Method;
use hyper::header::CONTENT_TYPE;

use crate::answer::failure::instead_of_page;
use crate::answer::outcome::{Outcome, error_json};
use crate::answer::page::Page;
use crate::answer::refusal::Refusal;
use crate::answer::style::LastPage;
use crate::api::state::State;
use crate::fault::Fault;
use crate::listing::paging::{PagingMode, ToBound};
use crate::listing::{Listing, Place};
use crate::options::Options;
use crate::request::Request;
use crate::request::query::Query;
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
    let page = match parsed {
        Err(refusal) => Err(Outcome::refused(&refusal)),
        Ok((query, token)) => turn.page(state, query, token.as_deref(), fault),
    };
    match page {
        Err(outcome) => outcome,
        Ok(page) => {
            let name = fault.map_or("page".to_owned(), |fault| format!("fault {}", fault.name()));
            Outcome::new(&name, 200, page.body(options.style)).with_rows(page.rows.len())
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
        token: Option<&str>,
        fault: Option<&Fault>,
    ) -> Result<Page, Outcome> {
        let paging = &self.options.paging;
        let bounds = self.options.window.bounds(&query, self.now_secs())?;
        state.world.advance(self.now_secs());
        let page_size = query.page_size.unwrap_or(PAGE_SIZE_DEFAULT).min(paging.page_size_max);

        let (here, listing) = match token {
            Some(token) => state
                .listings
                .open(token, &query, self.now_ms, paging.token_life_secs)
                .map_err(|refusal| Outcome::refused(&refusal))?,
            None => (state.listings.beginning(self.now_ms), self.listing(state, query, bounds)),
        };
        let result = match &listing.pinned {
            Some(pinned) => Selection::Rows(Arc::clone(pinned)),
            None => state.world.select(&listing.query.filters, listing.from, listing.to),
        };
        let result_count = result.len();
        let reach =
            paging.rows_per_query.map_or(result_count, |max| result_count.min(max as usize));
        let size = page_size as usize;
        let offset = usize::try_from(here.offset).unwrap_or(usize::MAX);
        let len = match fault {
            Some(Fault::EmptyPage) => 0,
            _ => size.min(reach.saturating_sub(offset)),
        };
        let mut numbers: Vec<u32> = if listing.query.oldest_first {
            result.iter().skip(offset).take(len).copied().collect()
        } else {
            result.iter().rev().skip(offset).take(len).copied().collect()
        };
        drop(result);

        let answer = state.tally.stats.requests + 1;
        if fault == Some(&Fault::OutOfOrder) {
            Rng::with_seed(self.options.seed.wrapping_add(answer)).shuffle(&mut numbers);
        }
        let rows = numbers.iter().map(|&number| state.world.text(number, answer)).collect();
        let next = match fault {
            Some(Fault::SameToken) => Some(here),
            Some(Fault::EmptyPage) => Some(self.anew(here)),
            _ => self.next(here, numbers.len(), reach),
        };
        if token.is_none() && next.is_some() {
            state.listings.keep(listing);
        }
        let previous = (offset > 0).then(|| self.at(here, offset.saturating_sub(size)));
        let token = |place: Place| state.listings.token(place);
        let (next, previous) = (next.map(token), previous.map(token));
        Ok(Page { size: page_size, result_count, next, previous, rows })
    }

    /// Where the `next` of a page of `len` rows leads, in a listing that ends after `reach` rows.
    fn next(&self, here: Place, len: usize, reach: usize) -> Option<Place> {
        let last_page = self.options.style.last_page;
        let end = usize::try_from(here.offset).unwrap_or(usize::MAX).saturating_add(len);
        // Tokens that go round must not show by their age how often.
        let round = |offset: usize| Place { issued_ms: here.issued_ms, ..self.at(here, offset) };
        match last_page {
            LastPage::FirstAgain if end < reach => Some(round(end)),
            _ if end < reach => Some(self.at(here, end)),
            LastPage::NoNext | LastPage::NoPagination => None,
            LastPage::SameEmptyPage if len == 0 => Some(here),
            LastPage::EmptyPages if len == 0 => Some(self.anew(here)),
            LastPage::EmptyPages | LastPage::SameEmptyPage => Some(self.at(here, end)),
            LastPage::FirstAgain | LastPage::LastAgain if len == 0 => None,
            LastPage::FirstAgain => Some(round(0)),
            LastPage::LastAgain => Some(self.anew(here)),
        }
    }

    /// A place in the listing of `here`, as of now.
    fn at(&self, here: Place, offset: usize) -> Place {
        Place { offset: offset as u64, serial: 0, issued_ms: self.now_ms, ..here }
    }

    /// The same place, by another token.
    fn anew(&self, here: Place) -> Place {
        Place { serial: here.serial + 1, issued_ms: self.now_ms, ..here }
    }

    /// A new result over these seconds.
    fn listing(&self, state: &mut State, query: Query, (from, to): (i64, i64)) -> Listing {
        let to = match self.options.paging.to_bound {
            ToBound::Inclusive => to,
            ToBound::Exclusive => to.saturating_sub(1),
        };
        // Rows are sought by the time of the index, and kept by that of the event.
        let lag_secs = i64::from(self.options.world.index_lag_secs);
        let (from, to) = (from.saturating_sub(lag_secs), to.saturating_sub(lag_secs));
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
