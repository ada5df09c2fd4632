//! One HTTP exchange, as the contract's `http` interface has it: plain values, nothing is sent here.

use core::fmt;

/// What the machine wants sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// An absolute URL. The method is always `POST`.
    pub url: String,
    /// Names in lower case, each once.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON text; of a token request, a form.
    pub body: Vec<u8>,
    /// The longest time for the whole exchange, in milliseconds.
    pub timeout_ms: u32,
}

impl Request {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }
}

/// Shows no header values and no body: they hold signatures, tokens and credentials.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("timeout_ms", &self.timeout_ms)
            .finish()
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in any case; a name may occur more than once.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header, by its name without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why there is no response. Each text says what happened, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the cases are documented in the contract")]
pub enum HttpError {
    Denied(String),
    Dns(String),
    Connect(String),
    Tls(String),
    Timeout(String),
    TooLarge(String),
    Other(String),
}

impl HttpError {
    /// The case as a stable name.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::TooLarge(_) => "too_large",
            Self::Other(_) => "exchange_failed",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text)
        | Self::Dns(text)
        | Self::Connect(text)
        | Self::Tls(text)
        | Self::Timeout(text)
        | Self::TooLarge(text)
        | Self::Other(text)) = self;
        write!(f, "no answer of the API: {text}")
    }
}

impl core::error::Error for HttpError {}
