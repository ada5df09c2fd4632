//! The loop before a source that follows a script.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use super::*;
use crate::batch::no_stats;
use crate::batch::tests::batch;
use crate::bindings::{Counter, Stats};
use crate::state::tests::scratch;

/// What a poll gives.
type Polled = Result<Batch, Box<PollError>>;

/// Gives one answer after the other, and keeps the cursors that it was given.
struct Script<'a> {
    answers: VecDeque<Polled>,
    cursors: &'a mut Vec<Option<String>>,
}

impl Source for Script<'_> {
    fn poll(&mut self, config: &str, cursor: Option<&str>) -> Polled {
        assert_eq!(config, "{}");
        self.cursors.push(cursor.map(ToOwned::to_owned));
        // A service without end is ended by what it cannot write.
        self.answers.pop_front().unwrap_or_else(|| Ok(batch("end", &["{\"end\":0}"])))
    }
}

/// Keeps the waits.
struct Dial<'a>(&'a mut Vec<u128>);

impl Waits for Dial<'_> {
    fn sleep(&mut self, wait: Duration) {
        self.0.push(wait.as_millis());
    }

    fn chance(&mut self) -> f64 {
        0.5
    }
}

/// Takes all but the end of the script, and looks at the stored cursor while it does.
struct Paper<'a> {
    dir: &'a Path,
    text: &'a mut String,
    stored: &'a mut Vec<Option<String>>,
}

impl Write for Paper<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).unwrap();
        if text.contains("end") {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.stored.push(fs::read_to_string(self.dir.join("cursor")).ok());
        self.text.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came of a run.
#[derive(Default)]
struct Outcome {
    ok: bool,
    cursors: Vec<Option<String>>,
    waits_ms: Vec<u128>,
    text: String,
    /// The stored cursor at each write.
    stored: Vec<Option<String>>,
    log: String,
}

fn run(dir: &Path, until_caught_up: bool, answers: Vec<Polled>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut log = Vec::new();
    let Outcome { cursors, waits_ms, text, stored, .. } = &mut outcome;
    let collector = Collector {
        source: Script { answers: answers.into(), cursors },
        config: "{}".to_owned(),
        state: State::new(dir),
        output: Paper { dir, text, stored },
        log: Log::new(&mut log, Vec::new()),
        waits: Dial(waits_ms),
        until_caught_up,
    };
    outcome.ok = collector.run();
    outcome.log = String::from_utf8(log).unwrap();
    outcome
}

fn caught_up(cursor: &str) -> Batch {
    Batch { more: false, next_poll_ms: 60_000, ..batch(cursor, &[]) }
}

fn error(kind: ErrorKind) -> Box<PollError> {
    Box::new(PollError {
        kind,
        code: "why".into(),
        message: "what happened".into(),
        retry_after_ms: None,
        notices: Vec::new(),
        stats: no_stats(),
        quota: None,
    })
}

fn some(cursors: &[&str]) -> Vec<Option<String>> {
    cursors.iter().map(|cursor| Some((*cursor).to_owned())).collect()
}

#[test]
fn a_cursor_is_stored_only_after_its_events_are_out() {
    let dir = scratch("order");
    let answers = vec![Ok(batch("1", &["{}", "{}"])), Ok(batch("2", &["{}"])), Ok(caught_up("3"))];
    let outcome = run(&dir, true, answers);
    assert!(outcome.ok, "{}", outcome.log);
    assert_eq!(outcome.text, "{}\n{}\n{}\n");
    // One write a batch.
    assert_eq!(outcome.stored, [None, Some("1".to_owned())]);
    assert_eq!(outcome.cursors, [vec![None], some(&["1", "2"])].concat());
    assert_eq!(fs::read_to_string(dir.join("cursor")).unwrap(), "3");
    // The next run goes on there, and polls at least once.
    let next = run(&dir, true, vec![Ok(caught_up("3"))]);
    assert_eq!((next.ok, next.cursors), (true, some(&["3"])));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_a_crash_may_have_cut_is_ended_with_a_line_break() {
    let dir = scratch("cut");
    fs::write(dir.join("cursor"), "1").unwrap();
    fs::write(dir.join("cursor.new"), "2").unwrap();
    let outcome = run(&dir, true, vec![Ok(batch("2", &["{}"])), Ok(caught_up("3"))]);
    assert_eq!(outcome.text, "\n{}\n");
    assert_eq!(outcome.cursors, some(&["1", "2"]));
    assert_eq!(run(&dir, true, vec![Ok(caught_up("3"))]).text, "");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_output_that_is_gone_ends_it_and_acknowledges_nothing() {
    let dir = scratch("gone");
    let outcome = run(&dir, false, vec![Ok(batch("1", &["{}"]))]);
    assert!(!outcome.ok);
    assert!(outcome.log.contains("error stdout: "), "{}", outcome.log);
    assert_eq!(fs::read_to_string(dir.join("cursor")).unwrap(), "1");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn errors_are_waited_out_with_growing_waits_and_the_old_cursor() {
    let dir = scratch("errors");
    let transient = || Err(error(ErrorKind::Transient));
    let mut hinted = error(ErrorKind::Transient);
    hinted.retry_after_ms = Some(90_000);
    let answers = vec![
        Ok(batch("1", &["{}"])),
        transient(),
        transient(),
        Err(hinted),
        Ok(caught_up("2")),
        Err(error(ErrorKind::Auth)),
    ];
    let outcome = run(&dir, false, answers);
    assert_eq!(outcome.waits_ms, [500, 1_000, 90_000, 60_000, 500]);
    let cursors = [vec![None], some(&["1", "1", "1", "1", "2", "2"])].concat();
    assert_eq!(outcome.cursors, cursors);
    assert!(outcome.log.contains("warn transient why: what happened"), "{}", outcome.log);
    assert!(outcome.log.contains("error auth why: what happened"), "{}", outcome.log);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_bounded_run_ends_at_what_waiting_cannot_mend() {
    let dir = scratch("hopeless");
    for kind in [ErrorKind::Auth, ErrorKind::Config, ErrorKind::Cursor] {
        let outcome = run(&dir, true, vec![Err(error(kind))]);
        assert_eq!((outcome.ok, outcome.cursors.len()), (false, 1), "{kind:?}");
        assert!(outcome.log.contains("position kept"), "{}", outcome.log);
    }
    for kind in [ErrorKind::Transient, ErrorKind::Protocol] {
        let outcome = run(&dir, true, (0..20).map(|_| Err(error(kind))).collect());
        assert_eq!((outcome.ok, outcome.cursors.len()), (false, 10), "{kind:?}");
    }
    // A batch between them counts anew.
    let nine = || (0..9).map(|_| Err(error(ErrorKind::Transient))).collect::<Vec<_>>();
    let answers = [nine(), vec![Ok(batch("1", &["{}"]))], nine(), vec![Ok(caught_up("2"))]];
    assert!(run(&dir, true, answers.into_iter().flatten().collect()).ok);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn to_be_told_to_wait_is_no_failure_and_does_not_count_as_one() {
    let dir = scratch("throttled");
    let throttled = |count: usize| (0..count).map(|_| Err(error(ErrorKind::Throttled)));
    let failures = (0..9).map(|_| Err(error(ErrorKind::Transient)));
    let answers = throttled(20).chain(failures).chain(throttled(20)).chain([Ok(caught_up("1"))]);
    let outcome = run(&dir, true, answers.collect());
    assert!(outcome.ok, "{}", outcome.log);
    assert_eq!(outcome.waits_ms[..3], [500, 1_000, 2_000]);
    assert!(outcome.log.contains("info throttled why: what happened"), "{}", outcome.log);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_api_that_only_ever_asks_for_patience_is_left_after_a_day() {
    let dir = scratch("patience");
    let hinted = || {
        let retry_after_ms = Some(u64::MAX);
        Err(Box::new(PollError { retry_after_ms, ..*error(ErrorKind::Throttled) }))
    };
    let outcome = run(&dir, true, (0..200).map(|_| hinted()).collect());
    // Each is waited after for a quarter of an hour.
    assert_eq!((outcome.ok, outcome.cursors.len()), (false, 96));
    assert!(outcome.log.contains("error throttled why: "), "{}", outcome.log);
    let outcome = run(&dir, false, (0..200).map(|_| hinted()).collect());
    assert!(outcome.cursors.len() > 200, "in service it goes on");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_a_source_counts_is_told_with_each_poll_that_fails_as_with_each_batch() {
    let dir = scratch("counters");
    let counted = |value| {
        let counters = vec![Counter { name: "tokens".into(), value }];
        Stats { requests: 1, counters, ..no_stats() }
    };
    let failed = || Err(Box::new(PollError { stats: counted(2), ..*error(ErrorKind::Transient) }));
    let given = |cursor| Ok(Batch { stats: counted(3), ..batch(cursor, &[]) });
    let last = Err(Box::new(PollError { stats: counted(4), ..*error(ErrorKind::Auth) }));
    let answers = vec![failed(), given("1"), failed(), given("2"), last];
    let log = run(&dir, true, answers).log;
    let told: Vec<&str> = log.lines().collect();
    for (line, end) in told.iter().zip([
        "(next try in 500 ms) requests=1 tokens=2",
        "requests=1 more=true tokens=3",
        "(next try in 500 ms) requests=1 tokens=2",
        "requests=1 more=true tokens=3",
        "(ended, position kept) requests=1 tokens=4",
    ]) {
        assert!(line.ends_with(end), "{log}");
    }
    assert_eq!(told.len(), 5, "{log}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_error_that_breaks_the_contract_is_another() {
    let dir = scratch("broken-error");
    let coded = |code: &str| Box::new(PollError { code: code.into(), ..*error(ErrorKind::Auth) });
    // Taken as it is, the first would end the run.
    let outcome = run(&dir, true, vec![Err(coded("No Code")), Ok(caught_up("1"))]);
    assert!(outcome.ok && outcome.log.contains("protocol component_failed"), "{}", outcome.log);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_batch_that_breaks_the_contract_is_an_error_and_nothing_of_it_goes_out() {
    let dir = scratch("broken");
    let outcome = run(&dir, true, vec![Ok(batch("1", &["{}", "[]"])), Ok(caught_up("2"))]);
    assert_eq!((outcome.ok, outcome.text.as_str()), (true, ""));
    assert_eq!(outcome.cursors, [None, None]);
    assert!(outcome.log.contains("protocol component_failed"), "{}", outcome.log);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_cursor_that_cannot_be_read_begins_nothing() {
    let dir = scratch("unreadable");
    fs::write(dir.join("cursor"), [0xff]).unwrap();
    let outcome = run(&dir, false, vec![Ok(caught_up("1"))]);
    assert!(!outcome.ok && outcome.cursors.is_empty());
    assert_eq!(fs::read(dir.join("cursor")).unwrap(), [0xff]);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_state_that_cannot_be_written_lets_no_batch_out() {
    let dir = scratch("unwritable");
    fs::create_dir(dir.join("cursor.new")).unwrap();
    // A directory in its place cannot be forgotten either.
    let state = State::new(&dir);
    assert!(state.prepare("1").is_err());
    let outcome = run(&dir, true, vec![Ok(batch("1", &["{}"]))]);
    assert!(!outcome.ok && !outcome.text.contains('{'), "{}", outcome.text);
    assert!(outcome.log.contains("error state: "), "{}", outcome.log);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_batch_that_is_out_does_not_go_out_again_while_its_cursor_cannot_be_stored() {
    /// Stands in the way of the cursor from the first write to the second wait.
    struct InTheWay<'a>(&'a Path, &'a mut String, &'a std::cell::Cell<u32>);
    impl Write for InTheWay<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.2.get() == 0 {
                fs::create_dir_all(self.0.join("cursor/full")).unwrap();
            } else if self.1.contains("later") {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.1.push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Cleared<'a>(&'a Path, &'a std::cell::Cell<u32>);
    impl Waits for Cleared<'_> {
        fn sleep(&mut self, _: Duration) {
            self.1.set(self.1.get() + 1);
            if self.1.get() == 2 {
                fs::remove_dir_all(self.0.join("cursor")).unwrap();
            }
        }
        fn chance(&mut self) -> f64 {
            0.5
        }
    }

    let dir = scratch("in-the-way");
    let (mut text, mut cursors, mut log) = (String::new(), Vec::new(), Vec::new());
    let sleeps = std::cell::Cell::new(0);
    let page = |cursor, body: &str| Ok(batch(cursor, &[body]));
    let answers = [page("1", r#"{"a":1}"#), page("2", r#"{"later":2}"#)];
    let collector = Collector {
        source: Script { answers: answers.into(), cursors: &mut cursors },
        config: "{}".to_owned(),
        state: State::new(&dir),
        output: InTheWay(&dir, &mut text, &sleeps),
        log: Log::new(&mut log, Vec::new()),
        waits: Cleared(&dir, &sleeps),
        until_caught_up: false,
    };
    assert!(!collector.run());
    assert_eq!(text, "{\"a\":1}\n{\"later\":2}\n");
    assert_eq!(cursors, [vec![None], some(&["1", "2"])].concat());
    let log = String::from_utf8(log).unwrap();
    assert_eq!(log.matches("error state: ").count(), 2, "{log}");
    fs::remove_dir_all(dir).unwrap();
}
