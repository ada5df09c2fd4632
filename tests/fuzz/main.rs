//! The corpus of the fuzz targets, run by any toolchain: what was found once stays found.
//!
//! Mutants that it kills: an event of any format without its last brace.

#![allow(clippy::unwrap_used, reason = "the targets are the tests' own")]

mod corpus;
mod targets;

/// Runs a target over its corpus and over every byte of it left out or turned around.
fn replay(packed: &str, target: fn(&[u8])) {
    let inputs = corpus::unpack(packed);
    assert!(inputs.len() >= 70, "there are {} inputs", inputs.len());
    assert_eq!(corpus::pack(&inputs), packed, "see tests/fuzz/README.md");
    for corpus::Input { bytes: input, .. } in inputs {
        target(&input);
        for index in 0..input.len().min(MUTATED_BYTES_MAX) {
            let mut changed = input.clone();
            changed[index] ^= 0x10;
            target(&changed);
            changed.remove(index);
            target(&changed);
        }
    }
}

#[test]
fn configurations_never_panic() {
    replay(include_str!("corpus/configuration.txt"), targets::configuration);
}

#[test]
fn cursors_never_panic() {
    replay(include_str!("corpus/cursor.txt"), targets::cursor);
}

#[test]
fn dates_never_panic() {
    replay(include_str!("corpus/dates.txt"), targets::dates);
}

#[test]
fn replies_never_panic() {
    replay(include_str!("corpus/replies.txt"), targets::replies);
}

/// Of each input: enough for every byte of nearly all of them.
const MUTATED_BYTES_MAX: usize = 2_000;
