//! What the watermark may rely on: rows that were seen before a window was read, and none that came
//! to light meanwhile. // I2

use mimecast_ttp_source::ErrorKind;
use serde_json::json;

use crate::fake::{
    Api, DAY, HOUR, Host, T, config, config_with, failed, ids, no_rows, numbered, page, response,
    row,
};

/// The watermark after each poll, in seconds past `T`, and the ids of all events.
fn follow(host: &mut Host, api: &Api) -> (Vec<i64>, Vec<String>) {
    let (mut watermarks, mut events) = (Vec::new(), Vec::new());
    loop {
        let now = host.now;
        let batch = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        watermarks.push(batch.progress.complete_until.unix_secs() - T);
        events.extend(batch.events.into_iter().map(|event| event.id));
        if !batch.more {
            return (watermarks, events);
        }
    }
}

#[test]
fn before_several_windows_the_api_is_asked_for_its_newest_row_alone() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 3 * HOUR + 1_800;
    let next = host.next();
    assert!(next.asks_newest());
    assert_eq!((next.from, next.to, next.token), (host.now - HOUR, host.now, None));
    assert_eq!(next.body["meta"]["pagination"]["pageSize"], json!(1));
    // It is no event: it comes with its window.
    let batch = host.poll(page(&[row("newest", host.now - 5)], 99, Some("t"))).unwrap();
    assert!(batch.events.is_empty() && batch.more && batch.next_poll_ms == 0, "{batch:?}");
    assert_eq!(batch.progress.complete_until.unix_secs(), T);
    let next = host.next();
    assert!(!next.asks_newest());
    assert_eq!((next.from, next.to, next.token), (T, T + HOUR, None));
    assert_eq!(next.body["meta"]["pagination"]["pageSize"], json!(500));
}

#[test]
fn one_window_is_not_preceded_by_a_question() {
    for now in [T + 1, T + HOUR, T + DAY] {
        let mut host = Host::new(&config());
        host.now = now;
        assert!(!host.next().asks_newest());
    }
    // A full reading is one window too, if that reaches to the end.
    let one_window = json!({"window_max_secs": 3_600, "quiet_max_secs": 3_600});
    let mut host = Host::new(&config_with(one_window.clone()));
    host.poll(no_rows()).unwrap();
    let mut other = config_with(one_window);
    other["filters"] = json!({"query": "other"});
    host.reconfigure(&other);
    assert_eq!((host.next().from, host.next().to), (T, T + HOUR));
    assert!(!host.next().asks_newest());
    host.now += 1;
    assert!(host.next().asks_newest());
}

#[test]
fn the_watermark_follows_window_by_window_up_to_the_newest_row_less_the_overlap() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 4 * HOUR;
    let (watermarks, events) = follow(&mut host, &numbered(0..240, |n| T + n * 60));
    assert_eq!(events.len(), 240);
    let newest = 239 * 60;
    assert_eq!(watermarks, [0, HOUR, 2 * HOUR, 3 * HOUR, newest - 900]);
}

#[test]
fn rows_that_come_to_light_between_two_windows_are_not_passed_over() {
    // An outage of the API's own indexing ends when half of the way is read.
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 4 * HOUR;
    let shown = numbered(0..60, |n| T + n * 60);
    for _ in 0..3 {
        let now = host.now;
        host.poll_with(|asked| Ok(shown.answer(asked, now))).unwrap();
    }
    assert_eq!(host.last().to, T + 2 * HOUR);
    let api = numbered(0..240, |n| T + n * 60);
    let (watermarks, mut events) = follow(&mut host, &api);
    // The second window was read before; the rows of the third and fourth prove nothing for it.
    assert_eq!(watermarks, [59 * 60 - 900; 2]);
    host.now += 60;
    events.extend(follow(&mut host, &api).1);
    assert_eq!(events.len(), 180);
}

#[test]
fn rows_that_come_to_light_while_a_window_is_read_are_not_passed_over() {
    // The first page is read, then both a late row before its end and newer ones appear. The API
    // does not count, so only the next pass can find the former.
    for config in [config(), config_with(json!({"quiet_max_secs": 900}))] {
        let mut host = Host::new(&config);
        host.poll(page(&[row("a", T + 1_000), row("b", T + 1_010)], None, Some("t"))).unwrap();
        host.now += 500;
        let batch = host.poll(page(&[row("c", T + 3_590)], None, None)).unwrap();
        assert_eq!(ids(&batch), ["c"]);
        let watermark = batch.progress.complete_until.unix_secs();
        assert!(watermark <= T + HOUR - 900, "{}", watermark - T);
        if config["quiet_max_secs"].is_null() {
            assert_eq!(watermark, T + 1_010 - 900);
        }
    }
}

#[test]
fn a_quiet_stream_moves_the_watermark_though_nothing_in_it_is_new() {
    let mut host = Host::new(&config_with(json!({"quiet_max_secs": 7_200})));
    let api = numbered(0..1, |_| T + 60);
    assert_eq!(host.collect(&api).len(), 1);
    for hours in 3..6 {
        host.now = T + hours * HOUR;
        assert_eq!(follow(&mut host, &api).0, [(hours - 2) * HOUR]);
    }
}

#[test]
fn a_question_that_the_api_does_not_answer_is_left_behind() {
    for reply in [response(400, ""), response(200, "<html>")] {
        let mut host = Host::new(&config());
        host.now = T + 1;
        host.poll(no_rows()).unwrap();
        host.now = T + 2 * DAY;
        let batch = host.poll(reply.clone()).unwrap();
        assert!(batch.events.is_empty() && batch.more, "{batch:?}");
        assert_eq!((host.next().from, host.next().asks_newest()), (T, false));
        let mut host = Host::new(&config());
        host.now = T + 2 * DAY;
        let batch = host.poll(reply).unwrap();
        assert!(batch.events.is_empty() && batch.more, "{batch:?}");
        assert_eq!((host.next().from, host.next().asks_newest()), (T, false));
    }
    // What passes is waited for, for as long as a page token is.
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 36_000, Some("t"))).unwrap();
    assert!(host.next().asks_newest());
    for _ in 0..20 {
        failed(host.poll(response(500, "")), ErrorKind::Transient);
        host.now += 60;
        assert!(host.next().asks_newest());
    }
    host.now += 1;
    assert_eq!((host.next().from, host.next().asks_newest()), (T, false));
}

#[test]
fn an_api_that_shows_no_newest_row_is_collected_all_the_same() {
    let mut host = Host::new(&config_with(json!({"window_max_secs": 3_600})));
    host.now = T + 2 * DAY;
    host.poll(no_rows()).unwrap();
    assert!(!host.next().asks_newest());
    let api = numbered(0..2_880, |n| T + n * 60);
    let (_, mut events) = follow(&mut host, &api);
    assert_eq!(events.len(), 2_880);
    host.now += 60;
    let (watermarks, more) = follow(&mut host, &api);
    events.extend(more);
    assert_eq!((events.len(), watermarks.last()), (2_880, Some(&(2_879 * 60 - 900))));
}
