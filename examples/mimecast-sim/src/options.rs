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
    /// The same seed gives the same rows and the same faults.
    pub seed: u64,
    /// The rows that are generated.
    pub world: WorldOptions,
    /// Rows put in by hand, besides the generated ones.
    pub script: Vec<ScriptedRow>,
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
            seed: 1,
            world: WorldOptions::default(),
            script: Vec::new(),
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

/// How results are cut into pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// What a page token points into.
    pub mode: PagingMode,
    /// A request for larger pages gets pages of this size.
    pub page_size_max: u32,
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

/// How replies are written. All of it is seen in recordings, so a client must take every form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Line breaks and indentation between tokens, or none.
    pub layout: Layout,
    /// Whether replies are compressed for clients that accept it.
    pub compression: Compression,
    /// What an empty result looks like.
    pub empty: Empty,
    /// What `meta` of a last page looks like.
    pub last_page: LastPage,
    /// Whether `resultCount` is there.
    pub result_count: ResultCount,
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

/// What an empty result looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// `"data": [{"resultCount": 0, "impersonationLogs": []}]`
    #[default]
    Block,
    /// `"data": []`
    NoData,
}

/// What `meta` of a last page looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastPage {
    /// `pagination` without `next`.
    #[default]
    NoNext,
    /// No `pagination` at all.
    NoPagination,
}

/// Whether `resultCount` is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultCount {
    /// The rows of the whole result, on every page.
    #[default]
    Given,
    /// Left out.
    Absent,
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
