//! What the component costs: a full page against a bare scan of the same bytes, an empty poll, an
//! instance. Medians over many rounds, interleaved, so that a busy machine slows both sides.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use end_to_end::artifacts;
use end_to_end::embedding::{Batch, Guest, Program, Response};
use end_to_end::page::{self, NOW, page, row};
use serde::de::IgnoredAny;

const ROUNDS: usize = 500;
const PAGE_ROWS: usize = 500;
const SEEN_KEYS: usize = 5_000;
/// Of the first page.
const FIRST_RATIO_MAX: f64 = 3.0;
/// Of one beside so many seen keys, where the instance is kept.
const RATIO_MAX: f64 = 3.5;
/// Likewise, where it has to read the cursor anew.
const FRESH_RATIO_MAX: f64 = 4.5;
/// The other formats against `raw`.
const FORMAT_RATIO_MAX: f64 = 2.5;

fn main() {
    let wasm = std::fs::read(artifacts::component()).unwrap();
    let compiling = Instant::now();
    let program = Program::new(&wasm).unwrap();
    println!(
        "component          {} bytes, compiled in {:.1} ms",
        wasm.len(),
        ms(compiling.elapsed())
    );

    let rows: Vec<String> = (0..PAGE_ROWS).map(row).collect();
    // As many rows in all as there are seen keys: more than a window may have, and it would be cut.
    let full = page(&rows, SEEN_KEYS, Some("token"));
    println!("page               {PAGE_ROWS} rows, {} bytes", full.body.len());
    let mut first = Bench::new(&program, full.clone());
    compare("page, first poll", &full, FIRST_RATIO_MAX, || first.timed_poll(None));

    // What a service does: the instance is kept, and is handed the cursor that it gave last.
    let label = format!("page, {SEEN_KEYS} keys");
    let (before, last_page) = cursor_with_seen_keys(&program);
    let mut kept = Bench::new(&program, full.clone());
    compare(&label, &full, RATIO_MAX, || {
        let cursor = kept.poll(&last_page, Some(&before)).cursor;
        kept.timed_poll(Some(&cursor))
    });
    let cursor = kept.poll(&last_page, Some(&before)).cursor;
    let mut fresh = Bench::new(&program, full.clone());
    let label = format!("{label}, anew");
    compare(&label, &full, FRESH_RATIO_MAX, || fresh.timed_poll(Some(&cursor)));
    println!("idle instance      {} KiB, after {SEEN_KEYS} keys", kept.guest.memory_bytes() / 1024);
    println!("idle instance      {} KiB, after a page", first.guest.memory_bytes() / 1024);

    for format in ["ecs", "ocsf_detection_finding", "ocsf_email_activity"] {
        compare_with_raw(format, &program, &full);
    }

    let mut bench = Bench::new(&program, page(&[], 0, None));
    let empty = median((0..ROUNDS).map(|_| bench.timed_poll(None).1));
    println!("empty poll, signed {:.1} us", us(empty));

    let instance = median((0..ROUNDS).map(|_| {
        let mut store = program.outside(NOW, Box::new(|_| unreachable!("nothing is polled")));
        timed(|| program.ready().instantiate(&mut store).unwrap()).1
    }));
    println!("instantiation      {:.1} us", us(instance));
}

/// Times a poll that gets this page, and a bare scan of its bytes.
fn compare(
    label: &str,
    full: &Response,
    ratio_max: f64,
    mut timed_poll: impl FnMut() -> (Batch, Duration),
) {
    assert_eq!(timed_poll().0.events.len(), PAGE_ROWS);
    let (polls, scans): (Vec<_>, Vec<_>) = (0..ROUNDS)
        .map(|_| {
            let scan = || serde_json::from_slice::<IgnoredAny>(black_box(&full.body)).unwrap();
            (timed_poll().1, timed(scan).1)
        })
        .unzip();
    let (poll, scan) = (median(polls), median(scans));
    let ratio = poll.as_secs_f64() / scan.as_secs_f64();
    let verdict = if ratio <= ratio_max { "pass" } else { "FAIL" };
    println!(
        "{label:<18} {:.0} us, bare scan {:.0} us: {ratio:.2} times, at most {ratio_max}: {verdict}",
        us(poll),
        us(scan)
    );
}

/// Times a poll that gives its events in this format, and one that gives them raw.
fn compare_with_raw(format: &str, program: &Program, full: &Response) {
    let mut raw = Bench::new(program, full.clone());
    let mut formatted = Bench::new(program, full.clone());
    formatted.config.insert_str(1, &format!(r#""format":"{format}","#));
    let batch = formatted.timed_poll(None).0;
    assert_eq!(batch.events.len(), PAGE_ROWS);
    let bytes: usize = batch.events.iter().map(|event| event.body.len()).sum();
    let (formatted, raw): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (formatted.timed_poll(None).1, raw.timed_poll(None).1)).unzip();
    let (formatted, raw) = (median(formatted), median(raw));
    let ratio = formatted.as_secs_f64() / raw.as_secs_f64();
    let verdict = if ratio <= FORMAT_RATIO_MAX { "pass" } else { "FAIL" };
    println!(
        "{format}: {:.0} us, {bytes} bytes; raw {:.0} us: {ratio:.2} times, at most \
         {FORMAT_RATIO_MAX}: {verdict}",
        us(formatted),
        us(raw)
    );
}

/// A cursor in the middle of a window, and the page past it, after which as many rows are known.
fn cursor_with_seen_keys(program: &Program) -> (String, Response) {
    let (mut cursor, mut last_page) = (None, None);
    for number in 0..SEEN_KEYS / PAGE_ROWS {
        let before = last_page.take();
        cursor =
            before.map(|page| Bench::new(program, page).timed_poll(cursor.as_deref()).0.cursor);
        // The numbers of the page that is timed are left out.
        let first = (number + 1) * PAGE_ROWS;
        let rows: Vec<String> = (first..first + PAGE_ROWS).map(row).collect();
        last_page = Some(page(&rows, SEEN_KEYS, Some(&format!("token {number}"))));
    }
    (cursor.unwrap(), last_page.unwrap())
}

/// An instance before an API that always answers the same.
struct Bench {
    guest: Guest,
    config: String,
    answer: Response,
    /// The answer to the next request: made beforehand, since a host has its body from the network.
    next: Arc<Mutex<Option<Response>>>,
}

impl Bench {
    fn new(program: &Program, answer: Response) -> Self {
        let next = Arc::new(Mutex::new(None));
        let taken = Arc::clone(&next);
        let api = move |_| Ok(taken.lock().unwrap().take().expect("a poll sends once"));
        let guest = program.start(NOW, Box::new(api)).unwrap();
        Self { guest, config: page::config(), answer, next }
    }

    /// A poll that is given this page.
    fn poll(&mut self, page: &Response, cursor: Option<&str>) -> Batch {
        *self.next.lock().unwrap() = Some(page.clone());
        self.guest.poll(&self.config, cursor).unwrap().unwrap()
    }

    fn timed_poll(&mut self, cursor: Option<&str>) -> (Batch, Duration) {
        *self.next.lock().unwrap() = Some(self.answer.clone());
        timed(|| self.guest.poll(&self.config, cursor).unwrap().unwrap())
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = black_box(work());
    (made, began.elapsed())
}

fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
