//! The window that is being read: from when to when, in which way, and how far.

use crate::base64;
use crate::json::record::{Members, Record};
use crate::reply::page::PAGE_TOKEN_BYTES_MAX;
use crate::row::Key;
use crate::timestamp::Second;

/// The part of a pass that is being read. The page token belongs to it and goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Window {
    pub(crate) from: Second,
    /// Later than `from`. Its rows are asked for again by the next window, so that it does not
    /// matter whether the API counts it in.
    pub(crate) to: Second,
    /// None before the first page.
    pub(crate) token: Option<PageToken>,
    /// The newest event time that was known past the first page of this reading.
    pub(crate) shown: Option<Second>,
    /// Rows received so far in this reading.
    pub(crate) rows: u64,
    /// How many the API counted with the last of them.
    pub(crate) counted: Option<u64>,
    /// Of the rows, those whose own time is not within it, as often as pages showed them.
    pub(crate) strays: u64,
    /// Of the last page. None before the first, and past one without rows.
    pub(crate) page_key: Option<Key>,
    /// Pages in a row that gave nothing: no row, or just the rows of the page before.
    pub(crate) empty_pages: u8,
    /// Answers in a row that were too large, though this is a second.
    pub(crate) too_large: u8,
    pub(crate) way: Way,
}

/// How a window is read. Only one of a single second, which cannot be made smaller, is read otherwise
/// than the usual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Way {
    pub(crate) newest_first: bool,
    /// With pages of one row.
    pub(crate) row_by_row: bool,
}

/// The API's token for the next page of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PageToken {
    pub(crate) text: String,
    /// By the host's clock.
    pub(crate) received: Second,
}

impl Way {
    /// With pages of one row, from the usual end.
    pub(crate) const ROW_BY_ROW: Self = Self { newest_first: false, row_by_row: true };

    /// The same from the other end.
    pub(crate) const fn other_end(self) -> Self {
        Self { newest_first: !self.newest_first, ..self }
    }

    /// Row by row, from the end that comes last: there is no other.
    pub(crate) const fn is_last(self) -> bool {
        self.newest_first && self.row_by_row
    }
}

impl Window {
    /// A window that is to be read from its first page.
    pub(crate) const fn new(from: Second, to: Second) -> Self {
        Self {
            from,
            to,
            token: None,
            shown: None,
            rows: 0,
            counted: None,
            strays: 0,
            page_key: None,
            empty_pages: 0,
            too_large: 0,
            way: Way { newest_first: false, row_by_row: false },
        }
    }
}

impl Record for Window {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("from", &mut self.from);
        members.always("to", &mut self.to);
        members.optional("token", &mut self.token);
        members.optional("shown", &mut self.shown);
        members.always("rows", &mut self.rows);
        members.optional("counted", &mut self.counted);
        members.seldom("strays", &mut self.strays);
        members.optional("page_key", &mut self.page_key);
        members.always("empty_pages", &mut self.empty_pages);
        members.seldom("too_large", &mut self.too_large);
        members.seldom("newest_first", &mut self.way.newest_first);
        members.seldom("row_by_row", &mut self.way.row_by_row);
    }
}

impl Record for PageToken {
    fn members(&mut self, members: &mut Members<'_>) {
        // In base64 no token takes more room than another of its length.
        let mut text = base64::encode_unpadded(self.text.as_bytes());
        members.always("text", &mut text);
        let read = base64::decode_unpadded(&text).and_then(|bytes| String::from_utf8(bytes).ok());
        self.text = read.unwrap_or_default();
        let is_token = !self.text.is_empty() && self.text.len() <= PAGE_TOKEN_BYTES_MAX;
        members.ensure("text", is_token);
        members.always("received", &mut self.received);
    }
}
