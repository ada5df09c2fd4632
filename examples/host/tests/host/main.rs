//! Runs the host with a component that does what its configuration says, against servers of its own.

#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

mod bench;
mod check;
mod compiling;
mod configuration;
mod cursors;
mod delivery;
mod disk;
mod ground;
mod hostile;
mod http;
mod local_ledger;
mod log;
mod replies;
mod sandbox;
mod server;
mod shortages;
mod signals;
mod starts;
mod state;
mod syscalls;
mod waits;
