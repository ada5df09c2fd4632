//! The ledger: what a client that lost nothing and repeated nothing has, row by row, as it was sent,
//! by event time.

use std::sync::Arc;

use crate::answer::page::row_text;
use crate::answer::style::Layout;
use crate::api::Api;
use crate::date::parse_api_date;
use crate::world::filters::{Filters, Search, SearchField};
use crate::world::line::one_line;

/// What to look up. The default is every row that is visible by now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerQuery {
    /// The filters of the client.
    pub filters: Filters,
    /// Rows of this second and later, in Unix seconds.
    pub from: Option<i64>,
    /// Rows up to and of this second, in Unix seconds.
    pub to: Option<i64>,
    /// Rows that were visible by this second, in Unix seconds; none means by now.
    pub visible_by: Option<i64>,
    /// Which of these rows.
    pub part: LedgerPart,
}

/// Which rows are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerPart {
    /// Those that a client should have.
    #[default]
    Readable,
    /// The broken rows that nobody can read.
    Unreadable,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The row's text as it is sent, without the line breaks between its tokens. Raw control
    /// characters in its strings are escaped: `\t`, `\n`, `\r`, others as `\u001f`.
    pub text: String,
    /// Its event time, in Unix seconds.
    pub event_secs: i64,
    /// When it became visible, in Unix seconds.
    pub visible_secs: i64,
}

/// The rows of a ledger, oldest first; each is made when it is asked for.
pub struct LedgerRows {
    api: Arc<Api>,
    numbers: std::vec::IntoIter<u32>,
}

impl LedgerRows {
    pub(crate) fn new(api: Arc<Api>, query: &LedgerQuery) -> Self {
        let numbers = {
            let world = &mut api.state().world;
            world.advance(api.clock.now_secs());
            let (from, to) = (query.from.unwrap_or(i64::MIN), query.to.unwrap_or(i64::MAX));
            let mut numbers = world.select(&query.filters, from, to).to_vec();
            let readable = query.part == LedgerPart::Readable;
            numbers.retain(|&number| world.row(number).is_readable() == readable);
            if let Some(by) = query.visible_by {
                numbers.retain(|&number| world.row(number).visible_secs <= by);
            }
            numbers
        };
        Self { api, numbers: numbers.into_iter() }
    }
}

impl Iterator for LedgerRows {
    type Item = LedgerRow;

    fn next(&mut self) -> Option<LedgerRow> {
        let number = self.numbers.next()?;
        let state = self.api.state();
        let row = state.world.row(number);
        let mut text = state.world.text(number, 0);
        if self.api.options.style.layout == Layout::Pretty {
            text = row_text(&text);
        }
        let text = one_line(&text);
        Some(LedgerRow { text, event_secs: row.event_secs, visible_secs: row.visible_secs })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl ExactSizeIterator for LedgerRows {}

impl LedgerQuery {
    /// Reads the parameters of `GET /sim/ledger`.
    pub(crate) fn parse(parameters: &str) -> Result<Self, String> {
        let mut query = Self::default();
        let (mut field, mut text) = (None, None);
        for pair in parameters.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A plus is a plus here, so that dates can be written as the API writes them.
            let value = percent_encoding::percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("{name} is not UTF-8"))?
                .into_owned();
            let date = || {
                let secs = parse_api_date(&value);
                secs.map(Some).ok_or_else(|| format!("{name} is not as 2015-11-16T14:49:18+0000"))
            };
            let boolean =
                || value.parse::<bool>().map_err(|_| format!("{name} is not true or false"));
            let list = || value.split(',').map(str::to_owned).collect();
            match name {
                "from" => query.from = date()?,
                "to" => query.to = date()?,
                "visibleBy" => query.visible_by = date()?,
                "unreadable" => {
                    let wanted = boolean()?;
                    query.part = if wanted { LedgerPart::Unreadable } else { LedgerPart::Readable };
                }
                "taggedMalicious" => query.filters.tagged_malicious = Some(boolean()?),
                "identifiers" => query.filters.identifiers = list(),
                "actions" => query.filters.actions = list(),
                "searchField" => {
                    let named = SearchField::named(&value);
                    field = Some(named.ok_or_else(|| format!("no such searchField: {value}"))?);
                }
                "query" => text = Some(value),
                _ => return Err(format!("unknown parameter: {name}")),
            }
        }
        query.filters.search = match (field, text) {
            (None, None) => None,
            (Some(_), None) => return Err("searchField needs query".to_owned()),
            (field, Some(query)) => {
                Some(Search { field: field.unwrap_or(SearchField::All), query })
            }
        };
        Ok(query)
    }
}
