//! What is answered when a fault strikes: in place of a page, of a token, or of either.

use serde_json::json;

use crate::answer::outcome::{Outcome, error_json};
use crate::answer::refusal::{Refusal, Shape};
use crate::date::http_date;
use crate::fault::Fault;

/// Faults of a gateway: the request is never executed. `now_secs` is the gateway's clock.
pub(crate) fn before_execution(fault: &Fault, now_secs: i64) -> Option<Outcome> {
    let name = format!("fault {}", fault.name());
    Some(match fault {
        Fault::RateLimit { reset_ms, retry_after_secs } => {
            let mut outcome = Outcome::new(&name, 429, error_json("429 Quota Exceeded"));
            outcome.reset_ms = Some(*reset_ms);
            match retry_after_secs {
                Some(secs) => outcome.with("Retry-After", secs.to_string()),
                None => outcome,
            }
        }
        Fault::Status(509) => Outcome::new(&name, 509, ""),
        Fault::Status(status) => Outcome::new(&name, *status, gateway_error(*status)),
        Fault::RetryDate { status, after_secs } => {
            let date = http_date(now_secs.saturating_add_unsigned(*after_secs));
            let mut outcome = Outcome::new(&name, *status, gateway_error(*status));
            outcome.reset_ms = (*status == 429).then_some(0);
            outcome.with("Retry-After", date)
        }
        Fault::Html => Outcome::new(&name, 503, "").html(html_page()),
        Fault::ForbiddenHtml => Outcome::new(&name, 403, "").html(firewall_page(403)),
        Fault::UnauthorizedHtml => Outcome::new(&name, 401, "").html(firewall_page(401)),
        Fault::Drop => Outcome::new(&name, 500, ""),
        Fault::TokenExpired => Outcome::new(&name, 401, Refusal::access_token().body()),
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
        Fault::MetaStatus => Outcome::new(&name, 200, meta_status_500()),
        Fault::Garbage => Outcome::new(&name, 200, garbage(GARBAGE_HEAD)),
        Fault::DeadToken => {
            Outcome::new(&name, 400, Refusal::page_token("the page token has expired").body())
        }
        Fault::Oversized { body_bytes } => {
            Outcome::new(&name, 200, oversized(HEAD, TAIL, *body_bytes))
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
        Fault::Garbage => garbage(HEAD),
        Fault::Oversized { body_bytes } => oversized(HEAD, TAIL, *body_bytes).into_bytes(),
        _ => return None,
    };
    Some(Outcome::new(&format!("fault {}", fault.name()), 200, body))
}

/// Even an oversized reply must fit into memory.
const OVERSIZED_BYTES_MAX: usize = 1 << 30;

/// What a gateway in trouble says.
fn gateway_error(status: u16) -> String {
    json!({"error": {"message": format!("upstream failure {status}")}}).to_string()
}

/// A page that is no API reply at all.
fn html_page() -> String {
    "<!DOCTYPE html>\n<html><head><title>Service Unavailable</title></head>\
     <body><h1>503</h1><p>Please try again later.</p></body></html>\n"
        .to_owned()
}

/// What a firewall says in the API's place.
fn firewall_page(status: u16) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><title>Request blocked</title></head>\
         <body><h1>{status}</h1><p>The firewall blocked this request. Incident 18-3172.</p>\
         </body></html>\n"
    )
}

/// A body that hides a failure behind HTTP 200.
fn meta_status_500() -> String {
    json!({"meta": {"status": 500}, "data": [], "fail": []}).to_string()
}

/// The beginning of a reply, then noise that is not even UTF-8.
fn garbage(head: &str) -> Vec<u8> {
    let mut body = head.as_bytes().to_vec();
    body.extend((0..512_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]));
    body
}

/// A reply whose text between `head` and `tail` is far too long.
fn oversized(head: &str, tail: &str, body_bytes: usize) -> String {
    let body_bytes = body_bytes.min(OVERSIZED_BYTES_MAX);
    let mut body = String::with_capacity(body_bytes + 128);
    body += head;
    let padding = body_bytes.saturating_sub(body.len());
    body.extend(std::iter::repeat_n('A', padding));
    body += tail;
    body
}
