//! Each row of `rows/` gives the events that lie in `golden/`, to the byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::event::{SCHEMAS, event_of};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats");

/// Rows whose events are kept with the row's own text in them as well.
const WITH_ORIGINAL: [&str; 5] =
    ["common", "escapes", "pretty_printed", "pretty_printed_crlf", "row_number"];

/// The rows, by the names of their files.
pub(crate) fn rows() -> BTreeMap<String, String> {
    let rows = files(&Path::new(FOLDER).join("rows")).into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (stem(&path), text.trim_end().to_owned())
    });
    rows.collect()
}

/// A golden file as it should be.
struct Golden {
    path: PathBuf,
    text: String,
}

/// All golden files.
fn golden() -> Vec<Golden> {
    let mut golden = Vec::new();
    for format in SCHEMAS {
        let folder = Path::new(FOLDER).join("golden").join(format);
        for (name, row) in rows() {
            let of = |file: String, keep_original| Golden {
                path: folder.join(file),
                text: event_of(&row, format, keep_original).body + "\n",
            };
            golden.push(of(format!("{name}.json"), false));
            if WITH_ORIGINAL.contains(&&*name) {
                golden.push(of(format!("{name}.original.json"), true));
            }
        }
    }
    golden
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn each_row_gives_the_events_that_were_looked_over() {
    assert!(rows().len() >= 50, "rows are missing");
    let golden = golden();
    for Golden { path, text } in &golden {
        let kept = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(*text, kept, "{}: see tests/formats/README.md", path.display());
    }
    let expected: BTreeSet<_> = golden.into_iter().map(|golden| golden.path).collect();
    let folders = SCHEMAS.map(|format| Path::new(FOLDER).join("golden").join(format));
    let there: BTreeSet<_> = folders.iter().flat_map(|folder| files(folder)).collect();
    assert_eq!(there, expected, "files of no row");
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
    for format in SCHEMAS {
        let folder = Path::new(FOLDER).join("golden").join(format);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
    }
    for Golden { path, text } in golden() {
        fs::write(path, text).unwrap();
    }
}
