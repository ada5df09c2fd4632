//! One question to the API: authorized, asked, and asked again where an answer says why it should be: up
//! to twice, and once with a new access token.
//!
//! ```text
//!  begin ─▶ token request ─▶ logs request ─▶ reply
//!    │        ▲ (API 2.0,         ▲ │
//!    │        │  none is kept)    │ └─ refused: once more, signed by the API's clock (API 1.0) or
//!    │        └───────────────────┼──── with a new access token (API 2.0)
//!    └────────────────────────────┘
//! ```

use uuid::Builder;

use crate::api::access_token::{AccessToken, Granted, NotGranted, TOKEN_PATH, TokenCache};
use crate::api::account::Account;
use crate::api::request::PATH;
use crate::api::signing;
use crate::clock::is_jump;
use crate::config::Config;
use crate::config::auth::{Auth, OauthClient, form_encoded};
use crate::contract::http::{HttpError, Request, Response};
use crate::contract::source::{ErrorKind, PollError};
use crate::contract::step::Moment;
use crate::notices::Notices;
use crate::reply::body::body_text;
use crate::reply::cause::{About, Cause};
use crate::reply::refusal::{MayBeTheClock, Refusal};
use crate::reply::{Reply, quota};
use crate::row::RowDetail;
use crate::secret::Secrets;
use crate::timestamp::Second;

/// A question that may be asked again, with the account of it.
#[derive(Debug)]
pub(crate) struct Exchange<'c> {
    pub(crate) config: &'c Config,
    pub(crate) account: Account,
    /// What the answers before the last one said of the API's clock.
    pub(crate) dates_before: Vec<Second>,
    tokens: &'c mut TokenCache,
    body: Vec<u8>,
    /// When the request that is under way was signed, or when a token was asked for.
    made: Second,
    /// The clock that requests go by, less the host's.
    clock_offset_secs: i64,
    awaits: Awaits,
    /// How often the logs were asked for again.
    retries: u8,
    /// The access token was given out for this poll.
    has_new_token: bool,
    /// The longest time for the next request.
    timeout_ms: u32,
}

/// What the request that is under way asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    AccessToken,
    Logs,
}

/// A reply with what was read of it for every kind of request.
pub(crate) struct Answer {
    pub(crate) reply: Result<Response, HttpError>,
    /// The body as text. Empty without a response.
    pub(crate) body: String,
    /// The time of the `Date` header.
    pub(crate) date: Option<Second>,
}

/// What came of an answer.
pub(crate) enum Taken<'a> {
    /// It was an access token: the request for logs that waited for it.
    Next(Request),
    /// The API's word on the logs.
    Reply(Reply<'a>),
}

impl Answer {
    fn read(&self, has_page_token: bool, detail: RowDetail) -> Reply<'_> {
        Reply::read(&self.reply, &self.body, has_page_token, detail)
    }
}

impl<'c> Exchange<'c> {
    pub(crate) fn new(
        config: &'c Config,
        tokens: &'c mut TokenCache,
        body: Vec<u8>,
        notices: Notices,
    ) -> Self {
        Self {
            config,
            account: Account::new(Secrets::new(config.auth.secrets()), notices),
            dates_before: Vec::new(),
            tokens,
            body,
            made: Second::new(0),
            clock_offset_secs: 0,
            awaits: Awaits::Logs,
            retries: 0,
            has_new_token: false,
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// The request to begin with, authorized for this moment by the API's clock: with API 2.0 one
    /// for an access token, if none is kept that is still good.
    pub(crate) fn begin(&mut self, at: Moment, clock_offset_secs: i64) -> Request {
        let config = self.config;
        self.clock_offset_secs = clock_offset_secs;
        self.made = at.second() + clock_offset_secs;
        match &config.auth {
            Auth::Hmac(keys) => {
                let request_id = Builder::from_random_bytes(at.random).into_uuid();
                self.logs_request(signing::headers(keys, PATH, self.made, request_id))
            }
            Auth::Oauth2(client) => {
                // A new one serves the poll to its end, however short its life.
                let is_good =
                    |token: &&AccessToken| self.has_new_token || token.is_good_at(at.second());
                let token = self.tokens.token(&config.base_url, client).filter(is_good);
                match token.map(AccessToken::text) {
                    Some(token) => self.logs_request_with(token),
                    None => self.token_request(client, at),
                }
            }
        }
    }

    /// Reads what every reply has: its headers, and its body as text.
    pub(crate) fn receive(&mut self, mut reply: Result<Response, HttpError>) -> Answer {
        let (mut body, mut date) = (String::new(), None);
        if let Ok(response) = &mut reply {
            self.account.received(response);
            date = response.header("date").and_then(Second::parse_http_date);
            match body_text(core::mem::take(&mut response.body), BODY_BYTES_MAX) {
                Some((text, false)) => body = text,
                Some((text, true)) if self.awaits == Awaits::AccessToken => body = text,
                Some((text, true)) => {
                    body = text;
                    self.account.notices.departs(
                        "invalid_utf8",
                        "the API's answer holds bytes that are not UTF-8; each was replaced by \
                         U+FFFD",
                    );
                }
                // A failure counts by its status, whatever its text.
                None if response.status != 200 => {}
                None => {
                    reply = Err(HttpError::TooLarge(format!("more than {BODY_BYTES_MAX} bytes")));
                }
            }
        }
        Answer { reply, body, date }
    }

    /// What came of an answer: the request that waited for it, or what the API says of the logs. That
    /// borrows of the answer, so `receive` goes before it. Without a token it is to fail.
    pub(crate) fn take<'a>(
        &mut self,
        answer: &'a Answer,
        has_page_token: bool,
        detail: RowDetail,
    ) -> Result<Taken<'a>, NotGranted> {
        let client = match &self.config.auth {
            Auth::Oauth2(client) if self.awaits == Awaits::AccessToken => client,
            _ => return Ok(Taken::Reply(answer.read(has_page_token, detail))),
        };
        let granted = Granted::read(&answer.reply, &answer.body)?;
        self.tokens.keep(&granted, &self.config.base_url, client, self.made);
        self.has_new_token = true;
        self.dates_before.extend(answer.date);
        Ok(Taken::Next(self.logs_request_with(granted.token)))
    }

    /// The credentials are refused: the request once more, if what refused it can be put right here:
    /// the API's clock, where the host's was off and can be the reason; or the access token, if it was
    /// an old one. None: it is to fail.
    ///
    /// `offset_secs` is what is known of the API's clock, if anything is. It is tried once more, at
    /// another node, before an answer is believed that says otherwise; and so is what an earlier
    /// answer of this poll said: where nodes answer in turn, its own comes next.
    pub(crate) fn retry_refused(
        &mut self,
        refusal: Refusal,
        MayBeTheClock(may_be_the_clock): MayBeTheClock,
        date: Option<Second>,
        at: Moment,
        offset_secs: Option<i64>,
    ) -> Option<Request> {
        match &self.config.auth {
            Auth::Hmac(_) => {
                let date = date.filter(|date| may_be_the_clock && is_jump(*date - self.made, 0))?;
                let before = self.dates_before.last().map(|before| *before - at.second());
                let known = before.or(offset_secs.filter(|_| self.retries == 0));
                self.again(Some(date), at, known.unwrap_or(date - at.second()))
            }
            Auth::Oauth2(client) if refusal.is_of_access_token() => {
                self.tokens.forget();
                (!self.has_new_token).then(|| self.token_request(client, at))
            }
            Auth::Oauth2(_) => {
                // What the application may do can be part of its token: a person may be mending that.
                self.tokens.forget();
                None
            }
        }
    }

    /// The logs once more, for another reason than a refusal: another body, or another look at the
    /// API's clock. None if they were asked for often enough.
    pub(crate) fn again(
        &mut self,
        date: Option<Second>,
        at: Moment,
        offset_secs: i64,
    ) -> Option<Request> {
        if self.retries == RETRIES_MAX {
            return None;
        }
        self.retries += 1;
        self.dates_before.extend(date);
        Some(self.begin(at, offset_secs))
    }

    /// What the next request for logs asks.
    pub(crate) fn ask(&mut self, body: Vec<u8>) {
        self.body = body;
    }

    /// The clock that the last request went by, less the host's.
    pub(crate) const fn clock_offset_secs(&self) -> i64 {
        self.clock_offset_secs
    }

    /// Nothing was asked for again yet.
    pub(crate) const fn is_first_try(&self) -> bool {
        self.retries == 0
    }

    /// Ends in the error that a reply is. One that may pass comes with the wait that the API wishes
    /// for.
    pub(crate) fn fail_for(self, cause: &Cause, answer: &Answer) -> PollError {
        if cause.code == Cause::NOT_THE_API {
            // It may stand for a token that has run out.
            self.tokens.forget();
        }
        let retry_after_ms = self.retry_after_ms(cause, answer);
        let message = self.account.redact(&cause.what) + cause.remedy;
        let (kind, code) = cause.kind_and_code(self.account.quota);
        PollError { retry_after_ms, ..self.account.fail(kind, code, message) }
    }

    /// The wait that the API wishes for, where waiting can help.
    pub(crate) fn retry_after_ms(&self, cause: &Cause, answer: &Answer) -> Option<u64> {
        let response = answer.reply.as_ref().ok();
        // Without a `Date`, when it was asked is as near to the API's clock as can be.
        let now = answer.date.unwrap_or(self.made);
        response
            .filter(|_| matches!(cause.kind, ErrorKind::Transient | ErrorKind::Throttled))
            .and_then(|response| quota::retry_after_ms(response, cause.about == About::Rate, now))
    }

    /// Ends because there is no access token.
    pub(crate) fn fail_without_token(self, why: NotGranted, answer: &Answer) -> PollError {
        match why {
            NotGranted::Credentials(refusal) => self.fail_refused(refusal, answer),
            NotGranted::Failed(cause) => self.fail_for(&cause, answer),
        }
    }

    /// Ends because the credentials, or what they may do, are refused by what was asked last.
    pub(crate) fn fail_refused(self, refusal: Refusal, answer: &Answer) -> PollError {
        let auth = &self.config.auth;
        if self.awaits == Awaits::Logs
            && refusal.is_of_access_token()
            && matches!(auth, Auth::Oauth2(_))
        {
            return self.fail_for(&Cause::token_refused(), answer);
        }
        // Signed by the clock that an earlier answer told, and refused by one with another.
        let before = self.dates_before.last().filter(|_| matches!(auth, Auth::Hmac(_)));
        if let (Some(before), Some(date)) = (before, answer.date)
            && is_jump(date - *before, 0)
            && is_jump(date - self.made, 0)
        {
            return self.fail_for(&Cause::clocks_differ(), answer);
        }
        let (code, advice) = refusal.code_and_advice(auth);
        self.account.fail(ErrorKind::Auth, code, advice.to_owned())
    }

    fn token_request(&mut self, client: &OauthClient, at: Moment) -> Request {
        self.awaits = Awaits::AccessToken;
        self.account.stats.token_requests += 1;
        self.made = at.second();
        let headers = vec![("content-type", "application/x-www-form-urlencoded".into())];
        self.request(TOKEN_PATH, headers, client.token_form())
    }

    fn logs_request_with(&mut self, token: String) -> Request {
        let authorization = ("authorization", format!("Bearer {token}"));
        self.account.hide(form_encoded(&token));
        self.account.hide(token);
        self.logs_request(vec![authorization])
    }

    fn logs_request(&mut self, mut headers: Vec<(&'static str, String)>) -> Request {
        self.awaits = Awaits::Logs;
        headers.push(("content-type", "application/json".into()));
        let request = self.request(PATH, headers, self.body.clone());
        self.timeout_ms = AGAIN_TIMEOUT_MS;
        request
    }

    fn request(
        &mut self,
        path: &str,
        mut headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Request {
        headers.push(("accept", "application/json".into()));
        self.account.sent(&body);
        Request {
            url: format!("{}{path}", self.config.base_url),
            headers,
            body,
            timeout_ms: self.timeout_ms,
        }
    }
}

/// The longest time for the first request for logs, and for the token that it waits for.
const TIMEOUT_MS: u32 = 30_000;
/// The same for what follows, of which there is at most a token and the logs three times: together less
/// than the two minutes that a host gives one call.
const AGAIN_TIMEOUT_MS: u32 = 20_000;
/// The largest reply that is read, decoded. (I5)
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A poll asks once, again where an answer says why it should, and again to hear that confirmed.
const RETRIES_MAX: u8 = 2;
