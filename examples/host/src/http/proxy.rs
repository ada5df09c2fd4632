//! What a proxy says when it makes no way to a target.

use std::time::Duration;

use reqwest::{Method, Request, StatusCode};
use url::Url;

use crate::http::error::in_words;

/// Why a proxy made no way, and what to do; none if it is not the proxy's doing. The client keeps the
/// proxy's status to itself: so the proxy is asked once more, by a request that shows it.
pub(super) async fn refusal(client: &reqwest::Client, error: &reqwest::Error) -> Option<String> {
    match in_words(error).as_str() {
        REFUSED => {}
        UNAUTHORIZED => return Some(answered(StatusCode::PROXY_AUTHENTICATION_REQUIRED)),
        HUNG_UP => return Some(format!("the proxy hung up; {NO_PROXY}")),
        TOO_LONG => return Some(format!("the proxy's answer is no HTTP; {NO_PROXY}")),
        _ => return None,
    }
    let asked = tokio::time::timeout(ASKED_FOR_MAX, client.execute(connect(error.url()?)?)).await;
    Some(match asked {
        Ok(Ok(response)) if response.status().is_success() => {
            "the proxy refused, and a moment later it did not; it may work the next time".to_owned()
        }
        Ok(Ok(response)) => answered(response.status()),
        Ok(Err(error)) => {
            format!("the proxy's answer is no HTTP ({}); {NO_PROXY}", in_words(&error))
        }
        Err(_) => "the proxy refused, and did not answer when it was asked why".to_owned(),
    })
}

/// The question for a way to a target. To the client it is a request that needs no way.
fn connect(target: &Url) -> Option<Request> {
    let (host, port) = (target.host_str()?, target.port_or_known_default()?);
    let url = Url::parse(&format!("http://{host}:{port}")).ok()?;
    Some(Request::new(Method::CONNECT, url))
}

/// The status of a proxy that makes no way, and what to do.
pub(super) fn answered(status: StatusCode) -> String {
    let remedy = match status.as_u16() {
        407 => {
            "it wants a user and a password (basic authentication), or others than it was given: \
             write http://USER:PASSWORD@host:port as `proxy`"
        }
        401 | 403 | 451 => "it does not permit this: have the host allowed there",
        400 | 404 | 405 | 501 => NO_PROXY,
        429 => "it has had too many requests",
        500..=599 => {
            "it does not get there: check the host, and the proxy's own way out (DNS, firewall)"
        }
        _ => NO_PROXY,
    };
    format!("the proxy answers {}; {remedy}", status.as_u16())
}

const NO_PROXY: &str = "check host and port of `proxy`: is it a proxy for HTTP that takes CONNECT?";
const ASKED_FOR_MAX: Duration = Duration::from_secs(5);
/// What the client says of a proxy that makes no way.
const REFUSED: &str = "tunnel error: unsuccessful";
const UNAUTHORIZED: &str = "tunnel error: proxy authorization required";
const TOO_LONG: &str = "tunnel error: proxy response headers too long";
const HUNG_UP: &str = "tunnel error: unexpected end of file";
