//! Pages and the tokens between them.

use std::collections::BTreeSet;

use mimecast_sim::{Options, Paging, PagingMode, ScriptedRow};
use serde_json::json;

use crate::client::{
    NOW, ask, empty_world, id, last_day, read_all, with_page_size, with_token, world_of,
};

fn rows(numbers: std::ops::Range<i64>) -> Vec<ScriptedRow> {
    let row = |n| ScriptedRow::new(json!({"id": format!("row-{n}")}).to_string(), NOW - 1000 + n);
    numbers.map(row).collect()
}

fn ten_rows(mode: PagingMode) -> Options {
    let paging = Paging { mode, ..Paging::default() };
    Options { script: rows(0..10), paging, ..empty_world() }
}

#[test]
fn pages_together_are_the_whole_result_in_both_orders() {
    for mode in [PagingMode::Live, PagingMode::Snapshot] {
        let paging = Paging { mode, ..Paging::default() };
        let sim = Options { paging, ..world_of(1234) }.start().unwrap();
        let oldest_first = read_all(&sim, &with_page_size(&last_day(&json!({})), 100));
        let mut newest_first =
            read_all(&sim, &with_page_size(&last_day(&json!({"oldestFirst": false})), 7));
        newest_first.reverse();
        assert_eq!(oldest_first.len(), 1234);
        assert!(oldest_first == newest_first);
        assert_eq!(oldest_first.iter().map(id).collect::<BTreeSet<_>>().len(), 1234);
    }
}

#[test]
fn a_page_says_its_size_the_count_and_what_comes_next() {
    let sim = ten_rows(PagingMode::Live).start().unwrap();
    let body = with_page_size(&last_day(&json!({})), 4);
    let first = ask(&sim, &body);
    assert_eq!((first.result_count(), first.ids().len()), (10, 4));
    assert_eq!(first.json()["meta"]["pagination"]["pageSize"], 4);
    assert_eq!(first.json()["meta"]["pagination"]["totalCount"], 10);
    let second = ask(&sim, &with_token(&body, &first.next().unwrap()));
    assert_eq!((second.result_count(), second.ids().len()), (10, 4));
    let previous = second.json()["meta"]["pagination"]["previous"].as_str().unwrap().to_owned();
    assert_eq!(ask(&sim, &with_token(&body, &previous)).ids(), first.ids());
    let third = ask(&sim, &with_token(&body, &second.next().unwrap()));
    assert_eq!((third.ids(), third.next()), (vec!["row-8".to_owned(), "row-9".to_owned()], None));
}

#[test]
fn a_result_that_fits_its_page_has_no_next() {
    let sim = ten_rows(PagingMode::Live).start().unwrap();
    let reply = ask(&sim, &with_page_size(&last_day(&json!({})), 10));
    assert_eq!((reply.ids().len(), reply.next()), (10, None));
}

#[test]
fn larger_pages_than_the_server_gives_are_cut() {
    let paging = Paging { page_size_max: 3, ..Paging::default() };
    let sim = Options { paging, ..ten_rows(PagingMode::Live) }.start().unwrap();
    let reply = ask(&sim, &with_page_size(&last_day(&json!({})), u64::MAX));
    assert_eq!(reply.ids().len(), 3);
    assert_eq!(reply.json()["meta"]["pagination"]["pageSize"], 3);
}

#[test]
fn a_token_is_refused_with_any_other_request() {
    let sim = ten_rows(PagingMode::Live).start().unwrap();
    let body = with_page_size(&last_day(&json!({})), 4);
    let token = ask(&sim, &body).next().unwrap();
    for other in [
        with_page_size(&body, 5),
        with_page_size(&last_day(&json!({"oldestFirst": false})), 4),
        with_page_size(&last_day(&json!({"taggedMalicious": false})), 4),
        with_page_size(&last_day(&json!({"to": "2023-11-14T22:13:19+0000"})), 4),
        with_page_size(&last_day(&json!({"from": "2023-11-13T22:13:21+0000"})), 4),
    ] {
        let reply = ask(&sim, &with_token(&other, &token));
        assert_eq!((reply.status, reply.code().as_str()), (400, "err_validation_page_token"));
        assert!(reply.text().contains("another request"), "{}", reply.text());
    }
    assert_eq!(ask(&sim, &with_token(&body, &token)).ids().len(), 4);
}

#[test]
fn a_made_up_token_is_refused() {
    let sim = ten_rows(PagingMode::Live).start().unwrap();
    let body = with_page_size(&last_day(&json!({})), 4);
    let token = ask(&sim, &body).next().unwrap();
    let mut wrongs = vec!["x".to_owned(), "next".to_owned(), token[..token.len() - 4].to_owned()];
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "Q" } else { "A" };
        wrongs.push(format!("{}{other}{}", &token[..at], &token[at + 1..]));
    }
    for wrong in &wrongs {
        let reply = ask(&sim, &with_token(&body, wrong));
        assert_eq!((reply.status, reply.code().as_str()), (400, "err_validation_page_token"));
    }
}

#[test]
fn tokens_die_of_age_and_with_their_server() {
    let paging = Paging { token_life_secs: Some(60), ..Paging::default() };
    let sim = Options { paging, ..ten_rows(PagingMode::Live) }.start().unwrap();
    let body = with_page_size(&last_day(&json!({})), 4);
    let token = ask(&sim, &body).next().unwrap();
    sim.advance_secs(60);
    assert_eq!(ask(&sim, &with_token(&body, &token)).status, 200);
    sim.advance_secs(1);
    assert_eq!(ask(&sim, &with_token(&body, &token)).code(), "err_validation_page_token");

    let token = ask(&sim, &body).next().unwrap();
    let other = ten_rows(PagingMode::Live).start().unwrap();
    ask(&other, &body);
    ask(&other, &body);
    assert_eq!(ask(&other, &with_token(&body, &token)).code(), "err_validation_page_token");
    sim.forget_page_tokens();
    assert_eq!(ask(&sim, &with_token(&body, &token)).code(), "err_validation_page_token");
}

#[test]
fn rows_that_appear_meanwhile_move_live_pages_and_leave_snapshots_alone() {
    let late = || rows(-1..0);
    let body = with_page_size(&last_day(&json!({})), 5);

    let sim = ten_rows(PagingMode::Live).start().unwrap();
    let first = ask(&sim, &body);
    sim.push_rows(late());
    let second = ask(&sim, &with_token(&body, &first.next().unwrap()));
    assert_eq!(second.result_count(), 11);
    assert_eq!(second.ids(), ["row-4", "row-5", "row-6", "row-7", "row-8"]);

    let sim = ten_rows(PagingMode::Snapshot).start().unwrap();
    let first = ask(&sim, &body);
    sim.push_rows(late());
    let second = ask(&sim, &with_token(&body, &first.next().unwrap()));
    assert_eq!(second.result_count(), 10);
    assert_eq!(second.ids(), ["row-5", "row-6", "row-7", "row-8", "row-9"]);
    assert_eq!(ask(&sim, &body).result_count(), 11, "a new first page sees the late row");
}

#[test]
fn a_thousand_results_under_way_are_kept_and_the_oldest_goes_first() {
    let sim = ten_rows(PagingMode::Snapshot).start().unwrap();
    let body = with_page_size(&last_day(&json!({})), 4);
    let oldest = ask(&sim, &body).next().unwrap();
    let second = ask(&sim, &body).next().unwrap();
    for _ in 0..999 {
        ask(&sim, &body);
    }
    assert_eq!(ask(&sim, &with_token(&body, &oldest)).code(), "err_validation_page_token");
    assert_eq!(ask(&sim, &with_token(&body, &second)).status, 200);
}

#[test]
fn a_million_rows_are_served_from_any_place() {
    let sim = world_of(1_000_000).start().unwrap();
    let body = last_day(&json!({}));
    let first = ask(&sim, &body);
    assert_eq!((first.result_count(), first.ids().len()), (1_000_000, 500));
    let narrow = json!({"from": "2023-11-14T22:00:00+0000", "to": "2023-11-14T22:00:01+0000"});
    let count = ask(&sim, &last_day(&narrow)).result_count();
    // 1,000,000 rows over an hour are 278 a second.
    assert!((300..900).contains(&count), "{count}");
    let newest_first = ask(&sim, &last_day(&json!({"oldestFirst": false})));
    assert_eq!(newest_first.result_count(), 1_000_000);
    assert_ne!(newest_first.ids(), first.ids());
}
