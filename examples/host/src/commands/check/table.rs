//! Tells people what a check found: a line for each source, and sentences where one is not enough.

use std::fmt::Write as _;

use crate::commands::check::finding::{Finding, Quota, State};

/// The table, and what there is to say below it.
pub(super) fn text(found: &[Finding]) -> String {
    let heading = ["SOURCE", "STATE", "NEWEST EVENT", "QUOTA LEFT", "CLOCK", "REQUESTS"];
    let mut rows = vec![heading.map(str::to_owned)];
    rows.extend(found.iter().map(row));
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    let sentences: Vec<String> = found.iter().flat_map(sentences).collect();
    if !sentences.is_empty() {
        text.push('\n');
    }
    for sentence in &sentences {
        wrap(&mut text, sentence);
    }
    text
}

fn row(found: &Finding) -> [String; 6] {
    let unknown = || "-".to_owned();
    let newest = match &found.newest {
        Some(newest) => newest.clone(),
        None if !found.works() => unknown(),
        None => "none".to_owned(),
    };
    [
        found.source.clone(),
        found.state.name().to_owned(),
        newest,
        found.quota.as_ref().map_or_else(unknown, quota),
        found.clock_offset_ms.map_or_else(unknown, clock),
        found.requests.to_string(),
    ]
}

fn quota(quota: &Quota) -> String {
    let of = quota.limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    format!("{}{of}, resets in {}", quota.remaining, span(quota.reset_ms))
}

fn clock(offset_ms: i64) -> String {
    if offset_ms.unsigned_abs() < CLOCK_IN_STEP_MS {
        "in step".to_owned()
    } else {
        format!("host is {}", off(offset_ms))
    }
}

/// How far this machine's clock is from the API's.
fn off(offset_ms: i64) -> String {
    let side = if offset_ms > 0 { "behind" } else { "ahead" };
    format!("{} s {side}", offset_ms.unsigned_abs() / 1_000)
}

/// What the row of a source does not say.
fn sentences(found: &Finding) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(kind), Some(code), Some(message)) = (found.kind, &found.code, &found.message) {
        let what = match found.state {
            State::Throttled => format!("throttled: come again: {code}"),
            _ => format!("{kind} error {code}"),
        };
        sentences.push(format!("{}: {what}: {message}", found.source));
    }
    if let Some(wait_ms) = found.retry_after_ms {
        let wait = span(wait_ms);
        sentences.push(format!("{}: the API asks to be left alone for {wait}", found.source));
    }
    if let Some(offset_ms) = found.clock_offset_ms.filter(|_| found.has_wrong_clock()) {
        sentences.push(format!(
            "{}: this machine's clock is {}: have it set over the network (NTP), or the API may \
             refuse requests",
            found.source,
            off(offset_ms),
        ));
    }
    for notice in &found.notices {
        let (level, code, message) = (notice.level, &notice.code, &notice.message);
        sentences.push(format!("{}: {level} {code}: {message}", found.source));
    }
    sentences
}

/// A time as a person says it.
fn span(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs.div_ceil(60)),
        secs @ 7_200..172_800 => format!("{} h", secs.div_ceil(3_600)),
        secs => format!("{} days", secs.div_ceil(86_400)),
    }
}

/// Adds a sentence as lines of a width that every terminal has; a word that is longer stays whole.
fn wrap(text: &mut String, sentence: &str) {
    let mut width = 0;
    for word in sentence.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text.push_str("\n ");
            width = 1;
        }
        if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += length;
    }
    text.push('\n');
}

/// The times of HTTP are whole seconds: what differs by less is equal.
const CLOCK_IN_STEP_MS: u64 = 2_000;
const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_in_step_behind_or_ahead() {
        assert_eq!(clock(0), "in step");
        assert_eq!(clock(1_999), "in step");
        assert_eq!(clock(-1_999), "in step");
        assert_eq!(clock(2_000), "host is 2 s behind");
        assert_eq!(clock(-61_000), "host is 61 s ahead");
        assert_eq!(clock(i64::MIN), "host is 9223372036854775 s ahead");
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_suits_it() {
        let shown = [0, 1, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000, u64::MAX].map(span);
        let expected =
            ["0 s", "1 s", "119 s", "2 min", "120 min", "2 h", "2 days", "213503982335 days"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_sentence_is_wrapped_at_words_and_a_long_word_stays_whole() {
        let mut text = String::new();
        wrap(&mut text, &format!("{} end  of it", "words".to_owned() + &" word".repeat(19)));
        wrap(&mut text, &format!("a {}", "x".repeat(100)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "words".to_owned() + &" word".repeat(15));
        assert_eq!(lines[1], "  word word word word end of it");
        assert_eq!(lines[2..], ["a".to_owned(), format!("  {}", "x".repeat(100))]);
    }
}
