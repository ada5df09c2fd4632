//! The stored cursor: what it survives, what it refuses, and that it is the same for the same story.

use mimecast_ttp_source::{Config, ErrorKind, Memory, Moment, Step, poll};
use serde_json::json;

use crate::fake::{
    Api, DAY, HOUR, Host, T, codes, config, config_with, failed, ids, numbered, page, response, row,
};

#[test]
fn changed_filters_are_told_once_and_begin_anew_at_the_watermark_without_repeating_a_row() {
    let mut host = Host::new(&config_with(json!({"filters": {"query": "a"}})));
    host.now = T + 2 * HOUR;
    host.poll(page(&[row("a", T + HOUR)], 1, None)).unwrap();
    let watermark = host.next().from;
    host.now += 60;
    host.poll(page(&[row("b", T + HOUR + 1)], 900, Some("t"))).unwrap();
    assert_eq!(host.next().token.as_deref(), Some("t"));

    host.reconfigure(&config());
    let next = host.next();
    assert_eq!((next.from, next.token, next.to), (watermark, None, host.now));
    let rows = [row("a", T + HOUR), row("c", T + HOUR), row("b", T + HOUR + 1)];
    let batch = host.poll(page(&rows, 3, None)).unwrap();
    assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["c"], vec!["filters_changed"]));
    assert!(batch.progress.complete_until.unix_secs() >= watermark);
    host.now += 60;
    assert_eq!(host.poll(page(&rows, 3, None)).unwrap().notices, []);
}

#[test]
fn every_filter_counts_as_a_change() {
    let filters = json!({"tagged_malicious": true, "search_field": "subject", "query": "x",
        "identifiers": ["a"], "actions": ["b"]});
    for (key, value) in [
        ("tagged_malicious", json!(false)),
        ("search_field", json!("all")),
        ("query", json!("y")),
        ("identifiers", json!(["a", "c"])),
        ("actions", json!([])),
    ] {
        let mut host = Host::new(&config_with(json!({"filters": filters})));
        host.poll(page(&[row("a", T + 1)], 1, None)).unwrap();
        let mut changed = filters.clone();
        changed[key] = value;
        host.reconfigure(&config_with(json!({"filters": changed})));
        let batch = host.poll(page(&[row("b", T + 2)], 1, None)).unwrap();
        assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["b"], vec!["filters_changed"]));
    }
}

#[test]
fn new_filters_are_never_cut_short_by_the_keys_of_the_old() {
    let mut host = Host::new(&config_with(json!({"filters": {"query": "a"}})));
    let old = Api { page_size: 50, ..numbered(0..200, |n| T + 3_000 + n) };
    host.collect(&old);
    host.reconfigure(&config());
    // As many rows, the first page known: only later ones are new.
    let mut new = Api { page_size: 50, ..numbered(0..200, |n| T + 3_000 + n) };
    for (id, _) in &mut new.rows[150..] {
        id.insert_str(0, "new-");
    }
    assert_eq!(host.collect(&new).len(), 50);
}

#[test]
fn changed_settings_keep_the_position() {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1)], 2, Some("t"))).unwrap();
    let before = host.next();
    host.reconfigure(&config_with(json!({"start": "2020-01-01T00:00:00Z",
        "poll_interval_secs": 5, "overlap_secs": 60, "quiet_max_secs": 60})));
    assert_eq!(host.next().body, before.body);
    let batch = host.poll(page(&[row("a", T + 1), row("b", T + 2)], 2, None)).unwrap();
    assert_eq!((ids(&batch), batch.notices.len()), (vec!["b"], 0));
}

#[test]
fn a_shorter_window_max_holds_from_the_next_pass_on() {
    let mut host = Host::new(&config());
    host.collect(&Api::of([]));
    host.now += HOUR;
    host.reconfigure(&config_with(json!({"window_max_secs": 900})));
    assert_eq!(host.next().to - host.next().from, 900);
}

#[test]
fn the_same_story_gives_the_same_cursors_and_events_to_the_byte() {
    let tell = |seed: u8| {
        let config = Config::parse(&config().to_string()).unwrap();
        let api = Api { page_size: 90, ..numbered(0..2_000, |n| T + n * 50) };
        let mut told = Vec::new();
        let mut cursor: Option<String> = None;
        for n in 0..60u8 {
            let unix_nanos = u64::try_from(T + DAY + i64::from(n)).unwrap() * 1_000_000_000;
            let at = Moment { unix_nanos, random: [seed ^ n; 16] };
            let mut memory = Memory::new();
            let Step::Send(request, pending) = poll(&config, &mut memory, cursor.as_deref(), at)
            else {
                panic!()
            };
            let asked = crate::fake::Asked::of(request);
            let is_cut = n % 7 == 6;
            let reply = if is_cut { response(404, "") } else { api.answer(&asked, T + DAY) };
            let Step::Done(outcome) = pending.reply(Ok(reply), at) else { panic!() };
            told.push(format!("{} {outcome:?}", asked.body));
            cursor = outcome.map_or(cursor, |batch| Some(batch.cursor));
        }
        told
    };
    // Chance is in the request id alone.
    assert_eq!(tell(1), tell(1));
    assert_eq!(tell(1), tell(77));
}

#[test]
fn an_old_cursor_may_be_polled_again_and_gives_the_same() {
    let api = Api { page_size: 100, ..numbered(0..1_000, |n| T + n * 3) };
    let mut host = Host::new(&config());
    let now = host.now;
    let mut history = vec![host.cursor.clone()];
    loop {
        let batch = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        history.push(host.cursor.clone());
        if !batch.more {
            break;
        }
    }
    assert!(history.len() > 9);
    for pair in history.windows(2) {
        host.cursor.clone_from(&pair[0]);
        host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        assert_eq!(host.cursor, pair[1]);
    }
}

/// The cursor in the middle of a window, with rows and a token.
fn stored() -> String {
    let mut host = Host::new(&config());
    host.poll(page(&[row("a", T + 1), row("b", T + 2)], 9, Some("token"))).unwrap();
    host.cursor.unwrap()
}

fn polled_with(cursor: &str) -> mimecast_ttp_source::PollError {
    let mut host = Host::new(&config());
    host.cursor = Some(cursor.to_owned());
    let error = failed(host.poll_with(|_| panic!("nothing may be sent")), ErrorKind::Cursor);
    assert_eq!(error.stats, mimecast_ttp_source::Stats::default());
    error
}

#[test]
fn a_damaged_cursor_is_refused_by_name_and_nothing_is_sent() {
    let stored = stored();
    let mut damaged: Vec<String> = (0..stored.len()).map(|end| stored[..end].to_owned()).collect();
    damaged.extend(
        ["null", "[]", "{}", "5", "\"\"", "cursor", "\u{0}", "{\"version\":null}"]
            .map(String::from),
    );
    damaged.push(format!("{stored}{stored}"));
    damaged.push(format!("{stored} x"));
    damaged.push(stored.replacen('{', "{\"more\":1,", 1));
    damaged.push(format!("{}{stored}", " ".repeat(1_000_000)));
    damaged.push("[".repeat(1_000_000));
    damaged.push(config().to_string());
    for cursor in damaged {
        let error = polled_with(&cursor);
        let shown: String = cursor.chars().take(80).collect();
        assert!(error.message.contains("the cursor is damaged"), "{shown}: {error:?}");
        assert!(error.message.contains("reset"), "{shown}: {error:?}");
    }
}

#[test]
fn no_changed_byte_of_a_cursor_makes_the_source_panic_or_ask_backwards() {
    let stored = stored();
    for at in 0..stored.len() {
        for byte in ["0", "9", "\"", "-", "A"] {
            let changed = format!("{}{byte}{}", &stored[..at], &stored[at + 1..]);
            let mut host = Host::new(&config());
            host.cursor = Some(changed);
            match host.poll_with(|asked| {
                assert!(asked.from < asked.to, "{asked:?}");
                Ok(page(&[row("c", T + 3)], 3, None))
            }) {
                Ok(_) => assert!(host.next().from < host.next().to),
                Err(error) => assert_eq!(error.kind, ErrorKind::Cursor),
            }
        }
    }
}

#[test]
fn a_cursor_is_one_line_and_small() {
    let stored = stored();
    assert!(stored.len() < 700 && !stored.contains('\n'), "{} {stored}", stored.len());
}

#[test]
fn more_rows_than_can_be_remembered_are_all_delivered_and_told_once() {
    let mut host = Host::new(&config_with(json!({"overlap_secs": DAY, "quiet_max_secs": DAY})));
    host.now = T + DAY - 10;
    let api = Api { page_size: 5_000, ..numbered(0..101_000, |n| T + n * 4 / 5) };
    let mut events = std::collections::BTreeSet::new();
    let mut told = 0;
    for n in 0.. {
        let now = host.now;
        let batch = host.poll_with(|asked| Ok(api.answer(asked, now))).unwrap();
        assert!(batch.cursor.len() < 1_000_000);
        events.extend(batch.events.into_iter().map(|event| event.id));
        told += codes(&batch.notices).iter().filter(|code| **code == "seen_full").count();
        assert!(n < 200, "it never catches up");
        if !batch.more {
            break;
        }
    }
    assert_eq!((events.len(), told), (101_000, 1));
    // Those that were remembered do not come again.
    host.now += 60;
    assert!(host.collect(&api).len() <= 1_000 + 1);
}
