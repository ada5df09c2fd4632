//! However long the texts of a page are, its events fit into the memory of a guest; or less is asked
//! for at once.

use serde_json::json;

use crate::event::{SCHEMAS, page_of};
use crate::fake::{Host, codes, config_with};

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Narrowed,
}

#[track_caller]
fn hold(what: &str, rows: &[String], fate: &Fate) {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let page = page_of(&rows);
    let page_bytes = page.body.len();
    assert!(page_bytes <= REPLY_BYTES_MAX, "{what}: {page_bytes}");
    for format in SCHEMAS {
        // The row's own text comes on top of all else.
        let config = config_with(json!({"format": format, "keep_original": true}));
        let batch = Host::new(&config).poll(page.clone()).unwrap();
        let bytes: usize = batch.events.iter().map(|event| event.body.len()).sum();
        let bytes_max = if rows.len() > 1 { EVENTS_BYTES_MAX } else { EVENT_BYTES_MAX };
        assert!(bytes <= bytes_max, "{what}, {format}: {bytes} of {page_bytes}");
        let is_narrowed = codes(&batch.notices).contains(&"reply_too_large");
        let found = if is_narrowed { Fate::Narrowed } else { Fate::Taken };
        assert_eq!(&found, fate, "{what}, {format}");
        assert_eq!(batch.events.len(), if found == Fate::Taken { rows.len() } else { 0 });
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
        hold(piece, &rows[..90], &Fate::Taken);
        // It would fit into the memory of a guest, and is more than a batch may hold.
        hold(piece, &rows[..150], &Fate::Narrowed);
        hold(piece, &rows, &Fate::Narrowed);
    }
}

#[test]
fn a_page_of_control_characters_gives_events_within_bounds() {
    // Six bytes each, once they are escaped.
    for control in ["\u{1}", "\n"] {
        let text = repeated(control, TEXT_BYTES_MAX);
        let rows: Vec<String> = (100..250)
            .map(|number| {
                format!(
                    concat!(
                        r#"{{"id":"{number}","definition":"{text}","senderAddress":"{text}","#,
                        r#""recipientAddress":"{text}","subject":"{text}","messageId":"{text}"}}"#
                    ),
                    number = number,
                    text = text,
                )
            })
            .collect();
        hold(control, &rows[..20], &Fate::Taken);
        hold(control, &rows, &Fate::Narrowed);
        let text = repeated(control, REPLY_BYTES_MAX - 1_000);
        hold(control, &[format!(r#"{{"subject":"{text}"}}"#)], &Fate::Narrowed);
        let text = repeated(control, REPLY_BYTES_MAX / 6);
        hold(control, &[format!(r#"{{"subject":"{text}"}}"#)], &Fate::Taken);
    }
}

#[test]
fn a_page_with_one_text_of_megabytes_gives_events_within_bounds() {
    let text = "m".repeat(REPLY_BYTES_MAX - 1_000);
    hold("definition", &[json!({"definition": text}).to_string()], &Fate::Taken);
    hold("identifiers", &[json!({"identifiers": [text]}).to_string()], &Fate::Taken);
    let addresses = repeated("a@b.example,", REPLY_BYTES_MAX - 1_000);
    hold("recipients", &[json!({"recipientAddress": addresses}).to_string()], &Fate::Taken);
    let escapes = repeated("\\\"", REPLY_BYTES_MAX - 1_000);
    hold("escapes", &[format!(r#"{{"id":"{escapes}"}}"#)], &Fate::Taken);
}

#[test]
fn a_page_that_is_mostly_blanks_gives_events_within_bounds() {
    for blank in ["\t", "\n"] {
        let blanks = repeated(blank, REPLY_BYTES_MAX - 1_000);
        hold(blank, &[format!(r#"{{"id":"a",{blanks}"identifiers":[]}}"#)], &Fate::Taken);
    }
    let blanks = repeated("\t", REPLY_BYTES_MAX - 1_000);
    hold("a list of blanks", &[format!(r#"{{"id":"a","identifiers":[{blanks}]}}"#)], &Fate::Taken);
}

/// Of the events of a page, as the contract has it; and of one alone.
const EVENTS_BYTES_MAX: usize = 16 << 20;
const EVENT_BYTES_MAX: usize = 24 << 20;
/// The longest reply that is read.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Quotes not counted.
const TEXT_BYTES_MAX: usize = 4 * 1_024 - 2;
