//! Collects Mimecast TTP Impersonation Protect logs: a polling source for log pipelines.
//!
//! This crate is the core of the source and the component around it. The core does no I/O: it reads
//! no clock, no random source, no network, no file and no environment. // I3
//!
//! A poll is a value that is stepped: given a configuration, a cursor and the time, [`poll`] says
//! what to send; given the reply, it ends in a [`Batch`] of events with the next cursor, or in a
//! [`PollError`], after which the old cursor stands. `component.rs` joins that to the contract in
//! `wit/`; the tests drive it with a fake host.
//!
//! # Invariants
//! They are cited in the code as `// I1` and so on.
//!
//! - **I1** A cursor never runs ahead of its events.
//! - **I2** The watermark moves only when a window is drained, only as far as was seen, and never
//!   back.
//! - **I3** The core does no I/O.
//! - **I4** No secret is in any output.
//! - **I5** Every loop, buffer, wait and list has a limit.
//! - **I6** The same inputs give the same outputs, to the byte.
//! - **I7** A row is delivered unless its identity was delivered before.
//! - **I8** A page that cannot be understood changes nothing.
//!
//! # Panics
//! A panic is a bug, never an answer to input: whatever the API, the configuration or a stored
//! cursor hold, the answer is a batch, an error or a diagnostic.

#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

mod auth;
mod base64;
mod batch;
mod cause;
mod check;
mod clock;
mod config;
mod cursor;
mod evidence;
mod exchange;
mod failure;
mod fields;
mod filters;
mod format;
mod habits;
mod hole;
mod http;
mod json;
mod listing;
mod notices;
mod obstacle;
mod page;
mod pass;
mod poll;
mod quota;
mod record;
mod reply;
mod request;
mod retry;
mod row;
mod secret;
mod seen;
pub mod signing;
mod start;
mod timestamp;
mod token;
mod walk;
mod watermark;

#[cfg(target_family = "wasm")]
mod component;

pub use auth::Auth;
pub use batch::{
    Batch, ErrorKind, Event, Level, Notice, PollError, Progress, Quota, Report, Stats,
};
pub use check::{PendingCheck, check};
pub use config::{Config, Diagnostic, SCHEMA};
pub use exchange::{Moment, Step};
pub use filters::{Filters, SearchField};
pub use format::Format;
pub use http::{HttpError, Request, Response};
pub use poll::{Pending, poll};
pub use request::PATH;
pub use secret::Secret;
pub use timestamp::{EventTime, Second};
pub use token::{OauthClient, TokenCache};
