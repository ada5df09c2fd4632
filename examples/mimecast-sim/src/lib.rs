//! A simulated Mimecast API: TTP Impersonation Protect logs, for tests and for trying a collector
//! without an account. It is written from the API's documentation and recordings, and shares no code
//! with any collector.
//!
//! It checks signatures and gives access tokens, reads requests strictly, cuts results into pages,
//! makes rows of the recorded shape, and can go wrong in every way that has been seen. Its ledger says
//! what a client that lost nothing and repeated nothing has. It does not simulate any other endpoint.
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
//!
//! From the top down, each room below those that import it (`cargo xtask test floors`):
//!
//! ```text
//! arguments  the command line of the program (`main.rs`), and what is to start by it
//! server     started on a thread of its own: connections, their bytes, the paths for testers
//! ledger     what a client that lost nothing and repeated nothing has
//! api        the way of a request to its endpoint, for logs or for tokens; what changes meanwhile
//! options    everything that can be chosen when it starts
//! gate       who is let in, and how often: signatures, access tokens, their standing, the quota
//! listing    results read page by page: their windows, their cuts, their page tokens
//! request    a request, and what the body of one for logs asks for
//! answer     what goes out: pages and their style, refusals, failures in their place
//! fault      what goes wrong, and when
//! world      the rows: generated, odd, broken or scripted, when each shows, what filters find
//! clock      the server's clock
//! date       the date forms of the API
//! seal       what tells the tokens of this run from all others
//! ```

mod answer;
mod api;
mod clock;
mod date;
mod fault;
mod gate;
mod ledger;
mod listing;
mod options;
mod request;
mod seal;
mod server;
mod world;

pub use answer::style::{
    Bom, Compression, Empty, LastPage, Layout, RateHeaders, ResultCount, Style,
};
pub use api::logs::LOGS_PATH;
pub use api::oauth::TOKEN_PATH;
pub use api::stats::{RequestRecord, Stats};
pub use clock::ClockStart;
pub use date::{api_date, parse_api_date};
pub use fault::{Fault, FaultRule, Scope, When};
pub use gate::quota::Quota;
pub use gate::signature::Keys;
pub use gate::standing::Standing;
pub use gate::token::ClientCredentials;
pub use ledger::{LedgerPart, LedgerQuery, LedgerRow, LedgerRows};
pub use listing::paging::{Paging, PagingMode, ToBound};
pub use listing::window::{Future, Window};
pub use options::{Log, Options};
pub use server::Running;
pub use server::connections::{LEDGER_PATH, STATS_PATH};
pub use world::filters::{Filters, Search, SearchField};
pub use world::row::ScriptedRow;
pub use world::{Ids, ROWS_MAX, WorldOptions};
