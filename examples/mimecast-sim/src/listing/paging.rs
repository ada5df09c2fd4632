//! How results are cut into pages.

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
