//! The rules by which a cursor moves, seen from outside: through what is asked for, what comes out
//! as events, and how far a batch says that collection has come.
#![allow(clippy::unwrap_used)]

#[path = "../fake/mod.rs"]
mod fake;

mod clocks;
mod economy;
mod evidence;
mod memory;
mod position;
mod tokens;
mod windows;
