//! The component in `source-host`, a process of its own, against the simulated API.
#![allow(clippy::unwrap_used)]

mod collecting;
mod crashes;
mod faults;
mod formats;
mod oauth;
mod position;
mod readme;
mod refusals;
mod secrets;
mod strange;
mod verdicts;
mod waits;
