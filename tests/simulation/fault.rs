//! Every way in which a request is known to fail, or a reply to be wrong, for a while.

use mimecast_ttp_source::HttpError;
use serde_json::json;

use crate::fake::dice::Dice;
use crate::fake::world::failure;
use crate::fake::{Asked, Reply, WithHeader, response};

/// Something other than the right answer. Whatever it is, the next request may be answered well.
pub(crate) fn strike(d: &mut Dice, asked: &Asked, right: Reply) -> Reply {
    let text = || "for a while".to_owned();
    Ok(match d.below(24) {
        // The host.
        0 => return Err(HttpError::Timeout(text())),
        1 => return Err(HttpError::Dns(text())),
        2 => return Err(HttpError::Connect(text())),
        3 => return Err(HttpError::Tls(text())),
        4 => return Err(HttpError::Other(text())),
        5 => return Err(HttpError::Denied(text())),
        6 => return Err(HttpError::TooLarge(text())),
        // A status, with one of the bodies that it may have.
        7..=10 => {
            let status = *d.pick(&[
                400, 401, 403, 404, 405, 408, 409, 418, 425, 429, 500, 502, 503, 509, 302, 204,
            ]);
            match d.below(4) {
                0 => response(status, ""),
                1 => response(status, "<html>Service unavailable</html>"),
                2 => response(status, json!({"error": {"message": "no"}})),
                _ => failure(status, "err_unknown"),
            }
        }
        11 => response(429, "")
            .header_of("X-RateLimit-Remaining", "0")
            .header_of("X-RateLimit-Reset", &d.below(5_000).to_string()),
        12 => response(429, "").header_of("Retry-After", &d.below(100).to_string()),
        // A failure inside HTTP 200.
        13..=15 => {
            let code = *d.pick(&[
                "err_xdk_binding_expired",
                "err_xdk_client_unauthorized",
                "err_xdk_invalid_signature",
                "err_developer_key",
                "err_validation_null",
                "err_validation_blank",
                "err_page_token",
            ]);
            failure(200, code)
        }
        16 => response(
            200,
            json!({"meta": {"status": 200}, "data": [], "fail": [{"errors": [{"code": "err_busy",
                "message": "again", "retryable": true}]}]}),
        ),
        17 => {
            let code = *d.pick(&["app_forbidden", "token_expired", "token_verification_failed"]);
            response(403, json!({"fail": [{"code": code, "message": "no"}]}))
        }
        // Neither rows nor a failure, but for a status within the body.
        18 => {
            let status = *d.pick(&[400, 401, 404, 429, 500, 503]);
            response(200, json!({"meta": {"status": status}, "data": [], "fail": []}))
        }
        19 => response(200, ""),
        20 => response(200, json!({"meta": {"status": 200}, "fail": []})),
        // The right answer, cut off, with another token, or with bytes that are no text.
        21 => {
            let mut cut = right?;
            let len = i64::try_from(cut.body.len()).expect("a short body");
            cut.body.truncate(usize::try_from(d.below(len.max(1))).expect("a length"));
            cut
        }
        22 => {
            let mut looping = right?;
            if let Some(token) = &asked.token {
                let text = String::from_utf8(looping.body).expect("it is text");
                looping.body = match text.split_once(r#""next":""#) {
                    Some((before, rest)) => {
                        let (_, after) = rest.split_once('"').expect("the token ends");
                        format!("{before}\"next\":\"{token}\"{after}")
                    }
                    None => text,
                }
                .into_bytes();
            }
            looping
        }
        _ => {
            let mut odd = right?;
            let place = odd.body.windows(8).position(|bytes| bytes == b"\"fail\":[");
            odd.body.splice(place.unwrap_or(0)..place.unwrap_or(0), *b"\"\xff\":0,");
            odd
        }
    })
}
