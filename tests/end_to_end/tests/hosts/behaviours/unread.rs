//! What every example does when its events do not get through: lines that are cut, and pages that come
//! again.

use std::io::Read as _;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::rows::assert_each_once;
use mimecast_sim::Options;
use serde_json::json;

use super::world;
use crate::example::{Example, Language, everything};

pub(crate) fn a_batch_that_nobody_takes_comes_again(language: Language) {
    let api = Options { world: world(1_000), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "broken-pipe", &api);
    let mut child = example.start_into_pipe();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("come again"), "{told}");
    assert_each_once(after_the_cut(&example.catch_up()), &everything(&api));
}

pub(crate) fn a_kill_while_nobody_reads_loses_nothing(language: Language) {
    let api = Options { world: world(1_000), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "unread", &api);
    let (example, mut child) = start_unread(example);
    child.kill().unwrap();
    let text = the_rest(&mut child);
    let (whole, part) = text.rsplit_once('\n').unwrap();
    assert!(!part.is_empty() && whole.lines().count() < 500, "all of the page was written");
    // What was cut must not take the next line with it.
    assert_each_once(after_the_cut(&example.catch_up()), &everything(&api));
}

pub(crate) fn a_stop_while_nobody_reads_loses_nothing(language: Language) {
    let api = Options { world: world(1_000), ..Options::default() }.start().unwrap();
    let example = Example::new(language, "unread-stop", &api);
    let (example, mut child) = start_unread(example);
    // A signal ends a write early; what is left of the page is not to be forgotten.
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(asked.unwrap().success());
    thread::sleep(Duration::from_millis(300));
    let stdout = the_rest(&mut child);
    assert!(stdout.ends_with('\n'), "a page was cut");
    assert_each_once(&(stdout + &example.catch_up()), &everything(&api));
}

/// What comes after the end of a line that was cut.
#[track_caller]
pub(crate) fn after_the_cut(stdout: &str) -> &str {
    stdout.strip_prefix('\n').expect("the line that was cut does not end")
}

/// Starts an example whose stdout nobody reads, and waits until it writes its first page.
fn start_unread(example: Example) -> (Example, Child) {
    // A page is larger than what a pipe holds: the write of the first waits for a reader.
    let example = example.with("/config/page_size", json!(500));
    let child = example.start_into_pipe();
    // A cursor that goes on waiting is that of a page which does not get out.
    let waiting = example.file("cursor.txt.new");
    let (began, mut seen) = (Instant::now(), 0);
    while seen < 50 {
        assert!(began.elapsed() < Duration::from_mins(2), "it writes nothing");
        thread::sleep(Duration::from_millis(5));
        seen = if waiting.exists() { seen + 1 } else { 0 };
    }
    (example, child)
}

/// All that it has still to say, until it ends.
fn the_rest(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text
}
