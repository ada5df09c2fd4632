//! A request that is refused: its status and what the `fail` of its reply says.

use serde::Serialize;
use serde_json::json;

/// Why a request is not answered with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: ErrorEntry,
    shape: Shape,
}

/// Who refuses, by the shape of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The API: `fail` with a list of `errors`.
    Api,
    /// The gateway before it: `fail` with a code and a message.
    Gateway,
    /// The token endpoint: what the gateway says, and what OAuth 2.0 says.
    OAuth,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorEntry {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let error = ErrorEntry { code, message: message.into(), retryable: false, field: None };
        Self { status, error, shape: Shape::Api }
    }

    /// What the documentation says of a field that is not as it must be.
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "err_validation_invalid", message).on_field(field)
    }

    /// A page token that is refused, for whatever reason.
    pub(crate) fn page_token(message: &str) -> Self {
        Self::new(400, "err_validation_page_token", message).on_field("pageToken")
    }

    /// What the gateway says of an access token that is not good, for whatever reason.
    pub(crate) fn access_token() -> Self {
        Self::new(401, "token_expired", "Access Token Expired").shaped(Shape::Gateway)
    }

    pub(crate) fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    pub(crate) fn on_field(mut self, field: &'static str) -> Self {
        self.error.field = Some(field);
        self
    }

    pub(crate) fn retryable(mut self) -> Self {
        self.error.retryable = true;
        self
    }

    /// The reply's JSON.
    pub(crate) fn body(&self) -> String {
        let ErrorEntry { code, message, .. } = &self.error;
        let body = match self.shape {
            Shape::Api => json!({
                "meta": {"status": self.status},
                "data": [],
                "fail": [{"key": {}, "errors": [self.error]}],
            }),
            Shape::Gateway => json!({"fail": [{"code": code, "message": message}]}),
            Shape::OAuth => json!({
                "fail": [{"code": code, "message": message}],
                "error": code,
                "error_description": message,
            }),
        };
        body.to_string()
    }
}
