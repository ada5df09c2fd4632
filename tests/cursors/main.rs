//! Cursors are for ever: those that this or an earlier version wrote are kept as files, and lead
//! where they led; those of a later version, and of another stream, are refused by name. `README.md` here tells how.
//!
//! Mutants of `src/position/cursor.rs` that it kills: any member read as its default, or left out in writing; a
//! member more, less or by another name; a newer version read as this one, or begun anew.
#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "it is the core that reads no files, not its tests")]

#[path = "../fake/mod.rs"]
mod fake;
mod meaning;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fake::{Host, codes, config, config_with, failed, page};
use meaning::Case;
use mimecast_ttp_source::{ErrorKind, Second, Stats, explain};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stories::Story;

const CURSORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cursors");
/// The file of each folder that says what its cursors come to.
const SUMS: &str = "sha256.txt";

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
                match member.as_str() {
                    "pass" | "due" | "told" | "habits" => {}
                    "span_secs" if is_cut => {}
                    "seen" => assert_eq!(
                        rows_remembered(host.cursor.as_deref().unwrap()),
                        rows_remembered(&case.cursor),
                        "{name}"
                    ),
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

fn rows_remembered(cursor: &str) -> String {
    let words: BTreeMap<_, _> = explain(cursor).unwrap().into_iter().collect();
    words["rows_remembered"].split(' ').next().unwrap().to_owned()
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

/// What `sha256sum` prints of the cursors of a folder.
fn sums(folder: &Path) -> String {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.strip_suffix(".json").is_some_and(|name| !name.ends_with(".expect")))
        .collect();
    names.sort();
    let sum = |name: &String| {
        format!("{:x}  {name}\n", Sha256::digest(fs::read(folder.join(name)).unwrap()))
    };
    names.iter().map(sum).collect()
}

#[test]
fn no_byte_of_a_kept_cursor_was_changed() {
    for folder in folders() {
        let kept = fs::read_to_string(folder.join(SUMS)).unwrap();
        assert_eq!(sums(&folder), kept, "{}: see tests/cursors/README.md", folder.display());
    }
}

/// Writes the files of stories that have none. Never writes over a file.
#[test]
#[ignore = "writes files, by hand: see tests/cursors/README.md"]
fn keep_the_cursors_of_new_stories() {
    // What is there already has to be as it was.
    let was_kept =
        |folder: &PathBuf| fs::read_to_string(folder.join(SUMS)).unwrap() == sums(folder);
    assert!(folders().iter().all(was_kept), "a kept cursor was changed");
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
    for folder in folders() {
        fs::write(folder.join(SUMS), sums(&folder)).unwrap();
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
    // Whoever only looks at it is told the same.
    assert_eq!(explain(cursor), Err(error.clone()));
    error.message
}

#[test]
fn a_cursor_of_another_stream_is_refused_by_its_name_whatever_else_it_holds() {
    let of = |stream: &str| format!("\"stream\":\"{stream}\"");
    let mut foreign: Vec<String> = with_version("1")
        .map(|cursor| cursor.replacen(&of("ttp_impersonation"), &of("ttp_url"), 1))
        .collect();
    foreign.push(r#"{"version":1,"stream":"ttp_url","since":{"a":[1]}}"#.to_owned());
    for cursor in foreign {
        let message = refused(&cursor);
        assert!(message.contains("of the stream ttp_url"), "{message}");
        assert!(message.contains("collects ttp_impersonation"), "{message}");
        assert_eq!(explain(&cursor).unwrap_err().code, "cursor_foreign");
    }
    // First of all it has to be of a version that is known.
    let newer = r#"{"version":2,"stream":"ttp_url"}"#;
    assert!(refused(newer).contains("of version 2, newer"));
    for no_name in ["", "a b", "TTP", "\\u001b", &"a".repeat(65)] {
        let message = refused(&format!(r#"{{"version":1,"stream":"{no_name}"}}"#));
        assert!(message.contains("damaged"), "{message}");
    }
}

#[test]
fn a_cursor_is_told_in_words_and_its_page_token_is_not() {
    for Kept { name, case, .. } in kept() {
        let words: BTreeMap<_, _> = explain(&case.cursor).unwrap().into_iter().collect();
        let before = case.host().next();
        assert_eq!(words["stream"], "ttp_impersonation", "{name}");
        let watermark = Second::parse_rfc3339(&words["complete_until"]);
        assert!(watermark.unwrap().unix_secs() <= before.from, "{name}: {words:?}");
        let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(words.keys().all(|name| name.chars().all(is_of_name)), "{name}: {words:?}");
        let cursor: Value = serde_json::from_str(&case.cursor).unwrap();
        let token = &cursor["pass"]["window"]["token"]["text"];
        let is_held = words.get("page_token").is_some_and(|held| held == "held");
        assert_eq!(is_held, token.is_string(), "{name}: {words:?}");
        let token = before.token.or(token.as_str().map(str::to_owned));
        let told = format!("{words:?}");
        assert!(token.is_none_or(|token| !told.contains(&token)), "{name}: {told}");
    }
    let words = |name: &str| {
        let path = Path::new(CURSORS).join("v1").join(name).with_extension("json");
        explain(fs::read_to_string(path).unwrap().trim_end()).unwrap()
    };
    let expected = [
        ("stream", "ttp_impersonation"),
        ("complete_until", "2026-11-01T00:00:00Z"),
        ("newest_event", "2026-11-01T00:16:40Z"),
        ("rows_remembered", "3 since 2026-11-01T00:16:40Z"),
        ("next_poll_due", "2026-11-01T01:00:00Z"),
        ("api_clock_offset_secs", "0"),
        ("filters_fingerprint", "e813a8e2707a8b63"),
        ("pass_planned", "2026-11-01T01:00:00Z"),
        ("pass_end", "2026-11-01T01:00:00Z"),
        ("window_from", "2026-11-01T00:00:00Z"),
        ("window_to", "2026-11-01T01:00:00Z"),
        ("window_rows", "3"),
        ("window_rows_counted", "1200"),
        ("page_token", "held"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(words("mid-window"), expected);
    let setbacks = ("setbacks".to_owned(), "3 since 2026-11-01T01:00:00Z".to_owned());
    assert_eq!(words("refused-tokens").pop(), Some(setbacks));
    assert_eq!(words("fresh-start")[2], ("rows_remembered".to_owned(), "0".to_owned()));
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
