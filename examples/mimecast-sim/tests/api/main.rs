//! The simulated API over its socket: what it refuses, what it serves, and what goes wrong.
#![allow(clippy::unwrap_used)]

mod client;
mod faults;
mod ledger;
mod odd_rows;
mod pages;
mod program;
mod requests;
mod rows;
mod signatures;
mod standing;
mod style;
mod tokens;
