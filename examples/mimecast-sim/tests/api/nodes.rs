//! Two nodes that answer in turn.
//!
//! Seen to fail when: the wrong one answers first, the token endpoint has no turn, a check or a
//! header goes by the other clock, the rows go by the second one's.

use mimecast_sim::{Fault, FaultRule, Options, ScriptedRow, When};
use serde_json::json;

use crate::client::{Call, NOW, NOW_SIGNED, Reply, ask, ask_token, empty_world, last_day};

const BY_NODE_ONE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const BY_NODE_TWO: &str = "Tue, 14 Nov 2023 23:13:20 GMT";

fn two_nodes() -> Options {
    let script = vec![
        ScriptedRow::new(r#"{"id": "now"}"#, NOW),
        ScriptedRow::new(r#"{"id": "later"}"#, NOW).visible_from(NOW + 60),
    ];
    Options { second_node_skew_secs: 3600, script, ..empty_world() }
}

fn date(reply: &Reply) -> &str {
    reply.header("date").unwrap()
}

#[test]
fn every_second_answer_has_the_other_nodes_date() {
    let sim = two_nodes().start().unwrap();
    let dates: Vec<Reply> = (0..4).map(|_| ask_token(&sim)).collect();
    let dates: Vec<&str> = dates.iter().map(date).collect();
    assert_eq!(dates, [BY_NODE_ONE, BY_NODE_TWO, BY_NODE_ONE, BY_NODE_TWO]);
    let reply = ask(&sim, &last_day(&json!({})));
    assert_eq!((reply.status, date(&reply)), (200, BY_NODE_ONE));
}

#[test]
fn a_signing_date_is_taken_by_the_node_whose_clock_it_fits() {
    let sim = two_nodes().start().unwrap();
    let signed = |date: &str| {
        let call = Call { date: date.to_owned(), ..Call::new(&last_day(&json!({}))) };
        call.send(&sim)
    };
    let hour_ahead = NOW_SIGNED.replace("22:13", "23:13");
    for (date, statuses) in [(NOW_SIGNED, [200, 401]), (&hour_ahead, [401, 200])] {
        assert_eq!([signed(date).status, signed(date).status], statuses, "{date}");
    }
}

#[test]
fn both_nodes_show_the_same_rows() {
    let sim = two_nodes().start().unwrap();
    let hour_ahead = NOW_SIGNED.replace("22:13", "23:13");
    let body = last_day(&json!({"to": "2023-11-15T00:00:00+0000"}));
    assert_eq!(ask(&sim, &body).ids(), ["now"]);
    assert_eq!(Call { date: hour_ahead, ..Call::new(&body) }.send(&sim).ids(), ["now"]);
}

#[test]
fn a_retry_date_goes_by_the_clock_of_its_node() {
    let fault = FaultRule::new(Fault::RetryDate { status: 503, after_secs: 20 }, When::Every(1));
    let sim = Options { faults: vec![fault], ..two_nodes() }.start().unwrap();
    let replies = [ask(&sim, &json!({})), ask(&sim, &json!({}))];
    let told: Vec<_> =
        replies.iter().map(|reply| (date(reply), reply.header("retry-after").unwrap())).collect();
    let after = |date: &'static str| date.replace(":20", ":40");
    assert_eq!(told, [(BY_NODE_ONE, &*after(BY_NODE_ONE)), (BY_NODE_TWO, &*after(BY_NODE_TWO))]);
}
