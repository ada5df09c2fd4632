//! What is told: on one line, visible, and without secrets.

pub mod printable;
pub mod redact;
pub(crate) mod timestamp;
