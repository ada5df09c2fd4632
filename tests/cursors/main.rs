//! Cursors are for ever: those that this or an earlier version wrote are kept as files, and lead
//! where they led; those of a later version are refused by name. `README.md` here tells how.
//!
//! Mutants of `src/position/cursor.rs` that it kills: any member read as its default, or left out in writing; a
//! member more, less or by another name; a newer version read as this one, or begun anew.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]

#[path = "../fake/mod.rs"]
mod fake;
mod meaning;
mod stories;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fake::{Host, codes, config, config_with, failed, page};
use meaning::Case;
use mimecast_ttp_source::{ErrorKind, Second, Stats};
use serde_json::{Value, json};
use stories::Story;

const CURSORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cursors");

/// A kept cursor with what is expected of it.
struct Kept {
    name: String,
    case: Case,
    leads_to: Value,
}

/// Those of all versions.
fn kept() -> Vec<Kept> {
    let mut kept: Vec<Kept> = folders().iter().flat_map(|folder| kept_in(folder)).collect();
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    kept
}

/// `v1` and so on, the newest last.
fn folders() -> Vec<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.strip_prefix('v')?.parse::<u64>().ok();
    let entries = fs::read_dir(CURSORS).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter_map(|path| Some((version(&path)?, path))).collect();
    folders.sort();
    folders.into_iter().map(|(_, path)| path).collect()
}

fn kept_in(folder: &Path) -> Vec<Kept> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter_map(|path| read(&path)).collect()
}

fn read(path: &Path) -> Option<Kept> {
    let name = path.to_str().unwrap().strip_prefix(CURSORS).unwrap().strip_suffix(".json")?;
    if name.ends_with(".expect") {
        return None;
    }
    let cursor = fs::read_to_string(path).unwrap().trim_end().to_owned();
    let expected = fs::read_to_string(path.with_extension("expect.json")).expect(name);
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let case = Case {
        cursor,
        config: config_with(expected["config"].clone()),
        now: Second::parse_rfc3339(expected["now"].as_str().unwrap()).unwrap().unix_secs(),
        known: expected["known"].as_array().unwrap().clone(),
    };
    Some(Kept { name: name.to_owned(), case, leads_to: expected["leads_to"].clone() })
}

#[test]
fn every_cursor_that_was_ever_written_leads_where_it_led() {
    let kept = kept();
    assert!(kept.len() >= 20, "{}", kept.len());
    for Kept { name, case, leads_to } in kept {
        let found = case.meaning();
        assert_eq!(found, leads_to, "{name}: it leads to {found:#}");
    }
}

#[test]
fn every_cursor_that_was_ever_written_is_written_again_without_loss() {
    for Kept { name, case, .. } in kept() {
        let mut host = case.host();
        host.skip_newest();
        let asked = host.next();
        // Nothing new, and the window goes on: the position stays as it is. Each row twice, so that it is
        // not the page before once more.
        let again = [&case.known[..], &case.known[..]].concat();
        host.poll(page(&again, None, Some("again"))).unwrap();
        let again: Value = serde_json::from_str(host.cursor.as_deref().unwrap()).unwrap();
        let before: Value = serde_json::from_str(&case.cursor).unwrap();
        if before["version"] == again["version"] {
            // A token that is too old is left behind, with half the window.
            let is_cut = asked.token.is_none() && !before["pass"]["window"]["token"].is_null();
            for (member, value) in before.as_object().unwrap() {
                // What is shown again may be remembered for longer; what was told stays told.
                let len = |value: &Value| value.as_str().map(str::len);
                match member.as_str() {
                    "pass" | "due" | "told" | "habits" => {}
                    "span_secs" if is_cut => {}
                    "seen" => assert_eq!(len(&again[member]), len(value), "{name}: {member}"),
                    _ => assert_eq!(again[member], *value, "{name}: {member}"),
                }
            }
        }
        let next = host.next();
        assert_eq!(
            (next.from, next.to, next.signed),
            (asked.from, asked.to, asked.signed),
            "{name}"
        );
        assert_eq!(next.token.as_deref(), Some("again"), "{name}");
        let batch = host.poll(page(&case.known, None, None)).unwrap();
        assert_eq!((batch.events.len(), codes(&batch.notices)), (0, vec![]), "{name}");
    }
}

/// The paths of all members, with their types.
fn shape(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(members) => {
            for (name, value) in members {
                shape(&format!("{path}/{name}"), value, found);
            }
            "object"
        }
        Value::Array(_) => "list",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    found.insert(format!("{path}: {kind}"));
}

fn shape_of<'a>(cursors: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for cursor in cursors {
        shape("", &serde_json::from_str(cursor).unwrap(), &mut found);
    }
    found
}

/// Cursors are shown on terminals, kept by hosts and passed on by scripts.
#[test]
fn a_cursor_is_printable_ascii_whatever_an_api_says() {
    for story in stories::all() {
        let cursor = story.host.cursor.clone().unwrap();
        let odd = cursor.chars().find(|char| !matches!(char, ' '..='~'));
        assert_eq!(odd, None, "{}: {cursor}", story.name);
    }
}

#[test]
fn a_change_of_the_format_takes_a_new_number_and_a_new_folder() {
    let stories = stories::all();
    let newest = kept_in(folders().last().unwrap());
    assert_eq!(
        shape_of(stories.iter().map(|story| story.host.cursor.as_deref().unwrap())),
        shape_of(newest.iter().map(|kept| kept.case.cursor.as_str())),
        "see tests/cursors/README.md"
    );
    let names: BTreeSet<_> = newest.iter().map(|kept| kept.name.as_str()).collect();
    for story in &stories {
        let name = format!("/v{}/{}", version_of(story), story.name);
        assert!(names.contains(name.as_str()), "{name} is not kept: see tests/cursors/README.md");
    }
}

/// Writes the files of stories that have none. Never writes over a file.
#[test]
#[ignore = "writes files, by hand: see tests/cursors/README.md"]
fn keep_the_cursors_of_new_stories() {
    for story in stories::all() {
        let cursor = story.host.cursor.clone().unwrap();
        let folder = Path::new(CURSORS).join(format!("v{}", version_of(&story)));
        let path = folder.join(story.name).with_extension("json");
        if path.exists() {
            continue;
        }
        let Story { about, config, known, host, .. } = story;
        let now = host.now;
        let case = Case { cursor, config: config_with(config.clone()), now, known };
        let expected = json!({"about": about, "config": config,
            "now": Second::new(now).to_string(), "known": case.known, "leads_to": case.meaning()});
        fs::create_dir_all(folder).unwrap();
        let files =
            [(path.with_extension("expect.json"), format!("{expected:#}")), (path, case.cursor)];
        for (path, text) in files {
            writeln!(fs::File::create_new(path).unwrap(), "{text}").unwrap();
        }
    }
}

fn version_of(story: &Story) -> Value {
    let cursor: Value = serde_json::from_str(story.host.cursor.as_deref().unwrap()).unwrap();
    cursor["version"].clone()
}

/// The error of a poll with this cursor, which sends nothing and changes nothing.
#[track_caller]
fn refused(cursor: &str) -> String {
    let mut host = Host::new(&config());
    host.cursor = Some(cursor.to_owned());
    let error = failed(host.poll_with(|_| panic!("nothing may be sent")), ErrorKind::Cursor);
    assert_eq!((error.stats, host.cursor.as_deref()), (Stats::default(), Some(cursor)));
    assert!(error.message.contains("reset"), "{error:?}");
    error.message
}

/// Each kept cursor of version 1 with another text for its version.
fn with_version(version: &str) -> impl Iterator<Item = String> {
    let kept = kept_in(&Path::new(CURSORS).join("v1"));
    let version = format!("\"version\":{version}");
    kept.into_iter().map(move |kept| kept.case.cursor.replacen("\"version\":1", &version, 1))
}

#[test]
fn a_cursor_of_a_newer_version_is_refused_by_its_number_whatever_else_it_holds() {
    for version in [2, 3, u64::MAX] {
        let number = version.to_string();
        let mut newer: Vec<String> = with_version(&number).collect();
        newer.extend([
            json!({"version": version}).to_string(),
            json!({"version": version, "watermark": 5, "pass": [], "seen": {"a": null}})
                .to_string(),
            json!({"version": version, "streams": [{"watermark": "2026-11-01"}]}).to_string(),
            format!(r#" {{"zzz":[{{}}],"":"","version":{version}}} "#),
            format!(r#"{{"\u0076ersion":{version},"version ":1}}"#),
        ]);
        for cursor in newer {
            let message = refused(&cursor);
            assert!(message.contains(&format!("of version {version}, newer")), "{message}");
            assert!(message.contains("update the source"), "{message}");
            assert!(!message.contains("damaged"), "{message}");
        }
    }
}

#[test]
fn a_cursor_without_a_version_that_ever_was_is_refused_as_damaged() {
    let whole = with_version("1").next().unwrap();
    let mut damaged = vec![whole.replacen("\"version\":1,", "", 1)];
    for version in [
        "0",
        "-1",
        "-2",
        "-0",
        "1.0",
        "1.5",
        "2.5",
        "1e0",
        "\"1\"",
        "\"2\"",
        "\"\"",
        "null",
        "true",
        "[1]",
        "{}",
        "18446744073709551616",
        "1,\"version\":1",
    ] {
        damaged.extend(with_version(version));
    }
    damaged
        .extend(["{}", "1", "2", "[]", "[{\"version\":2}]", "\"version\"", ""].map(String::from));
    for cursor in damaged {
        let message = refused(&cursor);
        assert!(message.contains("damaged"), "{message}: {cursor}");
        assert!(!message.contains("newer"), "{message}: {cursor}");
    }
}
