//! Where a request goes: scheme, host and port.

use std::fmt;

use url::{Host, Url};

/// One entry of an allow-list: scheme, host and port, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    pub(super) host: Host<String>,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// Reads `scheme://host[:port]`. The error says what is wrong with it.
    pub fn parse(entry: &str) -> Result<Self, &'static str> {
        let url = Url::parse(entry).map_err(|_| "is no URL")?;
        let origin = Self::of(&url)?;
        // The parser adds a path and drops an empty query: what was written decides.
        let (_, rest) = entry.split_once("://").ok_or("has no `//` after its scheme")?;
        if rest.contains(['@', '?', '#', '\\'])
            || rest.strip_suffix('/').unwrap_or(rest).contains('/')
        {
            return Err("holds more than a scheme, a host and a port");
        }
        Ok(origin)
    }

    /// The origin of a URL.
    pub(super) fn of(url: &Url) -> Result<Self, &'static str> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err("has a scheme other than https and http"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user name or a password");
        }
        let host = url.host().ok_or("has no host")?.to_owned();
        let port = url.port_or_known_default().ok_or("has no port")?;
        Ok(Self { scheme, host, port })
    }

    /// Whether this entry needs TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https() { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_scheme_a_host_and_a_port_only() {
        for good in [
            "https://a.example",
            "http://a.example:8080",
            "https://[2001:db8::1]:1",
            "https://a.example/",
        ] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "a.example",
            "a.example:443",
            "ftp://a.example",
            "https://",
            "https://a.example/x",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://@a.example",
            "https://a.example?x",
            "https://a.example?",
            "https://a.example#",
            "https:a.example",
            "https://a.example//",
            "https://a.example\\x",
            "https://a.example:0x50",
            "https://a.example:99999",
            "file:///etc/passwd",
            "",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
