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

/// The inputs of a file. The error says which line is not as it should be.
pub(crate) fn unpack(text: &str) -> Result<Vec<Input>, String> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut name = String::new();
    for line in text.split_terminator('\n') {
        if let Some(told) = line.strip_prefix("# ") {
            told.clone_into(&mut name);
        } else if let Some(goes_on) = line.strip_prefix('|') {
            // Without one before it, it is told below.
            if let Some(input) = inputs.last_mut() {
                input.bytes.push(b'\n');
                input.bytes.extend(unescaped(goes_on));
            }
        } else {
            inputs.push(Input { name: mem::take(&mut name), bytes: unescaped(line) });
        }
    }
    // There is one way to write an input, so what was not understood shows here.
    let written = pack(&inputs);
    let mut lines = (1..).zip(text.split('\n').zip(written.split('\n')));
    match lines.find(|(_, (line, written))| line != written) {
        Some((number, (line, _))) => {
            Err(format!("line {number} is not in the form of tests/fuzz/README.md: {line:?}"))
        }
        None if text.len() != written.len() => {
            Err("the last line is not in the form of tests/fuzz/README.md".to_owned())
        }
        None => Ok(inputs),
    }
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
        let hex = piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.extend(hex);
        bytes.extend(piece.bytes().skip(2));
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
