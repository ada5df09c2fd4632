//! Collects a JSON feed: the smallest polling source of use, and the text to start another one from.
//!
//! [`config`] is what a user may set; [`feed`] is what to ask and what an answer means. Neither does
//! any I/O: time, random bytes and answers are handed in. `component` joins them to the contract in
//! `wit/`. A panic is a bug, never an answer to input.

#![allow(missing_docs, reason = "the fields are those of wit/source.wit, which has a text on each")]
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate, reason = "for the tests alone")]

pub mod config;
pub mod feed;

#[cfg(target_family = "wasm")]
mod component;
