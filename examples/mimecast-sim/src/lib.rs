//! A simulated Mimecast API: TTP Impersonation Protect logs, for tests and for trying a collector
//! without an account. It is written from the API's documentation and recordings, and shares no code
//! with any collector.
//!
//! It checks signatures and gives access tokens, reads requests strictly, cuts results into pages, makes rows of the
//! recorded shape, and can go wrong in every way that has been seen. Its ledger says what a client
//! that lost nothing and repeated nothing has. It does not simulate any other endpoint.
//!
//! ```
//! use mimecast_sim::{ClockStart, Fault, FaultRule, LedgerQuery, Options, When, WorldOptions};
//!
//! let sim = Options {
//!     seed: 7,
//!     clock: ClockStart::Stopped { unix_secs: 1_700_000_000 },
//!     world: WorldOptions { rows: 2000, span_secs: 3600, ..WorldOptions::default() },
//!     faults: vec![FaultRule::new(Fault::Status(503), When::Every(7))],
//!     ..Options::default()
//! }
//! .start()?;
//!
//! // A collector is pointed at `sim.base_url()` with `sim.keys()` or `sim.client()`; then:
//! sim.advance_secs(600);
//! let rows: Vec<String> = sim.ledger(&LedgerQuery::default()).map(|row| row.text).collect();
//! assert_eq!(rows.len(), 2000);
//! assert_eq!(sim.stats().requests, 0);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The server has a thread and a clock of its own, listens on loopback only, and stops when
//! [`Running`] is dropped. Lists, buffers and memories are bounded.

mod api;
mod broken;
mod clock;
mod date;
mod fault;
mod filters;
mod gate;
mod ledger;
mod line;
mod listing;
mod logs;
mod message;
mod oauth;
mod odd;
mod options;
mod outcome;
mod query;
mod quota;
mod refusal;
mod reply;
mod row;
mod running;
mod seal;
mod server;
mod signature;
mod stats;
mod token;
mod window;
mod world;

pub use clock::ClockStart;
pub use date::{api_date, parse_api_date};
pub use fault::{Fault, FaultRule, Scope, When};
pub use filters::{Filters, Search, SearchField};
pub use gate::Standing;
pub use ledger::{LedgerPart, LedgerQuery, LedgerRow, LedgerRows};
pub use logs::LOGS_PATH;
pub use oauth::TOKEN_PATH;
pub use options::{
    Bom, Compression, Empty, Future, Ids, LastPage, Layout, Log, Options, Paging, PagingMode,
    RateHeaders, ResultCount, Style, ToBound, Window,
};
pub use quota::Quota;
pub use row::ScriptedRow;
pub use running::Running;
pub use server::{LEDGER_PATH, STATS_PATH};
pub use signature::Keys;
pub use stats::{RequestRecord, Stats};
pub use token::ClientCredentials;
pub use world::{ROWS_MAX, WorldOptions};
