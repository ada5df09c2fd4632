//! However long the texts of a page are, its events are not many times as long.

use serde_json::json;

use crate::event::{SCHEMAS, page_of, poll};

/// Bytes of the events at most, for a page of so many.
const fn bytes_max(page_bytes: usize) -> usize {
    3 * page_bytes + (20 << 20)
}

#[track_caller]
fn hold(what: &str, rows: &[String]) {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let page = page_of(&rows);
    let page_bytes = page.body.len();
    assert!(page_bytes <= REPLY_BYTES_MAX, "{what}: {page_bytes}");
    for format in SCHEMAS {
        // The row's own text comes on top of all else.
        let events = poll(page.clone(), format, true);
        assert_eq!(events.len(), rows.len());
        let bytes: usize = events.iter().map(|event| event.body.len()).sum();
        assert!(bytes <= bytes_max(page_bytes), "{what}, {format}: {bytes} of {page_bytes}");
    }
}

/// A text of so many bytes as it is written, of one piece again and again.
fn repeated(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len())
}

#[test]
fn a_page_of_the_longest_texts_gives_events_within_bounds() {
    for piece in ["d", "\\\"", "\\u0001", "a@b.c,"] {
        // Each is as long as a text can be that schemas have places for.
        let text = repeated(piece, TEXT_BYTES_MAX);
        // A number of three digits goes before it.
        let id = repeated(piece, TEXT_BYTES_MAX - 3);
        let list = repeated(piece, TEXT_BYTES_MAX - 2);
        let rows: Vec<String> = (100..600)
            .map(|number| {
                format!(
                    concat!(
                        r#"{{"id":"{number}{id}","definition":"{text}","senderAddress":"{text}","#,
                        r#""recipientAddress":"{text}","subject":"{text}","messageId":"{text}","#,
                        r#""action":"{text}","identifiers":["{list}"]}}"#
                    ),
                    number = number,
                    id = id,
                    text = text,
                    list = list,
                )
            })
            .collect();
        hold(piece, &rows);
    }
}

#[test]
fn a_page_with_one_text_of_megabytes_gives_events_within_bounds() {
    let text = "m".repeat(REPLY_BYTES_MAX - 1_000);
    hold("definition", &[json!({"definition": text}).to_string()]);
    hold("identifiers", &[json!({"identifiers": [text]}).to_string()]);
    let addresses = repeated("a@b.example,", REPLY_BYTES_MAX - 1_000);
    hold("recipients", &[json!({"recipientAddress": addresses}).to_string()]);
    let escapes = repeated("\\\"", REPLY_BYTES_MAX - 1_000);
    hold("escapes", &[format!(r#"{{"id":"{escapes}"}}"#)]);
}

#[test]
fn a_page_that_is_mostly_blanks_gives_events_within_bounds() {
    for blank in ["\t", "\n"] {
        let blanks = repeated(blank, REPLY_BYTES_MAX - 1_000);
        hold(blank, &[format!(r#"{{"id":"a",{blanks}"identifiers":[]}}"#)]);
    }
    let blanks = repeated("\t", REPLY_BYTES_MAX - 1_000);
    hold("a list of blanks", &[format!(r#"{{"id":"a","identifiers":[{blanks}]}}"#)]);
}

/// The longest reply that is read.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Quotes not counted.
const TEXT_BYTES_MAX: usize = 4 * 1_024 - 2;
