//! What a user may set. For another source, this file and `config.schema.json` are to change first.

use std::{fmt, ops::RangeInclusive};

use serde_json::{Map, Value};

/// The JSON Schema of the configuration.
pub const SCHEMA: &str = include_str!("config.schema.json");

/// A configuration without a fault.
#[derive(Debug)]
pub struct Config {
    pub url: String,
    pub token: Option<Secret>,
    pub page_size: u64,
    pub poll_interval_secs: u64,
}

/// What must not come out: its debug form does not tell it.
pub struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// One fault of a configuration: where, what, and what to do. Repeats no value.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    pub message: String,
    pub remedy: String,
}

impl Config {
    /// Reads a configuration, or tells all that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults(Vec::new());
        let mut members =
            serde_json::from_str::<Map<String, Value>>(text).unwrap_or_else(|error| {
                // The error's own text may repeat a value.
                let place = format!("see line {}, column {}", error.line(), error.column());
                faults.add::<()>("", "no JSON object", &place);
                Map::new()
            });
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        let url = match members.remove("url") {
            Some(Value::String(url)) if is_url(&url) => Some(url),
            _ => faults.add("url", "missing, or not a URL of a feed", URL_REMEDY),
        };
        let token = match members.remove("token") {
            None => None,
            Some(Value::String(token)) if is_token(&token) => Some(Secret(token)),
            Some(_) => {
                faults.add("token", "not a token", "give 1 to 4096 visible ASCII characters")
            }
        };
        let page_size = faults.integer(&mut members, "page_size", 500, 1..=1000);
        let poll_interval_secs = faults.integer(&mut members, "poll_interval_secs", 60, 1..=86_400);
        for key in members.keys().take(UNKNOWN_MAX) {
            faults.add::<()>(key, "unknown key", "remove it; the keys are those of the schema");
        }
        match url {
            Some(url) if faults.0.is_empty() => {
                Ok(Self { url, token, page_size, poll_interval_secs })
            }
            _ => Err(faults.0),
        }
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault. The value that has it is none.
    fn add<T>(&mut self, path: &str, message: &str, remedy: &str) -> Option<T> {
        let (path, message, remedy) = (path.to_owned(), message.to_owned(), remedy.to_owned());
        self.0.push(Fault { path, message, remedy });
        None
    }

    fn integer(
        &mut self,
        members: &mut Map<String, Value>,
        path: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let number = members.remove(path).as_ref().map_or(Some(default), Value::as_u64);
        number.filter(|number| range.contains(number)).unwrap_or_else(|| {
            let remedy = format!("give one from {} to {}", range.start(), range.end());
            self.add(path, "not an integer in range", &remedy).unwrap_or(default)
        })
    }
}

/// Secrets travel over TLS, or do not leave the machine.
fn is_url(url: &str) -> bool {
    let is_plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\\".contains(&b));
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_loopback = ["localhost", "127.0.0.1", "[::1]"].iter().any(|l| [host, name].contains(l));
    let is_safe = scheme == "https" || scheme == "http" && is_loopback;
    is_plain && is_safe && !name.is_empty() && url.len() <= 2048
}

fn is_token(token: &str) -> bool {
    (1..=4096).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
}

const URL_REMEDY: &str = "give https://HOST[:PORT]/PATH without a query, of at most 2048 visible \
    ASCII characters; http:// is for localhost, 127.0.0.1 and [::1] only";
const UNKNOWN_MAX: usize = 32;
