//! The simulated API over its socket: what it refuses, what it serves, and what goes wrong.
#![allow(clippy::unwrap_used)]

mod broken_rows;
mod client;
mod endings;
mod faults;
mod ids;
mod index;
mod ledger;
mod nodes;
mod odd_rows;
mod page_faults;
mod pages;
mod program;
mod requests;
mod rows;
mod signatures;
mod standing;
mod style;
mod tokens;
mod windows;
