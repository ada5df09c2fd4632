//! What goes wrong with a page that is served all the same.
//!
//! Seen to fail when: an empty page skips rows or keeps its token, a shuffle loses a row or differs
//! from run to run, a text is not cut, or the rows of a cut one are counted as sent.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use mimecast_sim::{
    Compression, Empty, Fault, FaultRule, LedgerQuery, Options, Running, Scope, Style, When,
};
use serde_json::{Value, json};

use crate::client::{
    Call, ask, ask_token, follow, id, last_day, read_all, with_page_size, with_token, world_of,
};

fn with(fault: Fault, when: When) -> Running {
    Options { faults: vec![FaultRule::new(fault, when)], ..world_of(50) }.start().unwrap()
}

#[test]
fn an_empty_page_leads_to_the_rows_that_belong_there() {
    let body = with_page_size(&last_day(&json!({})), 20);
    let whole = read_all(&world_of(50).start().unwrap(), &body);
    for (nth, lens) in [(1, [0, 20, 20, 10]), (2, [20, 0, 20, 10]), (3, [20, 20, 0, 10])] {
        let sim = with(Fault::EmptyPage, When::Nth(nth));
        let (pages, tokens) = follow(&sim, &body, 9);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), lens);
        assert!(pages.concat() == whole.iter().map(id).collect::<Vec<_>>());
        assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(sim.stats().outcomes["fault empty-page"], 1);
        assert_eq!(sim.stats().rows_sent, 50);
    }
}

#[test]
fn an_empty_page_in_the_middle_looks_as_the_style_says() {
    for (empty, data) in [
        (Empty::Block, json!([{"resultCount": 50, "impersonationLogs": []}])),
        (Empty::NoData, json!([])),
    ] {
        let faults = vec![FaultRule::new(Fault::EmptyPage, When::Every(1)).on(Scope::LaterPage)];
        let style = Style { empty, ..Style::default() };
        let sim = Options { faults, style, ..world_of(50) }.start().unwrap();
        let body = with_page_size(&last_day(&json!({})), 20);
        let first = ask(&sim, &body);
        let token = first.next().unwrap();
        let second = ask(&sim, &with_token(&body, &token));
        assert_eq!((first.ids().len(), &second.json()["data"]), (20, &data));
        assert!(second.next().is_some_and(|next| next != token));
    }
}

#[test]
fn the_rows_of_a_page_can_be_shuffled() {
    let body = with_page_size(&last_day(&json!({})), 25);
    let in_order = follow(&world_of(50).start().unwrap(), &body, 9).0;
    let shuffled = || follow(&with(Fault::OutOfOrder, When::Every(1)), &body, 9).0;
    let pages = shuffled();
    assert_eq!((pages.len(), in_order.len()), (2, 2));
    for (page, in_order) in pages.iter().zip(&in_order) {
        assert!(page != in_order);
        let (mut page, mut in_order) = (page.clone(), in_order.clone());
        page.sort();
        in_order.sort();
        assert!(page == in_order);
    }
    assert!(pages == shuffled(), "the same seed, the same order");
}

#[test]
fn json_can_end_in_its_middle_though_the_answer_is_whole() {
    let body = last_day(&json!({}));
    let whole = ask(&world_of(50).start().unwrap(), &body);
    let sim = with(Fault::CutJson, When::Every(1));
    let reply = ask(&sim, &body);
    let length: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, length));
    assert!(whole.text().starts_with(reply.text()) && whole.body.len() / 2 - length < 4);
    assert!(serde_json::from_slice::<Value>(&reply.body).unwrap_err().is_eof());
    let stats = sim.stats();
    assert_eq!((stats.outcomes["fault cut-json"], stats.rows_sent), (1, 0));
    assert_eq!(sim.ledger(&LedgerQuery::default()).len(), 50);
}

#[test]
fn json_that_ends_in_its_middle_is_whole_gzip() {
    let sim = with(Fault::CutJson, When::Every(1));
    let call = || Call::new(&last_day(&json!({})));
    let plain = call().send(&sim);
    let packed = call().header("Accept-Encoding", "gzip").send(&sim);
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain.body);
}

#[test]
fn an_access_token_can_be_cut_too() {
    let fault = FaultRule::new(Fault::CutJson, When::Every(1)).on(Scope::Token);
    let style = Style { compression: Compression::Off, ..Style::default() };
    let sim = Options { faults: vec![fault], style, ..world_of(5) }.start().unwrap();
    let reply = ask_token(&sim);
    assert!(serde_json::from_slice::<Value>(&reply.body).unwrap_err().is_eof());
    assert_eq!((reply.status, sim.stats().tokens_given), (200, 0));
}
