//! Dates as the API writes them, and back. Written without the code under test.

use time::{Date, Month, OffsetDateTime};

/// `2026-11-01T00:00:00+0000`
pub(crate) fn api_date(unix_secs: i64) -> String {
    let t = OffsetDateTime::from_unix_timestamp(unix_secs).unwrap();
    format!("{}T{:02}:{:02}:{:02}+0000", t.date(), t.hour(), t.minute(), t.second())
}

/// `Sun, 01 Nov 2026 00:00:00 GMT`
pub(crate) fn http_date(unix_secs: i64) -> String {
    let t = OffsetDateTime::from_unix_timestamp(unix_secs).unwrap();
    let (weekday, month) = (t.weekday().to_string(), t.month().to_string());
    let (day, year) = (t.day(), t.year());
    let (hour, minute, second) = (t.hour(), t.minute(), t.second());
    format!(
        "{}, {day:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT",
        &weekday[..3],
        &month[..3]
    )
}

/// Panics unless the date is of whole seconds and of the one form that the API reads.
pub(super) fn api_second(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap();
    let second = unix(part(0..4), part(5..7), part(8..10), &text[11..19]);
    assert_eq!(text, api_date(second));
    second
}

pub(super) fn http_second(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u16>().unwrap();
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&text[8..11]).unwrap() / 3 + 1;
    let second = unix(part(12..16), u16::try_from(month).unwrap(), part(5..7), &text[17..25]);
    assert_eq!(text, http_date(second).replace("GMT", "UTC"));
    second
}

fn unix(year: u16, month: u16, day: u16, clock: &str) -> i64 {
    let month = Month::try_from(u8::try_from(month).unwrap()).unwrap();
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).unwrap());
    let mut units = clock.split(':').map(|unit| unit.parse::<u8>().unwrap());
    let mut unit = || units.next().unwrap();
    let at = date.unwrap().with_hms(unit(), unit(), unit()).unwrap();
    at.assume_utc().unix_timestamp()
}
