//! The log on stderr. It never blocks, and never ends anything, whatever stderr is: a pipe that nobody
//! reads, closed, full.
//!
//! A writer of its own, and not that of `tracing-appender`: its bound is one of lines alone, what it
//! leaves out it does not tell, a stream that cannot be written at the moment tears its lines, and at
//! the end it waits a second for what may be thousands of faults.

mod queue;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use source_contract::printable::{Form, escape};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::log::queue::Queue;
use crate::machine::stdio::write_patiently;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log. Only this crate's own lines are written: those of libraries could hold secrets.
pub fn begin(format: LogFormat) {
    let looks = Looks { format, colours: io::stderr().is_terminal() };
    let queue = Arc::<Queue>::default();
    // A second call, as tests make it, changes nothing.
    if QUEUE.set(Arc::clone(&queue)).is_err() {
        return;
    }
    let writer = {
        let queue = Arc::clone(&queue);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_out(&queue, looks))
    };
    let writer = match writer {
        Ok(_) => looks.into_queue(&queue),
        // A machine without threads has room for one line: why nothing runs.
        Err(_) => BoxMakeWriter::new(io::stderr),
    };
    // Tests may have one of their own.
    let _ = looks.subscriber(writer).try_init();
    // What a panic says by itself would wait for stderr.
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| tracing::error!("{panic}")));
}

/// Has a line written without a time and a level: for a person who asked for it.
pub(crate) fn plain(line: &str) {
    if let Some(queue) = QUEUE.get() {
        queue.push(format!("{}\n", escape(line, Form::Text, None)).into_bytes());
    }
}

/// Has all of these lines written, however many they are.
pub(crate) fn in_full(say: impl FnOnce()) {
    match QUEUE.get() {
        Some(queue) => queue.unbounded(say),
        None => say(),
    }
}

/// Waits until the log is written, for as long as stderr takes it.
pub(crate) fn end() {
    if let Some(queue) = QUEUE.get() {
        queue.drain(END_PATIENCE);
    }
}

/// Writes lines for as long as the process lives.
fn write_out(queue: &Queue, looks: Looks) {
    let mut stderr = Stderr::open();
    let own = Arc::<Queue>::default();
    let teller = Dispatch::new(looks.subscriber(looks.into_queue(&own)));
    loop {
        let next = queue.next();
        let mut refused = next.left_out;
        if refused > 0 {
            tracing::dispatcher::with_default(&teller, || {
                tracing::warn!("{refused} lines of the log were left out: nobody read them");
            });
            if own.next().line.is_some_and(|line| stderr.write_line(&line).is_ok()) {
                refused = 0;
            }
        }
        if let Some(line) = next.line
            && (refused > 0 || stderr.write_line(&line).is_err())
        {
            refused += 1;
        }
        queue.written(refused);
    }
}

/// How all lines look.
#[derive(Clone, Copy)]
struct Looks {
    format: LogFormat,
    colours: bool,
}

impl Looks {
    fn into_queue(self, queue: &Arc<Queue>) -> BoxMakeWriter {
        let queue = Arc::clone(queue);
        BoxMakeWriter::new(move || LineWriter { queue: Arc::clone(&queue), looks: self })
    }

    fn subscriber(self, writer: BoxMakeWriter) -> impl Subscriber + Send + Sync {
        let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_ansi(self.colours)
            // Else all is escaped in one way, below.
            .with_ansi_sanitization(self.colours)
            .with_target(false)
            .log_internal_errors(false);
        let layer = match self.format {
            LogFormat::Text => layer.with_filter(own).boxed(),
            LogFormat::Json => layer.json().flatten_event(true).with_filter(own).boxed(),
        };
        tracing_subscriber::registry().with(layer)
    }

    /// A line that is one, whatever is said in it: with nothing in it that cannot be seen.
    fn escaped(self, line: &str) -> String {
        let (form, kept) = match self.format {
            LogFormat::Json => (Form::Json, None),
            // Of the colours: those in what is said are escaped by then.
            LogFormat::Text => (Form::Text, self.colours.then_some('\u{1b}')),
        };
        escape(line.strip_suffix('\n').unwrap_or(line), form, kept).into_owned() + "\n"
    }
}

/// Takes one line, which is written as a whole.
struct LineWriter {
    queue: Arc<Queue>,
    looks: Looks,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(self.looks.escaped(&String::from_utf8_lossy(line)).into_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error, past the lock of the standard library: who waits for it must not hold that.
struct Stderr {
    stream: Box<dyn Write>,
    /// Whether the last line was refused, perhaps half-way.
    broken_off: bool,
}

impl Stderr {
    fn open() -> Self {
        let own = io::stderr().as_fd().try_clone_to_owned();
        let stream: Box<dyn Write> = match own {
            Ok(own) => Box::new(File::from(own)),
            Err(_) => Box::new(io::stderr()),
        };
        Self { stream, broken_off: false }
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let line = if self.broken_off { &[b"\n", line].concat() } else { line };
        let written = write_patiently(&mut self.stream, line);
        self.broken_off = written.is_err();
        written
    }
}

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();
/// How long the end waits for a stderr that takes nothing.
const END_PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_shows_all_that_is_in_it() {
        let looks = |format, colours| Looks { format, colours };
        let line = "a\u{9b}b\u{202e}c\nd\u{1b}[0m é\n";
        assert_eq!(
            looks(LogFormat::Text, false).escaped(line),
            "a\\u{9b}b\\u{202e}c\\u{a}d\\u{1b}[0m é\n"
        );
        assert_eq!(
            looks(LogFormat::Text, true).escaped(line),
            "a\\u{9b}b\\u{202e}c\\u{a}d\u{1b}[0m é\n"
        );
        assert_eq!(looks(LogFormat::Json, false).escaped("\"\u{9b}é\"\n"), "\"\\u009bé\"\n");
    }
}
