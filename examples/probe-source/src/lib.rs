//! Does at each poll what its configuration says: asks what it is told to ask, and answers what it is told
//! to answer, good and bad. What a host makes of that is for whoever reads the host's output.
//!
//! [`script`] is the configuration: a list of steps, of which the cursor chooses one; [`answer`] is what
//! becomes of a poll; [`told`] is the event that tells of a reply. Neither does any I/O. A poll is a function
//! of the configuration, the cursor and the reply alone. `component` joins them to the contract in `wit/`.

#![allow(missing_docs, reason = "the fields are those of wit/source.wit, which has a text on each")]
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate, reason = "for tests alone")]

pub mod answer;
pub mod script;
pub mod told;

#[cfg(target_family = "wasm")]
mod component;
