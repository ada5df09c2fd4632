//! Everything about a simulated API that can be chosen when it starts.

use std::net::{Ipv4Addr, SocketAddr};

use crate::clock::ClockStart;
use crate::fault::FaultRule;
use crate::gate::Standing;
use crate::quota::Quota;
use crate::row::ScriptedRow;
use crate::signature::Keys;
use crate::token::ClientCredentials;
use crate::world::WorldOptions;

/// What to start. The default is a friendly API with a thousand rows of the last five days.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; loopback addresses only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one set of API 1.0 keys that is accepted.
    pub keys: Keys,
    /// The one API 2.0 application that is given access tokens.
    pub client: ClientCredentials,
    /// How long an access token is good, in seconds.
    pub access_token_life_secs: u32,
    /// What the keys and the client are good for.
    pub standing: Standing,
    /// The server's clock.
    pub clock: ClockStart,
    /// Requests are answered by two nodes in turn, the first one first. The second one's clock is
    /// off by this many seconds: that shows in `Date` and `Retry-After`, and in which signing dates of
    /// API 1.0 are taken. All else goes by the server's clock.
    pub second_node_skew_secs: i64,
    /// The same seed gives the same rows and the same faults.
    pub seed: u64,
    /// The rows that are generated.
    pub world: WorldOptions,
    /// Rows put in by hand, besides the generated ones.
    pub script: Vec<ScriptedRow>,
    /// What is made of `from` and `to`.
    pub window: Window,
    /// How results are cut into pages.
    pub paging: Paging,
    /// How replies are written.
    pub style: Style,
    /// How many requests are answered in a while.
    pub quota: Quota,
    /// What goes wrong, and when.
    pub faults: Vec<FaultRule>,
    /// Whether each request is told on stderr.
    pub log: Log,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: Keys::default(),
            client: ClientCredentials::default(),
            access_token_life_secs: 1799,
            standing: Standing::default(),
            clock: ClockStart::default(),
            second_node_skew_secs: 0,
            seed: 1,
            world: WorldOptions::default(),
            script: Vec::new(),
            window: Window::default(),
            paging: Paging::default(),
            style: Style::default(),
            quota: Quota::default(),
            faults: Vec::new(),
            log: Log::default(),
        }
    }
}

/// Whether each request is told on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// It is not.
    #[default]
    Off,
    /// A line for each.
    Stderr,
}

/// What is made of `from` and `to`, of requests for later pages too. The default takes them as they
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// A longer window is answered with 504 and an empty body.
    pub max_secs: Option<u32>,
    /// Whether `to` may be later than the server's clock.
    pub future: Future,
    /// A `from` that is longer ago by the server's clock is refused: a `fail` inside HTTP 200.
    pub oldest_age_secs: Option<u32>,
    /// `from` is rounded down to a multiple of this in Unix time: older rows are found and counted,
    /// too.
    pub from_floor_secs: Option<u32>,
}

/// Whether `to` may be later than the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Future {
    /// It may.
    #[default]
    Taken,
    /// It is refused: HTTP 400 with a `fail`.
    Refused,
}

/// How results are cut into pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// What a page token points into.
    pub mode: PagingMode,
    /// A request for larger pages gets pages of this size.
    pub page_size_max: u32,
    /// All pages of one listing together give at most this many rows, the first in the order asked
    /// for. Then it ends, whatever `resultCount` says.
    pub rows_per_query: Option<u32>,
    /// Page tokens older than this are refused; none lets them live as long as the server.
    pub token_life_secs: Option<u32>,
    /// Whether rows of the second `to` belong to the window.
    pub to_bound: ToBound,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            mode: PagingMode::default(),
            page_size_max: 500,
            rows_per_query: None,
            token_life_secs: None,
            to_bound: ToBound::default(),
        }
    }
}

/// What a page token points into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PagingMode {
    /// A place in the result as it is when the page is asked for: rows that appear meanwhile move it.
    #[default]
    Live,
    /// A place in the result as it was when the first page was asked for.
    Snapshot,
}

/// Whether rows of the second `to` belong to the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToBound {
    /// They do.
    #[default]
    Inclusive,
    /// They do not.
    Exclusive,
}

/// How replies are written. All of it is seen or feared, so a client must take every form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Line breaks and indentation between tokens, or none.
    pub layout: Layout,
    /// Whether replies are compressed for clients that accept it.
    pub compression: Compression,
    /// What an empty result looks like.
    pub empty: Empty,
    /// What `meta` of a last page looks like, and where its `next` leads.
    pub last_page: LastPage,
    /// Whether `resultCount` is there, and right.
    pub result_count: ResultCount,
    /// What a row's `id` is worth.
    pub ids: Ids,
    /// What stands before the JSON of every answer.
    pub bom: Bom,
    /// How the rate-limit headers are spelled, of token replies too.
    pub rate_headers: RateHeaders,
}

/// Line breaks and indentation between tokens, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One line.
    #[default]
    Compact,
    /// A token a line, indented.
    Pretty,
}

/// Whether replies are compressed for clients that accept it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip, if the client accepts it.
    #[default]
    Gzip,
    /// Never.
    Off,
}

/// What an empty result, or any other page without rows, looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// `"data": [{"resultCount": 0, "impersonationLogs": []}]`; the count is that of the result.
    #[default]
    Block,
    /// `"data": []`
    NoData,
}

/// What `meta` of a last page looks like, and where its `next` leads if it names one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastPage {
    /// `pagination` without `next`.
    #[default]
    NoNext,
    /// No `pagination` at all.
    NoPagination,
    /// `next` leads to a page without rows, which names a `next` of that kind again, another each
    /// time. An empty result begins with such a page.
    EmptyPages,
    /// The same, but a page without rows names the token that led to it.
    SameEmptyPage,
    /// `next` leads to the first page of the listing again; every round has the same tokens. An empty
    /// result has no `next`.
    FirstAgain,
    /// `next` leads to the last page again, and is another each time. An empty result has none.
    LastAgain,
}

/// Whether `resultCount` is there, and right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultCount {
    /// The rows of the whole result, on every page.
    #[default]
    Given,
    /// Off by so many, but never below 0.
    Off(i64),
    /// Left out.
    Absent,
}

/// What a row's `id` is worth. Rows that are not generated as usual (scripted, odd and broken ones)
/// keep their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// No two rows share one, and a row always has the same.
    #[default]
    Unique,
    /// The first row of every tenth message has the `id` of the row before it, if that one is of
    /// another second. The ledger has them so, too.
    Shared,
    /// Each answer makes them anew. The ledger has those of [`Ids::Unique`], which no answer has.
    Fresh,
}

/// What stands before the JSON of every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bom {
    /// Nothing.
    #[default]
    Absent,
    /// A byte order mark of UTF-8.
    Present,
}

/// How the rate-limit headers are spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateHeaders {
    /// `X-RateLimit-*`
    #[default]
    Joined,
    /// `X-Rate-Limit-*`
    Dashed,
}
