//! Rows of all kinds, the same in every run: members of odd kinds, missing ones, unknown ones, and
//! every way to spell them, control characters that are not escaped among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mimecast_ttp_source::Event;
use serde_json::{Map, Value, json};

use crate::event::events_of;
use crate::fake::dice::Dice;

/// A row as a page has it, the same as JSON on one line, and what it says.
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) raw: String,
    pub(crate) value: Value,
}

/// The two texts of a row, while they are written.
#[derive(Default)]
struct Texts {
    text: String,
    raw: String,
}

impl Texts {
    fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        self.raw.push_str(piece);
    }
}

/// Shows each row with its event.
pub(crate) fn each(format: &str, keep_original: bool, mut show: impl FnMut(&Row, &Event)) {
    for page in 0..PAGES {
        let mut dice = Dice::new(page);
        let rows: Vec<Row> = (0..PAGE_ROWS).map(|number| row(&mut dice, number)).collect();
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let events = events_of(&texts, format, keep_original);
        for (row, event) in rows.iter().zip(&events) {
            show(row, event);
        }
    }
}

fn row(dice: &mut Dice, number: i64) -> Row {
    let mut members = Map::new();
    // No two rows are the same.
    members.insert("number".to_owned(), json!(number));
    for name in NAMES {
        if dice.percent(90) {
            members.insert(name.to_owned(), member(dice, name));
        }
    }
    // Of two rows with the same id the second one is known already.
    if let Some(Value::String(id)) = members.get_mut("id").filter(|id| **id != "") {
        id.insert_str(0, &format!("{number}:"));
    }
    // Some have more members than are kept on the way.
    let unknown = if dice.percent(2) { 70 } else { dice.below(3) };
    for index in 0..unknown {
        let name = format!("{}{}", dice.pick(&UNKNOWN_NAMES), index / 3);
        members.insert(name, any(dice, 3));
    }
    let value = Value::Object(members);
    let mut texts = Texts::default();
    write(dice, &value, &mut texts);
    let Texts { text, raw } = texts;
    assert_eq!(serde_json::from_str::<Value>(&raw).unwrap(), value, "{raw}");
    Row { text, raw, value }
}

/// Mostly what is documented; sometimes a text of another member, or of no kind at all.
fn member(dice: &mut Dice, name: &str) -> Value {
    if dice.percent(8) {
        return any(dice, 2);
    }
    if dice.percent(3) {
        let len = usize::try_from(dice.between(TEXT_BYTES - 4, TEXT_BYTES)).unwrap();
        return json!("x@y.".repeat(len / 4 + 1)[..len]);
    }
    match name {
        "hits" => json!(dice.below(4)),
        "taggedMalicious" | "taggedExternal" => json!(dice.percent(50)),
        "identifiers" => (0..dice.below(4)).map(|_| json!(dice.pick(&TEXTS))).collect(),
        "impersonationResults" => json!([{"similarDomain": dice.pick(&TEXTS)}]),
        "action" => json!(dice.pick(&ACTIONS)),
        "eventTime" => json!(dice.pick(&TIMES)),
        "senderIpAddress" => json!(ip(dice)),
        "senderAddress" | "recipientAddress" => {
            let parts: Vec<String> = (0..dice.between(1, 3)).map(|_| mailbox(dice)).collect();
            let parts = if dice.percent(70) { &parts[..1] } else { &parts };
            json!(parts.join(dice.pick::<&str>(&[",", ", ", ";", "; ,"])))
        }
        "messageId" if dice.percent(80) => json!(format!("<{}>", dice.pick(&TEXTS))),
        _ => json!(dice.pick(&TEXTS)),
    }
}

fn mailbox(dice: &mut Dice) -> String {
    let address = *dice.pick(&ADDRESSES);
    match dice.below(6) {
        0 => format!("{} <{address}>", dice.pick(&TEXTS)),
        1 => format!("\"Doe, {}\" <{address}>", dice.pick(&TEXTS)),
        2 => format!("<{address}>"),
        _ => address.to_owned(),
    }
}

/// Of every spelling, and with groups that are easily taken for others.
fn ip(dice: &mut Dice) -> String {
    let groups = [0; 8].map(|_: u16| *dice.pick(&[0_u16, 0, 1, 0xffff, 0x203a, 0xdb8]));
    let v6 = std::net::Ipv6Addr::from(groups);
    let v4 = std::net::Ipv4Addr::from(u32::try_from(dice.below(1 << 32)).unwrap());
    let full = groups.map(|group| format!("{group:04X}")).join(":");
    match dice.below(8) {
        0 => v6.to_string(),
        1 => full,
        2 => format!("{}:{v4}", &full[..29]),
        3 => format!("::{v4}"),
        4 => format!("{:x}::{:x}:{v4}", groups[0], groups[1]),
        5 => {
            (*dice.pick(&["203.0.113.256", "fe80::1%eth0", "1.2.3", ":::", " 1.2.3.4"])).to_owned()
        }
        _ => v4.to_string(),
    }
}

/// A value of any kind.
fn any(dice: &mut Dice, depth: u32) -> Value {
    match dice.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(dice.percent(50)),
        2 => json!(dice.between(-3, 1 << 40)),
        3 => json!(2.5),
        4 => json!(""),
        5 => json!(dice.pick(&TEXTS)),
        6 => (0..dice.below(3)).map(|_| any(dice, depth - 1)).collect(),
        _ => {
            let names = (0..dice.below(3)).map(|_| (*dice.pick(&UNKNOWN_NAMES)).to_owned());
            let names: Vec<String> = names.collect();
            names.into_iter().map(|name| (name, any(dice, depth - 1))).collect()
        }
    }
}

/// Writes a value in one of the many ways to write it.
fn write(dice: &mut Dice, value: &Value, out: &mut Texts) {
    match value {
        Value::String(text) => write_string(dice, text, out),
        Value::Array(values) => {
            out.push("[");
            for (index, value) in values.iter().enumerate() {
                separate(dice, index, out);
                write(dice, value, out);
            }
            blank(dice, out);
            out.push("]");
        }
        Value::Object(members) => {
            out.push("{");
            let shuffled: BTreeMap<u64, _> = members.iter().map(|m| (dice.next(), m)).collect();
            for (index, (name, value)) in shuffled.into_values().enumerate() {
                separate(dice, index, out);
                write_string(dice, name, out);
                blank(dice, out);
                out.push(":");
                blank(dice, out);
                write(dice, value, out);
            }
            blank(dice, out);
            out.push("}");
        }
        other => out.push(&other.to_string()),
    }
}

fn separate(dice: &mut Dice, index: usize, out: &mut Texts) {
    if index > 0 {
        blank(dice, out);
        out.push(",");
    }
    blank(dice, out);
}

/// Line breaks are left out of what is on one line.
fn blank(dice: &mut Dice, out: &mut Texts) {
    if dice.percent(3) {
        let blank = dice.pick::<&str>(&[" ", "\n", "\r\n  ", "\t"]);
        out.text.push_str(blank);
        out.raw.push_str(&blank.replace(['\r', '\n'], ""));
    }
}

fn write_string(dice: &mut Dice, text: &str, out: &mut Texts) {
    match dice.below(10) {
        0 => {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            out.push(&format!("\"{}\"", units.collect::<String>()));
        }
        // Control characters as they are, where JSON wants them escaped.
        1..=3 => {
            out.push("\"");
            for c in text.chars() {
                match c {
                    '"' | '\\' => out.push(&format!("\\{c}")),
                    '\t' => {
                        out.text.push(c);
                        out.raw.push_str("\\t");
                    }
                    '\0'..' ' => {
                        out.text.push(c);
                        write!(out.raw, "\\u{:04x}", u32::from(c)).unwrap();
                    }
                    c => out.push(c.encode_utf8(&mut [0; 4])),
                }
            }
            out.push("\"");
        }
        _ => out.push(&json!(text).to_string()),
    }
}

const PAGES: u64 = 6;
const PAGE_ROWS: i64 = 500;
/// The longest text that a schema's place takes, quotes included.
const TEXT_BYTES: i64 = 4 * 1_024;
const NAMES: [&str; 14] = [
    "id",
    "eventTime",
    "action",
    "definition",
    "senderAddress",
    "recipientAddress",
    "subject",
    "messageId",
    "senderIpAddress",
    "hits",
    "taggedMalicious",
    "taggedExternal",
    "identifiers",
    "impersonationResults",
];
/// Those of the schemas and of the source itself are as good as any.
const UNKNOWN_NAMES: [&str; 10] =
    ["", "a\"b", "ü\\", "event", "mimecast", "unmapped", "row", "@timestamp", "to", "Subject"];
const TEXTS: [&str; 12] = [
    "",
    "a",
    "Urgent: invoice 4711",
    "similar_internal_domain",
    "\"quoted\\\"",
    "<in brackets>",
    "line\nbreak\r\ttab\u{0}",
    "Grüße € 緊急",
    "😀",
    "\u{7f}\u{85}\u{2028}",
    "a,b;c",
    "/\\/",
];
const ACTIONS: [&str; 10] =
    ["none", "none", "hold", "hold", "bounce", "delete", "remove_email", "gcc", "", "HOLD"];
const ADDRESSES: [&str; 13] = [
    "a@b.example",
    "jane.doe+x@mail.acme.example",
    "o'brien@acme.example",
    "a@b.c-d.example",
    "a@b",
    "a@b.",
    "a@@b.example",
    "a%b@c.example",
    "a:b@c.example",
    "büro@acme.example",
    "a@acme.例",
    "nobody",
    "",
];
const TIMES: [&str; 14] = [
    "2026-11-01T00:10:46+0000",
    "2026-11-01T00:10:46+0000",
    "2026-11-01T00:10:46Z",
    "2026-11-01T00:10:46-00:00",
    "2026-11-01T05:40:46+05:30",
    "2026-10-31T16:40:46-0730",
    "2026-11-01T00:10:46.5+0000",
    "2026-11-01T00:10:46.000000001Z",
    "2026-11-01T00:10:46.1234567890123+0000",
    "1970-01-01T00:00:00+0000",
    "1969-12-31T23:59:59+0000",
    "9999-12-31T23:59:59+0000",
    "2026-11-01",
    "yesterday",
];
