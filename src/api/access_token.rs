//! Access tokens of API 2.0 (OAuth 2.0, client credentials): how one is asked for, what the token
//! endpoint's reply means, and how long a token is good for.
//!
//! An error of the token endpoint can repeat the credentials that were sent to it (the vendor's
//! notes on API 2.0): nothing of its text is ever passed on, only what its status means. (I4)

use crate::config::auth::OauthClient;
use crate::contract::http::{HttpError, Response};
use crate::json::value::Json;
use crate::reply;
use crate::reply::body::is_foreign;
use crate::reply::cause::Cause;
use crate::reply::failure::Failure;
use crate::reply::page::Page;
use crate::reply::refusal::Refusal;
use crate::row::RowDetail;
use crate::secret::Secret;
use crate::timestamp::Second;

/// The path of the token endpoint, the same at every base URL of API 2.0.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";

/// The newest access token. Losing it costs one request.
#[derive(Debug, Default)]
pub(crate) struct TokenCache(Option<AccessToken>);

/// A token, and what it was given for: the configuration may change between two polls.
#[derive(Debug)]
pub(crate) struct AccessToken {
    text: Secret<String>,
    good_until: Second,
    base_url: String,
    client: OauthClient,
}

impl TokenCache {
    /// With no token.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// The token for these credentials, if there is one.
    pub(crate) fn token(&self, base_url: &str, client: &OauthClient) -> Option<&AccessToken> {
        let is_ours = |token: &&AccessToken| token.base_url == base_url && token.client == *client;
        self.0.as_ref().filter(is_ours)
    }

    /// Keeps a token that was asked for at `asked`.
    pub(crate) fn keep(
        &mut self,
        granted: &Granted,
        base_url: &str,
        client: &OauthClient,
        asked: Second,
    ) {
        self.0 = Some(AccessToken {
            text: Secret::new(granted.token.clone()),
            good_until: asked + (granted.life_secs - EARLY_SECS),
            base_url: base_url.to_owned(),
            client: client.clone(),
        });
    }

    /// The API does not take it any more.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

impl AccessToken {
    /// For a while yet.
    pub(crate) fn is_good_at(&self, now: Second) -> bool {
        now < self.good_until
    }

    pub(crate) fn text(&self) -> String {
        self.text.expose().clone()
    }
}

/// A token as the endpoint gives it.
pub(crate) struct Granted {
    pub(crate) token: String,
    life_secs: i64,
}

/// Why there is no token. Holds no word of the endpoint.
pub(crate) enum NotGranted {
    /// The credentials are refused.
    Credentials(Refusal),
    /// All else.
    Failed(Cause),
}

impl Granted {
    /// Reads a reply of the token endpoint.
    pub(crate) fn read(
        reply: &Result<Response, HttpError>,
        body: &str,
    ) -> Result<Self, NotGranted> {
        let response = match reply {
            Ok(response) => response,
            Err(HttpError::Denied(why)) => return Err(NotGranted::Failed(Cause::denied(why))),
            Err(HttpError::TooLarge(_)) => return Err(not_understood("is too large")),
            Err(error) => return Err(NotGranted::Failed(Cause::no_response(error))),
        };
        if body.len() > REPLY_BYTES_MAX && response.status == 200 {
            return Err(not_understood("is too large"));
        }
        let page = Page::parse(body, RowDetail::Text).ok();
        let failures = page.as_ref().map(Failure::all_of).unwrap_or_default();
        let status = reply::status(response.status, page.as_ref());
        let told = format!("the token endpoint answered with status {status}");
        let is_foreign = is_foreign(page.is_some(), body);
        Err(match status {
            400 | 401 | 403 | 418 if is_foreign => NotGranted::Failed(Cause::not_the_api(&told)),
            429 | 408 | 425 => NotGranted::Failed(Cause::not_executed(status, told)),
            500.. => NotGranted::Failed(Cause::passing(told)),
            _ if failures.iter().any(|failure| failure.retryable) => {
                NotGranted::Failed(Cause::passing(told))
            }
            400 | 401 | 403 => NotGranted::Credentials(Refusal::Client),
            418 => NotGranted::Credentials(Refusal::Lapsed),
            200 if failures.is_empty() => return Self::of_json(body),
            _ => NotGranted::Failed(Cause { remedy: NOT_API_2, ..Cause::refused(told) }),
        })
    }

    fn of_json(body: &str) -> Result<Self, NotGranted> {
        let json = Json::parse(body).map_err(|_| not_understood("is not JSON"))?;
        let token = json.get("access_token").as_str().unwrap_or_default();
        if token.is_empty() {
            return Err(not_understood("holds no access token"));
        }
        if token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(not_understood("holds an access token that no header can hold"));
        }
        let kind = json.get("token_type").as_str().unwrap_or("bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(not_understood("holds an access token of another type than Bearer"));
        }
        let life_secs = json.get("expires_in").as_u64().and_then(|secs| i64::try_from(secs).ok());
        let life_secs = life_secs.unwrap_or(LIFE_SECS_DEFAULT).min(LIFE_SECS_MAX);
        Ok(Self { token: token.to_owned(), life_secs })
    }
}

fn not_understood(what: &str) -> NotGranted {
    let what = format!("the token endpoint's answer {what}");
    NotGranted::Failed(Cause { remedy: NOT_API_2, ..Cause::not_understood(what) })
}

const NOT_API_2: &str = ": check that base_url is one of API 2.0, such as \
    https://api.services.mimecast.com";
/// A token is not used in its last seconds: it could run out on the way.
const EARLY_SECS: i64 = 60;
/// What every recorded reply says. A token that ends sooner is refused once, and asked for anew.
const LIFE_SECS_DEFAULT: i64 = 1_799;
const LIFE_SECS_MAX: i64 = 24 * 60 * 60;
/// A token goes into a header. (I5)
const TOKEN_BYTES_MAX: usize = 8 * 1_024;
const REPLY_BYTES_MAX: usize = 64 * 1_024;
