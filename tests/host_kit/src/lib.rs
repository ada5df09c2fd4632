//! Scenarios that any host of the contract can be run against, in whatever language it is written.
//!
//! A [`scenario`] is what the probe component is told to do and what must come of it; [`server`] is what it
//! asks, which misbehaves on purpose; a [`driver`] says how a host is started; [`run`] plays one scenario
//! against one host, and [`judge`] says what went wrong in it.

#![allow(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "for the kit's own programs"
)]

pub mod driver;
pub mod host;
pub mod judge;
pub mod output;
pub mod run;
pub mod scenario;
pub mod scenarios;
pub mod server;
