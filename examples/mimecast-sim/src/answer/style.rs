//! How replies are written.

use crate::world::Ids;

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
