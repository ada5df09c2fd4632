//! Questions that reach ahead of the API's clock, or back further than it does.

use mimecast_ttp_source::{ErrorKind, Response};
use serde_json::json;

use crate::fake::{
    Asked, DAY, HOUR, Host, T, WithHeader as _, codes, config_with, failed, ids, no_rows, page,
    response, row,
};
use crate::{
    checked_with, error_object, fail, gateway, html, meta_status, with_token, without_token,
};

/// Refuses a question that reaches into its future, in one of the shapes that a failure has. It has
/// a row every ten minutes.
fn refuse_the_future(asked: &Asked, api_now: i64, refusal: &Response) -> Response {
    if asked.to > api_now {
        return refusal.clone().dated(api_now);
    }
    let rows: Vec<_> = (asked.from..=asked.to)
        .filter(|second| second % 600 == 1)
        .map(|second| row(&(second - T).to_string(), second))
        .collect();
    page(&rows, rows.len(), None).dated(api_now)
}

/// The ids of its rows up to that many seconds past `T`.
fn rows_up_to(secs: i64) -> Vec<String> {
    (1..=secs).step_by(600).map(|second| second.to_string()).collect()
}

/// Shapes 1 to 4, of a `to` that is ahead of the API's clock.
fn refusals_of_the_future() -> [Response; 7] {
    let (code, message) = ("err_validation_date_range", "to is in the future");
    [
        response(400, fail(code, message)),
        response(200, fail(code, message)),
        response(400, gateway(code, message)),
        response(400, error_object(message)),
        response(400, html()),
        response(400, ""),
        response(200, meta_status(400)),
    ]
}

#[test]
fn a_question_that_ends_ahead_of_the_apis_clock_is_asked_up_to_it_in_the_same_poll() {
    for refusal in refusals_of_the_future() {
        for (ahead_secs, is_first) in
            [1, 2, 5, 59, 61, 600].into_iter().flat_map(|secs| [(secs, true), (secs, false)])
        {
            let what = format!("{ahead_secs} s, {refusal:?}");
            let mut host = without_token();
            if !is_first {
                // It was right, and is put forward then.
                host.poll(no_rows().dated(host.now)).unwrap();
                host.now += ahead_secs;
            }
            let api_now = host.now - ahead_secs;
            for polls in 0..3 {
                let api_now = api_now + 60 * polls;
                let batch = host
                    .poll_with(|asked| Ok(refuse_the_future(asked, api_now, &refusal)))
                    .unwrap_or_else(|error| panic!("{what}: {error:?}"));
                // Before a jump is believed, it is asked the same. From then on its clock is known.
                let requests = match polls {
                    0 if ahead_secs > 60 && !is_first => 3,
                    0 => 2,
                    _ => 1,
                };
                assert_eq!((batch.stats.requests, host.last().to), (requests, api_now), "{what}");
                assert!(!batch.more, "{what}: {batch:?}");
                if polls == 0 {
                    assert_eq!(ids(&batch), rows_up_to(api_now - T), "{what}");
                }
                host.now += 60;
            }
        }
        // And in a check.
        let api_now = T + HOUR - 5;
        let report = checked_with(|asked| Ok(refuse_the_future(&asked, api_now, &refusal)));
        let report = report.unwrap_or_else(|error| panic!("{refusal:?}: {error:?}"));
        assert_eq!((report.stats.requests, report.notices), (2, vec![]), "{refusal:?}");
    }
}

#[test]
fn a_way_of_several_windows_ends_at_the_apis_clock_too() {
    for refusal in refusals_of_the_future() {
        let mut host = without_token();
        host.now = T + 3 * DAY + 5;
        let (api_now, mut found, mut requests) = (T + 3 * DAY, Vec::new(), Vec::new());
        loop {
            let outcome = host.poll_with(|asked| Ok(refuse_the_future(asked, api_now, &refusal)));
            let batch = outcome.unwrap_or_else(|error| panic!("{refusal:?}: {error:?}"));
            found.extend(ids(&batch).into_iter().map(str::to_owned));
            requests.push(batch.stats.requests);
            if !batch.more {
                break;
            }
        }
        // The newest row, then a day each.
        assert_eq!((found, requests), (rows_up_to(3 * DAY), vec![2, 1, 1, 1]), "{refusal:?}");
    }
}

#[test]
fn a_question_that_is_refused_for_another_reason_is_not_asked_again() {
    let refused = || response(400, fail("err_validation_blank", "no"));
    let now = T + HOUR;
    for (what, reply, requests) in [
        ("without a Date", refused(), 1),
        ("by a clock that is right", refused().dated(now), 1),
        ("by a clock that is ahead", refused().dated(now + 30), 1),
        ("by a clock behind its beginning", refused().dated(T), 1),
        ("404", response(404, "").dated(now - 5), 1),
        ("500", response(500, "").dated(now - 5), 1),
        ("by any clock", refused().dated(now - 5), 2),
    ] {
        let mut host = without_token();
        let error = host.poll(reply).expect_err(what);
        assert_eq!((error.stats.requests, host.cursor), (requests, None), "{what}");
    }
    // With a page token it is the token that is refused.
    let mut host = with_token();
    let batch = host.poll(refused().dated(now - 5)).unwrap();
    assert_eq!((batch.stats.requests, codes(&batch.notices)), (1, vec!["page_token_refused"]));
}

#[test]
fn a_refused_question_that_begins_more_than_a_day_ago_names_start() {
    let refused = || response(400, fail("err_validation_date_range", "no"));
    for (secs, is_old) in [(DAY - 1, false), (DAY, false), (DAY + 1, true), (30 * DAY, true)] {
        let mut host = Host::new(&config_with(json!({"window_max_secs": 30 * DAY})));
        host.now = T + secs;
        for reply in [refused(), response(200, fail("err_x", "no")), refused().dated(host.now)] {
            let error = failed(host.poll(reply), ErrorKind::Protocol);
            assert_eq!(error.code, "api_refused");
            assert_eq!(error.message.contains("`start` to a later time"), is_old, "{error:?}");
            assert_eq!(error.message.contains("2026-11-01T00:00:00Z"), is_old, "{error:?}");
            assert!(!error.message.contains("reset the cursor"), "{error:?}");
        }
    }
    let mut host = without_token();
    host.poll(no_rows()).unwrap();
    host.now += 2 * DAY;
    // The question for the newest row can be done without; then the window is asked for.
    let outcome = host.poll(refused()).and_then(|_| host.poll(refused()));
    let error = failed(outcome, ErrorKind::Protocol);
    for words in ["`start` to a later time", "reset the cursor", "2026-11-01T00:00:00Z"] {
        assert!(error.message.contains(words), "{words}: {error:?}");
    }
    // What other failures tell has nothing to do with it.
    for reply in [response(404, ""), response(500, ""), response(403, ""), response(200, "{}")] {
        let mut host = Host::new(&config_with(json!({"window_max_secs": 30 * DAY})));
        host.now += 9 * DAY;
        let error = host.poll(reply).expect_err("it failed");
        assert!(!error.message.contains("`start`"), "{error:?}");
    }
}
