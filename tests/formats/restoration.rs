//! Nothing of a row is lost: from its event alone it is put together again.

use serde_json::{Map, Value, json};

use crate::event::{
    DETECTION_FINDING, ECS, EMAIL_ACTIVITY, LONE_SURROGATE, SCHEMAS, event_of, read,
};
use crate::fake::api_date;
use crate::{generator, golden};

/// The row of an event. One that is no object stands in an object, as it does in `raw`.
fn restored(format: &str, event: &Value) -> Value {
    let (own, places): (_, &[(&str, &str)]) = match format {
        ECS => ("mimecast", &ECS_PLACES),
        DETECTION_FINDING => ("unmapped", &FINDING_PLACES),
        EMAIL_ACTIVITY => ("unmapped", &ACTIVITY_PLACES),
        format => panic!("{format}"),
    };
    let mut row = event.get(own).map_or_else(Map::new, |own| own.as_object().unwrap().clone());
    for (name, place) in places {
        // What stands there as it was given says all that its place does.
        let (Some(value), false) = (event.pointer(place), row.contains_key(*name)) else {
            continue;
        };
        let value = match (*name, value) {
            // The row has no id.
            ("id", Value::String(id)) if is_digest(id) => continue,
            ("messageId", Value::String(id)) if format != ECS => json!(format!("<{id}>")),
            (_, value) => value.clone(),
        };
        row.insert((*name).to_owned(), value);
    }
    Value::Object(row)
}

/// What a row is known by that has no id. No id of the recordings looks like it.
fn is_digest(id: &str) -> bool {
    id.len() == 40 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const ECS_PLACES: [(&str, &str); 9] = [
    ("id", "/event/id"),
    ("eventTime", "/event/created"),
    ("action", "/event/action"),
    ("definition", "/rule/name"),
    ("senderAddress", "/email/from/address/0"),
    ("recipientAddress", "/email/to/address/0"),
    ("subject", "/email/subject"),
    ("messageId", "/email/message_id"),
    ("senderIpAddress", "/source/ip"),
];
const FINDING_PLACES: [(&str, &str); 8] = [
    ("id", "/metadata/uid"),
    ("eventTime", "/metadata/original_time"),
    ("definition", "/message"),
    ("senderAddress", "/evidences/0/email/from"),
    ("recipientAddress", "/evidences/0/email/to/0"),
    ("subject", "/evidences/0/email/subject"),
    ("messageId", "/evidences/0/email/message_uid"),
    ("senderIpAddress", "/evidences/0/src_endpoint/ip"),
];
const ACTIVITY_PLACES: [(&str, &str); 8] = [
    ("id", "/metadata/uid"),
    ("eventTime", "/metadata/original_time"),
    ("definition", "/message"),
    ("senderAddress", "/email/from"),
    ("recipientAddress", "/email/to/0"),
    ("subject", "/email/subject"),
    ("messageId", "/email/message_uid"),
    ("senderIpAddress", "/src_endpoint/ip"),
];

/// The text of the row itself, where the event has it.
fn original<'a>(format: &str, event: &'a Value) -> Option<&'a str> {
    event.pointer(if format == ECS { "/event/original" } else { "/raw_data" })?.as_str()
}

#[test]
fn every_kept_row_is_put_together_again_from_its_event() {
    for (name, text) in golden::rows() {
        let row = match read(&text) {
            row @ Value::Object(_) => row,
            other => json!({"row": other}),
        };
        for format in SCHEMAS {
            let event = read(&event_of(&text, format, false).body);
            assert_eq!(restored(format, &event), row, "{name}, {format}");
            assert_eq!(original(format, &event), None, "{name}, {format}");
            if !text.contains(LONE_SURROGATE) {
                let event = read(&event_of(&text, format, true).body);
                assert_eq!(restored(format, &event), row, "{name}, {format}");
                let raw = event_of(&text, "raw", false).body;
                assert_eq!(original(format, &event), Some(&*raw), "{name}, {format}");
            }
        }
    }
}

#[test]
fn every_generated_row_is_put_together_again_from_its_event() {
    for format in SCHEMAS {
        generator::each(format, true, |row, event| {
            let body = read(&event.body);
            assert_eq!(
                restored(format, &body),
                row.value,
                "{format}: {}\n{}",
                row.text,
                event.body
            );
            assert_eq!(original(format, &body), Some(&*row.raw), "{format}");
        });
    }
}

#[test]
fn an_event_has_the_identity_and_the_time_that_the_host_is_told() {
    for format in SCHEMAS {
        generator::each(format, false, |row, event| {
            let body = read(&event.body);
            let told = event.time_unix_nanos;
            if format == ECS {
                let time = body["@timestamp"].as_str().map(|time| {
                    let second = time.strip_suffix('Z').unwrap().split('.').next().unwrap();
                    format!("{second}+0000")
                });
                let told =
                    told.map(|nanos| api_date(i64::try_from(nanos / 1_000_000_000).unwrap()));
                // Past the year 2554 nanoseconds have no room, and the host is told nothing.
                let is_far = time.as_ref().is_some_and(|time| time.starts_with("9999"));
                assert!(time == told || is_far, "{time:?}, {told:?}: {}", row.text);
                return;
            }
            if let Some(nanos) = told {
                assert_eq!(body["time"].as_u64(), Some(nanos / 1_000_000), "{}", row.text);
            }
            // What the host knows a row by has the time at its end, the event has it without.
            let time = match told {
                Some(nanos) if nanos % 1_000_000_000 == 0 => format!("@{}", nanos / 1_000_000_000),
                Some(nanos) => format!("@{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000),
                None if body["time"] == 0 => String::new(),
                None => "@253402300799".to_owned(),
            };
            let uid = body["metadata"]["uid"].as_str().unwrap();
            let time = if is_digest(uid) { "" } else { &time };
            assert_eq!(event.id, format!("{uid}{time}"), "{}", row.text);
            let own = row.value["id"].as_str().filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()));
            assert!(own.map_or_else(|| is_digest(uid), |own| own == uid), "{}", row.text);
        });
    }
}

#[test]
fn an_id_that_is_too_long_for_the_host_is_none_of_ocsf_either() {
    let time = "1970-01-01T00:00:01+0000";
    for format in [DETECTION_FINDING, EMAIL_ACTIVITY] {
        // The second takes six bytes as it is written, and one as it is read.
        for (piece, bytes) in [("x", 1), ("\\u0041", 1), ("\\u4e00", 3)] {
            for len in [ID_BYTES_MAX / bytes, ID_BYTES_MAX / bytes + 1, 4_094 / bytes] {
                let row = format!(r#"{{"id":"{}","eventTime":"{time}"}}"#, piece.repeat(len));
                let event = event_of(&row, format, false);
                let body = read(&event.body);
                let uid = body["metadata"]["uid"].as_str().unwrap();
                let own = read(&row)["id"].as_str().unwrap().to_owned();
                if len * bytes <= ID_BYTES_MAX {
                    assert_eq!((uid, event.id), (&*own, format!("{own}@1")), "{piece} {len}");
                } else {
                    assert!(is_digest(uid) && event.id == uid, "{piece} {len}");
                    assert_eq!(body["unmapped"]["id"], own);
                }
            }
        }
    }
}

/// Longer ones are none that a host takes: the time has to follow.
const ID_BYTES_MAX: usize = 4 * 1_024 - 32;
