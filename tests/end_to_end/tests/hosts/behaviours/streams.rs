//! What every example does with the streams that it is given.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mimecast_sim::{Options, ScriptedRow, api_date};
use serde_json::{Value, json};

use super::world;
use crate::example::{Example, Language};

pub(crate) fn a_stdout_that_leads_nowhere_is_refused(language: Language) {
    let api = Options { world: world(10), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "nowhere", &api);
    for redirection in [">&-", "> /dev/null"] {
        let run = example.run_redirected(redirection);
        assert_eq!(run.code, Some(2), "{redirection}: {}", run.stderr);
        assert!(run.stderr.contains("stdout is closed or /dev/null"), "{}", run.stderr);
    }
    assert_eq!(api.stats().requests, 0, "something was sent");
    assert!(!example.file("cursor.txt").exists());
}

pub(crate) fn a_pipe_that_does_not_block_gets_every_line_whole(language: Language) {
    let script = json!({"do": "events", "pages": 10, "count": 200, "padding": 2_000});
    let example = Example::scripted(language, "no-block", &script);
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut child = example.start_into(Stdio::from(OwnedFd::from(theirs)), Stdio::piped());
    let mut lines = BufReader::new(ours);
    let mut seen = BTreeSet::new();
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        // Slower than what is written, so that there is no room again and again.
        if seen.len() % 50 == 0 {
            thread::sleep(Duration::from_millis(20));
        }
        let event: Value = serde_json::from_str(&line).unwrap();
        assert!(seen.insert((event["page"].as_u64(), event["row"].as_u64())), "it came twice");
        line.clear();
    }
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), seen.len()), (Some(0), 2_000), "{told}");
}

pub(crate) fn a_stderr_that_nobody_reads_holds_up_nothing(language: Language) {
    // A page has more notices than a pipe has room for.
    let script = json!({"do": "notices", "count": 100, "message": "m".repeat(2_000)});
    let example = Example::scripted(language, "unread-stderr", &script);
    let mut child = example.start_into(Stdio::piped(), Stdio::piped());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (done, waited) = mpsc::channel();
    // And whatever comes after them, or there would be no reader.
    thread::spawn(move || done.send(lines.by_ref().take(20).count()).map(|()| lines.count()));
    let came = waited.recv_timeout(Duration::from_mins(1));
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(asked.unwrap().success());
    let code = end_of(&mut child);
    assert_eq!((came, code), (Ok(20), Some(0)));
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.lines().count() > 10 && told.contains("scripted: mmm"), "{told:.100}");
}

pub(crate) fn a_stderr_that_is_closed_spoils_nothing(language: Language) {
    let api = Options { world: world(300), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "closed-stderr", &api);
    // With another stream closed the number of one of them is free for a file or a connection.
    let run = example.run_redirected("2>&- <&-");
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 300));
    let cursor = fs::read_to_string(example.file("cursor.txt")).unwrap();
    assert!(serde_json::from_str::<Value>(&cursor).is_ok_and(|json| json.is_object()), "{cursor}");
    // What is told of an error is no event either.
    let script = json!({"do": "stumble", "pages": 2});
    let run = Example::scripted(language, "closed-stumble", &script).run_redirected("2>&-");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "{\"page\":0}\n{\"page\":1}\n"));
}

pub(crate) fn a_terminal_that_goes_away_ends_nothing(language: Language) {
    let api = Options { world: world(10), ..Options::default() }.start().unwrap();
    let example =
        Example::new(language, "hangup", &api).with("/config/poll_interval_secs", json!(1));
    let mut process = example.start(&[]);
    let lines = || fs::read_to_string(example.file("stdout.1")).unwrap().lines().count();
    process.wait_until("all rows", || lines() == 10);
    process.signal("HUP");
    let second = api.now_secs() - 1;
    let late = format!(r#"{{"id":"late","eventTime":"{}"}}"#, api_date(second));
    api.push_rows([ScriptedRow::new(late, second)]);
    process.wait_until("the new row", || lines() == 11);
    assert_eq!(process.terminate().code, Some(0));
}

/// How it ends; one that does not is killed.
fn end_of(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_mins(1) {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait().unwrap().code()
}
