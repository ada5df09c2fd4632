//! The token endpoint: what becomes of one request for an access token.

use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde_json::json;

use crate::answer::failure::instead_of_token;
use crate::answer::outcome::{GIVEN, Outcome};
use crate::answer::refusal::{Refusal, Shape};
use crate::fault::Fault;
use crate::gate::Gate;
use crate::request::Request;

/// The path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth/token";

/// Answers a request to this path.
pub(crate) fn answer(gate: &mut Gate, request: &Request<'_>, fault: Option<&Fault>) -> Outcome {
    if request.method != Method::POST {
        return Outcome::post_only();
    }
    if let Err(refusal) = admit(gate, request) {
        return Outcome::refused(&refusal);
    }
    if let Some(outcome) = fault.and_then(instead_of_token) {
        return outcome;
    }
    let body = json!({
        "access_token": gate.tokens.give(request.now_ms),
        "token_type": "Bearer",
        "expires_in": gate.tokens.life_secs(),
        "scope": "",
    });
    Outcome::new(GIVEN, 200, body.to_string())
}

fn admit(gate: &Gate, request: &Request<'_>) -> Result<(), Refusal> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(request.body).into_owned().collect();
    let values = |wanted: &'static str| {
        fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    // The real endpoint may repeat what it was sent: nothing of a refusal is fit for a log.
    let refuse = |status, code, why: &str| {
        let first = |name| values(name).next().unwrap_or_default();
        let (id, secret) = (first("client_id"), first("client_secret"));
        let message = format!("{why}: client_id={id}, client_secret={secret}");
        Err(Refusal::new(status, code, message).shaped(Shape::OAuth))
    };

    let media = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media.is_some_and(|media| media.starts_with("application/x-www-form-urlencoded")) {
        return refuse(400, "invalid_request", "the header Content-Type is not that of a form");
    }
    for name in ["client_id", "client_secret", "grant_type"] {
        if values(name).count() != 1 {
            return refuse(400, "invalid_request", &format!("{name} is not there once"));
        }
    }
    if !values("grant_type").eq(["client_credentials"]) {
        return refuse(400, "unsupported_grant_type", "grant_type is not client_credentials");
    }
    let client = gate.tokens.client();
    let is_client = values("client_id").eq([client.client_id.as_str()])
        && values("client_secret").eq([client.client_secret.as_str()]);
    if !is_client || !gate.standing.is_known() {
        return refuse(401, "invalid_client", "no such client");
    }
    Ok(())
}
