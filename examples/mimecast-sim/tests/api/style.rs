//! The ways a reply can be written.

use std::io::Read as _;

use flate2::read::GzDecoder;
use mimecast_sim::{
    Bom, Compression, Empty, Fault, FaultRule, LastPage, Layout, LedgerQuery, Options, RateHeaders,
    ResultCount, ScriptedRow, Style, When, Window,
};
use serde_json::{Value, json};

use crate::client::{Call, NOW, ask, ask_token, last_day, with_page_size, with_token, world_of};

fn styled(style: Style) -> Options {
    Options { style, ..world_of(30) }
}

#[test]
fn an_empty_result_is_a_block_without_rows_or_no_data_at_all() {
    let nothing = last_day(&json!({"query": "no such text"}));
    let reply = ask(&styled(Style::default()).start().unwrap(), &nothing);
    assert_eq!(reply.json()["data"], json!([{"resultCount": 0, "impersonationLogs": []}]));
    let style = Style { empty: Empty::NoData, ..Style::default() };
    let sim = styled(style).start().unwrap();
    assert_eq!(ask(&sim, &nothing).json()["data"], json!([]));
    assert_eq!(ask(&sim, &last_day(&json!({}))).rows().len(), 30);
}

#[test]
fn a_last_page_has_pagination_without_next_or_none_at_all() {
    for (last_page, has_pagination) in [(LastPage::NoNext, true), (LastPage::NoPagination, false)] {
        let sim = styled(Style { last_page, ..Style::default() }).start().unwrap();
        let body = with_page_size(&last_day(&json!({})), 20);
        let first = ask(&sim, &body);
        let last = ask(&sim, &with_token(&body, &first.next().unwrap()));
        assert_eq!(last.json()["meta"].get("pagination").is_some(), has_pagination);
        assert_eq!((last.rows().len(), last.next()), (10, None));
    }
}

#[test]
fn the_count_of_rows_can_be_left_out() {
    let style = Style { result_count: ResultCount::Absent, ..Style::default() };
    let reply = ask(&styled(style).start().unwrap(), &last_day(&json!({})));
    assert_eq!((reply.rows().len(), reply.json()["data"][0].get("resultCount")), (30, None));
}

#[test]
fn the_count_of_rows_can_be_off_but_not_below_zero() {
    for (off, count) in [(7, 37), (-7, 23), (-31, 0), (0, 30), (i64::MIN, 0)] {
        let style = Style { result_count: ResultCount::Off(off), ..Style::default() };
        let sim = styled(style).start().unwrap();
        let body = with_page_size(&last_day(&json!({})), 20);
        let first = ask(&sim, &body);
        assert_eq!((first.result_count(), first.rows().len()), (count, 20));
        let last = ask(&sim, &with_token(&body, &first.next().unwrap()));
        assert_eq!((last.result_count(), last.rows().len(), last.next()), (count, 10, None));
    }
}

#[test]
fn a_byte_order_mark_can_stand_before_the_json_of_every_answer() {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let style = Style { bom: Bom::Present, ..Style::default() };
    let sim = styled(style).start().unwrap();
    let refused = ask(&sim, &json!([]));
    assert_eq!(refused.status, 400);
    for reply in [ask(&sim, &last_day(&json!({}))), refused, ask_token(&sim)] {
        let json = reply.body.strip_prefix(MARK).unwrap();
        assert!(serde_json::from_slice::<Value>(json).is_ok());
        let length: usize = reply.header("content-length").unwrap().parse().unwrap();
        assert_eq!(reply.body.len(), length);
    }

    sim.set_faults(vec![FaultRule::new(Fault::Html, When::Every(1))]);
    assert!(ask(&sim, &json!({})).text().starts_with("<!DOCTYPE"), "HTML is not JSON");
    let window = Window { max_secs: Some(1), ..Window::default() };
    let sim = Options { window, ..styled(style) }.start().unwrap();
    assert!(ask(&sim, &last_day(&json!({}))).body.is_empty(), "nothing is not JSON");
}

#[test]
fn rate_limit_headers_can_be_spelled_with_a_dash_more() {
    let style = Style { rate_headers: RateHeaders::Dashed, ..Style::default() };
    let reply = ask(&styled(style).start().unwrap(), &json!({}));
    for name in ["limit", "remaining", "reset"] {
        assert!(reply.header(&format!("x-rate-limit-{name}")).is_some());
        assert!(reply.header(&format!("x-ratelimit-{name}")).is_none());
    }
}

#[test]
fn replies_are_compressed_for_those_who_accept_it() {
    let call = || Call::new(&last_day(&json!({})));
    let sim = styled(Style::default()).start().unwrap();
    let plain = call().send(&sim);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = call().header("Accept-Encoding", "deflate, gzip").send(&sim);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == plain.body);

    let style = Style { compression: Compression::Off, ..Style::default() };
    let sim = styled(style).start().unwrap();
    let reply = call().header("Accept-Encoding", "gzip").send(&sim);
    assert_eq!((reply.header("content-encoding"), reply.rows().len()), (None, 30));
}

#[test]
fn a_pretty_reply_is_the_same_json_and_the_ledger_has_its_rows_on_one_line() {
    let style = Style { layout: Layout::Pretty, ..Style::default() };
    let odd = r#"{"id": "x\\" , "subject":"a , {b: [\"c\\\" , ]}","nothing":{},"none":[ ] }"#;
    let script = vec![ScriptedRow::new(odd, NOW - 5)];
    let pretty = Options { script: script.clone(), ..styled(style) }.start().unwrap();
    let compact = Options { script, ..world_of(30) }.start().unwrap();
    let body = last_day(&json!({}));
    let (laid_out, one_line) = (ask(&pretty, &body), ask(&compact, &body));
    assert_eq!(laid_out.json(), one_line.json());
    assert!(laid_out.text().contains("\n  \"data\" : [\n"));

    let sent = laid_out.text().replace('\n', "");
    let ledger: Vec<_> = pretty.ledger(&LedgerQuery::default()).collect();
    assert_eq!(ledger.len(), 31);
    for row in ledger {
        assert!(sent.contains(&row.text), "{}", row.text);
        assert!(!row.text.contains('\n'));
        assert!(serde_json::from_str::<Value>(&row.text).is_ok());
    }
}
