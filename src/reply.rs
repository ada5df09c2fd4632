//! What a reply means: the table of replies, tried row by row from the top.

pub(crate) mod cause;
pub(crate) mod failure;
pub(crate) mod hole;
pub(crate) mod page;
pub(crate) mod quota;

use std::fmt::Write as _;

use crate::config::auth::Auth;
use crate::contract::http::{HttpError, Response};
use crate::reply::cause::{About, Cause};
use crate::reply::failure::Failure;
use crate::reply::page::{NoPage, Page};
use crate::row::RowDetail;

/// What a reply means for the request that it answers.
pub(crate) enum Reply<'a> {
    /// An error, whatever was asked for.
    Failed(Cause),
    /// The credentials, or what they may do, are refused; whether a wrong clock can be the reason.
    Credentials(Refusal, MayBeTheClock),
    /// The page token is of no use any more.
    DeadToken(String),
    /// The decoded reply is larger than the host allows.
    TooLarge(String),
    /// A page of rows.
    Page(Page<'a>),
}

/// Dates are signed: any 401, and a refused signature, may come from a clock that is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MayBeTheClock(pub(crate) bool);

/// Why credentials are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401 without a code that says more.
    Unauthorized,
    /// The access token has run out, or is not known.
    AccessToken,
    /// The access key is not known, or not bound to the application; API 2.0: the client is not.
    Client,
    /// The signature does not fit.
    Signature,
    /// The application's id or key is not known.
    Application,
    /// The pair of access key and secret key has lapsed.
    Lapsed,
    /// The keys work, but not for these logs.
    Permission,
    /// The application does not have the product that these logs belong to.
    Product,
}

impl<'a> Reply<'a> {
    /// Reads a reply. `has_token` tells whether the request carried a page token. The body comes
    /// separately, as text, since it may have been mended.
    pub(crate) fn read(
        reply: &Result<Response, HttpError>,
        body: &'a str,
        has_token: bool,
        rows: RowDetail,
    ) -> Self {
        let response = match reply {
            Ok(response) => response,
            Err(HttpError::Denied(text)) => return Self::Failed(Cause::denied(text)),
            Err(HttpError::TooLarge(text)) => return Self::TooLarge(text.clone()),
            Err(error) => return Self::Failed(Cause::no_response(error)),
        };
        let parsed = Page::parse(body, rows);
        let failures = parsed.as_ref().map(Failure::all_of).unwrap_or_default();
        // Of several, what the keys suffer from tells most, then what may pass.
        let failure = failures
            .iter()
            .find(|failure| refusal_of(&failure.code).is_some())
            .or_else(|| failures.iter().find(|failure| failure.retryable))
            .or_else(|| failures.first());
        let status = status(response.status, parsed.as_ref().ok());
        let told = told(response.status, status, failure);
        if matches!(status, 429 | 408 | 425) {
            return Self::Failed(Cause::over_rate(told));
        }
        if matches!(status, 401 | 403 | 418) && is_foreign(parsed.is_ok(), body) {
            return Self::Failed(Cause::not_the_api(&told));
        }
        if let Some(refusal) = refusal(status, failure) {
            let may_be_the_clock = status == 401 || refusal == Refusal::Signature;
            return Self::Credentials(refusal, MayBeTheClock(may_be_the_clock));
        }
        // A page that always fails is asked for no longer than a window that is never answered.
        if matches!(status, 502..=504) || (status >= 500 && has_token) {
            return Self::Failed(Cause::given_up(told));
        }
        if status >= 500 || failure.is_some_and(|failure| failure.retryable) {
            return Self::Failed(Cause::passing(told));
        }
        let is_of_row = parsed.as_ref().is_err_and(|no_page| no_page.reached_rows);
        let about = if is_of_row { About::Row } else { About::TooMuch };
        let page = match parsed {
            _ if matches!(status, 300..400 | 404 | 405) => {
                let remedy = ": check base_url";
                Err(Cause { remedy, about: About::Nothing, ..Cause::refused(told) })
            }
            _ if failure.is_some() || status != 200 => Err(Cause::refused(told)),
            Ok(Page { fault: Some(why), .. }) | Err(NoPage { why, .. }) => {
                let what = format!("the API's answer cannot be understood: {why}");
                let is_web_page = body.trim_ascii_start().starts_with('<');
                let remedy = if is_web_page { WEB_PAGE } else { "" };
                Err(Cause { remedy, about, ..Cause::not_understood(what) })
            }
            Ok(page) if page.has_data => Ok(page),
            Ok(_) => Err(Cause::not_understood("the API's answer has no data".to_owned())),
        };
        match page {
            Ok(page) => Self::Page(page),
            Err(cause) if has_token => Self::DeadToken(cause.what),
            Err(cause) => Self::Failed(cause),
        }
    }
}

impl Refusal {
    /// Whether a new access token may mend it. With API 2.0 the token endpoint alone judges the
    /// credentials; what else the API says of them is said of a token.
    pub(crate) const fn is_of_token(self) -> bool {
        match self {
            Self::Unauthorized
            | Self::AccessToken
            | Self::Client
            | Self::Signature
            | Self::Application => true,
            Self::Lapsed | Self::Permission | Self::Product => false,
        }
    }

    /// A stable name for it, and what happened and what a person must do about it.
    pub(crate) const fn told(self, auth: &Auth) -> (&'static str, &'static str) {
        match (self, auth) {
            (Self::Unauthorized, Auth::Hmac(_)) => (
                "keys_refused",
                "the API refuses the keys (401): check access_key, secret_key, app_id and app_key, \
                 and that base_url is of the account's region",
            ),
            (Self::Client, Auth::Hmac(_)) => (
                "access_key_unknown",
                "the API at this base_url does not know the access_key for this application: \
                 base_url is of another region than the account's, or access_key or app_id is wrong",
            ),
            (Self::Signature, Auth::Hmac(_)) => (
                "signature_refused",
                "the API refuses the signature: check that secret_key belongs to access_key and \
                 app_key to app_id, each copied whole",
            ),
            (Self::Application, Auth::Hmac(_)) => (
                "application_unknown",
                "the API does not know the application: check app_id and app_key, and that the \
                 application is enabled (a new one takes up to 30 minutes)",
            ),
            (Self::AccessToken, Auth::Hmac(_)) => (
                "wrong_api",
                "the API at this base_url wants an access token, as API 2.0 does: give a base_url \
                 of API 1.0 in the account's region, or credentials of the type \"oauth2\"",
            ),
            (
                Self::Unauthorized
                | Self::AccessToken
                | Self::Client
                | Self::Signature
                | Self::Application,
                Auth::Oauth2(_),
            ) => (
                "client_refused",
                "the token endpoint refuses client_id and client_secret: check both, each copied \
                 whole, that the application is enabled, and that base_url, should it name a \
                 region, names the account's",
            ),
            (Self::Lapsed, Auth::Hmac(_)) => (
                "keys_lapsed",
                "the pair of access_key and secret_key has lapsed (418): make a new pair for the \
                 application's user; an authentication profile whose TTL is \"Never Expires\" \
                 keeps it from lapsing",
            ),
            (Self::Lapsed, Auth::Oauth2(_)) => (
                "keys_lapsed",
                "the credentials have lapsed (418): make new ones for the application",
            ),
            (Self::Permission, Auth::Hmac(_)) => (
                "permission_missing",
                "the keys are good but may not read these logs (403): give their user the role \
                 permission \"Monitoring | Impersonation Protection | Read\"",
            ),
            (Self::Permission, Auth::Oauth2(_)) => (
                "permission_missing",
                "the credentials are good but may not read these logs (403): give the \
                 application's role the permission \"Monitoring | Impersonation Protection | \
                 Read\"",
            ),
            (Self::Product, _) => (
                "product_missing",
                "the credentials are good but the application lacks the product of these logs \
                 (app_forbidden): add \"Security Events\" to the application's products",
            ),
        }
    }
}

/// Whether a body is neither an answer of the API nor none at all: its own failures are JSON or empty.
pub(crate) fn is_foreign(is_json: bool, body: &str) -> bool {
    !is_json && !body.trim_ascii().is_empty()
}

/// The body as text, without a byte order mark. `bool` tells that bytes that are not UTF-8 were
/// replaced. None if the text would be longer than `bytes_max`.
pub(crate) fn body_text(body: Vec<u8>, bytes_max: usize) -> Option<(String, bool)> {
    let mut body = body;
    if body.starts_with(BYTE_ORDER_MARK) {
        body.drain(..BYTE_ORDER_MARK.len());
    }
    let error = match String::from_utf8(body) {
        Ok(text) => return (text.len() <= bytes_max).then_some((text, false)),
        Err(error) => error,
    };
    let chunks = error.as_bytes().utf8_chunks();
    let mended_bytes: usize = chunks
        .map(|chunk| chunk.valid().len() + if chunk.invalid().is_empty() { 0 } else { 3 })
        .sum();
    if mended_bytes > bytes_max {
        return None;
    }
    let mut text = String::with_capacity(mended_bytes);
    for chunk in error.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some((text, true))
}

/// The HTTP status, or the `meta.status` of a failure that comes with HTTP 200.
pub(crate) fn status(http: u16, page: Option<&Page<'_>>) -> u16 {
    let told = page.and_then(Page::status).and_then(|status| u16::try_from(status).ok());
    match told {
        Some(status) if http == 200 && (400..600).contains(&status) => status,
        _ => http,
    }
}

fn refusal(status: u16, failure: Option<&Failure>) -> Option<Refusal> {
    failure.and_then(|failure| refusal_of(&failure.code)).or(match status {
        401 => Some(Refusal::Unauthorized),
        403 => Some(Refusal::Permission),
        418 => Some(Refusal::Lapsed),
        _ => None,
    })
}

fn refusal_of(code: &str) -> Option<Refusal> {
    match code {
        "err_xdk_binding_expired" => Some(Refusal::Lapsed),
        "err_xdk_client_unauthorized" => Some(Refusal::Client),
        "err_xdk_invalid_signature" => Some(Refusal::Signature),
        "err_developer_key" => Some(Refusal::Application),
        "app_forbidden" => Some(Refusal::Product),
        "token_expired" | "token_verification_failed" | "Unauthorized Request" => {
            Some(Refusal::AccessToken)
        }
        _ => None,
    }
}

fn told(http: u16, status: u16, failure: Option<&Failure>) -> String {
    let mut text = format!("the API answered with status {status}");
    if status != http {
        let _ = write!(text, " inside HTTP {http}");
    }
    if let Some(Failure { code, message, .. }) = failure {
        let code = if code.is_empty() { "without a code" } else { code };
        let _ = write!(text, ", failure {code}");
        if !message.is_empty() {
            let _ = write!(text, ": {message}");
        }
    }
    text
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const WEB_PAGE: &str = ": it is a web page; a proxy or a firewall may answer in the API's place";
