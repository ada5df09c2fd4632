//! The codes of what a person is told: each stands in the README with what to do, and none besides.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands before the code of a notice in the source.
const BEFORE_A_CODE: [&str; 3] = ["departs(", "Notice::warn(", "Notice::info("];

#[test]
fn every_code_of_a_notice_is_in_the_readme_with_what_to_do() {
    let told = codes_of_the_source();
    assert!(told.len() >= 15, "{told:?}");
    assert_eq!(told, codes_of_the_readme());
}

fn codes_of_the_source() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut folders = vec![root().join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let (inner, own): (Vec<PathBuf>, Vec<PathBuf>) = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .partition(|path| path.is_dir());
        folders.extend(inner);
        files.extend(own.into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")));
    }
    for path in files {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for before in BEFORE_A_CODE {
            for after in code.split(before).skip(1) {
                if let Some(text) = after.trim_start().strip_prefix('"') {
                    codes.insert(text.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
    codes
}

fn codes_of_the_readme() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = text.split_once("### What is told\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
