//! In each format every row of the ledger is one event, under faults and with odd rows, too; and what
//! it says is what its row says.
//!
//! Fails when: brackets stay around a message's id.

use std::collections::BTreeMap;
use std::thread;

use end_to_end::collector::{Auth, Collector};
use mimecast_sim::{LedgerQuery, LedgerRow, Options, Running, WorldOptions};
use serde_json::{Value, json};

/// One page in a few goes wrong.
const FAULTS: &str = "503=6% cut=6% same-token=10% dead-token=10% fail=4% token-expired=10%";

/// A format, and where it says what.
struct Form {
    name: &'static str,
    id: &'static str,
    subject: &'static str,
    message_id: &'static str,
    has_brackets: bool,
    action: fn(action: &str, is_malicious: bool) -> Vec<(&'static str, Value)>,
    time: fn(row: &LedgerRow) -> (&'static str, Value),
}

const FORMS: [Form; 3] = [
    Form {
        name: "ecs",
        id: "/event/id",
        subject: "/email/subject",
        message_id: "/email/message_id",
        has_brackets: true,
        action: |action, _| {
            let is_denied = ["hold", "bounce", "delete", "remove_email"].contains(&action);
            vec![
                ("/event/action", json!(action)),
                ("/event/type", json!([if is_denied { "denied" } else { "info" }])),
            ]
        },
        time: |row| {
            ("/@timestamp", mimecast_sim::api_date(row.event_secs).replace("+0000", "Z").into())
        },
    },
    Form {
        name: "ocsf_detection_finding",
        id: "/finding_info/uid",
        subject: "/evidences/0/email/subject",
        message_id: "/evidences/0/email/message_uid",
        has_brackets: false,
        action: verdict,
        time: |row| ("/finding_info/created_time", (row.event_secs * 1_000).into()),
    },
    Form {
        name: "ocsf_email_activity",
        id: "/metadata/uid",
        subject: "/email/subject",
        message_id: "/email/message_uid",
        has_brackets: false,
        action: verdict,
        time: |row| ("/time", (row.event_secs * 1_000).into()),
    },
];

/// What OCSF says of an action, by the schema's own numbers.
fn verdict(action: &str, is_malicious: bool) -> Vec<(&'static str, Value)> {
    let (action_id, disposition_id) = match (action, is_malicious) {
        ("hold", _) => (2, 3),
        ("bounce", _) => (2, 25),
        ("delete" | "remove_email", _) => (2, 5),
        ("none", true) => (3, 15),
        ("none", false) => (1, 16),
        _ => (99, 99),
    };
    let word = if action_id == 99 { json!(action) } else { Value::Null };
    vec![
        ("/action_id", json!(action_id)),
        ("/disposition_id", json!(disposition_id)),
        ("/action", word.clone()),
        ("/disposition", word),
    ]
}

#[test]
fn every_row_is_one_event_that_says_what_it_says_whatever_goes_wrong() {
    thread::scope(|scope| {
        for form in &FORMS {
            scope.spawn(move || {
                let faults = FAULTS.split(' ').map(|fault| fault.parse().unwrap()).collect();
                let world =
                    WorldOptions { odd_rows: 60, late_max_secs: 0, ..WorldOptions::default() };
                let api = Options { faults, world, ..Options::default() }.start().unwrap();
                let [hmac, oauth2] = Auth::BOTH.map(|auth| collected(&api, form, auth));
                let outcomes = api.stats().outcomes;
                let met = outcomes.keys().filter(|name| name.starts_with("fault")).count();
                assert!(met > 3, "{outcomes:?}");
                assert!(
                    hmac.lines().eq(oauth2.lines()),
                    "{}: other credentials, other events",
                    form.name
                );
                assert_events(&api, form, &hmac);
            });
        }
    });
}

/// The events, in an order of their own.
fn collected(api: &Running, form: &Form, auth: Auth) -> String {
    let Form { name, .. } = form;
    let settings = format!("format = \"{name}\"\npage_size = 50");
    let test = format!("format-{name}-{auth:?}");
    let collector = Collector::new(&test, api, &settings).with_auth(auth);
    collector.catch_up();
    let events = collector.events();
    let mut lines: Vec<&str> = events.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// Holds each event to its row.
fn assert_events(api: &Running, form: &Form, events: &str) {
    let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event.is_object(), "{line}");
        let key = key(text(&event, form.id), text(&event, form.message_id));
        assert!(by_id.insert(key, event).is_none(), "twice: {line}");
    }
    let rows: Vec<LedgerRow> = api.ledger(&LedgerQuery::default()).collect();
    assert_eq!((rows.len(), by_id.len()), (1_060, 1_060), "{}", form.name);
    for row in rows {
        let parsed: Value = serde_json::from_str(&row.text).unwrap();
        let message_id = text(&parsed, "/messageId").unwrap();
        let bare = message_id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap();
        let message_id = if form.has_brackets { message_id } else { bare };
        let id = text(&parsed, "/id");
        let event = by_id.remove(&key(id, Some(message_id)));
        let event = event.unwrap_or_else(|| panic!("{}: no event for {}", form.name, row.text));

        let mut said = (form.action)(
            parsed["action"].as_str().unwrap(),
            // A text that says `true` is none of the schema's.
            parsed["taggedMalicious"] == true,
        );
        said.push((form.time)(&row));
        // A text that is not there, or null, has no place.
        said.push((form.subject, parsed["subject"].clone()));
        said.push((form.message_id, json!(message_id)));
        if let Some(id) = id {
            said.push((form.id, json!(id)));
        }
        for (place, value) in said {
            let found = event.pointer(place).cloned().unwrap_or_default();
            assert_eq!(found, value, "{}: {place} of {}", form.name, row.text);
        }
    }
}

/// What an event and its row are known by. A row without an id has a message of its own, and some
/// formats make up an id for it.
fn key<'a>(id: Option<&'a str>, message_id: Option<&'a str>) -> String {
    let given = id.filter(|id| id.starts_with("MTOKEN:"));
    given.or(message_id).unwrap().to_owned()
}

fn text<'a>(value: &'a Value, place: &str) -> Option<&'a str> {
    value.pointer(place).and_then(Value::as_str)
}
