//! Runs polling sources: any component of the contract `polling-source:contract`, each in its own sandbox.
//!
//! The host owns the loop, the waits, the storage and the network; a component owns what it takes to
//! talk to one kind of API. A poll's events go to the output first, then its cursor is stored: a
//! crash anywhere repeats at most what was not committed, and loses nothing.
//!
//! ```text
//! commands ─▶ source (one task each) ─▶ sandbox ─▶ http ─▶ egress
//!    │           │      ▲    waits
//!    ▼           ▼      │    position
//! config      ledger (of one machine: one thread ─▶ output, then state; of many: NATS)
//! ```
//!
//! From the top down, each room below those that import it (`cargo xtask test floors`):
//!
//! ```text
//! commands   the command line: run, check, inspect, cursor, workers, and what is checked before all of them
//! workers    many hosts on one ledger: who is there, who runs which source, waits that they share
//! source     one source that runs: polls, checks what came, has it delivered, waits
//! sandbox    components: compiled, given what they import, and called within limits
//! ledger     where events and cursors go together
//! output     where events go: a file, standard output, nowhere
//! config     the configuration file, and every fault of it
//! state      cursors, and how far an output is, in an SQLite file
//! http       exchanges of a source: TLS, proxy, names, bodies, the room for large replies
//! egress     what a component may reach
//! log        lines on standard error
//! limits     what components, their calls and their requests may cost
//! timestamp  times as texts
//! machine    the process, its files and streams, its signals, and what is short
//! bindings   the contract in `wit/`, as types and calls
//! ```
//!
//! What other hosts keep to as well is in `examples/contract`: the rules for values of the environment,
//! secrets, requests, batches and waits.
//!
//! The host holds no knowledge of any API. A panic is a bug, never an answer to input.

// The library of an application: the types of its errors say when they come.
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate)]

pub mod bindings;
pub mod commands;
mod config;
pub mod egress;
pub mod http;
pub mod ledger;
pub mod limits;
pub mod log;
mod machine;
pub mod output;
pub mod sandbox;
mod source;
pub mod state;
mod timestamp;
mod workers;
