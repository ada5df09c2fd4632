//! The configuration: a JSON text becomes a `Config` in which nothing can be wrong, or a list of
//! every fault in it, each with its path and its remedy.

pub(crate) mod auth;
pub(crate) mod fields;
pub(crate) mod filters;

use core::fmt;
use core::net::Ipv4Addr;

use crate::config::auth::Auth;
use crate::config::fields::{Fault, Fields, Noted, boolean, not_a_date, second, string};
use crate::config::filters::{Filters, SearchField};
use crate::contract::source::{Diagnostic, ErrorKind, PollError};
use crate::format::Format;
use crate::json::value::Json;
use crate::timestamp::Second;

/// A JSON Schema (draft 2020-12) of the configuration.
pub const SCHEMA: &str = include_str!("config/schema.json");

/// A configuration that was read and found to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `https://host[:port]` without a slash at its end.
    pub(crate) base_url: String,
    /// What requests are authorized with.
    pub(crate) auth: Auth,
    /// Rows from here on are collected. None: from 24 hours before the first poll on.
    pub(crate) start: Option<Second>,
    /// How late a row may become visible and still be collected, in seconds.
    pub(crate) overlap_secs: i64,
    /// The longest window, in seconds. At least `overlap_secs`.
    pub(crate) window_max_secs: i64,
    /// After this long without a new row the watermark follows the clock, in seconds. At least
    /// `overlap_secs`.
    pub(crate) quiet_max_secs: i64,
    /// Rows asked for in one page, 1 to 500.
    pub(crate) page_size: u32,
    /// The wait after a poll that caught up, in seconds.
    pub(crate) poll_interval_secs: u64,
    /// The form of an event's body.
    pub(crate) format: Format,
    /// Whether a format other than `raw` carries the raw row along.
    pub(crate) keep_original: bool,
    /// Which rows are asked for.
    pub(crate) filters: Filters,
}

/// Every fault of a configuration that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Diagnostic>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.0.iter().map(Diagnostic::to_string).collect();
        write!(f, "the configuration is refused: {}", faults.join(" | "))
    }
}

impl core::error::Error for ConfigError {}

/// A host should have asked for the faults; if it did not, they come with the poll.
impl From<ConfigError> for PollError {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::Config, "config_refused", error.to_string())
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError(vec![Diagnostic {
                path: String::new(),
                message: format!("longer than {CONFIG_BYTES_MAX} bytes"),
                remedy: "shorten the lists of filters".into(),
            }]));
        }
        let value = Json::parse(text).map_err(|message| {
            let remedy = "give one JSON object".into();
            ConfigError(vec![Diagnostic { path: String::new(), message, remedy }])
        })?;
        let mut faults = Vec::new();
        match Self::read(value, &mut faults) {
            Ok(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigError(faults)),
        }
    }

    fn read(value: Json<'_>, faults: &mut Vec<Diagnostic>) -> Result<Self, Noted> {
        let mut fields = Fields::of(value, String::new(), faults)?;
        let base_url = fields.required("base_url", base_url);
        let auth = fields.required_object("auth", Auth::read);
        let start = fields.optional("start", start);
        let overlap_secs = fields.integer("overlap_secs", Some(900), 0, 604_800);
        let window_max_secs = fields.integer("window_max_secs", Some(86_400), 1, 2_592_000);
        let quiet_max_secs = fields.integer("quiet_max_secs", Some(43_200), 1, 2_592_000);
        let page_size = fields.integer("page_size", Some(500), 1, 500);
        let poll_interval_secs = fields.integer("poll_interval_secs", Some(60), 1, 86_400);
        let format = fields.optional("format", |value| {
            let name = string(value)?;
            Format::named(&name).ok_or_else(|| {
                Fault::new("not a known format", &format!("use one of {}", Format::names()))
            })
        });
        let keep_original = fields.optional("keep_original", boolean);
        let filters = fields.optional_object("filters", read_filters);
        for (path, secs) in
            [("window_max_secs", &window_max_secs), ("quiet_max_secs", &quiet_max_secs)]
        {
            if let (Ok(secs), Ok(overlap_secs)) = (secs, &overlap_secs)
                && secs < overlap_secs
            {
                fields.fault(
                    path,
                    Fault::new(
                        &format!("{secs} is below overlap_secs, which is {overlap_secs}"),
                        "raise it to at least overlap_secs, or lower overlap_secs",
                    ),
                );
            }
        }
        fields.finish();
        Ok(Self {
            base_url: base_url?,
            auth: auth?,
            start: start?,
            overlap_secs: overlap_secs?,
            window_max_secs: window_max_secs?,
            quiet_max_secs: quiet_max_secs?,
            page_size: u32::try_from(page_size?).map_err(|_| Noted)?,
            poll_interval_secs: u64::try_from(poll_interval_secs?).map_err(|_| Noted)?,
            format: format?.unwrap_or(Format::Raw),
            keep_original: keep_original?.unwrap_or(false),
            filters: filters?.unwrap_or_default(),
        })
    }
}

fn read_filters(mut fields: Fields<'_, '_>) -> Result<Filters, Noted> {
    let tagged_malicious = fields.optional("tagged_malicious", boolean);
    let search_field = fields.optional("search_field", |value| {
        let name = string(value)?;
        SearchField::named(&name).ok_or_else(|| {
            Fault::new("not a field to search in", &format!("use one of {}", SearchField::names()))
        })
    });
    let query = fields.optional("query", filter_text);
    let identifiers = fields.list("identifiers", FILTER_VALUES_MAX, filter_text);
    let actions = fields.list("actions", FILTER_VALUES_MAX, filter_text);
    if let (Ok(Some(_)), Ok(None)) = (&search_field, &query) {
        fields.fault(
            "search_field",
            Fault::new("given without query", "add query, or leave search_field out"),
        );
    }
    fields.finish();
    Ok(Filters {
        tagged_malicious: tagged_malicious?,
        search_field: search_field?,
        query: query?,
        identifiers: identifiers?,
        actions: actions?,
    })
}

fn start(value: &Json<'_>) -> Result<Second, Fault> {
    let start = second(value)?;
    if start < YEAR_9999 { Ok(start) } else { Err(not_a_date()) }
}

fn filter_text(value: &Json<'_>) -> Result<String, Fault> {
    let text = string(value)?;
    if text.is_empty() {
        return Err(Fault::new("empty", "give a text, or leave it out"));
    }
    if text.chars().count() > FILTER_CHARS_MAX {
        return Err(Fault::new(
            &format!("longer than {FILTER_CHARS_MAX} characters"),
            "shorten it",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new("holds a control character", "remove it"));
    }
    Ok(text)
}

/// `https://host[:port]`, or `http://` to a loopback address. A slash at the end is dropped.
fn base_url(value: &Json<'_>) -> Result<String, Fault> {
    const REMEDY: &str = "give https://host or https://host:port, such as \
        \"https://eu-api.mimecast.com\"";
    let text = string(value)?;
    let url = text.strip_suffix('/').unwrap_or(&text);
    let (scheme, authority) =
        url.split_once("://").ok_or_else(|| Fault::new("not an absolute URL", REMEDY))?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(ip) => is_ipv6(ip),
        None => host.len() <= 253 && host.split('.').all(is_label),
    };
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !host_fits || !port_fits {
        return Err(Fault::new("not a base URL: only a host and a port may follow ://", REMEDY));
    }
    match scheme {
        "https" => Ok(url.to_owned()),
        "http" if is_loopback(host) => Ok(url.to_owned()),
        "http" => Err(Fault::new(
            "http:// would send the requests in the clear",
            "use https://; http:// is for loopback addresses only",
        )),
        _ => Err(Fault::new("neither https:// nor http://", REMEDY)),
    }
}

fn is_label(text: &str) -> bool {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
}

/// The form alone: the library's own parser is two kilobytes of the component.
fn is_ipv6(text: &str) -> bool {
    let groups = text.split(':').count();
    let gaps = text.matches("::").count();
    let group_fits = |group: &str| group.len() <= 4 && group.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').all(group_fits)
        && !text.contains(":::")
        && matches!((gaps, groups), (0, 8) | (1, 3..=8))
}

/// Later seconds leave no room for the end of a window.
const YEAR_9999: Second = Second::new(253_370_764_800);
const CONFIG_BYTES_MAX: usize = 256 * 1024;
const FILTER_CHARS_MAX: usize = 1_024;
const FILTER_VALUES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with these members beside what it must have.
    fn config(members: &str) -> Config {
        let hmac = r#"{"type": "hmac", "access_key": "a", "secret_key": "dGVzdC1zZWNyZXQta2V5",
            "app_id": "b", "app_key": "c"}"#;
        let text = format!(r#"{{"base_url": "https://api.example", "auth": {hmac}{members}}}"#);
        Config::parse(&text).unwrap_or_else(|faults| panic!("{members}: {faults:?}"))
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_the_readme() {
        let config = config("");
        assert_eq!(config.base_url, "https://api.example");
        assert_eq!(config.start, None);
        assert_eq!((config.overlap_secs, config.window_max_secs), (900, 86_400));
        assert_eq!((config.quiet_max_secs, config.page_size), (43_200, 500));
        assert_eq!((config.poll_interval_secs, config.format), (60, Format::Raw));
        assert!(!config.keep_original && config.filters == Filters::default());
    }

    #[test]
    fn every_key_reaches_the_configuration() {
        let config = config(
            r#", "start": "2026-11-01T01:00:00.5+01:00", "overlap_secs": 0, "window_max_secs": 1,
                "quiet_max_secs": 2, "page_size": 3, "poll_interval_secs": 4, "format": "raw",
                "keep_original": true,
                "filters": {"tagged_malicious": false, "search_field": "policy", "query": "in\"v",
                            "identifiers": ["new one"], "actions": ["hold", "none"]}"#,
        );
        assert_eq!(config.start, Some(Second::new(1_793_491_200)));
        assert_eq!((config.overlap_secs, config.window_max_secs), (0, 1));
        assert_eq!((config.quiet_max_secs, config.page_size, config.poll_interval_secs), (2, 3, 4));
        assert!(config.keep_original);
        let filters = &config.filters;
        assert_eq!(
            (filters.tagged_malicious, filters.search_field),
            (Some(false), Some(SearchField::Policy))
        );
        assert_eq!(filters.query.as_deref(), Some("in\"v"));
        assert_eq!(
            (&*filters.identifiers, filters.actions.len()),
            (&["new one".to_owned()][..], 2)
        );
        let Auth::Hmac(keys) = &config.auth else { panic!("{:?}", config.auth) };
        assert_eq!((keys.access_key.expose().as_str(), keys.app_id.as_str()), ("a", "b"));
        assert_eq!(
            (keys.secret_key.expose().as_slice(), keys.app_key.expose().as_str()),
            (&b"test-secret-key"[..], "c")
        );
    }

    #[test]
    fn credentials_of_api_2_are_read() {
        let config = Config::parse(
            r#"{"base_url": "https://api.example",
                "auth": {"type": "oauth2", "client_id": "test-client", "client_secret": "b+/="}}"#,
        )
        .unwrap();
        let Auth::Oauth2(client) = &config.auth else { panic!("{:?}", config.auth) };
        assert_eq!(client.client_id, "test-client");
        assert_eq!(client.client_secret.expose(), "b+/=");
        assert!(!format!("{config:?}").contains("b+/="));
    }
}
