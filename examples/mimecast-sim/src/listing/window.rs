//! The window of a request: which seconds it reaches over, and which windows are not served.

use crate::answer::outcome::Outcome;
use crate::answer::refusal::Refusal;
use crate::date::start_of_day;
use crate::request::query::Query;

/// What is made of `from` and `to`, of requests for later pages too. The default takes them as they
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// A longer window is answered with 504 and an empty body.
    pub max_secs: Option<u32>,
    /// Whether `to` may be later than the server's clock.
    pub future: Future,
    /// A `from` that is longer ago by the server's clock is refused: a `fail` inside HTTP 200.
    pub oldest_age_secs: Option<u32>,
    /// `from` is rounded down to a multiple of this in Unix time: older rows are found and counted,
    /// too.
    pub from_floor_secs: Option<u32>,
}

/// Whether `to` may be later than the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Future {
    /// It may.
    #[default]
    Taken,
    /// It is refused: HTTP 400 with a `fail`.
    Refused,
}

impl Window {
    /// The first and the last second of the query, its defaults filled in as of now; or what is
    /// answered in place of rows.
    pub(crate) fn bounds(&self, query: &Query, now_secs: i64) -> Result<(i64, i64), Outcome> {
        if self.future == Future::Refused && query.to.is_some_and(|to| to > now_secs) {
            return Err(Outcome::refused(&Refusal::invalid("to", "to is in the future")));
        }
        let is_too_old = |from: i64| {
            let age_max = self.oldest_age_secs.map(i64::from);
            age_max.is_some_and(|age_max| now_secs.saturating_sub(from) > age_max)
        };
        if query.from.is_some_and(is_too_old) {
            let message = "from is too far in the past";
            let refusal = Refusal::new(200, "err_validation_invalid", message).on_field("from");
            return Err(Outcome::refused(&refusal));
        }
        let from = query.from.unwrap_or(start_of_day(now_secs));
        let to = query.to.unwrap_or(now_secs);
        if self.max_secs.is_some_and(|max| to.saturating_sub(from) > i64::from(max)) {
            return Err(Outcome::new("status 504", 504, ""));
        }
        let beyond = from.checked_rem_euclid(self.from_floor_secs.unwrap_or(1).into()).unwrap_or(0);
        Ok((from.saturating_sub(beyond), to))
    }
}
