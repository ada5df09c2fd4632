//! A check of the configuration.

use mimecast_ttp_source::{Config, Memory, Step, check};
use serde_json::json;

use crate::fake::{Asked, DAY, HOUR, T, WithHeader as _, codes, config_with, no_rows, page, row};
use crate::{BODY, checked, checked_with, moment, no_answers};

#[test]
fn a_check_tells_the_newest_rows_time_and_the_apis_clock_and_asks_for_one_row() {
    let reply = page(&[row("a", T + 1_000)], 5, Some("t")).dated(T + HOUR + 90);
    let report = checked(&Ok(reply)).unwrap();
    assert_eq!(report.newest_unix_nanos, Some(u64::try_from(T + 1_000).unwrap() * 1_000_000_000));
    assert_eq!(report.clock_offset_ms, Some(90_000));
    assert_eq!((report.stats.requests, report.stats.rows), (1, 1));
    let nothing = checked(&Ok(no_rows())).unwrap();
    assert_eq!((nothing.newest_unix_nanos, nothing.clock_offset_ms), (None, None));
    assert_eq!(codes(&nothing.notices), ["no_rows"]);
    assert!(report.notices.is_empty() && nothing.notices[0].message.contains("24 hours"));
}

#[test]
fn a_check_looks_back_for_a_day_however_short_windows_are() {
    let config = config_with(json!({"window_max_secs": 900})).to_string();
    let config = Config::parse(&config).unwrap();
    let mut memory = Memory::new();
    let at = moment(T + DAY);
    let Step::Send(request, _) = check(&config, &mut memory, at) else { panic!("nothing is sent") };
    let asked = Asked::of(request);
    assert_eq!((asked.from, asked.to), (T, T + DAY));
}

#[test]
fn a_check_that_is_too_much_tells_what_the_last_hour_shows() {
    for reply in no_answers().0 {
        let told = format!("{reply:?}");
        let mut spans = Vec::new();
        let report = checked_with(|asked| {
            spans.push((asked.from, asked.to));
            if spans.len() > 1 { Ok(page(&[row("a", T + 1)], 1, None)) } else { reply.clone() }
        });
        let report = report.expect(&told);
        assert_eq!((report.stats.rows, codes(&report.notices)), (1, vec!["unanswered"]), "{told}");
        assert_eq!(spans, [(T + HOUR - DAY, T + HOUR), (T, T + HOUR)], "{told}");
        assert!(!format!("{report:?}").contains(BODY), "{report:?}");
        assert_eq!(checked(&reply).expect_err(&told).stats.requests, 2, "{told}");
    }
}
