//! Collects Mimecast TTP Impersonation Protect logs: a polling source for log pipelines.
//!
//! This crate is the core of the source and the component around it. The core does no I/O: it reads
//! no clock, no random source, no network, no file and no environment. (I3)
//!
//! A poll is a value that is stepped: given a configuration, a cursor and the time, [`poll`] says
//! what to send; given the reply, it ends in a [`Batch`] of events with the next cursor, or in a
//! [`PollError`], after which the old cursor stands. `component.rs` joins that to the contract in
//! `wit/`; the tests drive it with a fake host.
//!
//! # Invariants
//! They are cited in the code by their numbers, where they are kept. `ARCHITECTURE.md` has the tree, the
//! way of a row through it, and the words.
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

// In the order in which a poll meets them: where a call comes in,
#[cfg(target_family = "wasm")]
mod component;

// what it is given,
mod config;

// the machines that answer it, and the answer that needs none,
mod check;
mod explain;
mod poll;

// what an instance keeps,
mod memory;

// where collection stands, and what is to be asked,
mod position;

// the asking,
mod api;

// what the answer means,
mod reply;
mod row;

// and what becomes of it.
mod format;
mod notices;

// What all of them stand on.
mod base64;
mod clock;
mod contract;
mod hex;
mod json;
mod secret;
mod timestamp;

pub use check::{PendingCheck, check};
pub use config::{Config, ConfigError, SCHEMA};
pub use contract::http::{HttpError, Request, Response};
pub use contract::source::{
    Batch, Diagnostic, ErrorKind, Event, Level, Notice, PollError, Progress, Quota, Report, Stats,
};
pub use contract::step::{Moment, Step};
pub use explain::explain;
pub use memory::Memory;
pub use poll::{Pending, poll};
pub use row::KIND;
pub use timestamp::{EventTime, Second};
