//! The forms that an event's body can have: against golden files, against the schemas themselves,
//! back to the row, and within bounds. `README.md` here tells how a row is added.
//!
//! Mutants of `src/format` that it kills: an action, an id or a constant of another kind; an empty id
//! as the identity; a time without its fraction or not in UTC; longer texts, longer IP addresses,
//! longer fractions, refused addresses, or one of several senders in a schema's place; a text taken
//! that says more than its place, or a message id without brackets; a row that is no object left out;
//! members cut off; line breaks kept; tabs and quotes in six bytes; a rule of the checker left out.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]

#[path = "../fake/mod.rs"]
mod fake;

mod bounds;
mod conformance;
mod event;
mod generator;
mod golden;
mod restoration;
mod schema;
