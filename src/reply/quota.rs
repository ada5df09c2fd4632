//! The API's rate-limit headers and `Retry-After`: what they say, in which unit, and the wait that
//! follows.

use crate::contract::http::Response;
use crate::contract::source::Quota;
use crate::timestamp::Second;

/// Reads `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, the last in
/// **milliseconds**. API 2.0 also spells them `X-Rate-Limit-*` (the vendor's notes on rate limiting).
pub(crate) fn quota(response: &Response) -> Option<Quota> {
    let remaining = number(response, ["x-ratelimit-remaining", "x-rate-limit-remaining"])?;
    let limit = number(response, ["x-ratelimit-limit", "x-rate-limit-limit"]);
    Some(Quota { limit, remaining, reset_ms: reset_ms(response).unwrap_or(0) })
}

/// How long a response asks its client to wait, in milliseconds: `Retry-After`, which is in
/// **seconds** or a date by the API's clock (RFC 9110), and the reset time, which every response has,
/// if the quota is spent. The longer one, at most 15 minutes. (I5)
pub(crate) fn retry_after_ms(response: &Response, is_refused: bool, now: Second) -> Option<u64> {
    let is_spent = is_refused || is_spent(quota(response));
    let date = || {
        let date = Second::parse_http_date(response.header("retry-after")?)?;
        u64::try_from(date - now).ok()
    };
    let retry_after = number(response, ["retry-after"; 2]).or_else(date);
    let retry_after = retry_after.map(|secs| secs.saturating_mul(1_000));
    let reset = reset_ms(response).filter(|_| is_spent);
    retry_after.max(reset).map(|ms| ms.min(WAIT_MAX_MS))
}

/// The wait before the next poll while the quota is spent, in milliseconds; zero while it is not.
pub(crate) fn spent_wait_ms(quota: Option<Quota>) -> u64 {
    match quota {
        Some(Quota { remaining: 0, reset_ms, .. }) => reset_ms.min(WAIT_MAX_MS),
        _ => 0,
    }
}

/// Whether no request is left.
pub(crate) fn is_spent(quota: Option<Quota>) -> bool {
    quota.is_some_and(|quota| quota.remaining == 0)
}

fn reset_ms(response: &Response) -> Option<u64> {
    number(response, ["x-ratelimit-reset", "x-rate-limit-reset"])
}

fn number(response: &Response, names: [&str; 2]) -> Option<u64> {
    names.into_iter().find_map(|name| response.header(name)?.trim().parse().ok())
}

/// The longest wait that the API can ask for.
const WAIT_MAX_MS: u64 = 15 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status: 200, headers, body: Vec::new() }
    }

    /// Tue, 24 Nov 2015 12:50:11 GMT
    const NOW: Second = Second::new(1_448_369_411);

    fn wait(headers: &[(&str, &str)], is_refused: bool) -> Option<u64> {
        retry_after_ms(&response(headers), is_refused, NOW)
    }

    #[test]
    fn retry_after_may_be_a_date_by_the_apis_clock() {
        for (date, wait_ms) in [
            ("Tue, 24 Nov 2015 12:50:41 GMT", Some(30_000)),
            ("Tue, 24 Nov 2015 12:50:11 GMT", Some(0)),
            ("Tue, 24 Nov 2015 12:50:10 GMT", None),
            ("Thu, 24 Nov 2016 12:50:11 GMT", Some(WAIT_MAX_MS)),
        ] {
            assert_eq!(wait(&[("Retry-After", date)], true), wait_ms, "{date}");
        }
    }

    #[test]
    fn both_spellings_are_read_whatever_their_case() {
        for spelling in ["X-RateLimit", "x-ratelimit", "X-Rate-Limit"] {
            let response = response(&[
                (&format!("{spelling}-Limit"), "9"),
                (&format!("{spelling}-Remaining"), "7"),
                (&format!("{spelling}-Reset"), "1500"),
            ]);
            assert_eq!(
                quota(&response),
                Some(Quota { limit: Some(9), remaining: 7, reset_ms: 1_500 })
            );
        }
    }

    #[test]
    fn reset_is_milliseconds_and_retry_after_is_seconds() {
        assert_eq!(wait(&[("X-RateLimit-Reset", "1500")], true), Some(1_500));
        assert_eq!(wait(&[("Retry-After", "2")], true), Some(2_000));
        let both = [("X-RateLimit-Reset", "1500"), ("Retry-After", "2")];
        assert_eq!(wait(&both, true), Some(2_000));
    }

    #[test]
    fn a_reset_time_is_a_wait_only_if_the_quota_is_spent() {
        for (is_refused, remaining, wait) in
            [(false, "7", None), (false, "0", Some(1_500)), (true, "7", Some(1_500))]
        {
            let headers = [("X-RateLimit-Remaining", remaining), ("X-RateLimit-Reset", "1500")];
            assert_eq!(retry_after_ms(&response(&headers), is_refused, NOW), wait, "{remaining}");
        }
    }

    #[test]
    fn absurd_waits_are_capped_and_garbage_is_no_wait() {
        for value in ["99999999", "18446744073709551615"] {
            assert_eq!(wait(&[("Retry-After", value)], true), Some(WAIT_MAX_MS));
        }
        assert_eq!(wait(&[("Retry-After", "soon")], true), None);
        assert_eq!(wait(&[("X-RateLimit-Reset", "-1")], true), None);
    }

    #[test]
    fn only_a_spent_quota_makes_a_wait() {
        assert_eq!(spent_wait_ms(Some(Quota { limit: None, remaining: 0, reset_ms: 40 })), 40);
        assert_eq!(spent_wait_ms(Some(Quota { limit: None, remaining: 1, reset_ms: 40 })), 0);
        assert_eq!(spent_wait_ms(None), 0);
    }
}
