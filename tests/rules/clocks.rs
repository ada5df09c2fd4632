//! Wrong clocks: the host's, corrected by the API's `Date`.

use mimecast_ttp_source::{ErrorKind, Level, Response};
use serde_json::{Value, json};

use crate::fake::{
    Api, DAY, HOUR, Host, T, WithHeader as _, codes, config, config_with, failed, ids, no_rows,
    numbered, page, response, row,
};

fn without_start() -> Value {
    let mut config = config();
    config.as_object_mut().unwrap().remove("start");
    config
}

fn refusals() -> Vec<Response> {
    let code = |status, code: &str| {
        response(status, json!({"fail": [{"errors": [{"code": code, "message": "no"}]}]}))
    };
    vec![
        response(401, ""),
        response(200, json!({"meta": {"status": 401}, "data": [], "fail": []})),
        code(200, "err_xdk_invalid_signature"),
        code(400, "err_xdk_invalid_signature"),
        code(401, "err_xdk_client_unauthorized"),
    ]
}

#[test]
fn a_refusal_that_a_wrong_clock_can_explain_is_tried_once_more_by_the_apis_clock() {
    for refusal in refusals() {
        for offset_secs in [61, -61, 3_600, -86_400] {
            let mut host = Host::new(&config());
            host.now += 2 * DAY;
            let api_now = host.now + offset_secs;
            let mut replies = vec![no_rows().dated(api_now), refusal.clone().dated(api_now)];
            let batch = host.poll_with(|_| Ok(replies.pop().unwrap())).unwrap();
            assert_eq!((host.asked.len(), batch.stats.requests), (2, 2));
            assert_eq!(host.asked[0].signed, host.now);
            assert_eq!(host.asked[1].signed, api_now);
            assert_eq!(host.asked[0].from, host.asked[1].from);
            assert!(host.asked[1].to <= host.now.max(api_now), "{:?}", host.asked[1]);
            let id = |n: usize| host.asked[n].request.header("x-mc-req-id").unwrap().to_owned();
            assert_ne!(id(0), id(1), "a request id is used once");
        }
    }
}

#[test]
fn a_refusal_that_the_clock_does_not_explain_is_not_tried_again() {
    for refusal in refusals() {
        for offset_secs in [0, 60, -60] {
            let mut host = Host::new(&config());
            let reply = refusal.clone().dated(host.now + offset_secs);
            failed(host.poll(reply), ErrorKind::Auth);
        }
        failed(Host::new(&config()).poll(refusal), ErrorKind::Auth);
    }
    for status in [403, 418] {
        let mut host = Host::new(&config());
        let reply = response(status, "").dated(host.now + HOUR);
        failed(host.poll(reply), ErrorKind::Auth);
    }
}

#[test]
fn a_second_refusal_by_the_same_clock_is_final() {
    let mut host = Host::new(&config());
    let now = host.now;
    let outcome = host.poll_with(|_| Ok(response(401, "").dated(now + HOUR)));
    let error = failed(outcome, ErrorKind::Auth);
    assert_eq!((error.stats.requests, host.asked.len()), (2, 2));
    // With a cursor the clock that is known gets a second try, before the one that is told.
    let mut host = Host::new(&config());
    host.poll(no_rows().dated(host.now)).unwrap();
    let error = failed(host.poll(response(401, "").dated(now + HOUR)), ErrorKind::Auth);
    assert_eq!(error.stats.requests, 3);
    let signed: Vec<_> = host.asked[1..].iter().map(|asked| asked.signed - now).collect();
    assert_eq!(signed, [0, 0, HOUR]);
}

#[test]
fn refusals_by_clocks_that_differ_are_not_blamed_on_the_keys() {
    let mut host = Host::new(&config());
    let now = host.now;
    let mut offset_secs = 0;
    let outcome = host.poll_with(|_| {
        offset_secs += HOUR;
        Ok(response(401, "").dated(now + offset_secs))
    });
    let error = failed(outcome, ErrorKind::Transient);
    assert_eq!((error.code, error.stats.requests), ("clocks_differ", 3));
}

#[test]
fn later_polls_sign_by_the_clock_that_was_learnt_and_ask_up_to_it() {
    let mut host = Host::new(&config());
    let api = Api { offset_secs: 1_800, ..Api::of([]) };
    host.collect(&api);
    host.now += 60;
    assert_eq!(host.next().signed, host.now + 1_800);
    assert_eq!(host.next().to, host.now + 1_800);
}

#[test]
fn a_difference_of_less_than_two_seconds_is_none() {
    for (offset_secs, corrected) in [(1, 0), (-1, 0), (2, 2), (-2, -2)] {
        let mut host = Host::new(&config());
        host.collect(&Api { offset_secs, ..Api::of([]) });
        assert_eq!(host.next().signed, host.now + corrected, "{offset_secs}");
    }
}

#[test]
fn a_reply_without_a_date_leaves_the_correction_as_it_is() {
    let mut host = Host::new(&config());
    host.collect(&Api { offset_secs: 500, ..Api::of([]) });
    host.poll(no_rows()).unwrap();
    assert_eq!(host.next().signed, host.now + 500);
}

#[test]
fn a_clock_that_is_off_is_told_once_and_again_when_that_changes() {
    let mut host = Host::new(&config());
    let told = |host: &mut Host, offset_secs: i64| {
        host.now += 60;
        // The second answer confirms the first.
        let first = host.poll(no_rows().dated(host.now + offset_secs)).unwrap();
        let mut batch = host.poll(no_rows().dated(host.now + offset_secs)).unwrap();
        batch.notices.splice(0..0, first.notices);
        batch.notices
    };
    for (offset_secs, notice) in [
        (60, None),
        (500, Some((Level::Warn, "500 s behind"))),
        (510, None),
        (0, Some((Level::Info, "agrees"))),
        (-61, Some((Level::Warn, "61 s ahead"))),
        (-30, None),
        (500, Some((Level::Warn, "500 s behind"))),
        (30, Some((Level::Info, "agrees"))),
    ] {
        let notices = told(&mut host, offset_secs);
        assert_eq!(codes(&notices), notice.map(|_| "clock_offset").as_slice(), "{offset_secs}");
        for (notice, (level, words)) in notices.iter().zip(notice) {
            assert_eq!(notice.level, level, "{offset_secs}");
            assert!(notice.message.contains(words), "{}", notice.message);
        }
    }
}

#[test]
fn a_host_whose_clock_is_ahead_asks_no_further_than_the_apis_clock() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    let ahead = DAY;
    host.now = T + 2 * HOUR + 100 + ahead;
    let api = Api { offset_secs: -ahead, ..numbered(0..200, |n| T + n * 36) };
    assert_eq!(host.collect(&api).len(), 200);
    let api_now = host.now - ahead;
    // The first request was planned by the wrong clock; its window is long past by either.
    for asked in &host.asked[1..] {
        assert!(asked.from < api_now && asked.to <= api_now, "{asked:?}");
    }
    host.now += 60;
    assert_eq!(host.collect(&api), Vec::<String>::new());
    assert_eq!(host.next().from, T + 199 * 36 - 900);
    host.now += 60;
    let mut api = api;
    api.rows.push(("new".into(), api_now + 30));
    assert_eq!(host.collect(&api), ["new"]);
}

#[test]
fn a_host_whose_clock_is_behind_is_not_caught_up_before_the_apis_present() {
    let mut host = Host::new(&config());
    let api = Api { offset_secs: HOUR, ..numbered(0..720, |n| T + n * 10) };
    let now = host.now;
    let first = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
    assert!(first.more, "an hour of rows is still to come");
    let rest = host.collect(&api);
    assert_eq!(first.events.len() + rest.len(), 720);
    assert_eq!(host.last().to, host.now + HOUR);
}

#[test]
fn a_pass_that_ends_two_seconds_before_the_apis_present_has_caught_up_and_three_has_not() {
    for (offset_secs, more) in [(2, false), (3, true)] {
        let mut host = Host::new(&config());
        let batch = host.poll(no_rows().dated(host.now + offset_secs)).unwrap();
        assert_eq!(batch.more, more, "{offset_secs}");
    }
}

#[test]
fn a_watermark_ahead_of_the_clock_is_an_error_only_if_the_api_confirms_it() {
    let mut host = Host::new(&config());
    host.now = T + 10 * HOUR;
    let rows = [row("a", T + 9 * HOUR)];
    host.poll(page(&rows, 1, None).dated(host.now)).unwrap();
    let watermark = host.next().from;
    assert_eq!(watermark, T + 9 * HOUR - 900);

    host.now = T + HOUR;
    let next = host.next();
    assert_eq!((next.from, next.to), (watermark, watermark + 1));
    let cursor = host.cursor.clone();
    // The API's clock is as it was: only the host's is wrong.
    let first = host.poll(page(&rows, 1, None).dated(T + 10 * HOUR)).unwrap();
    assert_eq!((codes(&first.notices), first.more), (vec![], true), "one look is not believed");
    let batch = host.poll(page(&rows, 1, None).dated(T + 10 * HOUR)).unwrap();
    assert_eq!(codes(&batch.notices), ["clock_offset"]);
    assert_eq!(batch.progress.complete_until.unix_secs(), watermark);
    // The API does not say.
    host.cursor.clone_from(&cursor);
    host.poll(page(&[], None, None)).unwrap();
    // The API confirms it, by more than the overlap and by just the overlap.
    host.cursor.clone_from(&cursor);
    assert!(host.poll(no_rows().dated(watermark - 901)).unwrap().more, "one look is not believed");
    let doubting = host.cursor.clone();
    let error = failed(host.poll(no_rows().dated(watermark - 901)), ErrorKind::Cursor);
    assert!(error.message.contains("2026-11-01T08:45:00Z"), "{error:?}");
    assert!(error.message.contains("reset"), "{error:?}");
    assert_eq!(host.cursor, doubting);
    let batch = host.poll(no_rows().dated(watermark - 900)).unwrap();
    assert_eq!(batch.progress.target.unix_secs(), watermark + 1);
}

#[test]
fn a_start_in_the_future_is_a_fault_of_the_configuration_if_the_api_confirms_it() {
    let mut host = Host::new(&config());
    host.now = T - DAY;
    assert_eq!((host.next().from, host.next().to), (T, T + 1));
    let error = failed(host.poll(no_rows().dated(host.now)), ErrorKind::Config);
    assert!(error.message.contains("start") && error.message.contains("2026-11-01"), "{error:?}");
    let batch = host.poll(no_rows()).unwrap();
    assert!(batch.events.is_empty() && !batch.more);
    assert_eq!(batch.progress.complete_until.unix_secs(), T);
    host.now = T + HOUR;
    assert_eq!(host.collect(&numbered(0..60, |n| T + n * 60)).len(), 60);
}

#[test]
fn a_first_poll_by_a_clock_that_is_a_year_off_begins_a_day_before_the_apis_present() {
    for host_offset_secs in [365 * DAY, -365 * DAY] {
        for is_stale_refused in [false, true] {
            let mut host = Host::new(&without_start());
            let api_now = T + 2 * DAY;
            host.now = api_now + host_offset_secs;
            let api = Api {
                offset_secs: -host_offset_secs,
                ..numbered(0..400, move |n| T + 2 * DAY - 10 - n * 400)
            };
            let due = api.rows.iter().filter(|(_, second)| *second >= api_now - DAY).count();
            let mut events = Vec::new();
            loop {
                let now = host.now;
                let batch = host.poll_with(|asked| {
                    let is_stale = asked.signed.abs_diff(api_now) > 900;
                    if is_stale && is_stale_refused {
                        return Ok(response(401, "").dated(api_now));
                    }
                    Ok(api.answer(asked, now))
                });
                let batch = batch.unwrap();
                events.extend(batch.events.iter().map(|event| event.id.clone()));
                if !batch.more {
                    break;
                }
            }
            assert_eq!(events.len(), due, "{host_offset_secs} {is_stale_refused}");
            assert!(host.asked.len() < 10, "{}", host.asked.len());
        }
    }
}

#[test]
fn a_clock_that_jumps_ahead_for_a_while_loses_no_row() {
    let mut host = Host::new(&config());
    let mut events = Vec::new();
    for minute in 0..120 {
        let api_now = T + HOUR + minute * 60;
        let off = if (30..40).contains(&minute) { 365 * DAY } else { 0 };
        host.now = api_now + off;
        let api =
            Api { offset_secs: -off, ..numbered(0..(HOUR + minute * 60) / 20, |n| T + n * 20) };
        events.extend(host.collect(&api));
    }
    assert_eq!(events.len(), usize::try_from((HOUR + 119 * 60) / 20).unwrap());
    events.sort();
    events.dedup();
    assert_eq!(events.len(), usize::try_from((HOUR + 119 * 60) / 20).unwrap());
}

#[test]
fn a_window_past_the_end_that_a_clock_moved_is_asked_for_the_right_way_round() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 4 * HOUR;
    host.skip_newest();
    host.poll(no_rows()).unwrap();
    let page_with_token = page(&[row("a", T + HOUR)], 700, Some("t"));
    host.poll(page_with_token.dated(T + HOUR / 2)).unwrap();
    host.poll(response(400, "").dated(T + HOUR / 2)).unwrap();
    assert_eq!((host.next().from, host.next().to), (T + HOUR, T + HOUR + 1));
}

#[test]
fn absurd_clocks_are_borne() {
    for date in [0, 253_402_300_799] {
        let mut host = Host::new(&config());
        assert!(host.poll(no_rows().dated(date)).unwrap().more);
        let outcome = host.poll(no_rows().dated(date));
        if date == 0 {
            failed(outcome, ErrorKind::Cursor);
        } else {
            outcome.unwrap();
            host.skip_newest();
            let batch = host.poll(page(&[row("a", T + 1)], 1, None).dated(host.now)).unwrap();
            assert_eq!(ids(&batch), ["a"]);
        }
        assert!(host.next().from < host.next().to);
    }
}

#[test]
fn no_clock_leads_to_a_cursor_that_is_refused() {
    let last = 253_402_300_799;
    let dates = [None, Some(0), Some(DAY), Some(T), Some(last), Some(last - 365 * DAY)];
    for now in [0, 1, DAY, T + HOUR] {
        for date in dates {
            for counts in [[2, 0, 0], [0, 2, 0], [0, 0, 2]] {
                let mut host = Host::new(&without_start());
                host.now = now;
                for count in counts {
                    let reply = page(&[], count, (count > 0).then_some("t"));
                    let _ = host.poll(match date {
                        Some(date) => reply.dated(date),
                        None => reply,
                    });
                    assert!(host.next().from < host.next().to, "{now} {date:?}: {:?}", host.cursor);
                    host.now += 60;
                }
            }
        }
    }
}
