//! Each row of `golden/` gives the events that lie beside it, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::event::{SCHEMAS, event_of};

/// Rows whose events are kept with the row's own text in them as well.
const WITH_ORIGINAL: [&str; 5] =
    ["common", "escapes", "pretty_printed", "pretty_printed_crlf", "row_number"];

/// The files, by their names. Whatever else lies beside them would go unseen.
fn files() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap();
        let name = file.strip_suffix(".json").unwrap_or_else(|| panic!("golden/{file} is no case"));
        (name.to_owned(), fs::read_to_string(&path).unwrap())
    };
    entries.map(named).collect()
}

/// The rows, by the names of their files.
pub(crate) fn rows() -> BTreeMap<String, String> {
    let row = |(name, text): (String, String)| {
        let row = row_of(&name, &text).to_owned();
        (name, row)
    };
    files().into_iter().map(row).collect()
}

/// The row of a file as it is written there: a parser would change how.
fn row_of<'a>(name: &str, text: &'a str) -> &'a str {
    let row = text.split_once("\"row\":").map_or("", |(_, row)| row.trim_start());
    let mut values = Deserializer::from_str(row).into_iter::<IgnoredAny>();
    let is_there = values.next().is_some_and(|value| value.is_ok());
    assert!(is_there, "golden/{name}.json begins with no row: see tests/formats/README.md");
    &row[..values.byte_offset()]
}

/// The file of a row as it should be.
fn golden(name: &str, row: &str) -> String {
    let mut text = format!("{{\n  \"row\": {row}");
    let mut add = |member: &str, format, keep_original| {
        let event = laid_out(&event_of(row, format, keep_original).body);
        text.extend([",\n  \"", member, "\": ", &event]);
    };
    for format in SCHEMAS {
        add(format, format, false);
        if WITH_ORIGINAL.contains(&name) {
            add(&format!("{format}_with_original"), format, true);
        }
    }
    text + "\n}\n"
}

/// A body with each member on a line of its own. Nothing is taken from it, and what is put in tells
/// itself from what it has: a body has no line breaks. So two that look the same are the same.
fn laid_out(body: &str) -> String {
    let (mut text, mut line_break, mut in_text) = (String::new(), "\n  ".to_owned(), false);
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        if !in_text && matches!(c, '}' | ']') && !text.ends_with(['{', '[']) {
            line_break.truncate(line_break.len() - 2);
            text += &line_break;
        }
        text.push(c);
        match c {
            '\\' => text.extend(chars.next()),
            '"' => in_text = !in_text,
            _ if in_text => {}
            '{' | '[' if !matches!(chars.peek(), Some('}' | ']')) => {
                line_break += "  ";
                text += &line_break;
            }
            ',' => text += &line_break,
            ':' => text.push(' '),
            _ => {}
        }
    }
    text
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/golden")
}

#[test]
fn each_row_gives_the_events_that_were_looked_over() {
    let files = files();
    assert!(files.len() >= 58, "of 58 cases {} are left", files.len());
    for (name, kept) in &files {
        let golden = golden(name, row_of(name, kept));
        let mut lines = (1..).zip(golden.split('\n').zip(kept.split('\n')));
        let differing = lines.find(|(_, (line, kept))| line != kept);
        let ends_alike = golden.len() == kept.len();
        assert!(
            differing.is_none() && ends_alike,
            "golden/{name}.json differs in a line, or where it ends: see tests/formats/README.md: \
             {differing:?}"
        );
    }
}

#[test]
fn raw_is_the_rows_own_text_without_its_line_breaks() {
    for (name, row) in rows() {
        let text = row.replace(['\r', '\n'], "");
        let body = if text.starts_with('{') { text } else { format!("{{\"row\":{text}}}") };
        for keep_original in [false, true] {
            assert_eq!(event_of(&row, "raw", keep_original).body, body, "{name}");
        }
    }
}

#[test]
#[ignore = "writes files, by hand: see tests/formats/README.md"]
fn write_the_golden_files_anew() {
    for (name, row) in rows() {
        let text = golden(&name, &row);
        fs::write(folder().join(name + ".json"), text).unwrap();
    }
}
