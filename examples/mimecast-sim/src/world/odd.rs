//! Rows with something odd about them, kind after kind: what the API may send some day, and a client
//! must bear.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::date::api_date;

/// The JSON text of odd row `number`, on one line. No two rows are the same.
pub(crate) fn text(number: u32, event_secs: i64) -> String {
    let usual = [
        ("id", json!(format!("MTOKEN:{}", STANDARD.encode(format!("odd row {number}"))))),
        ("senderAddress", json!("jane.doe1@acrne.example")),
        ("recipientAddress", json!("amara@acme.example")),
        ("subject", json!("Invoice overdue")),
        ("definition", json!("Default Impersonation Definition")),
        ("hits", json!(1)),
        ("identifiers", json!(["internal_user_name"])),
        ("action", json!("hold")),
        ("taggedExternal", json!(true)),
        ("taggedMalicious", json!(false)),
        ("senderIpAddress", json!("203.0.113.7")),
        ("eventTime", json!(api_date(event_secs))),
        ("messageId", json!(format!("<odd.{number}@mail.acrne.example>"))),
        ("impersonationResults", json!([{"impersonationDomainSource": "internal_user_name"}])),
    ];
    let mut odd = oddity(number);
    let mut fields = Vec::with_capacity(usual.len() + odd.len());
    for (name, value) in usual {
        match odd.iter().position(|(odd_name, _)| *odd_name == name) {
            None => fields.push((name, Some(value))),
            Some(at) => fields.push(odd.swap_remove(at)),
        }
    }
    fields.append(&mut odd);
    let text = |(name, value): (&str, Option<Value>)| Some(format!(r#""{name}":{}"#, value?));
    format!("{{{}}}", fields.into_iter().filter_map(text).collect::<Vec<_>>().join(","))
}

/// The fields that differ from a usual row; none is one that is missing.
fn oddity(number: u32) -> Vec<(&'static str, Option<Value>)> {
    match number % 10 {
        0 => vec![("id", None)],
        1 => vec![("senderIpAddress", Some(json!("203.0.113.300, via relay")))],
        2 => vec![("action", Some(json!("quarantine_and_notify")))],
        3 => vec![("senderAddress", Some(json!("\"Doe, Jane\" <jane@example.com>")))],
        4 => vec![("recipientAddress", Some(json!("amara@acme.example, chen@acme.example")))],
        5 => vec![("subject", Some(json!("")))],
        6 => vec![
            (
                "subject",
                Some(json!("\u{8acb}\u{6c42}\u{66f8} \u{1f4b6} \u{2028}f\u{fc}r Zo\u{eb}")),
            ),
            (
                "definition",
                Some(json!("Vorst\u{e4}nde \u{2013} \u{441}\u{442}\u{440}\u{43e}\u{433}\u{43e}")),
            ),
        ],
        7 => vec![
            ("riskScore", Some(json!(87.5))),
            ("campaign", Some(json!({"name": "wire \"7\"", "tags": ["bec", null]}))),
        ],
        8 => ["subject", "definition", "senderIpAddress", "identifiers", "impersonationResults"]
            .map(|name| (name, Some(Value::Null)))
            .into(),
        _ => vec![
            ("hits", Some(json!("1"))),
            ("taggedMalicious", Some(json!("false"))),
            ("identifiers", Some(json!("internal_user_name"))),
        ],
    }
}
