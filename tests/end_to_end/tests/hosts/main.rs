//! The component in hosts of other languages and makers: `cargo xtask hosts` runs these tests, and
//! makes ready what they need.
#![allow(clippy::unwrap_used)]

mod behaviours;
mod conformance;
mod example;
mod exchange;
mod faulty;
mod feed;
mod go;
mod guests;
mod node;
mod python;
mod rust;
mod wasi;
