//! Calls a function of a component by `wasmtime run --invoke`, which knows WASI and nothing else.

use std::process::Command;

use end_to_end::artifacts;

/// Calls a function of a composition, and gives what it returns, in the text form of components' values.
#[track_caller]
pub(super) fn invoke(composition: &str, call: &str) -> String {
    let output = Command::new(artifacts::wasmtime())
        .args(["run", "-S", "http", "--invoke", call])
        .arg(artifacts::composition(composition))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{call}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A text as a value.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// All texts of a member, as they stand in a value, quotes included.
pub(super) fn members<'a>(value: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("{name}: \"");
    let texts = value.match_indices(&begin).map(|(at, _)| &value[at + begin.len() - 1..]);
    texts.map(|text| &text[..=end(text)]).collect()
}

/// Where the quoted text ends with which this begins.
fn end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("a text has no end: {text}");
}

/// What a quoted text means.
pub(super) fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text[1..text.len() - 1].chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next().unwrap() {
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            'u' => {
                let code: String = rest.by_ref().skip(1).take_while(|&c| c != '}').collect();
                plain.extend(char::from_u32(u32::from_str_radix(&code, 16).unwrap()));
            }
            c => plain.push(c),
        }
    }
    plain
}
