//! The date forms of the API, read strictly: event times, signing dates and the `Date` header.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The form of `from`, `to` and `eventTime`: `2021-10-15T17:10:46+0000`.
#[must_use]
pub fn api_date(unix_secs: i64) -> String {
    at(unix_secs).format(API).unwrap_or_default()
}

/// Reads `2021-10-15T17:10:46+0000`, any offset, nothing looser.
#[must_use]
pub fn parse_api_date(text: &str) -> Option<i64> {
    let date = OffsetDateTime::parse(text, API).ok()?;
    // The parser forgives what the API does not (a sign before the year, say).
    (date.format(API).ok()? == text).then(|| date.unix_timestamp())
}

/// Reads the form of `x-mc-date`: `Tue, 24 Nov 2015 12:50:11 UTC`.
pub(crate) fn parse_signing_date(text: &str) -> Option<i64> {
    let date = PrimitiveDateTime::parse(text, SIGNING).ok()?;
    (date.format(SIGNING).ok()? == text).then(|| date.assume_utc().unix_timestamp())
}

/// The form of the `Date` header: `Tue, 24 Nov 2015 12:50:11 GMT`.
pub(crate) fn http_date(unix_secs: i64) -> String {
    at(unix_secs).format(HTTP).unwrap_or_default()
}

/// Midnight, UTC, of the day that `unix_secs` lies in.
pub(crate) fn start_of_day(unix_secs: i64) -> i64 {
    unix_secs.saturating_sub(unix_secs.rem_euclid(86_400))
}

/// The moment, pinned into the years that four digits can write.
fn at(unix_secs: i64) -> OffsetDateTime {
    const YEAR_0: i64 = -62_167_219_200;
    const YEAR_9999_END: i64 = 253_402_300_799;
    OffsetDateTime::from_unix_timestamp(unix_secs.clamp(YEAR_0, YEAR_9999_END))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

const API: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory][offset_minute]"
);
const SIGNING: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] UTC"
);
const HTTP: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_in_the_forms_of_the_api() {
        assert_eq!(api_date(1_634_317_846), "2021-10-15T17:10:46+0000");
        assert_eq!(parse_api_date("2021-10-15T17:10:46+0000"), Some(1_634_317_846));
        assert_eq!(parse_api_date("2021-10-15T18:10:46+0100"), Some(1_634_317_846));
        assert_eq!(parse_signing_date("Tue, 24 Nov 2015 12:50:11 UTC"), Some(1_448_369_411));
        assert_eq!(http_date(1_448_369_411), "Tue, 24 Nov 2015 12:50:11 GMT");
        assert_eq!(start_of_day(1_448_369_411), 1_448_323_200);
    }

    #[test]
    fn dates_of_other_forms_are_refused() {
        for text in [
            "",
            "2021-10-15",
            "2021-10-15T17:10:46Z",
            "2021-10-15T17:10:46+00:00",
            "2021-10-15T17:10:46.000+0000",
            "2021-13-15T17:10:46+0000",
            "+2021-10-15T17:10:46+0000",
        ] {
            assert_eq!(parse_api_date(text), None, "{text}");
        }
        for text in [
            "Mon, 24 Nov 2015 12:50:11 UTC",
            "Tue, 24 Nov 2015 12:50:11 GMT",
            "Tue, 3 Nov 2015 12:50:11 UTC",
            "Tue, 24 Nov 2015 12:50:11 +0000",
        ] {
            assert_eq!(parse_signing_date(text), None, "{text}");
        }
    }
}
