//! The component in pipelines that people run: real programs, killed, refused, cut off and started again.
//!
//! `cargo xtask pipelines` builds the programs.
#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![allow(clippy::disallowed_methods, reason = "programs get an environment of their own")]

mod benthos;
mod collector;
#[path = "../hosts/feed/server.rs"]
#[allow(dead_code, reason = "shared with the tests of hosts, which use all of it")]
mod feed;
mod pipeline;
mod sink;
mod tally;
