//! Pages, and page tokens that lead nowhere.

use mimecast_ttp_source::HttpError;
use serde_json::json;

use crate::fake::{HOUR, T, ids, page, page_of_text, response, row};
use crate::{
    BODY, error_object, fail, gateway, html, leaves_the_token, meta_status, with_token,
    without_token,
};

#[test]
fn a_page_with_next_gives_its_unseen_rows_and_leads_to_the_next_page_of_the_same_window() {
    let mut host = without_token();
    let first = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 4, Some("t1"))).unwrap();
    assert_eq!((ids(&first), first.more, first.next_poll_ms), (vec!["a", "b"], true, 0));
    let window = (host.last().from, host.last().to);
    let second = host.poll(page(&[row("b", T + 2), row("c", T + 3)], 4, Some("t2"))).unwrap();
    assert_eq!((host.last().from, host.last().to), window);
    assert_eq!(host.last().token.as_deref(), Some("t1"));
    assert_eq!((ids(&second), second.more, second.stats.duplicates), (vec!["c"], true, 1));
    assert_eq!(host.next().token.as_deref(), Some("t2"));
    assert_eq!(second.stats.rows, 2);
}

#[test]
fn a_page_without_next_ends_the_window() {
    let mut host = with_token();
    let last = host.poll(page(&[row("b", T + 2)], 2, None)).unwrap();
    assert_eq!((ids(&last), last.more), (vec!["b"], false));
    assert_eq!(last.next_poll_ms, 60_000);
    assert_eq!(host.next().token, None);
}

#[test]
fn a_token_that_leads_nowhere_is_left_behind_with_half_the_window() {
    let many = vec!["{}"; 10_001].join(",");
    for (what, reply) in [
        ("404", response(404, html())),
        ("400 with a code", response(400, fail("err_validation_blank", "no"))),
        ("409", response(409, "")),
        ("302", response(302, html())),
        ("HTML", response(200, html())),
        ("nothing", response(200, "")),
        ("cut", response(200, format!("{{\"data\":[{{\"impersonationLogs\":[{{\"a\":\"{BODY}"))),
        ("no data", response(200, json!({"meta": {"status": 200}}))),
        ("fail in 200", response(200, fail("err_unknown_page", "no such page"))),
        ("fail of the gateway", response(200, gateway("page_gone", "gone"))),
        ("error object", response(400, error_object("gone"))),
        ("meta.status 400", response(200, meta_status(400))),
        ("10,001 rows", response(200, page_of_text(&many))),
    ] {
        leaves_the_token(what, Ok(reply), "page_token_refused");
    }
    let too_large = response(200, vec![b' '; 16 * 1024 * 1024 + 1]);
    leaves_the_token("more than 16 MiB", Ok(too_large), "reply_too_large");
    let too_large = HttpError::TooLarge("20 MB".into());
    leaves_the_token("too large for the host", Err(too_large), "reply_too_large");
}

#[test]
fn a_page_that_leads_back_to_itself_is_asked_for_again_and_then_half_of_its_window() {
    let mut host = with_token();
    for new in [&["b"][..], &[], &[], &[]] {
        assert_eq!(host.next().token.as_deref(), Some("token-1"));
        let batch = host.poll(page(&[row("b", T + 2)], 700, Some("token-1"))).unwrap();
        assert_eq!((ids(&batch), batch.more), (new.to_vec(), true));
    }
    host.skip_newest();
    let next = host.next();
    assert_eq!((next.from, next.to, next.token), (T, T + HOUR / 2, None));
    let rows = [row("a", T + 1), row("b", T + 2), row("c", T + 3)];
    assert_eq!(ids(&host.poll(page(&rows, 3, None)).unwrap()), ["c"]);
}
