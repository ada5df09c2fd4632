//! What a poll ends in: the events of a page, and the batch around them.

use crate::api::account::Account;
use crate::api::exchange::Exchange;
use crate::config::Config;
use crate::contract::source::{Batch, ErrorKind, Event, Notice, PollError, Progress};
use crate::json::writer::Digits;
use crate::memory::LastCursor;
use crate::position::cursor::Position;
use crate::position::underway::Onward;
use crate::reply::page::Page;
use crate::reply::quota;
use crate::row::{KIND, Row};
use crate::timestamp::{EventTime, Second};

/// What a poll came to that went well: events, and where it goes on past them (I1).
pub(super) struct Outcome {
    pub(super) onward: Onward,
    pub(super) events: Vec<Event>,
    /// What the API wishes for. Zero if it wishes for nothing.
    pub(super) wait_ms: u64,
}

impl From<Onward> for Outcome {
    /// Without events.
    fn from(onward: Onward) -> Self {
        Self { onward, events: Vec::new(), wait_ms: 0 }
    }
}

impl Outcome {
    /// The batch of a poll that ends at this time by the host's clock, with what it cost and tells.
    pub(super) fn batch(
        self,
        exchange: Exchange<'_>,
        last: &mut LastCursor,
        host: Second,
    ) -> Batch {
        let Self { onward, events, wait_ms } = self;
        let Onward { mut cursor, target, is_caught_up } = onward;
        let position = &mut cursor.position;
        let quota = exchange.account.quota;
        let interval_ms = if is_caught_up { exchange.config.poll_interval_secs * 1_000 } else { 0 };
        let next_poll_ms = interval_ms.max(quota::spent_wait_ms(quota)).max(wait_ms);
        let wait_secs = i64::try_from(next_poll_ms.div_ceil(1_000)).unwrap_or(i64::MAX);
        position.due = host + wait_secs;
        let notices = exchange.account.notices.into_news(&mut position.told, host);
        let Position { watermark, newest, .. } = *position;
        let progress = Progress { complete_until: watermark, target, newest };
        Batch {
            events,
            cursor: last.write(cursor),
            more: !is_caught_up,
            next_poll_ms,
            notices,
            stats: exchange.account.stats,
            progress,
            quota,
        }
    }
}

/// The event of a row. Of rows that are alike in every byte it says which of them it is.
pub(super) fn event(row: &Row<'_>, ordinal: u8, config: &Config) -> Event {
    let mut id = row.id();
    if ordinal > 1 {
        id.extend(["-", Digits::of(ordinal.into()).as_str()]);
    }
    Event {
        id,
        kind: KIND,
        time_unix_nanos: row.time().and_then(EventTime::unix_nanos),
        body: config.format.body(row, config.keep_original),
    }
}

pub(super) fn tell_odd_rows<'a>(
    new_rows: impl Iterator<Item = &'a Row<'a>>,
    account: &mut Account,
) {
    let mut oddities = new_rows.filter_map(Row::oddity);
    if let Some(first) = oddities.next() {
        let count = oddities.count() + 1;
        account.stats.odd_rows = u32::try_from(count).unwrap_or(u32::MAX);
        account.notices.departs(
            "odd_rows",
            format!("{count} rows are not as documented and were passed on (the first: {first})"),
        );
    }
}

/// Each is told once: they are remembered as rows are.
pub(super) fn tell_unreadable_rows<'a>(
    page: &Page<'a>,
    new_rows: impl Iterator<Item = &'a Row<'a>>,
    from: Second,
    account: &mut Account,
) {
    let mut unreadable = new_rows.filter(|row| row.is_unreadable);
    let Some(first) = unreadable.next() else { return };
    let place = page.rows.iter().position(|row| core::ptr::eq(row, first)).unwrap_or(0);
    let before = page.rows[..place].iter().rev().find_map(Row::time).map(EventTime::second);
    let bytes = first.text.len();
    let count = unreadable.count() + 1;
    account.stats.unreadable_rows = u32::try_from(count).unwrap_or(u32::MAX);
    account.notices.happened(Notice::warn(
        "row_unreadable",
        format!(
            "{count} rows cannot be read and are no events; the first is row {} of its page, {bytes} \
             bytes long, past a row of {}; collection goes on",
            place + 1,
            before.unwrap_or(from),
        ),
    ));
}

pub(super) fn stuck(account: Account, from: Second) -> PollError {
    account.fail(
        ErrorKind::Protocol,
        "page_token_refused",
        format!(
            "page after page of the second {from} was refused without a new row between: the API \
             does not honour its own page tokens at present; if it goes on for a quarter of an \
             hour, the rest of that second is left behind"
        ),
    )
}
