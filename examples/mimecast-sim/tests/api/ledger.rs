//! What a client should have got, and what it did.

use mimecast_sim::{Filters, LedgerQuery, Options, ScriptedRow, Search, SearchField, WorldOptions};
use serde_json::{Value, json};

use crate::client::{NOW, ask, empty_world, get, last_day, read_all, world_of};

#[test]
fn the_ledger_is_what_the_api_serves_for_every_filter() {
    let sim = world_of(3000).start().unwrap();
    let search = |field, query: &str| Some(Search { field, query: query.to_owned() });
    let cases = [
        (json!({}), Filters::default(), ""),
        (
            json!({"taggedMalicious": true}),
            Filters { tagged_malicious: Some(true), ..Filters::default() },
            "?taggedMalicious=true",
        ),
        (
            json!({"searchField": "subject", "query": "\u{fc}r m"}),
            Filters { search: search(SearchField::Subject, "\u{fc}r m"), ..Filters::default() },
            "?searchField=subject&query=%C3%BCr%20m",
        ),
        (
            json!({"query": "nadia"}),
            Filters { search: search(SearchField::All, "nadia"), ..Filters::default() },
            "?query=nadia",
        ),
        (
            json!({"identifiers": ["custom_name_list", "internal_user_name"], "actions": ["hold"]}),
            Filters {
                identifiers: vec!["custom_name_list".to_owned(), "internal_user_name".to_owned()],
                actions: vec!["hold".to_owned()],
                ..Filters::default()
            },
            "?identifiers=custom_name_list,internal_user_name&actions=hold",
        ),
    ];
    for (asked, filters, parameters) in cases {
        let served = read_all(&sim, &last_day(&asked));
        let query = LedgerQuery { filters, ..LedgerQuery::default() };
        let ledger: Vec<String> = sim.ledger(&query).map(|row| row.text).collect();
        let reparsed: Vec<Value> =
            ledger.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert!(served == reparsed, "{asked}");
        assert!(asked == json!({}) || (!served.is_empty() && served.len() < 3000), "{asked}");
        let by_http = get(&sim, &format!("/sim/ledger{parameters}"));
        assert_eq!(by_http.status, 200);
        assert!(by_http.text().lines().eq(ledger.iter()), "{parameters}");
    }
}

#[test]
fn a_page_holds_the_ledgers_rows_to_the_byte() {
    let sim = world_of(400).start().unwrap();
    let reply = ask(&sim, &last_day(&json!({})));
    let rows: Vec<String> = sim.ledger(&LedgerQuery::default()).map(|row| row.text).collect();
    assert!(reply.text().contains(&format!("[{}]", rows.join(","))));
}

#[test]
fn a_scripted_row_is_served_as_it_is() {
    let odd = r#"{ "id":"x" ,"subject":"\ud800 \u00FC\/", "extra" : 1e400 }"#;
    let script = vec![ScriptedRow::new(odd, NOW - 5)];
    let sim = Options { script, ..empty_world() }.start().unwrap();
    assert!(ask(&sim, &last_day(&json!({}))).text().contains(odd));
    assert_eq!(sim.ledger(&LedgerQuery::default()).next().unwrap().text, odd);
}

#[test]
fn the_ledger_can_be_cut_by_time_and_by_when_rows_appeared() {
    let row = |id: &str, event_secs| ScriptedRow::new(json!({"id": id}).to_string(), event_secs);
    let script = vec![
        row("a", NOW - 60),
        row("b", NOW - 50).visible_from(NOW - 10),
        row("c", NOW - 40),
        row("d", NOW - 30).visible_from(NOW + 100),
    ];
    let sim = Options { script, ..empty_world() }.start().unwrap();
    let ids = |query: &LedgerQuery| -> Vec<String> {
        let id = |text: &str| serde_json::from_str::<Value>(text).unwrap()["id"].to_string();
        sim.ledger(query).map(|row| id(&row.text).replace('"', "")).collect()
    };
    let all = LedgerQuery::default();
    assert_eq!(ids(&all), ["a", "b", "c"]);
    assert_eq!(ids(&LedgerQuery { from: Some(NOW - 50), ..all.clone() }), ["b", "c"]);
    assert_eq!(ids(&LedgerQuery { to: Some(NOW - 50), ..all.clone() }), ["a", "b"]);
    assert_eq!(ids(&LedgerQuery { visible_by: Some(NOW - 11), ..all.clone() }), ["a", "c"]);
    let by_http = get(&sim, "/sim/ledger?visibleBy=2023-11-14T22:13:09+0000").text().to_owned();
    assert_eq!(by_http, "{\"id\":\"a\"}\n{\"id\":\"c\"}\n");
    sim.advance_secs(100);
    assert_eq!(ids(&all), ["a", "b", "c", "d"]);
}

#[test]
fn a_row_pushed_now_was_not_visible_before() {
    let sim = empty_world().start().unwrap();
    sim.advance_secs(60);
    sim.push_rows([ScriptedRow::new("{}", NOW - 60)]);
    let row = sim.ledger(&LedgerQuery::default()).next().unwrap();
    assert_eq!((row.event_secs, row.visible_secs), (NOW - 60, NOW + 60));
}

#[test]
fn wrong_ledger_parameters_are_named() {
    let sim = world_of(1).start().unwrap();
    for (parameters, named) in [
        ("form=x", "unknown parameter: form"),
        ("from=yesterday", "from is not as"),
        ("taggedMalicious=yes", "taggedMalicious is not true or false"),
        ("searchField=subject", "searchField needs query"),
        ("searchField=sender&query=x", "no such searchField: sender"),
    ] {
        let reply = get(&sim, &format!("/sim/ledger?{parameters}"));
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains(named), "{}", reply.text());
    }
}

#[test]
fn a_long_ledger_comes_whole() {
    let world = WorldOptions { rows: 20_000, late_max_secs: 0, ..WorldOptions::default() };
    let sim = Options { world, ..empty_world() }.start().unwrap();
    assert_eq!(get(&sim, "/sim/ledger").text().lines().count(), 20_000);
}

#[test]
fn requests_are_counted_and_remembered_with_their_end() {
    let sim = world_of(20).start().unwrap();
    let body = last_day(&json!({}));
    ask(&sim, &body);
    ask(&sim, &json!({"data": [{"query": ""}]}));
    ask(&sim, &body);
    get(&sim, "/sim/stats");
    let stats = sim.stats();
    assert_eq!((stats.requests, stats.rows_sent, stats.rows_visible), (3, 40, 20));
    assert_eq!(stats.outcomes["page"], 2);
    assert_eq!(stats.outcomes["refused err_validation_blank"], 1);
    assert_eq!(get(&sim, "/sim/stats").json(), serde_json::to_value(&stats).unwrap());
    let requests = sim.requests();
    assert_eq!(requests.iter().map(|request| request.rows).collect::<Vec<_>>(), [20, 0, 20]);
    assert_eq!(requests[0].body, body.to_string());
    assert_eq!((requests[2].number, requests[2].time_ms), (3, NOW * 1000));
}
