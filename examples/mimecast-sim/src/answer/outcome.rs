//! How a request ended.

use crate::answer::refusal::Refusal;
use crate::answer::style::Bom;
use crate::answer::{Answer, Ending};

/// How the outcome is named when a token was given.
pub(crate) const GIVEN: &str = "given";

const JSON: &str = "application/json";

/// How a request ended, before it is dressed for the wire.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) status: u16,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    pub(crate) rows: u64,
    /// What the rate-limit headers say instead of the truth.
    pub(crate) reset_ms: Option<u64>,
}

impl Outcome {
    pub(crate) fn new(name: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            content_type: JSON,
            headers: Vec::new(),
            body: body.into(),
            rows: 0,
            reset_ms: None,
        }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self::new(&format!("refused {}", refusal.error.code), refusal.status, refusal.body())
    }

    pub(crate) fn with_rows(mut self, rows: usize) -> Self {
        self.rows = rows as u64;
        self
    }

    /// Any method but POST.
    pub(crate) fn post_only() -> Self {
        Self::new("status 405", 405, error_json("405 Method Not Allowed"))
            .with("Allow", "POST".to_owned())
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a page of HTML for its body.
    pub(super) fn html(self, body: String) -> Self {
        Self { content_type: "text/html; charset=utf-8", body: body.into_bytes(), ..self }
    }

    /// Leaves the first half of the body, whole characters only.
    pub(crate) fn halve(&mut self) {
        let half = self.body.len() / 2;
        let text = std::str::from_utf8(&self.body);
        self.body.truncate(text.map_or(half, |text| text.floor_char_boundary(half)));
    }

    pub(crate) fn into_answer(self, ending: Ending, delay_ms: u64, bom: Bom) -> Answer {
        let Self { status, content_type, headers, mut body, .. } = self;
        if bom == Bom::Present && content_type == JSON && !body.is_empty() {
            body.splice(..0, *b"\xef\xbb\xbf");
        }
        Answer { status, content_type, headers, body, delay_ms, ending }
    }
}

pub(crate) fn error_json(message: &str) -> String {
    serde_json::json!({"error": {"message": message}}).to_string()
}
