//! Points in time as the API writes them: parsing and formatting. Reads no clock.

use core::fmt::{self, Write as _};
use core::ops::{Add, Sub};

use time::{Date, Month, OffsetDateTime};

/// A whole second of Unix time, the resolution of the API's `from` and `to`.
///
/// Sums and differences saturate: a cursor or a clock may hold any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Second(i64);

impl Second {
    /// The second that is `unix_secs` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn new(unix_secs: i64) -> Self {
        Self(unix_secs)
    }

    /// The second in which `unix_nanos` lies.
    #[must_use]
    pub const fn of_nanos(unix_nanos: u64) -> Self {
        #[allow(clippy::cast_possible_wrap, reason = "u64::MAX / 10^9 is far below i64::MAX")]
        Self((unix_nanos / NANOS_PER_SEC) as i64)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_secs(self) -> i64 {
        self.0
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, held within what 64 bits can say.
    #[must_use]
    pub fn unix_nanos(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0).saturating_mul(NANOS_PER_SEC)
    }

    /// As the API writes dates in requests: `2015-11-16T14:49:18+0000`.
    #[must_use]
    pub fn api_date(self) -> String {
        let c = Calendar::of(self);
        format!("{c}+0000")
    }

    /// As `x-mc-date` wants it: `Tue, 24 Nov 2015 12:50:11 UTC`.
    #[must_use]
    pub fn header_date(self) -> String {
        let Calendar(t) = Calendar::of(self);
        format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} UTC",
            &t.weekday().to_string()[..3],
            t.day(),
            &t.month().to_string()[..3],
            t.year(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// Reads an HTTP `Date` in its one current form: `Tue, 24 Nov 2015 12:50:11 GMT` (RFC 9110).
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let (_, rest) = text.trim().split_once(", ")?;
        let mut parts = rest.split(' ');
        let day = digits(parts.next()?.as_bytes(), 2)?;
        let month = parts.next()?;
        let month = MONTHS.iter().position(|m| *m == month)? + 1;
        let year = digits(parts.next()?.as_bytes(), 4)?;
        let clock = parts.next()?.as_bytes();
        if !matches!(parts.next(), Some("GMT" | "UTC")) || parts.next().is_some() {
            return None;
        }
        let (hour, minute, second) = clock_time(clock)?;
        from_calendar(year, u32::try_from(month).ok()?, day, hour, minute, second)
    }

    /// Reads RFC 3339, as in the configuration and the cursor. A fraction of a second is dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        EventTime::parse(text).map(EventTime::second)
    }
}

/// RFC 3339 in UTC: `2015-11-16T14:49:18Z`.
impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", Calendar::of(*self))
    }
}

impl Add<i64> for Second {
    type Output = Self;
    fn add(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }
}

impl Sub<i64> for Second {
    type Output = Self;
    fn sub(self, secs: i64) -> Self {
        Self(self.0.saturating_sub(secs))
    }
}

impl Sub for Second {
    type Output = i64;
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time of a row: a second and, should the API ever give one, a fraction of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTime {
    second: Second,
    nanos: u32,
}

impl EventTime {
    /// An id with this time behind it: `id@1634317846`, or `id@1634317846.500000000`.
    pub(crate) fn appended_to(self, id: &str) -> String {
        let Self { second: Second(secs), nanos } = self;
        let mut id = [id, "@", &secs.to_string()].concat();
        if nanos > 0 {
            let _ = write!(id, ".{nanos:09}");
        }
        id
    }

    /// The same in eight bytes.
    pub(crate) fn mixed(self) -> u64 {
        self.second.0.cast_unsigned() ^ (u64::from(self.nanos) << 34)
    }

    /// Reads `2021-10-15T17:10:46+0000`, the form of `eventTime` in all recorded rows, and with it
    /// the rest of RFC 3339: `Z`, `+01:00`, a fraction. None for all else, and for years before
    /// 1970 or past 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_at_checked(10)?;
        let (clock, rest) = rest.strip_prefix(b"T")?.split_at_checked(8)?;
        if date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let (hour, minute, sec) = clock_time(clock)?;
        let local = from_calendar(
            digits(&date[..4], 4)?,
            digits(&date[5..7], 2)?,
            digits(&date[8..], 2)?,
            hour,
            minute,
            sec,
        )?;
        let (nanos, zone) = fraction(rest)?;
        let second = local - zone_offset_secs(zone)?;
        (0..=LAST_SECOND).contains(&second.0).then_some(Self { second, nanos })
    }

    /// The whole second in which it lies.
    #[must_use]
    pub const fn second(self) -> Second {
        self.second
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        let millis = self.second.0.unsigned_abs().saturating_mul(1_000);
        millis.saturating_add(u64::from(self.nanos / 1_000_000))
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z. None beyond the year 2554, where 64 bits end.
    #[must_use]
    pub fn unix_nanos(self) -> Option<u64> {
        let secs = u64::try_from(self.second.0).ok()?;
        secs.checked_mul(NANOS_PER_SEC)?.checked_add(u64::from(self.nanos))
    }
}

/// RFC 3339 in UTC, with a fraction if there is one: `2015-11-16T14:49:18.5Z`.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Calendar::of(self.second))?;
        if self.nanos > 0 {
            f.write_str(format!(".{:09}", self.nanos).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// A second on the calendar. Shows as `2015-11-16T14:49:18`.
struct Calendar(OffsetDateTime);

impl Calendar {
    fn of(second: Second) -> Self {
        let secs = second.0.clamp(0, LAST_SECOND);
        Self(OffsetDateTime::from_unix_timestamp(secs).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

/// `12:50:11`
fn clock_time(text: &[u8]) -> Option<(u32, u32, u32)> {
    if text.len() != 8 || text[2] != b':' || text[5] != b':' {
        return None;
    }
    Some((digits(&text[..2], 2)?, digits(&text[3..5], 2)?, digits(&text[6..], 2)?))
}

/// A number of exactly `count` decimal digits.
fn digits(text: &[u8], count: usize) -> Option<u32> {
    if text.len() != count {
        return None;
    }
    text.iter().try_fold(0u32, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    })
}

fn from_calendar(
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
) -> Option<Second> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = i64::from(date.to_julian_day()) - i64::from(UNIX_EPOCH_JULIAN_DAY);
    Some(Second(days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second)))
}

/// Splits `.123Z` into nanoseconds and what follows. Digits past the ninth are dropped.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let nanos = (0..9).fold(0u32, |number, place| {
        number * 10 + if place < len { u32::from(text[place] - b'0') } else { 0 }
    });
    Some((nanos, &text[len..]))
}

/// `Z`, `+0000` or `+00:00`, in seconds east of UTC.
fn zone_offset_secs(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text {
        b"Z" => return Some(0),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => (sign, [*a, *b], [*c, *d]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours, 2)?, digits(&minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let secs = i64::from(hours * 3_600 + minutes * 60);
    match sign {
        b'+' => Some(secs),
        b'-' => Some(-secs),
        _ => None,
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;
/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_time_of_recorded_form_is_read() {
        let time = EventTime::parse("2021-10-15T17:10:46+0000").unwrap();
        assert_eq!(time.unix_nanos(), Some(1_634_317_846_000_000_000));
    }

    #[test]
    fn event_time_takes_zones_and_fractions() {
        for (text, nanos) in [
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:30:00-0030", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000_000),
            ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
        ] {
            let time = EventTime::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(time.unix_nanos(), Some(nanos), "{text}");
        }
    }

    #[test]
    fn event_time_is_written_in_utc_and_in_milliseconds() {
        for (text, written, millis) in [
            ("2021-10-15T17:10:46+0000", "2021-10-15T17:10:46Z", 1_634_317_846_000),
            ("2021-10-15T19:10:46+02:00", "2021-10-15T17:10:46Z", 1_634_317_846_000),
            ("2021-10-15T17:10:46.500Z", "2021-10-15T17:10:46.5Z", 1_634_317_846_500),
            ("1970-01-01T00:00:00.0019Z", "1970-01-01T00:00:00.0019Z", 1),
        ] {
            let time = EventTime::parse(text).unwrap();
            assert_eq!((time.to_string(), time.unix_millis()), (written.to_owned(), millis));
        }
    }

    #[test]
    fn event_time_that_is_none_is_refused() {
        for text in [
            "",
            "2021-10-15",
            "2021-10-15T17:10:46",
            "2021-10-15 17:10:46Z",
            "2021-13-15T17:10:46Z",
            "2021-02-29T00:00:00Z",
            "2021-10-15T24:00:00Z",
            "2021-10-15T17:10:60Z",
            "2021-10-15T17:10:46.Z",
            "2021-10-15T17:10:46*0000",
            "2021-10-15T17:10:46+00:0",
            "1969-12-31T23:59:59Z",
            "2021-10-1éT17:10:46Z",
            "+021-10-15T17:10:46Z",
            "9999-12-31T23:59:59-0001",
        ] {
            assert_eq!(EventTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_written_as_the_api_wants_them() {
        let second = Second::new(1_448_369_411);
        assert_eq!(second.api_date(), "2015-11-24T12:50:11+0000");
        assert_eq!(second.header_date(), "Tue, 24 Nov 2015 12:50:11 UTC");
        assert_eq!(second.to_string(), "2015-11-24T12:50:11Z");
    }

    #[test]
    fn http_date_is_read() {
        let second = Second::parse_http_date("Tue, 24 Nov 2015 12:50:11 GMT");
        assert_eq!(second, Some(Second::new(1_448_369_411)));
        for text in ["", "Tue, 24 Nov 2015 12:50:11", "Tuesday, 24-Nov-15 12:50:11 GMT", "x, y"] {
            assert_eq!(Second::parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn extreme_seconds_neither_overflow_nor_panic() {
        assert_eq!(Second::new(i64::MAX) + 1, Second::new(i64::MAX));
        assert_eq!(Second::new(i64::MIN) - Second::new(i64::MAX), i64::MIN);
        assert_eq!(Second::new(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Second::new(-1).unix_nanos(), 0);
    }
}
