//! Replies in the recorded shape, for a canned API: rows of one hour, told apart by their number.

use std::fmt::Write as _;

use crate::embedding::{Header, Response};

/// The hour's end, in Unix nanoseconds: 2026-11-01T01:00:00Z, the time at which the guest polls.
pub const NOW: u64 = 1_793_494_800 * 1_000_000_000;

/// The hour's begin, as a configuration's `start`.
pub const START: &str = "2026-11-01T00:00:00Z";

/// The secret key of [`config`], as it is written there.
pub const SECRET_KEY: &str = "c2lnbmVkIHdpdGggdGhpcyBrZXkgYW5kIG5vIG90aGVy";

/// The access key of [`config`].
pub const ACCESS_KEY: &str = "access-4f1c02d9a7";

/// The application key of [`config`].
pub const APP_KEY: &str = "app-key-77b0e3c25d";

/// A configuration with nothing but what is needed, and the start of the hour.
#[must_use]
pub fn config() -> String {
    format!(
        r#"{{"base_url":"https://api.example","start":"{START}","auth":{{"type":"hmac","access_key":"{ACCESS_KEY}","secret_key":"{SECRET_KEY}","app_id":"app","app_key":"{APP_KEY}"}}}}"#
    )
}

/// The row of this number, as long as recorded ones are (666 bytes or so). Numbers below 3,600 are
/// a second apart.
#[must_use]
pub fn row(number: usize) -> String {
    let second = number % 3600;
    let time = format!("2026-11-01T00:{:02}:{:02}+0000", second / 60, second % 60);
    // Recorded ids are this long.
    let id = format!("MTOKEN:eNoVzdEKgjAYQOF3{number:012}{}", "VfJ1ksEPoXQ9zLwMhBd0".repeat(3));
    format!(
        concat!(
            r#"{{"id":"{}","senderAddress":"ümit.{}@acme-invoices.example","#,
            r#""recipientAddress":"pat{}@acme.example","subject":"Re: \"invoice\" {}","#,
            r#""definition":"Default impersonation policy","hits":2,"#,
            r#""identifiers":["newly_observed_domain","similar_internal_domain"],"#,
            r#""action":"hold","taggedExternal":false,"taggedMalicious":true,"#,
            r#""senderIpAddress":"203.0.113.7","eventTime":"{}","#,
            r#""messageId":"<{:08}@acme-invoices.example>","#,
            r#""impersonationResults":[{{"impersonationDomainSource":"internal","#,
            r#""similarDomain":"acme-invoices.example","stringSimilarToDomain":"acme"}}]}}"#
        ),
        id, number, number, number, time, number
    )
}

/// A reply with these rows; `count` is the `resultCount`, `next` the token of the page to come.
#[must_use]
pub fn page(rows: &[String], count: usize, next: Option<&str>) -> Response {
    let mut body = String::from(r#"{"meta":{"status":200,"pagination":{"pageSize":500"#);
    if let Some(next) = next {
        write!(body, r#","next":"{next}""#).expect("a string grows");
    }
    write!(body, r#"}}}},"data":[{{"resultCount":{count},"impersonationLogs":["#)
        .expect("a string grows");
    body += &rows.join(",");
    body += r#"]}],"fail":[]}"#;
    reply(200, body)
}

/// Any other reply.
#[must_use]
pub fn reply(status: u16, body: impl Into<Vec<u8>>) -> Response {
    let json = Header { name: "Content-Type".to_owned(), value: "application/json".to_owned() };
    Response { status, headers: vec![json], body: body.into() }
}
