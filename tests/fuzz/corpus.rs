//! The inputs of a fuzz target in one file that can be read and compared. README.md beside this file
//! describes the form.

use std::fmt::Write as _;
use std::mem;

/// What a target is run with.
pub(crate) struct Input {
    /// What it shows; empty for most.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The inputs of a file.
pub(crate) fn unpack(text: &str) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# ") {
            told.clone_into(&mut name);
        } else if let Some(line) = line.strip_prefix('|') {
            let input = inputs.last_mut().expect("an input has a first line");
            input.bytes.push(b'\n');
            input.bytes.extend(unescaped(line));
        } else {
            inputs.push(Input { name: mem::take(&mut name), bytes: unescaped(line) });
        }
    }
    inputs
}

/// The file of these inputs.
pub(crate) fn pack(inputs: &[Input]) -> String {
    let mut text = String::new();
    for Input { name, bytes } in inputs {
        if !name.is_empty() {
            text.extend(["# ", name, "\n"]);
        }
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(escaped).collect();
        text.extend([&lines.join("\n|"), "\n"]);
    }
    text
}

fn unescaped(line: &str) -> Vec<u8> {
    let mut pieces = line.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, plain) = piece.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).expect("\\x stands before two digits"));
        bytes.extend(plain.bytes());
    }
    bytes
}

fn escaped(line: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in line.iter().enumerate() {
        let is_plain = match byte {
            // What means something at the beginning of a line, and what gets lost at its end.
            b'#' | b'|' => index > 0,
            b' ' => index + 1 < line.len(),
            b'\\' => line.get(index + 1) != Some(&b'x'),
            byte => byte.is_ascii_graphic(),
        };
        if is_plain {
            text.push(char::from(*byte));
        } else {
            write!(text, "\\x{byte:02x}").expect("a text takes all that is written");
        }
    }
    text
}
