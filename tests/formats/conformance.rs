//! Every event is as its schema says; and the judge of that finds what is not.

use serde_json::{Value, json};

use crate::event::{DETECTION_FINDING, ECS, EMAIL_ACTIVITY, SCHEMAS, event_of, read};
use crate::generator;
use crate::golden;
use crate::schema::{Ecs, Ocsf};

/// Judges an event by the schema of its format.
struct Judge {
    ocsf: Ocsf,
    ecs: Ecs,
}

impl Judge {
    fn new() -> Self {
        Self { ocsf: Ocsf::new(), ecs: Ecs::new() }
    }

    #[track_caller]
    fn pass(&self, format: &str, row: &str, body: &str) {
        let event = read(body);
        let faults = match format {
            ECS => self.ecs.faults(&event),
            _ => self.ocsf.faults(&event),
        };
        assert!(faults.is_empty(), "{faults:#?}\n{row}\n{body}");
    }
}

#[test]
fn every_kept_event_is_as_its_schema_says() {
    let judge = Judge::new();
    for format in SCHEMAS {
        for row in golden::rows().values() {
            judge.pass(format, row, &event_of(row, format, false).body);
            // A lone half of a pair, escaped once more, is no escape that these tests can read.
            if !row.contains(crate::event::LONE_SURROGATE) {
                judge.pass(format, row, &event_of(row, format, true).body);
            }
        }
    }
}

#[test]
fn every_event_of_a_generated_row_is_as_its_schema_says() {
    let judge = Judge::new();
    for format in SCHEMAS {
        generator::each(format, false, |row, event| judge.pass(format, &row.text, &event.body));
    }
}

#[test]
fn an_address_is_in_its_place_just_if_the_pattern_takes_it() {
    let ocsf = Ocsf::new();
    let mut taken = 0;
    // What separates addresses, or stands around them, is no part of one.
    let all = (b'!'..=b'~').map(char::from).filter(|c| !"\"(),;<>".contains(*c)).chain(['é']);
    for c in all {
        for address in [
            format!("a{c}b@c.example"),
            format!("{c}@c.example"),
            format!("a@b{c}c.example"),
            format!("a@b.c{c}d"),
            format!("a@b{c}d"),
        ] {
            let row = json!({"id": "a", "recipientAddress": address});
            let event = read(&event_of(&row.to_string(), EMAIL_ACTIVITY, false).body);
            let is_taken = ocsf.takes("email_t", &address);
            taken += usize::from(is_taken);
            let (to, left) = if is_taken {
                (json!([address]), &Value::Null)
            } else {
                (json!([]), &row["recipientAddress"])
            };
            assert_eq!(
                (&event["email"]["to"], &event["unmapped"]["recipientAddress"]),
                (&to, left)
            );
        }
    }
    assert!((100..400).contains(&taken), "{taken}");
}

/// An event that is as it should be, with the value at a path replaced, or taken out by a null.
fn broken(event: &Value, path: &str, value: Value) -> Value {
    let mut event = event.clone();
    let (object, name) = path.rsplit_once('/').unwrap();
    let object = event.pointer_mut(object).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => object.remove(name),
        value => object.insert(name.to_owned(), value),
    };
    event
}

fn common(format: &str) -> Value {
    let rows = golden::rows();
    read(&event_of(&rows["common"], format, false).body)
}

#[test]
fn what_breaks_a_rule_of_ocsf_is_told() {
    let ocsf = Ocsf::new();
    for (format, path, value, fault) in [
        (DETECTION_FINDING, "/class_uid", json!(2005), "class_uid: 2005 is no class"),
        (DETECTION_FINDING, "/colour", json!("red"), "colour: it is unknown"),
        (EMAIL_ACTIVITY, "/finding_info", json!({"uid": "a"}), "finding_info: it is unknown"),
        (EMAIL_ACTIVITY, "/email/colour", json!("red"), "email.colour: it is unknown"),
        (EMAIL_ACTIVITY, "/email", Value::Null, "email: it is required"),
        (DETECTION_FINDING, "/time", Value::Null, "time: it is required"),
        (DETECTION_FINDING, "/finding_info/uid", Value::Null, "finding_info.uid: it is required"),
        (
            DETECTION_FINDING,
            "/metadata/profiles",
            json!(["security_control", "cloud"]),
            "cloud: it is required",
        ),
        (
            DETECTION_FINDING,
            "/metadata/profiles",
            json!([]),
            "action_id: its profile is not listed",
        ),
        (
            EMAIL_ACTIVITY,
            "/metadata/profiles",
            json!(["security_control", "incident"]),
            "metadata.profiles: incident is none of the class",
        ),
        (EMAIL_ACTIVITY, "/metadata/version", json!("1.4.0"), "metadata.version: it is not the"),
        (EMAIL_ACTIVITY, "/type_uid", json!(400_901), "type_uid: it is not class_uid * 100"),
        (EMAIL_ACTIVITY, "/activity_id", json!(5), "activity_id: 5 is none of its values"),
        (EMAIL_ACTIVITY, "/category_uid", json!(2), "category_uid: 2 is none of its values"),
        (DETECTION_FINDING, "/severity_id", json!(7), "severity_id: 7 is none of its values"),
        (DETECTION_FINDING, "/disposition_id", json!(99), "disposition_id: it is Other, and"),
        (DETECTION_FINDING, "/severity_id", json!("2"), "severity_id: \"2\" is no integer_t"),
        (DETECTION_FINDING, "/time", json!(1.5), "time: 1.5 is no timestamp_t"),
        (DETECTION_FINDING, "/is_alert", json!(1), "is_alert: 1 is no boolean_t"),
        (DETECTION_FINDING, "/message", json!(7), "message: 7 is no string_t"),
        (DETECTION_FINDING, "/message", json!(["a"]), "message: [\"a\"] is no string_t"),
        (DETECTION_FINDING, "/metadata", json!("a"), "metadata: it is no object"),
        (DETECTION_FINDING, "/unmapped", json!([]), "unmapped: it is no object"),
        (DETECTION_FINDING, "/evidences", json!({}), "evidences: it is no array"),
        (EMAIL_ACTIVITY, "/email/to", json!("a@b.example"), "email.to: it is no array"),
        (EMAIL_ACTIVITY, "/email/to", json!([1]), "email.to[0]: 1 is no email_t"),
        (EMAIL_ACTIVITY, "/email/from", json!("a@b"), "email.from: \"a@b\" does not match the"),
        (EMAIL_ACTIVITY, "/src_endpoint/ip", json!("1.2.3"), "src_endpoint.ip: \"1.2.3\" does not"),
        (
            EMAIL_ACTIVITY,
            "/src_endpoint/ip",
            json!("2001:0db8:0000:0000:0000:ffff:203.0.113.125"),
            "src_endpoint.ip: it is too long",
        ),
        (EMAIL_ACTIVITY, "/src_endpoint/port", json!(65536), "src_endpoint.port: 65536 is out of"),
        (EMAIL_ACTIVITY, "/src_endpoint", json!({}), "src_endpoint: at_least_one does not hold"),
        (DETECTION_FINDING, "/evidences/0/file", json!({}), "evidences[0].file: the subset has no"),
    ] {
        let faults = ocsf.faults(&broken(&common(format), path, value.clone()));
        let is_told = faults.iter().any(|told| told.starts_with(fault));
        assert!(is_told, "{path} = {value}: {fault}: {faults:?}");
    }
}

#[test]
fn a_constraint_that_only_one_may_be_there_is_known() {
    let subset = include_str!("schemas/ocsf-1.5.0-subset.json");
    let mut schema: Value = serde_json::from_str(subset).unwrap();
    schema["objects"]["email"]["constraints"] = json!({"just_one": ["from", "to"]});
    let ocsf = Ocsf::of(schema);
    let event = common(EMAIL_ACTIVITY);
    assert_eq!(ocsf.faults(&event), ["email: just_one does not hold"]);
    assert_eq!(ocsf.faults(&broken(&event, "/email/to", Value::Null)), [""; 0]);
}

#[test]
fn what_breaks_a_rule_of_ecs_is_told() {
    let ecs = Ecs::new();
    for (path, value, fault) in [
        ("/ecs/version", json!("8.12.0"), "ecs.version: it is not the schema's"),
        ("/ecs", Value::Null, "ecs.version: it is not the schema's"),
        ("/colour", json!("red"), "colour: it is unknown"),
        ("/event/colour", json!("red"), "event.colour: it is unknown"),
        ("/email/from/name", json!("Jane"), "email.from.name: it is unknown"),
        ("/event", json!("red"), "event: it is unknown"),
        ("/email", json!([]), "email: it is unknown"),
        ("/email/from.address", json!(["a@b.example"]), "email: from.address is not nested"),
        ("/event/kind", json!("alarm"), "event.kind: \"alarm\" is none of its values"),
        ("/event/category", json!(["mail"]), "event.category: \"mail\" is none of its values"),
        ("/event/type", json!("info"), "event.type: it is no array"),
        ("/related/user", json!("a@b.example"), "related.user: it is no array"),
        ("/event/action", json!(7), "event.action: 7 is no \"keyword\""),
        ("/event/action", json!(["none"]), "event.action: [\"none\"] is no \"keyword\""),
        ("/email/from/address", json!([7]), "email.from.address: 7 is no \"keyword\""),
        ("/email/message_id", json!(7), "email.message_id: 7 is no \"wildcard\""),
        ("/event/severity", json!("high"), "event.severity: \"high\" is no \"long\""),
        ("/source/ip", json!("203.0.113.256"), "source.ip: \"203.0.113.256\" is no \"ip\""),
        ("/@timestamp", json!("yesterday"), "@timestamp: \"yesterday\" is no \"date\""),
        ("/event/created", json!("2026-11-01"), "event.created: \"2026-11-01\" is no"),
        ("/event/created", json!("2026-13-01T00:00:00Z"), "event.created: \"2026-13-01T"),
        ("/event/created", json!(1), "event.created: 1 is no \"date\""),
        ("/mimecast", json!([]), "mimecast: it is no object"),
    ] {
        let faults = ecs.faults(&broken(&common(ECS), path, value.clone()));
        let is_told = faults.iter().any(|told| told.starts_with(fault));
        assert!(is_told, "{path} = {value}: {fault}: {faults:?}");
    }
}
