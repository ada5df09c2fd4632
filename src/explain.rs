//! A cursor in words, for a person who looks at one, and for a host that is handed one. Asks nobody.

use core::fmt::Display;

use crate::contract::source::PollError;
use crate::position::cursor::{Cursor, Pass, Position, STREAM};

/// What a cursor says, as names and values: where collection stands, and what is under way. Of a page
/// token it says only that there is one.
///
/// # Errors
/// Those of a poll with it.
///
/// ```
/// let error = mimecast_ttp_source::explain("{}").unwrap_err();
/// assert_eq!(error.code, "cursor_refused");
/// ```
pub fn explain(cursor: &str) -> Result<Vec<(String, String)>, PollError> {
    let Cursor { position, pass } = Cursor::decode(cursor)?;
    let mut words = Words(Vec::new());
    words.of_position(&position);
    if let Some(pass) = &pass {
        words.of_pass(pass);
    }
    Ok(words.0)
}

struct Words(Vec<(String, String)>);

impl Words {
    fn of_position(&mut self, position: &Position) {
        self.say("stream", &STREAM);
        self.say("complete_until", &position.watermark);
        if let Some(newest) = &position.newest {
            self.say("newest_event", newest);
        }
        let rows = position.seen.len();
        match position.seen.oldest() {
            Some(oldest) => self.say("rows_remembered", &format_args!("{rows} since {oldest}")),
            None => self.say("rows_remembered", &rows),
        }
        self.say("next_poll_due", &position.due);
        self.say("api_clock_offset_secs", &position.clock.offset_secs);
        self.say("filters_fingerprint", &position.filters);
    }

    fn of_pass(&mut self, pass: &Pass) {
        let window = &pass.window;
        self.say("pass_planned", &pass.planned);
        self.say("pass_end", &pass.end);
        self.say("window_from", &window.from);
        self.say("window_to", &window.to);
        self.say("window_rows", &window.rows);
        if let Some(counted) = &window.counted {
            self.say("window_rows_counted", counted);
        }
        self.say("page_token", &if window.token.is_some() { "held" } else { "none" });
        if let Some(setbacks) = &pass.setbacks {
            self.say("setbacks", &format_args!("{} since {}", setbacks.count, setbacks.since));
        }
    }

    fn say(&mut self, name: &str, value: &dyn Display) {
        self.0.push((name.to_owned(), format!("{value}")));
    }
}
