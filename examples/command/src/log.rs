//! Tells what happens, a line each: control characters are taken out, and secrets of what the source says.

use std::cell::RefCell;
use std::io::Write;

use source_contract::printable::printable;
use source_contract::redact::Redactor;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bindings::{Batch, Level, Notice, Progress, Stats};

/// Where it is told.
pub(crate) struct Log<W> {
    to: RefCell<W>,
    redactor: Redactor,
}

impl<W: Write> Log<W> {
    pub(crate) fn new(to: W, secrets: Vec<String>) -> Self {
        Self { to: RefCell::new(to), redactor: Redactor::new(secrets) }
    }

    /// What the source says, without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    pub(crate) fn error(&self, code: &str, message: &str) {
        self.line("error", code, message);
    }

    pub(crate) fn info(&self, code: &str, message: &str) {
        self.line("info", code, message);
    }

    pub(crate) fn warn(&self, code: &str, message: &str) {
        self.line("warn", code, message);
    }

    /// What came with a batch or an error. Of very many, the first.
    pub(crate) fn notices(&self, notices: &[Notice]) {
        for notice in notices.iter().take(NOTICES_MAX) {
            let level = match notice.level {
                Level::Info => "info",
                Level::Warn => "warn",
            };
            self.line(level, &self.clean(&notice.code), &self.clean(&notice.message));
        }
        if let Some(more @ 1..) = notices.len().checked_sub(NOTICES_MAX) {
            self.warn("notices", &format!("{more} more are left out"));
        }
    }

    /// A batch that is delivered, in numbers; those of the source's own if they are not zero.
    pub(crate) fn batch(&self, batch: &Batch) {
        let (events, more) = (batch.events.len(), batch.more);
        let (rows, duplicates) = (batch.stats.rows, batch.stats.duplicates);
        let requests = batch.stats.requests;
        let told = format!(
            "events={events} duplicates={duplicates} rows={rows} requests={requests} more={more}"
        );
        let until = |progress: Progress| rfc3339(progress.complete_until);
        let until = batch.progress.map(|progress| format!("complete_until={}", until(progress)));
        let counters = self.counters(&batch.stats);
        let told: Vec<String> = [told].into_iter().chain(until).chain(counters).collect();
        self.info("batch", &told.join(" "));
    }

    /// What the source alone counts: what is not zero.
    pub(crate) fn counters(&self, stats: &Stats) -> impl Iterator<Item = String> {
        let counters = stats.counters.iter().filter(|counter| counter.value > 0);
        counters.map(|counter| format!("{}={}", self.clean(&counter.name), counter.value))
    }

    fn line(&self, level: &str, code: &str, message: &str) {
        let line = format!("{level} {}: {}\n", printable(code), printable(message));
        // Who closes stderr does not want to know.
        let _ = self.to.borrow_mut().write_all(line.as_bytes());
    }
}

/// A time in Unix nanoseconds as RFC 3339, to the second.
fn rfc3339(unix_nanos: u64) -> String {
    i64::try_from(unix_nanos / 1_000_000_000)
        .ok()
        .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

const NOTICES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::batch::tests::batch;
    use crate::bindings::Counter;

    fn told(secrets: &[&str], tell: impl FnOnce(&Log<&mut Vec<u8>>)) -> String {
        let mut lines = Vec::new();
        tell(&Log::new(&mut lines, secrets.iter().map(ToString::to_string).collect()));
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn whatever_is_told_is_one_line() {
        let line = told(&[], |log| log.error("co\nde", "a\r\nb\u{1b}[31m\u{2028}c"));
        assert_eq!(line, "error co\\u{a}de: a\\u{d}\\u{a}b\\u{1b}[31m\\u{2028}c\n");
    }

    #[test]
    fn secrets_are_taken_out_and_short_values_are_not() {
        let notice = |code: &str, message: &str| {
            [Notice { level: Level::Warn, code: code.into(), message: message.into() }]
        };
        let told = |secrets: &[&str], code, message| {
            told(secrets, |log| log.notices(&notice(code, message)))
        };
        let line = told(&["hunter", "hunter22", "eu"], "hunter", "<hunter22> eu");
        assert_eq!(line, "warn [redacted]: <[redacted]> eu\n");
        let line = told(&["hu\"nter"], "code", r#"<hu\"nter> <hu%22nter>"#);
        assert_eq!(line, "warn code: <[redacted]> <[redacted]>\n");
        let line = told(&["hunter22\n"], "code", "<hunter22>");
        assert_eq!(line, "warn code: <[redacted]>\n");
    }

    /// They are numbers and words of its own: a lifetime of an hour under the name of a token is no
    /// reason to take out each 3600.
    #[test]
    fn what_the_driver_says_itself_is_left_as_it_is() {
        let line = told(&["3600"], |log| log.error("state", "state.db 3600 (next try in 3600 ms)"));
        assert_eq!(line, "error state: state.db 3600 (next try in 3600 ms)\n");
    }

    #[test]
    fn long_texts_and_many_notices_are_cut() {
        let line = told(&[], |log| log.error("code", &"é".repeat(9_000)));
        assert!(line.len() < 2_050 && line.ends_with("…\n"), "{}", line.len());
        let notice =
            || Notice { level: Level::Info, code: "code".into(), message: "message".into() };
        let notices: Vec<Notice> = (0..40).map(|_| notice()).collect();
        let lines = told(&[], |log| log.notices(&notices));
        assert_eq!(lines.lines().count(), NOTICES_MAX + 1);
        assert!(lines.ends_with("warn notices: 8 more are left out\n"), "{lines}");
        assert_eq!(told(&[], |log| log.notices(&notices[..NOTICES_MAX])).lines().count(), 32);
    }

    #[test]
    fn a_batch_is_told_in_numbers() {
        let mut batch = batch("c", &["{}"]);
        let line = |batch: &Batch| told(&[], |log| log.batch(batch));
        // Not every position is a time.
        let wanted = "info batch: events=1 duplicates=0 rows=0 requests=1 more=true";
        assert_eq!(line(&batch), format!("{wanted}\n"));
        let until =
            |complete_until| Some(Progress { complete_until, target: u64::MAX, newest: None });
        batch.progress = until(1_700_000_000_123_456_789);
        let counter = |(name, value): (&str, u64)| Counter { name: name.into(), value };
        batch.stats.counters = [("odd", 2), ("none", 0), ("more", 1)].map(counter).into();
        assert_eq!(
            line(&batch),
            format!("{wanted} complete_until=2023-11-14T22:13:20Z odd=2 more=1\n")
        );
        batch.progress = until(u64::MAX);
        assert!(line(&batch).contains("complete_until=2554-"));
    }
}
