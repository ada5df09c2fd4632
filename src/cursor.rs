//! The cursor: where collection stands, as a value and as text. The rules by which it moves are in
//! `pass.rs`.

use std::fmt;

use serde::Serialize;

use crate::clock::{ApiClock, Doubt};
use crate::config::Diagnostic;
use crate::fields::{Fault, Fields, Noted, boolean, second, string};
use crate::filters::Filters;
use crate::habits::{self, Habits};
use crate::json::Json;
use crate::notices::{self, Told};
use crate::seen::Seen;
use crate::timestamp::Second;
use crate::walk::Walk;

/// Where collection stands. Holds no secret and nothing of the credentials, so that keys can change
/// and the position stays. // I4
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) position: Position,
    /// What is under way. None between passes.
    pub(crate) pass: Option<Pass>,
}

/// What outlives a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How long the next window is to be.
    pub(crate) span_secs: i64,
    /// Passes in a row that ended early because nothing was new.
    pub(crate) economy_passes: u8,
    pub(crate) habits: Habits,
    pub(crate) told: Told,
    /// The rows delivered from a little below the watermark on.
    pub(crate) seen: Seen,
}

/// One way from the watermark to what was the present when it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pass {
    /// When it was planned, by the host's clock.
    pub(crate) planned: Second,
    /// Where it ends, by the API's clock as far as that is known.
    pub(crate) end: Second,
    /// What stood in the way since the last new row. None if nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) setbacks: Option<Setbacks>,
    /// The window is asked for its newest row alone, before it is read in several.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) asks_newest: bool,
    /// An answer of it told the time that was known.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) is_timed: bool,
    /// Up to here it is read again, since fewer rows came than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) short_to: Option<Second>,
    pub(crate) window: Window,
}

/// Requests that led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setbacks {
    pub(crate) count: u8,
    /// The first of them, by the host's clock.
    pub(crate) since: Second,
}

/// The part of a pass that is being read. The page token belongs to it and goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Window {
    pub(crate) from: Second,
    /// Later than `from`. Its rows are asked for again by the next window, so that it does not
    /// matter whether the API counts it in.
    pub(crate) to: Second,
    /// None before the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Token>,
    /// The newest event time that was known past the first page of this reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Second>,
    /// Rows received so far in this reading.
    pub(crate) rows: u64,
    /// How many the API counted with the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counted: Option<u64>,
    /// Of these, rows that are remembered for a later second than the window has.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) strays: u64,
    /// Pages without a row in a row, so far.
    pub(crate) empty_pages: u8,
    /// Answers in a row that were too large, though this is a second.
    #[serde(skip_serializing_if = "is_none_so_far")]
    pub(crate) too_large: u8,
    #[serde(skip_serializing_if = "Way::is_usual")]
    pub(crate) way: Way,
}

/// How a window is read. Only one of a single second, which cannot be made smaller, is read otherwise
/// than the usual way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    #[default]
    OldestFirst,
    NewestFirst,
    /// With pages of one row.
    RowByRow,
    RowByRowNewestFirst,
}

/// The API's token for the next page of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// By the host's clock.
    pub(crate) received: Second,
}

/// Why a text is no cursor that this version can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CursorError {
    /// Made by a newer version of this source.
    Newer(u64),
    /// Not a cursor, or a damaged one.
    Damaged(String),
}

impl Pass {
    fn read(mut fields: Fields<'_, '_>) -> Result<Self, Noted> {
        let planned = fields.required("planned", second);
        let end = fields.required("end", second);
        let setbacks = fields.optional_object("setbacks", Setbacks::read);
        let asks_newest = fields.optional("asks_newest", boolean);
        let is_timed = fields.optional("is_timed", boolean);
        let short_to = fields.optional("short_to", second);
        let window = fields.required_object("window", Window::read);
        fields.finish();
        Ok(Self {
            planned: planned?,
            end: end?,
            setbacks: setbacks?,
            asks_newest: asks_newest?.unwrap_or(false),
            is_timed: is_timed?.unwrap_or(false),
            short_to: short_to?,
            window: window?,
        })
    }
}

impl Setbacks {
    fn read(mut fields: Fields<'_, '_>) -> Result<Self, Noted> {
        let count = fields.integer("count", None, 0, 255);
        let since = fields.required("since", second);
        fields.finish();
        Ok(Self { count: u8::try_from(count?).map_err(|_| Noted)?, since: since? })
    }
}

impl Way {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_usual(&self) -> bool {
        *self == Self::OldestFirst
    }

    pub(crate) const fn is_oldest_first(self) -> bool {
        matches!(self, Self::OldestFirst | Self::RowByRow)
    }

    /// The same from the other end.
    pub(crate) const fn other_end(self) -> Self {
        match self {
            Self::OldestFirst => Self::NewestFirst,
            Self::NewestFirst => Self::OldestFirst,
            Self::RowByRow => Self::RowByRowNewestFirst,
            Self::RowByRowNewestFirst => Self::RowByRow,
        }
    }

    pub(crate) const fn is_row_by_row(self) -> bool {
        matches!(self, Self::RowByRow | Self::RowByRowNewestFirst)
    }
}

impl Window {
    /// A window that is to be read from its first page.
    pub(crate) const fn new(from: Second, to: Second) -> Self {
        Self {
            from,
            to,
            token: None,
            shown: None,
            rows: 0,
            counted: None,
            strays: 0,
            empty_pages: 0,
            too_large: 0,
            way: Way::OldestFirst,
        }
    }

    fn read(mut fields: Fields<'_, '_>) -> Result<Self, Noted> {
        let from = fields.required("from", second);
        let to = fields.required("to", second);
        let token = fields.optional_object("token", Token::read);
        let shown = fields.optional("shown", second);
        let rows = fields.integer("rows", None, 0, i64::MAX);
        let counted = fields.integer("counted", Some(-1), -1, i64::MAX);
        let strays = fields.integer("strays", Some(0), 0, i64::MAX);
        let empty_pages = fields.integer("empty_pages", None, 0, 255);
        let too_large = fields.integer("too_large", Some(0), 0, 255);
        let way = fields.optional("way", |value| match string(value)?.as_str() {
            "newest_first" => Ok(Way::NewestFirst),
            "row_by_row" => Ok(Way::RowByRow),
            "row_by_row_newest_first" => Ok(Way::RowByRowNewestFirst),
            _ => Err(Fault::new("not a way to read", "")),
        });
        fields.finish();
        Ok(Self {
            from: from?,
            to: to?,
            token: token?,
            shown: shown?,
            rows: u64::try_from(rows?).map_err(|_| Noted)?,
            counted: u64::try_from(counted?).ok(),
            strays: u64::try_from(strays?).map_err(|_| Noted)?,
            empty_pages: u8::try_from(empty_pages?).map_err(|_| Noted)?,
            too_large: u8::try_from(too_large?).map_err(|_| Noted)?,
            way: way?.unwrap_or_default(),
        })
    }
}

impl Token {
    fn read(mut fields: Fields<'_, '_>) -> Result<Self, Noted> {
        let text = fields.required("text", string);
        let received = fields.required("received", second);
        fields.finish();
        Ok(Self { text: text?, received: received? })
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
            span_secs,
            economy_passes: 0,
            habits: Habits::default(),
            told: Told::default(),
            seen: Seen::default(),
        };
        Self { position, pass: None }
    }

    /// The same cursor gives the same text. // I6
    pub(crate) fn encode(&self) -> String {
        let Self { position, pass } = self;
        serde_json::to_string(&Encoded {
            version: VERSION,
            watermark: position.watermark,
            newest: position.newest,
            clock_offset_secs: position.clock.offset_secs,
            clock_doubt: position.clock.doubt,
            due: position.due,
            filters: &position.filters,
            span_secs: position.span_secs,
            economy_passes: position.economy_passes,
            habits: position.habits.encode(),
            told: position.told.encode(),
            pass: pass.as_ref(),
            seen: position.seen.encode(),
        })
        .expect("strings, numbers and lists of them always serialize")
    }

    pub(crate) fn decode(text: &str) -> Result<Self, CursorError> {
        match Self::version(text).map_err(CursorError::Damaged)? {
            Some(VERSION) => {}
            None | Some(..VERSION) => {
                return Err(CursorError::Damaged("it has no version".into()));
            }
            Some(newer) => return Err(CursorError::Newer(newer)),
        }
        if text.len() > CURSOR_BYTES_MAX {
            return Err(CursorError::Damaged("it is longer than 2 MiB".into()));
        }
        let json = Json::parse(text).map_err(CursorError::Damaged)?;
        let mut faults = Vec::new();
        let cursor = Self::read(json, &mut faults);
        if let Some(fault) = faults.first() {
            return Err(CursorError::Damaged(format!("{}: {}", fault.path, fault.message)));
        }
        let cursor = cursor.map_err(|Noted| CursorError::Damaged("it is no object".into()))?;
        match cursor.contradiction() {
            None => Ok(cursor),
            Some(what) => Err(CursorError::Damaged(what.into())),
        }
    }

    /// Whatever else a newer version holds, its number is where this one has it.
    fn version(text: &str) -> Result<Option<u64>, String> {
        Walk::of(text).whole(|walk| {
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
        })
    }

    fn read(json: Json<'_>, faults: &mut Vec<Diagnostic>) -> Result<Self, Noted> {
        let mut fields = Fields::of(json, String::new(), faults)?;
        let version = fields.integer("version", None, 1, 1);
        let watermark = fields.required("watermark", second);
        let newest = fields.optional("newest", second);
        let clock_offset_secs = fields.integer("clock_offset_secs", None, i64::MIN, i64::MAX);
        let clock_doubt = fields.optional_object("clock_doubt", Doubt::read);
        let due = fields.required("due", second);
        let filters = fields.required("filters", string);
        let span_secs = fields.integer("span_secs", None, 1, i64::MAX);
        let economy_passes = fields.integer("economy_passes", None, 0, 255);
        let habits = fields.list("habits", habits::NOTES_MAX, string)?;
        let habits = Habits::decode(&habits)
            .ok_or_else(|| fields.fault("habits", Fault::new("not what was written", "")));
        let told = fields.list("told", notices::ENTRIES_MAX, string)?;
        let told = Told::decode(&told)
            .ok_or_else(|| fields.fault("told", Fault::new("not what was written", "")));
        let pass = fields.optional_object("pass", Pass::read);
        let seen = fields.required("seen", |value| {
            let seen = value.as_str().and_then(Seen::decode);
            seen.ok_or_else(|| Fault::new("not a list of seen rows", ""))
        });
        fields.finish();
        version?;
        let position = Position {
            watermark: watermark?,
            newest: newest?,
            clock: ApiClock { offset_secs: clock_offset_secs?, doubt: clock_doubt? },
            due: due?,
            filters: filters?,
            span_secs: span_secs?,
            economy_passes: u8::try_from(economy_passes?).map_err(|_| Noted)?,
            habits: habits?,
            told: told?,
            seen: seen?,
        };
        Ok(Self { position, pass: pass? })
    }

    /// What no cursor of this code can hold.
    fn contradiction(&self) -> Option<&'static str> {
        let Self { position, pass } = self;
        if position.filters.len() > FINGERPRINT_BYTES_MAX {
            return Some("its fingerprint of the filters is too long");
        }
        let Window { from, to, token, .. } = &pass.as_ref()?.window;
        if from >= to || *from < position.watermark {
            return Some("its window runs backwards or starts below the watermark");
        }
        let token_bytes = token.as_ref().map_or(0, |token| token.text.len());
        (token_bytes > TOKEN_BYTES_MAX).then_some("its page token is too long")
    }
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(version) => write!(
                f,
                "the cursor is of version {version}, newer than {VERSION}, the newest that this \
                 version of the source can read: update the source, or reset the cursor to begin \
                 anew at `start`"
            ),
            Self::Damaged(what) => write!(
                f,
                "the cursor is damaged: {what}; restore it from a backup, or reset it to begin \
                 anew at `start`"
            ),
        }
    }
}

#[derive(Serialize)]
struct Encoded<'a> {
    version: u64,
    watermark: Second,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<Second>,
    clock_offset_secs: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_doubt: Option<Doubt>,
    due: Second,
    filters: &'a str,
    span_secs: i64,
    economy_passes: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    habits: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a Pass>,
    seen: String,
}

/// What most cursors would say is left out of them.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_none_so_far(count: &u8) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Of the format. What a new one takes is told in `tests/cursors/README.md`.
const VERSION: u64 = 1;
const VERSION_BYTES_MAX: usize = 32;
const CURSOR_BYTES_MAX: usize = 2 * 1024 * 1024;
const FINGERPRINT_BYTES_MAX: usize = 64;
/// A longer page token is not understood. // I5
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        let mut cursor = Cursor::starting_at(
            Second::new(1_000),
            86_400,
            &Filters::default(),
            Second::new(4_000),
        );
        cursor.position.newest = Some(Second::new(1_500));
        cursor.position.clock.offset_secs = -7;
        cursor.position.clock.look(Second::new(9_000), Second::new(5_000), None);
        cursor.position.habits.not_answered(86_400, Second::new(5_000));
        cursor.position.habits.withhold(Second::new(1_200), 3);
        cursor.position.habits.reach_secs = Some(0);
        cursor.position.habits.goes_round = true;
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
                token: Some(Token { text: "t\"".into(), received: Second::new(5_001) }),
                shown: Some(Second::new(1_500)),
                rows: 5,
                counted: Some(7),
                strays: 2,
                empty_pages: 1,
                too_large: 1,
                way: Way::RowByRow,
            },
        });
        let row = [(crate::seen::Key::of("a", None), Second::new(1_200))];
        cursor.position.seen.admit(&row, Second::new(2_000));
        cursor
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let mut cursor = cursor();
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
        cursor.pass = None;
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
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
            ("\"newest\":\"", "\"newest\":\"x"),
            ("86400", "0"),
            ("1970-01-01T00:33:20Z", "1970-01-01T00:16:40Z"),
            ("\"from\":\"1970-01-01T00:16:40Z\"", "\"from\":\"1970-01-01T00:16:39Z\""),
            ("\"seen\":\"", "\"seen\":\"A"),
            ("\"economy_passes\":0", "\"economy_passes\":256"),
            ("\"count\":1", "\"count\":1,\"unknown\":1"),
            ("\"row_by_row\"", "\"by_heart\""),
            ("\"goes_round\"", "\"goes_round 1\""),
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
            let token = Token { text: "t".repeat(bytes), received: Second::new(5_001) };
            cursor.pass.as_mut().unwrap().window.token = Some(token);
            Cursor::decode(&cursor.encode()).is_ok()
        };
        assert_eq!([0, 1].map(|more| token(&mut cursor, TOKEN_BYTES_MAX + more)), [true, false]);
        token(&mut cursor, 1);
        let text = cursor.encode();
        for (more, is_read) in [(0, true), (1, false)] {
            let spaces = " ".repeat(CURSOR_BYTES_MAX + more - text.len());
            assert_eq!(Cursor::decode(&format!("{text}{spaces}")).is_ok(), is_read);
            cursor.position.filters = "f".repeat(FINGERPRINT_BYTES_MAX + more);
            assert_eq!(Cursor::decode(&cursor.encode()).is_ok(), is_read);
        }
    }
}
