//! What an instance keeps of the cursor that it gave out last: it saves work, and changes nothing.
#![allow(clippy::result_large_err, reason = "an error ends a poll: it is moved once")]

use mimecast_ttp_source::{Config, HttpError, Memory};
use serde_json::json;

use crate::fake::world::{Count, Row, Server, World};
use crate::fake::{HOUR, Outcome, T, config, config_with, moment, page, poll_in, row};

/// Rows of all kinds, and an API that fails now and then.
fn world() -> World {
    let rows = (0..900).map(|n| {
        let second = T + n * 40;
        let text = match n % 9 {
            0 => format!(r#"{{"eventTime":"{}"}}"#, crate::fake::api_date(second / 80 * 80)),
            1 => format!(r#"{{"id":"{n}"}}"#),
            2 => format!(r#"{{"id":"{n}","hits":NaN}}"#),
            _ => return Row::new(n, second, second + n % 5 * 100),
        };
        Row { text, ..Row::new(n, second, second) }
    });
    World {
        token_deaths_percent: 10,
        poisoned_percent: 5,
        count: Count::Random,
        page_size: 20,
        ..World::of(rows)
    }
}

#[test]
fn a_history_is_the_same_to_the_byte_in_one_instance_and_in_a_new_one_for_each_poll() {
    let settings = json!({"page_size": 20, "overlap_secs": 900, "window_max_secs": 2 * HOUR});
    let config = Config::parse(&config_with(settings).to_string()).unwrap();
    let world = world();
    let (mut server, mut memory, mut cursor) = (Server::new(3), Memory::new(), None);
    let (mut now, mut batches, mut errors) = (T + 5 * HOUR, 0, 0);
    while now < T + 12 * HOUR {
        let poll = |memory: &mut Memory, server: &mut Server| -> Outcome {
            poll_in(memory, &config, cursor.as_deref(), moment(now, 0), |asked| {
                let reply = if now % 7 == 0 {
                    Err(HttpError::Timeout("30 s".into()))
                } else {
                    Ok(server.answer(&world, &asked, now))
                };
                (reply, moment(now, 1))
            })
        };
        let fresh = poll(&mut Memory::new(), &mut server.clone());
        let kept = poll(&mut memory, &mut server);
        assert_eq!(kept, fresh, "at {now} with {cursor:?}");
        if let Ok(batch) = kept {
            now += if batch.more { 1 } else { 60 };
            batches += 1;
            cursor = Some(batch.cursor);
        } else {
            now += 10;
            errors += 1;
        }
    }
    assert!(batches > 300 && errors > 20, "{batches} batches and {errors} errors");
}

#[test]
fn a_text_that_is_another_by_a_byte_is_read_anew() {
    let config = Config::parse(&config().to_string()).unwrap();
    let answer = |_| (Ok(page(&[row("a", T + 1)], 9, Some("next"))), moment(T + HOUR, 1));
    let poll = |memory: &mut Memory, cursor: Option<&str>| {
        let mut asked = None;
        let outcome = poll_in(memory, &config, cursor, moment(T + HOUR, 0), |request| {
            asked = Some(request.body.clone());
            answer(request)
        });
        (asked, outcome)
    };
    let given = poll(&mut Memory::new(), None).1.unwrap().cursor;
    for place in 0..given.len() {
        for byte in ["0", "1", "A", " "] {
            let mut memory = Memory::new();
            assert_eq!(poll(&mut memory, None).1.unwrap().cursor, given);
            let other = format!("{}{byte}{}", &given[..place], &given[place + 1..]);
            assert_eq!(
                poll(&mut memory, Some(&other)),
                poll(&mut Memory::new(), Some(&other)),
                "{other}"
            );
        }
    }
}
