//! What `ARCHITECTURE.md` names is there.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = include_str!("../ARCHITECTURE.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_path_leads_somewhere_and_what_is_named_past_it_is_in_it() {
    // Every second part stands in backquotes; the blocks of three are left out with their own.
    let parts: Vec<&str> =
        DOCUMENT.split("```").step_by(2).flat_map(|text| text.split('`')).collect();
    let mut paths = 0;
    for (index, path) in parts.iter().enumerate() {
        if !path.contains('/') || path.contains([' ', '\n', '(']) {
            continue;
        }
        paths += 1;
        assert!(root().join(path).exists(), "{path}");
        if let [" ", named, ..] = parts[index + 1..] {
            let text = fs::read_to_string(root().join(path)).unwrap();
            let is_there =
                ["(", "<"].iter().any(|past| text.contains(&format!("fn {named}{past}")));
            assert!(is_there, "{named} in {path}");
        }
    }
    assert!(paths > 30, "{paths}");
}

#[test]
fn the_rooms_of_the_source_are_those_of_the_tree() {
    let tree = DOCUMENT.split_once("\nsrc/ ").unwrap().1.split_once("\nexamples/").unwrap().0;
    let named = tree.lines().skip(1).filter(|line| !line.starts_with("    "));
    let named = named
        .filter_map(|line| line.trim_start().split("  ").next())
        .flat_map(|names| names.split(", "));
    let named: BTreeSet<String> = named.map(|name| name.trim_end_matches('/').to_owned()).collect();
    let files = fs::read_dir(root().join("src")).unwrap();
    let rooms =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let rooms: BTreeSet<String> = rooms.filter(|room| room != "lib").collect();
    assert_eq!(named, rooms);
}

#[test]
fn every_test_has_its_line() {
    let table = include_str!("README.md").split("\n## ").next().unwrap();
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || table.contains(&format!("`{name}")), "{name}");
    }
}
