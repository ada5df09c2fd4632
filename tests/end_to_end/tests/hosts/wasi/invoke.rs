//! Calls a function of a component by `wasmtime run --invoke`, which knows WASI and nothing else.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;

/// Calls a function of a composition, and gives what it returns, in the text form of components' values.
#[track_caller]
pub(super) fn invoke(composition: &str, call: &str) -> String {
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    let dir = artifacts::scratch(&format!("wasi-invoke-{number}"));
    let (stdout, stderr) = (dir.join("stdout"), dir.join("stderr"));
    let mut child = Command::new(artifacts::wasmtime())
        .args(["run", "-S", "http", "--invoke", call])
        .arg(artifacts::composition(composition))
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + CALL_FOR_MAX;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("it does not end: {call:.300}");
            }
        }
    };
    assert!(status.success(), "{call:.300}: {}", fs::read_to_string(stderr).unwrap());
    fs::read_to_string(stdout).unwrap().trim_end().to_owned()
}

static CALLS: AtomicU32 = AtomicU32::new(1);
/// Longer than any time that the adapter allows, by far.
const CALL_FOR_MAX: Duration = Duration::from_secs(80);

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
