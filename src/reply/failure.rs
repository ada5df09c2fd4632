//! The four shapes in which the API tells of a failure, read into one.
//!
//! 1. `"fail": [{"errors": [{"code", "message", "retryable"}]}]`, with HTTP 200 or 4xx.
//! 2. `"fail": [{"code", "message"}]`, from the API's gateway.
//! 3. `{"error": {"message"}}`, an HTML page, or nothing.
//! 4. HTTP 200 with an empty `fail` and a `meta.status` of 4xx or 5xx.

use crate::json::value::Json;
use crate::reply::page::Page;

/// What the API said went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Failure {
    /// Such as `err_xdk_binding_expired`. Empty if there was none.
    pub(crate) code: String,
    /// Such as `0018 Invalid Signature`. Empty if there was none.
    pub(crate) message: String,
    /// The API's own word on whether to try again.
    pub(crate) retryable: bool,
}

impl Failure {
    /// The failures that a reply tells of in its body, at most sixteen. Empty if it tells of none.
    pub(crate) fn all_of(page: &Page<'_>) -> Vec<Self> {
        let entries = match &page.fail {
            Json::Array(entries) => entries.as_slice(),
            Json::Scalar("null") => &[],
            other => core::slice::from_ref(other),
        };
        let errors = entries.iter().flat_map(|entry| match entry.get("errors") {
            Json::Array(errors) if !errors.is_empty() => errors.as_slice(),
            _ => core::slice::from_ref(entry),
        });
        let outer = Some(&page.error).filter(|error| **error != Json::NULL);
        errors.chain(outer).take(FAILURES_MAX).map(Self::read).collect()
    }

    fn read(error: &Json<'_>) -> Self {
        let message = error.as_str().map_or_else(|| text(error.get("message")), str::to_owned);
        let field = text(error.get("field"));
        Self {
            code: text(error.get("code")),
            message: if field.is_empty() { message } else { format!("{message} (field {field})") },
            retryable: *error.get("retryable") == Json::Scalar("true"),
        }
    }
}

fn text(value: &Json<'_>) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const FAILURES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::RowDetail;

    fn of(body: &str) -> Option<Failure> {
        Failure::all_of(&Page::parse(body, RowDetail::Text).unwrap()).into_iter().next()
    }

    fn failure(code: &str, message: &str, retryable: bool) -> Failure {
        Failure { code: code.into(), message: message.into(), retryable }
    }

    #[test]
    fn shape_one_a_list_of_errors() {
        let body = r#"{"fail":[{"key":{"a":1},"errors":[{"code":"err_x","message":"m",
            "retryable":true},{"code":"err_y"}]}]}"#;
        assert_eq!(of(body), Some(failure("err_x", "m", true)));
        let body = r#"{"fail":[{"errors":[{"code":"err_x","message":"m","field":"from"}]}]}"#;
        assert_eq!(of(body), Some(failure("err_x", "m (field from)", false)));
    }

    #[test]
    fn shape_two_of_the_gateway() {
        let body = r#"{"fail":[{"code":"token_expired","message":"Access Token Expired"}]}"#;
        assert_eq!(of(body), Some(failure("token_expired", "Access Token Expired", false)));
    }

    #[test]
    fn shape_three_an_error_object() {
        assert_eq!(of(r#"{"error":{"message":"m"}}"#), Some(failure("", "m", false)));
        assert_eq!(of(r#"{"error":"m"}"#), Some(failure("", "m", false)));
    }

    #[test]
    fn a_failure_without_a_word_is_still_a_failure() {
        for fail in ["[{}]", "[null]", "[{\"errors\":[]}]", "{}", "true"] {
            assert_eq!(
                of(&format!(r#"{{"fail":{fail}}}"#)),
                Some(failure("", "", false)),
                "{fail}"
            );
        }
    }

    #[test]
    fn an_empty_list_is_no_failure() {
        assert_eq!(of(r#"{"fail":[],"data":[]}"#), None);
        assert_eq!(of("{}"), None);
    }
}
