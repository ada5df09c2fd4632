//! The ledger that many machines share: real servers and workers, killed, held up, cut off, and let go on.
//!
//! `cargo xtask cluster` installs the servers and builds the programs.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![allow(clippy::cast_precision_loss, clippy::print_stdout, reason = "figures")]
#![allow(clippy::disallowed_methods, reason = "programs get an environment of their own")]

mod chance;
mod consumer;
mod failures;
mod feeds;
mod fence;
mod figures;
mod kills;
mod network;
mod outages;
mod refusals;
mod scene;
mod security;
mod servers;
mod tally;
mod tool;
mod workers;
