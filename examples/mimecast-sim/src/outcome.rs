//! How a request ended, and the answer that goes out.

use crate::date::http_date;
use crate::fault::Fault;
use crate::listing::refused;
use crate::options::Bom;
use crate::refusal::{Refusal, Shape};
use crate::reply;
use crate::token::token_expired;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay_ms: u64,
    pub(crate) ending: Ending,
}

/// How the connection fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    Cut,
    Dropped,
}

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

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a page of HTML for its body.
    fn html(self, body: String) -> Self {
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

/// Faults of a gateway: the request is never executed. `now_secs` is the gateway's clock.
pub(crate) fn before_execution(fault: &Fault, now_secs: i64) -> Option<Outcome> {
    let name = format!("fault {}", fault.name());
    Some(match fault {
        Fault::RateLimit { reset_ms, retry_after_secs } => {
            let outcome = Outcome {
                reset_ms: Some(*reset_ms),
                ..Outcome::new(&name, 429, error_json("429 Quota Exceeded"))
            };
            match retry_after_secs {
                Some(secs) => outcome.with("Retry-After", secs.to_string()),
                None => outcome,
            }
        }
        Fault::Status(509) => Outcome::new(&name, 509, ""),
        Fault::Status(status) => Outcome::new(&name, *status, reply::gateway_error(*status)),
        Fault::RetryDate { status, after_secs } => {
            let date = http_date(now_secs.saturating_add_unsigned(*after_secs));
            let body = reply::gateway_error(*status);
            let reset_ms = (*status == 429).then_some(0);
            Outcome { reset_ms, ..Outcome::new(&name, *status, body) }.with("Retry-After", date)
        }
        Fault::Html => Outcome::new(&name, 503, "").html(reply::html_page()),
        Fault::ForbiddenHtml => Outcome::new(&name, 403, "").html(reply::firewall_page(403)),
        Fault::UnauthorizedHtml => Outcome::new(&name, 401, "").html(reply::firewall_page(401)),
        Fault::Drop => Outcome::new(&name, 500, ""),
        Fault::TokenExpired => Outcome::new(&name, 401, token_expired().body()),
        Fault::TokenUnverified => {
            let refusal =
                Refusal::new(401, "token_verification_failed", "Token Verification Failed");
            Outcome::new(&name, 401, refusal.shaped(Shape::Gateway).body())
        }
        _ => return None,
    })
}

/// Faults of the API itself: the request was let in, then something else than a page comes back.
pub(crate) fn instead_of_page(fault: &Fault) -> Option<Outcome> {
    const GARBAGE_HEAD: &str = r#"{"meta":{"status":200},"data":[{"resultCount":3,"impers"#;
    const HEAD: &str =
        r#"{"meta":{"status":200},"data":[{"resultCount":1,"impersonationLogs":[{"id":"MTOKEN:"#;
    const TAIL: &str = r#""}]}],"fail":[]}"#;
    let name = format!("fault {}", fault.name());
    Some(match fault {
        Fault::Fail { retryable } => {
            let refusal = Refusal::new(200, "err_internal_system_error", "0000 System Error");
            let refusal = if *retryable { refusal.retryable() } else { refusal };
            Outcome::new(&name, 200, refusal.body())
        }
        Fault::MetaStatus => Outcome::new(&name, 200, reply::meta_status_500()),
        Fault::Garbage => Outcome::new(&name, 200, reply::garbage(GARBAGE_HEAD)),
        Fault::DeadToken => Outcome::new(&name, 400, refused("the page token has expired").body()),
        Fault::Oversized { body_bytes } => {
            Outcome::new(&name, 200, reply::oversized(HEAD, TAIL, *body_bytes))
        }
        _ => return None,
    })
}

/// Faults of the token endpoint: the credentials were taken, then something else than a token comes
/// back.
pub(crate) fn instead_of_token(fault: &Fault) -> Option<Outcome> {
    const HEAD: &str = r#"{"token_type":"Bearer","access_token":""#;
    const TAIL: &str = r#"","expires_in":1799,"scope":""}"#;
    let body = match fault {
        Fault::Garbage => reply::garbage(HEAD),
        Fault::Oversized { body_bytes } => reply::oversized(HEAD, TAIL, *body_bytes).into_bytes(),
        _ => return None,
    };
    Some(Outcome::new(&format!("fault {}", fault.name()), 200, body))
}

pub(crate) fn error_json(message: &str) -> String {
    serde_json::json!({"error": {"message": message}}).to_string()
}
