//! Runs polling sources: any component of the contract `pipeline:source`, each in its own sandbox.
//!
//! The host owns the loop, the waits, the storage and the network; a component owns what it takes to
//! talk to one kind of API. A poll's events go to the output first, then its cursor is stored: a
//! crash anywhere repeats at most what was not committed, and loses nothing.
//!
//! ```text
//! config ─▶ run ─▶ source (one task each) ─▶ component ─▶ http ─▶ egress
//!                     │      ▲    waits
//!                     ▼      │    position
//!                  delivery (one thread) ─▶ output, then state
//! ```
//!
//! It holds no knowledge of any API. A panic is a bug, never an answer to input.

// The library of an application: the types of its errors say when they come.
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate)]

pub mod batch;
pub mod bindings;
pub mod budget;
pub mod check;
pub mod cli;
mod compiler;
pub mod component;
pub mod config;
pub mod cursor;
pub mod delivery;
pub mod egress;
pub mod environment;
pub mod exit;
mod failure;
pub mod fault;
mod ground;
mod guest;
pub mod http;
pub mod inspect;
mod journal;
mod lane;
pub mod limits;
pub mod log;
pub mod output;
mod prepared;
mod print;
pub mod printable;
mod process;
pub mod redact;
mod room;
pub mod run;
mod shortage;
mod signals;
pub mod source;
pub mod state;
mod timestamp;
pub mod wait;
