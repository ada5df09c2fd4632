//! What an API does that is not as documented, and was seen or is feared: listings that have no
//! clean end, counts that do not fit, windows that are not answered, rows that cannot be read,
//! clocks that disagree, bounds that are rounded, ids that do not last. Each test says what is
//! right then: every row comes once, in a bounded number of requests, and a person is told once.
//!
//! `tests/liveness/` puts these together; `tests/README.md` says which belief each of them breaks.
#![allow(clippy::unwrap_used)]

mod clocks;
mod collector;
mod counts;
mod endings;
mod evidence;
#[path = "../fake/mod.rs"]
mod fake;
mod identity;
mod lengths;
mod reach;
mod unreadable;
