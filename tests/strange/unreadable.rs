//! Rows whose text is no JSON, or not such as can be read, among others.

use crate::collector::Collector;
use crate::fake::world::{Count, Order, Row, World};
use crate::fake::{HOUR, T, api_date, response};

/// A row with this in the place of a value; nobody can read it.
fn broken(id: &str, second: i64, value: &str) -> Row {
    let time = api_date(second);
    let text = format!(r#"{{"id":"{id}","subject":{value},"eventTime":"{time}"}}"#);
    Row { text, event: Some(String::new()), ..Row::new(id, second, T) }
}

/// Sixty rows of an hour, and these ones at half past.
fn among_others(rows: impl IntoIterator<Item = Row>) -> World {
    World::of((0..60).map(|n| Row::new(n, T + n * 60, T)).chain(rows))
}

#[test]
fn a_control_character_in_a_text_is_read_and_written_so_that_the_event_is_one_line_of_json() {
    for (raw, escaped) in
        [("\n", "\\u000a"), ("\t", "\\t"), ("\u{0}", "\\u0000"), ("\u{1f}", "\\u001f")]
    {
        let text = |subject: &str| {
            let time = api_date(T + 1_830);
            format!(r#"{{"id":"odd","subject":"a{subject}b","eventTime":"{time}"}}"#)
        };
        let row =
            Row { text: text(raw), event: Some(text(escaped)), ..Row::new("odd", T + 1_830, T) };
        let mut collector = Collector::new(among_others([row]));
        collector.catch_up(1);
        collector.has_each_row_once();
        for event in collector.events.keys() {
            serde_json::from_str::<serde_json::Value>(event).unwrap();
            assert!(!event.contains('\n'));
        }
        collector.live(HOUR);
        assert_eq!((collector.codes(), collector.failures()), (vec![], vec![]), "{raw:?}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_told_once_without_its_text_and_holds_up_no_other() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for value in ["NaN", "+1", "'SECRET'", r#""SECRET "x"""#, "undefined", "\"SECRET", &deep] {
        for order in [Order::AsAsked, Order::NewestFirst] {
            let world = World { order, ..among_others([broken("odd", T + 1_830, value)]) };
            let mut collector = Collector::new(world);
            collector.catch_up(80);
            collector.has_each_row_once();
            collector.live(14 * HOUR);
            let told: Vec<_> = collector.told.iter().collect();
            assert_eq!(collector.codes(), ["row_unreadable"], "{value}");
            let message = &told[0].message;
            assert!(message.contains("bytes long") && message.contains("row 3"), "{message}");
            assert!(!message.contains("SECRET") && !message.contains("NaN"), "{message}");
            assert!(collector.errors.is_empty(), "{:?}", collector.errors);
            assert!(collector.host.last().from > T + 1_830, "the watermark stays behind");
            collector.has_each_row_once();
        }
    }
}

#[test]
fn unreadable_rows_in_any_place_of_any_page_are_stepped_over() {
    for page_size in [1, 2, 7, 500] {
        for place in [0, 1, 30, 58, 59] {
            let rows = (0..60).map(|n| {
                let second = T + n / 12;
                if n == place {
                    broken(&format!("{n}"), second, "NaN")
                } else {
                    Row::new(n, second, T)
                }
            });
            for count in [Count::Right, Count::Missing] {
                let world = World { page_size, count, ..World::of(rows.clone()) };
                let mut collector = Collector::new(world);
                collector.catch_up(60 + 3);
                collector.has_each_row_once();
                assert_eq!(collector.codes(), ["row_unreadable"], "{place} of {page_size}");
            }
        }
    }
}

#[test]
fn many_unreadable_rows_are_told_together() {
    let odd = (0..40).map(|n| broken(&format!("odd-{n}"), T + n * 90 + 7, "NaN"));
    let mut collector = Collector::new(among_others(odd));
    collector.catch_up(1);
    collector.has_each_row_once();
    assert_eq!(collector.codes(), ["row_unreadable"]);
    assert!(collector.told[0].message.starts_with("40 rows"), "{:?}", collector.told);
}

/// The API breaks its answer off whenever it comes to this row.
fn that_breaks_off_at(mut collector: Collector, id: &'static str) -> Collector {
    collector.twist = Box::new(move |_, answer| {
        let text = String::from_utf8(answer.body.clone()).unwrap();
        Ok(match text.find(&format!(r#""id":"{id}""#)) {
            Some(place) => response(200, &text[..place + 8]),
            None => answer,
        })
    });
    collector
}

#[test]
fn an_answer_that_breaks_off_at_one_row_is_led_around_it() {
    for order in [Order::AsAsked, Order::OldestFirst, Order::NewestFirst] {
        let near = (0..12).map(|n| Row::new(format!("near-{n}"), T + 1_830, T));
        let world = World { order, ..among_others(near) };
        let mut collector = that_breaks_off_at(Collector::new(world), "near-6");
        collector.live(2 * HOUR);
        // Its own second, from either end up to it; where one end is all that the API shows, that.
        let missing = collector.missing();
        let own_second = |text: &&&str| text.contains("near-");
        assert_eq!(missing.iter().filter(own_second).count(), missing.len(), "{missing:?}");
        assert!(missing.len() <= if order == Order::AsAsked { 1 } else { 7 }, "{missing:?}");
        // A window of the second before ends with it, and may be left behind, too.
        let told = collector.notices("rows_withheld").len();
        assert!((1..=2).contains(&told), "{:?}", collector.told);
        collector.live(14 * HOUR);
        assert_eq!(collector.notices("rows_withheld").len(), told, "{:?}", collector.told);
        assert!(collector.host.last().from > T + 1_830, "the watermark stays behind");
        collector.has_no_row_twice();
    }
}
