//! What every example does with the file of its cursor, and with what stands in its place.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use end_to_end::rows::assert_each_once;
use mimecast_sim::{Fault, FaultRule, Options, ScriptedRow, When, api_date};
use serde_json::{Value, json};

use super::unread::after_the_cut;
use super::{failed, slow_api, world};
use crate::example::{Example, Language, UNTIL_CAUGHT_UP, everything};

pub(crate) fn the_file_of_the_cursor_is_always_whole(language: Language) {
    let api = slow_api(3_000);
    let example = Example::new(language, "whole-cursor", &api);
    // A host that was killed while it wrote.
    fs::write(example.file("cursor.txt.new"), "{\"version\":1,\"waterm".repeat(100)).unwrap();
    let mut process = example.start(UNTIL_CAUGHT_UP);
    let mut seen = Vec::new();
    while seen.len() < 10 {
        process.wait_until("another cursor", || {
            read(&example).is_ok_and(|text| seen.last() != Some(&text))
        });
        let text = read(&example).unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_ok_and(|json| json.is_object()), "{text}");
        seen.push(text);
    }
    let run = process.wait();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_each_once(after_the_cut(&run.stdout), &everything(&api));
    assert!(!example.file("cursor.txt.new").exists());
}

pub(crate) fn a_cursor_that_cannot_be_read_is_never_begun_anew(language: Language) {
    let api = Options::default().start().unwrap();
    let example = Example::new(language, "bad-cursor", &api);
    let cursor = example.file("cursor.txt");
    for (bytes, told) in [
        // After a power cut.
        (&b""[..], "cursor.txt: it is empty"),
        (b"{\"version\":1", "damaged"),
        (b"\xff\xfe", "cursor.txt"),
        (&vec![b' '; 1_000_001], "cursor.txt: it is too large"),
    ] {
        fs::write(&cursor, bytes).unwrap();
        let run = failed(&example);
        assert!(run.stderr.contains(told), "{told} in: {}", run.stderr);
        assert!(fs::read(&cursor).unwrap() == bytes, "the cursor was changed");
    }
    fs::remove_file(&cursor).unwrap();
    let elsewhere = example.file("elsewhere.txt");
    fs::write(&elsewhere, "{}").unwrap();
    for put in OTHERS {
        put(&cursor, &elsewhere);
        let run = failed(&example);
        let told = "cursor.txt: it is no regular file";
        assert!(run.stderr.contains(told) && run.stderr.contains("remove it"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "{}");
        remove(&cursor);
    }
    assert_eq!(api.stats().requests, 0, "something was sent");
}

pub(crate) fn a_cursor_that_another_has_changed_ends_it(language: Language) {
    let api = Options { world: world(10), ..Options::default() }.start().unwrap();
    let example =
        Example::new(language, "changed", &api).with("/config/poll_interval_secs", json!(1));
    example.catch_up();
    for (number, left) in [(1, Some("{}")), (2, None)] {
        let second = api.now_secs() - 1;
        let late = format!(r#"{{"id":"late-{number}","eventTime":"{}"}}"#, api_date(second));
        let kept = read(&example).unwrap();
        // While an answer is waited for, the cursor stands still.
        api.set_faults(vec![FaultRule::new(Fault::Slow { delay_ms: 300 }, When::Every(1))]);
        let requests = api.stats().requests;
        let mut process = example.start(&[]);
        process.wait_until("a request", || api.stats().requests > requests);
        match left {
            Some(text) => fs::write(example.file("cursor.txt"), text).unwrap(),
            None => fs::remove_file(example.file("cursor.txt")).unwrap(),
        }
        api.push_rows([ScriptedRow::new(late.clone(), second)]);
        let run = process.wait();
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
        assert!(run.stderr.contains("cursor.txt: it was changed meanwhile"), "{}", run.stderr);
        assert_eq!(read(&example).ok().as_deref(), left, "another's cursor is gone");
        api.set_faults(Vec::new());
        fs::write(example.file("cursor.txt"), kept).unwrap();
        assert_eq!(example.catch_up(), late + "\n");
    }
}

pub(crate) fn a_cursor_that_cannot_be_stored_lets_no_batch_out(language: Language) {
    let api = Options { world: world(10), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "no-room", &api);
    example.catch_up();
    let second = api.now_secs() - 1;
    let late = format!(r#"{{"id":"late","eventTime":"{}"}}"#, api_date(second));
    api.push_rows([ScriptedRow::new(late.clone(), second)]);
    // Whatever starts it again and again would get the same page each time.
    let (waiting, elsewhere) = (example.file("cursor.txt.new"), example.file("elsewhere.txt"));
    fs::write(&elsewhere, "precious").unwrap();
    for put in OTHERS {
        put(&waiting, &elsewhere);
        assert!(failed(&example).stderr.contains("cursor.txt.new"));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
        remove(&waiting);
    }
    assert_eq!(example.catch_up(), late + "\n");
}

fn read(example: &Example) -> io::Result<String> {
    fs::read_to_string(example.file("cursor.txt"))
}

fn remove(path: &Path) {
    // A link to a folder is none itself.
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::remove_dir(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// What is no file of its own, each to be put at a path; links may lead to another.
const OTHERS: [fn(&Path, &Path); 4] = [
    |path, _| fs::create_dir(path).unwrap(),
    |path, _| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
    |path, elsewhere| symlink(elsewhere, path).unwrap(),
    |path, elsewhere| symlink(elsewhere.with_extension("gone"), path).unwrap(),
];
