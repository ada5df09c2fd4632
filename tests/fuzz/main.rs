//! The corpus of the fuzz targets, run by any toolchain: what was found once stays found.
//!
//! Mutants that it kills: an event of any format without its last brace.

#![allow(clippy::unwrap_used, reason = "the targets are the tests' own")]

mod corpus;
mod targets;

use std::collections::BTreeSet;

/// Runs a target over its corpus and over every byte of it left out or turned around.
fn replay(packed: &str, target: fn(&[u8])) {
    let inputs = corpus::unpack(packed).unwrap();
    assert!(inputs.len() >= 70, "there are {} inputs", inputs.len());
    let apart: BTreeSet<_> = inputs.iter().map(|input| &input.bytes).collect();
    assert_eq!(apart.len(), inputs.len(), "an input stands twice");
    for (number, corpus::Input { name, bytes: input }) in (1..).zip(inputs) {
        // Shown of a test that fails: the last one is the culprit.
        eprintln!("input {number} {name}");
        target(&input);
        for index in 0..input.len() {
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

#[test]
fn what_is_packed_comes_back_as_it_was() {
    let all: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 13] = [
        b"", b"\n", b"\n\n", b"#", b"# a", b"a # b", b"|", b"a\n|b", b"\\x41", b"\\\\x", b"a \n ",
        b"\r\n", &all,
    ];
    let inputs = texts.map(|bytes| corpus::Input { name: "name".into(), bytes: bytes.to_vec() });
    let back = corpus::unpack(&corpus::pack(&inputs)).unwrap();
    assert_eq!(back.iter().map(|input| &*input.bytes).collect::<Vec<_>>(), texts);
    for (odd, line) in [
        ("a\n# \n", 2),
        ("# one\n# two\na\n", 1),
        ("|a\n", 1),
        ("a\n\\x4\n", 2),
        ("\\x5C\n", 1),
        ("\u{e9}\n", 1),
        ("a\r\n", 1),
    ] {
        let why = corpus::unpack(odd).err().unwrap();
        assert!(why.starts_with(&format!("line {line} ")), "{odd:?}: {why}");
    }
}
