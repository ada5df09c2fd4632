//! The corpus of the fuzz targets, run by any toolchain: what was found once stays found.
//!
//! Mutants that it kills: an event of any format without its last brace.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it reads the corpus")]

mod targets;

use std::fs;
use std::path::Path;

/// Runs a target over its corpus and over every byte of it left out or turned around.
fn replay(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(&corpus).unwrap();
    let inputs: Vec<_> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() >= 10, "{name} has {} inputs", inputs.len());
    for input in inputs {
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
    replay("configuration", targets::configuration);
}

#[test]
fn cursors_never_panic() {
    replay("cursor", targets::cursor);
}

#[test]
fn dates_never_panic() {
    replay("dates", targets::dates);
}

#[test]
fn replies_never_panic() {
    replay("replies", targets::replies);
}

/// Of each input: enough for every byte of nearly all of them.
const MUTATED_BYTES_MAX: usize = 2_000;
