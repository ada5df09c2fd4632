//! The cursor: where collection stands, as a value and as text. The rules by which it moves are in
//! `pass.rs`.

mod error;
#[cfg(test)]
mod largest;

use crate::config::filters::Filters;
use crate::json::record::{Members, Record, Value};
use crate::json::value::Json;
use crate::json::walk::Walk;
use crate::notices::Departures;
use crate::position::api_clock::ApiClock;
use crate::position::cursor::error::CursorError;
use crate::position::habits::Habits;
use crate::position::seen::Seen;
use crate::position::window::Window;
use crate::timestamp::Second;

/// Where collection stands. Holds no secret and nothing of the credentials, so that keys can change
/// and the position stays. (I4)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    pub(crate) position: Position,
    /// What is under way. None between passes.
    pub(crate) pass: Option<Pass>,
}

/// What outlives a pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// Every row with an earlier event time is delivered; nothing below is asked for again.
    pub(crate) watermark: Second,
    /// The newest event time delivered, times ahead of the clocks left out.
    pub(crate) newest: Option<Second>,
    pub(crate) clock: ApiClock,
    /// When the next poll is due, by the host's clock: a question that is asked much later was asked
    /// before, in vain.
    pub(crate) due: Second,
    /// The fingerprint of the filters that the pass was begun with.
    pub(crate) filters: String,
    /// Up to here some of the rows known are of other filters.
    pub(crate) mixed_to: Option<Second>,
    /// How long the next window is to be.
    pub(crate) span_secs: i64,
    /// Passes in a row that ended early because nothing was new.
    pub(crate) economy_passes: u8,
    pub(crate) habits: Habits,
    pub(crate) told: Departures,
    /// The rows delivered from a little below the watermark on.
    pub(crate) seen: Seen,
}

/// One way from the watermark to what was the present when it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pass {
    /// When it was planned, by the host's clock.
    pub(crate) planned: Second,
    /// Where it ends, by the API's clock as far as that is known.
    pub(crate) end: Second,
    /// What stood in the way since the last new row. None if nothing did.
    pub(crate) setbacks: Option<Setbacks>,
    /// The window is asked for its newest row alone, before it is read in several.
    pub(crate) asks_newest: bool,
    /// An answer of it told the time that was known.
    pub(crate) is_timed: bool,
    /// Up to here it is read again, since fewer rows came than were counted.
    pub(crate) short_to: Option<Second>,
    pub(crate) window: Window,
}

/// Requests that led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setbacks {
    pub(crate) count: u8,
    /// The first of them, by the host's clock.
    pub(crate) since: Second,
}

impl Record for Cursor {
    fn members(&mut self, members: &mut Members<'_>) {
        let Self { position, pass } = self;
        members.always("version", &mut { VERSION });
        let mut stream = STREAM.to_owned();
        members.always("stream", &mut stream);
        members.ensure("stream", stream == STREAM);
        members.always("watermark", &mut position.watermark);
        members.optional("newest", &mut position.newest);
        members.always("clock_offset_secs", &mut position.clock.offset_secs);
        members.optional("clock_doubt", &mut position.clock.doubt);
        members.always("due", &mut position.due);
        members.always("filters", &mut position.filters);
        members.ensure("filters", position.filters.len() <= FINGERPRINT_BYTES_MAX);
        members.optional("mixed_to", &mut position.mixed_to);
        members.always("span_secs", &mut position.span_secs);
        members.ensure("span_secs", position.span_secs > 0);
        members.always("economy_passes", &mut position.economy_passes);
        members.seldom("habits", &mut position.habits);
        position.told.members(members);
        members.optional("pass", pass);
        members.always("seen", &mut position.seen);
        let runs_on = |pass: &Pass| {
            let Window { from, to, .. } = pass.window;
            position.watermark <= from && from < to
        };
        members.ensure("pass.window", pass.as_ref().is_none_or(runs_on));
    }
}

impl Record for Pass {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("planned", &mut self.planned);
        members.always("end", &mut self.end);
        members.optional("setbacks", &mut self.setbacks);
        members.seldom("asks_newest", &mut self.asks_newest);
        members.seldom("is_timed", &mut self.is_timed);
        members.optional("short_to", &mut self.short_to);
        members.always("window", &mut self.window);
    }
}

impl Record for Setbacks {
    fn members(&mut self, members: &mut Members<'_>) {
        members.always("count", &mut self.count);
        members.always("since", &mut self.since);
    }
}

impl Cursor {
    /// The cursor of a first poll.
    pub(crate) fn starting_at(
        watermark: Second,
        span_secs: i64,
        filters: &Filters,
        host: Second,
    ) -> Self {
        let position = Position {
            watermark,
            newest: None,
            clock: ApiClock::default(),
            due: host,
            filters: filters.fingerprint(),
            mixed_to: None,
            span_secs,
            economy_passes: 0,
            habits: Habits::default(),
            told: Departures::default(),
            seen: Seen::default(),
        };
        Self { position, pass: None }
    }

    /// The same cursor gives the same text. (I6)
    pub(crate) fn encode(&mut self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    pub(crate) fn decode(text: &str) -> Result<Self, CursorError> {
        let json = if text.len() <= CURSOR_BYTES_MAX {
            Json::parse(text)
        } else {
            Err("it is longer than 1,000,000 bytes".to_owned())
        };
        let version = match &json {
            Ok(json) => json.get("version").as_u64(),
            Err(_) => Self::version(text),
        };
        if let Some(newer) = version.filter(|version| *version > VERSION) {
            return Err(CursorError::Newer(newer));
        }
        if let Ok(Some(stream)) = json.as_ref().map(|json| json.get("stream").as_str())
            && stream != STREAM
            && is_stream(stream)
        {
            return Err(CursorError::Foreign(stream.to_owned()));
        }
        let mut cursor = Self::default();
        match json.and_then(|json| cursor.read(json)) {
            Ok(()) if version == Some(VERSION) => Ok(cursor),
            Ok(()) => Err(CursorError::Damaged("it is of no known version".to_owned())),
            Err(why) => {
                let why = why.trim_start_matches([':', '.']).trim_start();
                Err(CursorError::Damaged(why.to_owned()))
            }
        }
    }

    /// Whatever else a newer version holds, its number is where this one has it.
    fn version(text: &str) -> Option<u64> {
        let read = Walk::of(text).whole(|walk| {
            let mut version = None;
            walk.object(|walk, name| {
                if name.is("version") {
                    version = Json::read_small(walk, VERSION_BYTES_MAX)?.as_u64();
                    Ok(())
                } else {
                    walk.skip()
                }
            })?;
            Ok(version)
        });
        read.ok().flatten()
    }
}

/// Whether a text can be a stream's name: what else stands there is no cursor.
fn is_stream(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=STREAM_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_of_name)
}

/// What is collected: a cursor means nothing to any other stream.
pub(crate) const STREAM: &str = "ttp_impersonation";
const STREAM_BYTES_MAX: usize = 64;
/// Of the format. What a new one takes is told in `tests/cursors/README.md`.
const VERSION: u64 = 1;
const VERSION_BYTES_MAX: usize = 32;
/// What stores and buses of messages take by default. No cursor is longer, whatever it holds.
const CURSOR_BYTES_MAX: usize = 1_000_000;
const FINGERPRINT_BYTES_MAX: usize = 64;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::window::{PageToken, Way};
    use crate::reply::page::PAGE_TOKEN_BYTES_MAX;
    use crate::row::Key;

    fn cursor() -> Cursor {
        let mut cursor = Cursor::starting_at(
            Second::new(1_000),
            86_400,
            &Filters::default(),
            Second::new(4_000),
        );
        cursor.position.newest = Some(Second::new(1_500));
        cursor.position.clock.offset_secs = -7;
        cursor.position.clock.look(Second::new(9_000), Second::new(5_000), &[]);
        cursor.position.habits.not_answered(86_400, Second::new(5_000));
        cursor.position.habits.withhold(Second::new(1_200), 3);
        cursor.position.habits.reach_secs = Some(0);
        cursor.position.habits.goes_round = true;
        cursor.position.mixed_to = Some(Second::new(1_600));
        cursor.pass = Some(Pass {
            planned: Second::new(5_000),
            end: Second::new(4_993),
            setbacks: Some(Setbacks { count: 1, since: Second::new(5_002) }),
            asks_newest: true,
            is_timed: true,
            short_to: Some(Second::new(2_500)),
            window: Window {
                from: Second::new(1_000),
                to: Second::new(2_000),
                token: Some(PageToken { text: "t\"".into(), received: Second::new(5_001) }),
                shown: Some(Second::new(1_500)),
                rows: 5,
                counted: Some(7),
                strays: 2,
                page_key: Some(Key::of("a", None)),
                empty_pages: 1,
                too_large: 1,
                way: Way::ROW_BY_ROW,
            },
        });
        let row = [(Key::of("a", None), Some(Second::new(1_200)))];
        cursor.position.seen.admit(&row, (Second::new(1_000), Second::new(2_000)));
        cursor
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let mut cursor = cursor();
        assert_eq!(Cursor::decode(&cursor.clone().encode()), Ok(cursor.clone()));
        cursor.pass = None;
        assert_eq!(Cursor::decode(&cursor.clone().encode()), Ok(cursor));
    }

    #[test]
    fn a_newer_version_is_refused_by_its_number_whatever_else_it_holds() {
        assert_eq!(Cursor::decode(r#"{"version":2,"new":[]}"#), Err(CursorError::Newer(2)));
    }

    #[test]
    fn a_damaged_cursor_is_refused() {
        let whole = cursor().encode();
        for end in 0..whole.len() {
            let cut = Cursor::decode(&whole[..end]);
            assert!(matches!(cut, Err(CursorError::Damaged(_))), "{}", &whole[..end]);
        }
        for (part, damaged) in [
            ("\"version\":1", "\"version\":0"),
            ("\"version\":1", "\"version\":-1"),
            ("\"stream\":\"ttp_impersonation\",", ""),
            ("\"stream\":\"ttp_impersonation\"", "\"stream\":5"),
            ("\"stream\":\"ttp_impersonation\"", "\"stream\":\"ttp impersonation\""),
            ("\"text\":\"dCI\"", "\"text\":\"dCI=\""),
            ("\"text\":\"dCI\"", "\"text\":\"\""),
            ("\"newest\":\"", "\"newest\":\"x"),
            ("86400", "0"),
            ("1970-01-01T00:33:20Z", "1970-01-01T00:16:40Z"),
            ("\"from\":\"1970-01-01T00:16:40Z\"", "\"from\":\"1970-01-01T00:16:39Z\""),
            ("\"seen\":\"", "\"seen\":\"?"),
            ("\"economy_passes\":0", "\"economy_passes\":256"),
            ("\"count\":1", "\"count\":1,\"unknown\":1"),
            ("\"row_by_row\":true", "\"row_by_row\":\"by heart\""),
            ("\"goes_round\":true", "\"goes_round\":1"),
        ] {
            assert!(whole.contains(part), "{part}");
            let text = whole.replacen(part, damaged, 1);
            assert!(matches!(Cursor::decode(&text), Err(CursorError::Damaged(_))), "{text}");
        }
    }

    #[test]
    fn what_is_longer_than_any_cursor_is_refused_and_what_is_just_as_long_is_not() {
        let mut cursor = cursor();
        let token = |cursor: &mut Cursor, bytes| {
            let token = PageToken { text: "t".repeat(bytes), received: Second::new(5_001) };
            cursor.pass.as_mut().unwrap().window.token = Some(token);
            Cursor::decode(&cursor.clone().encode()).is_ok()
        };
        assert_eq!(
            [0, 1].map(|more| token(&mut cursor, PAGE_TOKEN_BYTES_MAX + more)),
            [true, false]
        );
        token(&mut cursor, 1);
        let text = cursor.clone().encode();
        for (more, is_read) in [(0, true), (1, false)] {
            let spaces = " ".repeat(CURSOR_BYTES_MAX + more - text.len());
            assert_eq!(Cursor::decode(&format!("{text}{spaces}")).is_ok(), is_read);
            cursor.position.filters = "f".repeat(FINGERPRINT_BYTES_MAX + more);
            assert_eq!(Cursor::decode(&cursor.clone().encode()).is_ok(), is_read);
        }
    }
}
