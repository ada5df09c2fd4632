//! How listings end, or do not.
//!
//! Seen to fail when: a token comes back where another one is due, or the other way round; an empty
//! result ends at once, or one that goes round does not; a round has tokens of its own; the rows of a
//! query are counted by page, or by the wrong end.

use std::collections::BTreeSet;

use mimecast_sim::{Empty, LastPage, Options, Paging, PagingMode, Running, ScriptedRow, Style};
use serde_json::json;

use crate::client::{NOW, ask, follow, last_day, read_all, with_page_size, with_token, world_of};

const PAGES_MAX: usize = 9;

fn ending(last_page: LastPage, rows: u32) -> Running {
    let style = Style { last_page, ..Style::default() };
    Options { style, ..world_of(rows) }.start().unwrap()
}

/// The ids of each page, and the tokens between them.
fn pages(sim: &Running) -> (Vec<Vec<String>>, Vec<String>) {
    follow(sim, &with_page_size(&last_day(&json!({})), 10), PAGES_MAX)
}

fn lens(pages: &[Vec<String>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

fn distinct(tokens: &[String]) -> usize {
    tokens.iter().collect::<BTreeSet<_>>().len()
}

#[test]
fn pages_without_rows_can_follow_the_last_one_for_ever() {
    let (pages_of_25, tokens) = pages(&ending(LastPage::EmptyPages, 25));
    assert_eq!(lens(&pages_of_25), [10, 10, 5, 0, 0, 0, 0, 0, 0]);
    assert_eq!(distinct(&tokens), 8);
    let (pages_of_none, tokens) = pages(&ending(LastPage::EmptyPages, 0));
    assert_eq!((lens(&pages_of_none), distinct(&tokens)), (vec![0; 9], 8));
}

#[test]
fn a_page_without_rows_can_name_the_token_that_led_to_it() {
    let (pages_of_20, tokens) = pages(&ending(LastPage::SameEmptyPage, 20));
    assert_eq!(lens(&pages_of_20), [10, 10, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(distinct(&tokens), 2);
    assert!(tokens[1..].iter().all(|token| *token == tokens[1]));
    let (pages_of_none, tokens) = pages(&ending(LastPage::SameEmptyPage, 0));
    assert_eq!((lens(&pages_of_none), distinct(&tokens)), (vec![0; 9], 1));
}

#[test]
fn a_page_without_rows_looks_like_an_empty_result_and_counts_all_rows() {
    for (empty, data) in [
        (Empty::Block, json!([{"resultCount": 5, "impersonationLogs": []}])),
        (Empty::NoData, json!([])),
    ] {
        let style = Style { empty, last_page: LastPage::EmptyPages, ..Style::default() };
        let sim = Options { style, ..world_of(5) }.start().unwrap();
        let body = last_day(&json!({}));
        let last = ask(&sim, &body);
        assert_eq!(last.rows().len(), 5);
        let after = ask(&sim, &with_token(&body, &last.next().unwrap()));
        assert_eq!(after.json()["data"], data);
        assert!(after.next().is_some());
    }
}

#[test]
fn rows_that_appear_later_come_by_the_token_of_the_last_page() {
    let sim = ending(LastPage::EmptyPages, 5);
    let body = last_day(&json!({}));
    let first = ask(&sim, &body);
    sim.push_rows([ScriptedRow::new(r#"{"id": "new"}"#, NOW)]);
    assert_eq!(ask(&sim, &with_token(&body, &first.next().unwrap())).ids(), ["new"]);
}

#[test]
fn tokens_can_go_round() {
    let sim = ending(LastPage::FirstAgain, 25);
    let body = with_page_size(&last_day(&json!({})), 10);
    let mut reply = ask(&sim, &body);
    let (mut pages, mut tokens) = (vec![reply.ids()], Vec::new());
    for _ in 0..8 {
        // The tokens of a round must not depend on when they are given.
        sim.advance_secs(1);
        let token = reply.next().unwrap();
        reply = ask(&sim, &with_token(&body, &token));
        tokens.push(token);
        pages.push(reply.ids());
    }
    assert_eq!(lens(&pages), [10, 10, 5, 10, 10, 5, 10, 10, 5]);
    assert!(pages[..3] == pages[3..6] && pages[..3] == pages[6..]);
    assert_eq!(distinct(&tokens), 3);
    assert_eq!(tokens[..3], tokens[3..6]);
}

#[test]
fn the_last_page_can_come_again_by_another_token_each_time() {
    let (pages, tokens) = pages(&ending(LastPage::LastAgain, 25));
    assert_eq!(lens(&pages), [10, 10, 5, 5, 5, 5, 5, 5, 5]);
    assert!(pages[3..].iter().all(|page| *page == pages[2]));
    assert_eq!(distinct(&tokens), 8);
}

#[test]
fn an_empty_result_neither_goes_round_nor_comes_again() {
    for last_page in [LastPage::FirstAgain, LastPage::LastAgain] {
        assert_eq!(pages(&ending(last_page, 0)), (vec![vec![]], vec![]));
    }
}

#[test]
fn a_result_of_one_page_comes_again_too() {
    for last_page in [LastPage::FirstAgain, LastPage::LastAgain] {
        let (pages, _) = pages(&ending(last_page, 4));
        assert_eq!(lens(&pages), [4; PAGES_MAX]);
    }
}

#[test]
fn a_listing_can_end_early_while_it_counts_all() {
    for mode in [PagingMode::Live, PagingMode::Snapshot] {
        let paging = Paging { rows_per_query: Some(25), mode, ..Paging::default() };
        let sim = Options { paging, ..world_of(60) }.start().unwrap();
        let oldest = with_page_size(&last_day(&json!({})), 10);
        assert_eq!(lens(&follow(&sim, &oldest, PAGES_MAX).0), [10, 10, 5]);
        assert_eq!(ask(&sim, &oldest).result_count(), 60);
        let newest = last_day(&json!({"oldestFirst": false}));
        let (oldest, newest) = (read_all(&sim, &oldest), read_all(&sim, &newest));
        let all = read_all(&world_of(60).start().unwrap(), &last_day(&json!({})));
        assert!(oldest == all[..25] && newest.into_iter().rev().eq(all[35..].iter().cloned()));
    }
    let paging = Paging { rows_per_query: Some(60), ..Paging::default() };
    let sim = Options { paging, ..world_of(60) }.start().unwrap();
    assert_eq!(read_all(&sim, &last_day(&json!({}))).len(), 60);
}

#[test]
fn a_listing_that_ends_early_can_end_in_pages_without_rows() {
    let options = Options {
        paging: Paging { rows_per_query: Some(15), ..Paging::default() },
        style: Style { last_page: LastPage::EmptyPages, ..Style::default() },
        ..world_of(60)
    };
    assert_eq!(lens(&pages(&options.start().unwrap()).0), [10, 5, 0, 0, 0, 0, 0, 0, 0]);
}
