//! Rows in, events out: through a poll, as a host gets them.

use mimecast_ttp_source::{Event, Response};
use serde_json::{Value, json};

use crate::fake::{Host, config_with, response};

pub(crate) const ECS: &str = "ecs";
pub(crate) const DETECTION_FINDING: &str = "ocsf_detection_finding";
pub(crate) const EMAIL_ACTIVITY: &str = "ocsf_email_activity";
/// All that are not the row's own text.
pub(crate) const SCHEMAS: [&str; 3] = [ECS, DETECTION_FINDING, EMAIL_ACTIVITY];

/// The event of the one row of a page.
#[track_caller]
pub(crate) fn event_of(row: &str, format: &str, keep_original: bool) -> Event {
    let [event] = <[Event; 1]>::try_from(events_of(&[row], format, keep_original)).unwrap();
    event
}

/// The events of a page of rows, in their order. No two rows may be the same.
#[track_caller]
pub(crate) fn events_of(rows: &[&str], format: &str, keep_original: bool) -> Vec<Event> {
    let events = poll(page_of(rows), format, keep_original);
    assert_eq!(events.len(), rows.len(), "one event a row");
    for event in &events {
        assert!(!event.body.contains(['\n', '\r']), "more than a line: {}", event.body);
        assert!(read(&event.body).is_object(), "no object: {}", event.body);
    }
    events
}

/// The events of a page as it is.
#[track_caller]
pub(crate) fn poll(page: Response, format: &str, keep_original: bool) -> Vec<Event> {
    let config = config_with(json!({"format": format, "keep_original": keep_original}));
    Host::new(&config).poll(page).unwrap().events
}

pub(crate) fn page_of(rows: &[&str]) -> Response {
    let (count, rows) = (rows.len(), rows.join(","));
    let data = format!(r#"[{{"resultCount":{count},"impersonationLogs":[{rows}]}}]"#);
    response(200, format!(r#"{{"meta":{{"status":200}},"data":{data},"fail":[]}}"#))
}

/// A JSON text as a value. The one half of a surrogate pair that the tests write alone is read as the
/// text of its escape: `serde_json` has no value for it.
#[track_caller]
pub(crate) fn read(text: &str) -> Value {
    let text = text.replace(LONE_SURROGATE, "\\\\ud800");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// As rows have it.
pub(crate) const LONE_SURROGATE: &str = "\\ud800";
