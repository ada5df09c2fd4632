//! Runs polling sources.
fn main() {}
