//! What a request may ask for, and what each filter lets through.

use mimecast_sim::{Options, Paging, Running, ScriptedRow, ToBound};
use serde_json::{Value, json};

use crate::client::{Call, NOW, ask, empty_world, last_day};

/// Five rows, a minute apart, the last of them a minute ago.
fn five_rows() -> Options {
    let row = |number: i64, fields: &Value| {
        let mut row = fields.clone();
        row["id"] = json!(format!("row-{number}"));
        ScriptedRow::new(row.to_string(), NOW - (6 - number) * 60)
    };
    let script = vec![
        row(
            1,
            &json!({"senderAddress": "Ceo@evil.example", "recipientAddress": "ann@acme.example",
                "subject": "Invoice", "definition": "VIP", "identifiers": ["internal_user_name"],
                "action": "hold", "taggedMalicious": true}),
        ),
        row(
            2,
            &json!({"senderAddress": "bob@evil.example", "recipientAddress": "ceo@acme.example",
                "subject": "\u{dc}BERWEISUNG", "definition": "Default",
                "identifiers": ["newly_observed_domain", "custom_name_list"],
                "action": "none", "taggedMalicious": false}),
        ),
        row(
            3,
            &json!({"senderAddress": "eve@evil.example", "recipientAddress": "ann@acme.example",
                "subject": "to the ceo", "definition": "Default", "identifiers": [],
                "action": "bounce", "taggedMalicious": true}),
        ),
        row(4, &json!({"subject": "Lunch", "definition": "the CEO rule", "action": "none"})),
        ScriptedRow::new("{\"id\": \"row-5\", \"subject\": 17}", NOW - 60),
    ];
    Options { script, ..empty_world() }
}

fn found(sim: &Running, filters: &Value) -> Vec<String> {
    ask(sim, &last_day(filters)).ids()
}

#[test]
fn each_filter_lets_through_what_it_names() {
    let sim = five_rows().start().unwrap();
    let cases = [
        (json!({}), vec!["row-1", "row-2", "row-3", "row-4", "row-5"]),
        (json!({"taggedMalicious": true}), vec!["row-1", "row-3"]),
        (json!({"taggedMalicious": false}), vec!["row-2", "row-4", "row-5"]),
        (json!({"searchField": "senderAddress", "query": "ceo"}), vec!["row-1"]),
        (json!({"searchField": "recipientAddress", "query": "ceo"}), vec!["row-2"]),
        (json!({"searchField": "subject", "query": "CEO"}), vec!["row-3"]),
        (json!({"searchField": "subject", "query": "\u{fc}berw"}), vec!["row-2"]),
        (json!({"searchField": "policy", "query": "ceo"}), vec!["row-4"]),
        (json!({"searchField": "all", "query": "ceo"}), vec!["row-1", "row-2", "row-3", "row-4"]),
        (json!({"query": "ceo"}), vec!["row-1", "row-2", "row-3", "row-4"]),
        (json!({"identifiers": ["internal_user_name"]}), vec!["row-1"]),
        (
            json!({"identifiers": ["internal_user_name", "custom_name_list"]}),
            vec!["row-1", "row-2"],
        ),
        (json!({"identifiers": ["not_known_yet"]}), vec![]),
        (json!({"actions": ["none"]}), vec!["row-2", "row-4"]),
        (json!({"actions": ["hold", "bounce"]}), vec!["row-1", "row-3"]),
        (json!({"actions": ["hold"], "taggedMalicious": true, "query": "invoice"}), vec!["row-1"]),
        (json!({"actions": ["hold"], "taggedMalicious": false}), vec![]),
    ];
    for (filters, expected) in cases {
        assert_eq!(found(&sim, &filters), expected, "{filters}");
    }
}

#[test]
fn a_filter_finds_rows_that_appeared_since_it_was_last_asked() {
    let sim = five_rows().start().unwrap();
    let filters = json!({"taggedMalicious": true});
    let early = json!({"taggedMalicious": true, "to": "2023-11-14T22:09:00+0000"});
    assert_eq!(found(&sim, &filters), ["row-1", "row-3"]);
    assert_eq!(found(&sim, &early), ["row-1"]);
    let text = r#"{"id": "row-6", "taggedMalicious": true}"#;
    sim.push_rows([ScriptedRow::new(text, NOW - 200)]);
    assert_eq!(found(&sim, &filters), ["row-1", "row-6", "row-3"]);
    assert_eq!(found(&sim, &early), ["row-1"]);
    let text = r#"{"id": "row-0", "taggedMalicious": true}"#;
    sim.push_rows([ScriptedRow::new(text, NOW - 1000)]);
    assert_eq!(found(&sim, &filters), ["row-0", "row-1", "row-6", "row-3"]);
    assert_eq!(found(&sim, &early), ["row-0", "row-1"]);
}

#[test]
fn rows_come_in_the_order_that_was_asked_for() {
    let sim = five_rows().start().unwrap();
    let newest_first = vec!["row-5", "row-4", "row-3", "row-2", "row-1"];
    assert_eq!(found(&sim, &json!({"oldestFirst": false})), newest_first);
    let mut body = last_day(&json!({}));
    body["data"][0].as_object_mut().unwrap().remove("oldestFirst");
    assert_eq!(ask(&sim, &body).ids(), newest_first, "newest first is the default");
}

#[test]
fn both_ends_of_a_window_are_inclusive_unless_chosen_otherwise() {
    // row-2 is at 22:09:20, row-4 at 22:11:20
    let window = json!({"from": "2023-11-14T22:09:20+0000", "to": "2023-11-14T23:11:20+0100"});
    let sim = five_rows().start().unwrap();
    assert_eq!(found(&sim, &window), ["row-2", "row-3", "row-4"]);
    let paging = Paging { to_bound: ToBound::Exclusive, ..Paging::default() };
    let sim = Options { paging, ..five_rows() }.start().unwrap();
    assert_eq!(found(&sim, &window), ["row-2", "row-3"]);
}

#[test]
fn a_window_defaults_to_this_day_up_to_now() {
    let row = |id: &str, event_secs| ScriptedRow::new(json!({"id": id}).to_string(), event_secs);
    let midnight = NOW - NOW % 86_400;
    let script = vec![
        row("yesterday", midnight - 1),
        row("midnight", midnight),
        row("now", NOW),
        row("ahead", NOW + 1).visible_from(NOW),
    ];
    let sim = Options { script, ..empty_world() }.start().unwrap();
    for body in [json!({}), json!({"data": []}), json!({"meta": {}, "data": [{}]})] {
        assert_eq!(ask(&sim, &body).ids(), ["now", "midnight"], "{body}");
    }
    let body = json!({"data": [{"from": "2023-11-13T00:00:00+0000"}]});
    assert_eq!(ask(&sim, &body).ids(), ["now", "midnight", "yesterday"]);
    let body = json!({"data": [{"to": "2023-11-14T23:00:00+0000"}]});
    assert_eq!(ask(&sim, &body).ids(), ["ahead", "now", "midnight"]);
}

#[test]
fn a_request_that_is_not_as_documented_is_refused_with_the_field() {
    let sim = five_rows().start().unwrap();
    let in_data = |data: Value| json!({"data": [data]});
    let paged = |pagination: Value| json!({"meta": {"pagination": pagination}, "data": [{}]});
    let (null, blank, invalid) =
        ("err_validation_null", "err_validation_blank", "err_validation_invalid");
    let cases = [
        (in_data(json!({"searchField": "subject"})), null, "query"),
        (in_data(json!({"searchField": "sender", "query": "x"})), invalid, "searchField"),
        (in_data(json!({"searchField": null, "query": "x"})), null, "searchField"),
        (in_data(json!({"query": " "})), blank, "query"),
        (in_data(json!({"query": 7})), invalid, "query"),
        (in_data(json!({"taggedMalicious": "true"})), invalid, "taggedMalicious"),
        (in_data(json!({"oldestFirst": 1})), invalid, "oldestFirst"),
        (in_data(json!({"identifiers": "hold"})), invalid, "identifiers"),
        (in_data(json!({"identifiers": [""]})), blank, "identifiers"),
        (in_data(json!({"actions": [1]})), invalid, "actions"),
        (in_data(json!({"from": "2023-11-14"})), invalid, "from"),
        (in_data(json!({"from": "2023-11-14T22:13:20Z"})), invalid, "from"),
        (in_data(json!({"to": "2023-11-31T22:13:20+0000"})), invalid, "to"),
        (
            in_data(json!({"from": "2023-11-14T22:13:21+0000", "to": "2023-11-14T22:13:20+0000"})),
            invalid,
            "from",
        ),
        (in_data(json!({"taggedMalicous": true})), invalid, "data"),
        (json!({"data": [{}, {}]}), invalid, "data"),
        (json!({"data": {}}), invalid, "data"),
        (json!({"date": []}), invalid, "body"),
        (json!([]), invalid, "body"),
        (paged(json!({"pageSize": 0})), invalid, "pageSize"),
        (paged(json!({"pageSize": "500"})), invalid, "pageSize"),
        (paged(json!({"pageSize": 1.5})), invalid, "pageSize"),
        (paged(json!({"pageToken": null})), null, "pageToken"),
        (paged(json!({"pageToken": ""})), blank, "pageToken"),
    ];
    for (body, code, field) in cases {
        let reply = ask(&sim, &body);
        let error = &reply.json()["fail"][0]["errors"][0];
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{body}");
        assert_eq!(error["field"], field, "{body}");
    }
    let not_json = Call { body: b"{\"data\": [{\"oldestFirst\": True}]}".to_vec(), ..call() };
    assert_eq!(not_json.send(&sim).code(), "err_validation_invalid");
    let too_long = Call { body: vec![b' '; 70_000], ..call() };
    assert_eq!(too_long.send(&sim).status, 413);
}

fn call() -> Call {
    Call::new(&json!({}))
}
