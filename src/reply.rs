//! What a reply means: the table of replies, tried row by row from the top.

pub(crate) mod body;
pub(crate) mod cause;
pub(crate) mod failure;
pub(crate) mod hole;
pub(crate) mod page;
pub(crate) mod quota;
pub(crate) mod refusal;

use std::fmt::Write as _;

use crate::contract::http::{HttpError, Response};
use crate::reply::body::is_foreign;
use crate::reply::cause::{About, Cause};
use crate::reply::failure::Failure;
use crate::reply::page::{NoPage, Page};
use crate::reply::refusal::{MayBeTheClock, Refusal, refusal, refusal_of};
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

impl<'a> Reply<'a> {
    /// Reads a reply. `has_page_token` tells whether the request carried a page token. The body comes
    /// separately, as text, since it may have been mended.
    pub(crate) fn read(
        reply: &Result<Response, HttpError>,
        body: &'a str,
        has_page_token: bool,
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
        let described = described(response.status, status, failure);
        if matches!(status, 429 | 408 | 425) {
            return Self::Failed(Cause::not_executed(status, described));
        }
        if matches!(status, 401 | 403 | 418) && is_foreign(parsed.is_ok(), body) {
            return Self::Failed(Cause::not_the_api(&described));
        }
        if let Some(refusal) = refusal(status, failure) {
            let may_be_the_clock = status == 401 || refusal == Refusal::Signature;
            return Self::Credentials(refusal, MayBeTheClock(may_be_the_clock));
        }
        // A page that always fails is asked for no longer than a window that is never answered.
        if matches!(status, 502..=504) || (status >= 500 && has_page_token) {
            return Self::Failed(Cause::given_up(described));
        }
        if status >= 500 || failure.is_some_and(|failure| failure.retryable) {
            return Self::Failed(Cause::passing(described));
        }
        let is_of_row = parsed.as_ref().is_err_and(|no_page| no_page.reached_rows);
        let about = if is_of_row { About::Row } else { About::TooMuch };
        let page = match parsed {
            _ if matches!(status, 300..400 | 404 | 405) => {
                let remedy = ": check base_url";
                Err(Cause { remedy, about: About::Nothing, ..Cause::refused(described) })
            }
            _ if failure.is_some() || status != 200 => Err(Cause::refused(described)),
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
            Err(cause) if has_page_token => Self::DeadToken(cause.what),
            Err(cause) => Self::Failed(cause),
        }
    }
}

/// The HTTP status, or the `meta.status` of a failure that comes with HTTP 200.
pub(crate) fn status(http: u16, page: Option<&Page<'_>>) -> u16 {
    let told = page.and_then(Page::status).and_then(|status| u16::try_from(status).ok());
    match told {
        Some(status) if http == 200 && (400..600).contains(&status) => status,
        _ => http,
    }
}

fn described(http: u16, status: u16, failure: Option<&Failure>) -> String {
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

const WEB_PAGE: &str = ": it is a web page; a proxy or a firewall may answer in the API's place";
