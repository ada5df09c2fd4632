//! How long a cursor can be: whatever it holds, no longer than stores and buses take by default.
#![allow(clippy::print_stdout, reason = "how long it is, is what one wants to know")]

use crate::notices::Departures;
use crate::position::api_clock::ApiClock;
use crate::position::cursor::{
    CURSOR_BYTES_MAX, Cursor, FINGERPRINT_BYTES_MAX, Pass, Position, Setbacks,
};
use crate::position::habits::Habits;
use crate::position::seen::{KEYS_MAX, Seen};
use crate::position::window::{PageToken, Way, Window};
use crate::reply::page::PAGE_TOKEN_BYTES_MAX;
use crate::row::Key;
use crate::timestamp::Second;

/// With every member at its longest, and a page token all of whose characters JSON escapes.
fn largest(seen: Seen) -> String {
    let far = Second::new(253_402_300_799);
    let mut clock = ApiClock { offset_secs: i64::MIN, doubt: None };
    clock.look(far, Second::new(0), &[]);
    let position = Position {
        watermark: Second::new(0),
        newest: Some(far),
        clock,
        due: far,
        filters: "\0".repeat(FINGERPRINT_BYTES_MAX),
        mixed_to: Some(far),
        span_secs: i64::MAX,
        economy_passes: u8::MAX,
        habits: Habits::largest(far),
        told: Departures::largest(far),
        seen,
    };
    let pass = Pass {
        planned: far,
        end: far,
        setbacks: Some(Setbacks { count: u8::MAX, since: far }),
        asks_newest: true,
        is_timed: true,
        short_to: Some(far),
        window: Window {
            from: Second::new(0),
            to: far,
            token: Some(PageToken { text: "\0".repeat(PAGE_TOKEN_BYTES_MAX), received: far }),
            shown: Some(far),
            rows: u64::MAX,
            counted: Some(u64::MAX),
            strays: u64::MAX,
            page_key: Some(Key(u64::MAX)),
            empty_pages: u8::MAX,
            too_large: u8::MAX,
            way: Way { newest_first: true, row_by_row: true },
        },
    };
    let mut cursor = Cursor { position, pass: Some(pass) };
    let text = cursor.encode();
    assert_eq!(Cursor::decode(&text), Ok(cursor));
    text
}

/// Rows so many milliseconds apart, as pages of 500 of them show them until no more are remembered; without an
/// id each second one is shown twice.
fn seen(millis: i64, is_counted: bool, to: Second) -> Seen {
    let mut seen = Seen::default();
    for page in 0..200 {
        let rows = (page * 500..(page + 1) * 500).map(|n: u32| {
            let key = Key::of(&n.to_string(), None);
            let second = Second::new(1_793_491_200 + i64::from(n) * millis / 1_000);
            (if is_counted { key.counted() } else { key }, Some(second))
        });
        let mut rows: Vec<_> = rows.collect();
        if is_counted {
            rows.extend(rows.clone().iter().step_by(2));
        }
        seen.admit(&rows, (Second::new(0), to));
    }
    seen
}

#[test]
fn a_hundred_thousand_rows_of_a_day_fit_the_largest_cursor() {
    let seen = seen(936, false, Second::new(i64::MAX));
    assert_eq!(seen.len(), KEYS_MAX);
    let alone = Cursor {
        position: Position { seen: seen.clone(), span_secs: 1, ..Position::default() },
        pass: None,
    };
    let (alone, all) = (alone.clone().encode().len(), largest(seen).len());
    println!("100,000 rows of 26 hours: {alone} bytes, and {all} with all else at its longest");
    assert!(all <= CURSOR_BYTES_MAX);
}

#[test]
fn rows_that_take_the_most_room_leave_the_cursor_no_larger() {
    let far = Second::new(i64::MAX);
    for (what, seen) in [
        ("minutes apart", seen(70_000, false, far)),
        ("hours apart", seen(9_000_000, false, far)),
        ("days apart", seen(25_000_000, false, far)),
        ("shown twice", seen(1_000, true, far)),
        ("far apart and shown twice", seen(25_000_000, true, far)),
        ("strays", seen(1_000, false, Second::new(1))),
        ("strays that are shown twice", seen(1_000, true, Second::new(1))),
    ] {
        assert!(seen.is_full() || seen.len() == KEYS_MAX, "{what}");
        let (rows, bytes) = (seen.len(), largest(seen).len());
        println!("{what}: {rows} rows, {bytes} bytes");
        assert!(bytes <= CURSOR_BYTES_MAX, "{what}: {bytes}");
        assert!(bytes > CURSOR_BYTES_MAX / 10 * 9, "{what}: {bytes}");
    }
}
