//! What a source wants to send: whether it may be sent, and its parts as WASI wants them.

use http::header::USER_AGENT;
use http::uri::{Scheme, Uri};
use source_contract::request::{BODY_BYTES_MAX, check_url_length, read_headers, read_method};

use crate::bindings::exports::polling_source::contract::http::{Header, Request};

/// The parts of a request that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) method: String,
    /// `https`, not `http`.
    pub(crate) tls: bool,
    /// Host, and port if it is not the usual one.
    pub(crate) authority: String,
    pub(crate) path_with_query: String,
    /// With those of the transport.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Parts {
    /// Host and port, for messages: a path or a query may hold a secret.
    pub(crate) fn dialled(&self) -> String {
        let port = if self.tls { 443 } else { 80 };
        let bare = self.authority.rsplit(']').next().unwrap_or_default();
        if bare.contains(':') {
            self.authority.clone()
        } else {
            format!("{}:{port}", self.authority)
        }
    }
}

/// Takes a request apart. The error says why it may not be sent.
pub(crate) fn read(request: Request) -> Result<Parts, String> {
    check_url_length(&request.url)?;
    if request.body.len() > BODY_BYTES_MAX {
        return Err(format!("the request body is larger than {BODY_BYTES_MAX} bytes"));
    }
    let method = request.method;
    read_method(&method)?;
    let uri: Uri = request.url.parse().map_err(|error| format!("the URL is unusable: {error}"))?;
    let scheme = uri.scheme().ok_or("the URL has no scheme: use https:// or http://")?;
    let tls = *scheme == Scheme::HTTPS;
    if !tls && *scheme != Scheme::HTTP {
        return Err("the URL's scheme is unusable: use https:// or http://".to_owned());
    }
    let authority = uri.authority().ok_or("the URL has no host")?;
    if authority.as_str().contains('@') {
        return Err("the URL holds credentials: leave them out".to_owned());
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let usable = match port.strip_prefix(':') {
        None => port.is_empty(),
        // A number may be written with a sign; a port may not.
        Some(digits) => digits.parse::<u16>().is_ok_and(|port| port > 0) && !digits.contains('+'),
    };
    if authority.host().is_empty() || !usable {
        return Err("the URL's host or port is unusable".to_owned());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut headers = headers(&request.headers)?;
    if !request.body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD") {
        headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    }
    Ok(Parts {
        tls,
        authority: authority.as_str().to_owned(),
        path_with_query: format!("{slash}{path}"),
        headers,
        body: request.body,
        method,
    })
}

/// The headers of a request, with those that are added here.
fn headers(given: &[Header]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let given = given.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    let given = read_headers(given)?;
    let has_agent = given.iter().any(|(name, _)| name == USER_AGENT);
    let given = given.into_iter();
    let mut headers: Vec<(String, Vec<u8>)> =
        given.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    if !has_agent {
        headers.push((USER_AGENT.to_string(), AGENT.as_bytes().to_vec()));
    }
    headers.push(("accept-encoding".to_owned(), b"gzip".to_vec()));
    Ok(headers)
}

const AGENT: &str = concat!("wasi-http-adapter/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
        let header =
            |&(name, value): &(&str, &str)| Header { name: name.into(), value: value.into() };
        Request {
            method: method.into(),
            url: url.into(),
            headers: headers.iter().map(header).collect(),
            body: body.to_vec(),
            timeout_ms: None,
        }
    }

    fn get(url: &str) -> Result<Parts, String> {
        read(request("GET", url, &[], b""))
    }

    fn header<'a>(parts: &'a Parts, wanted: &str) -> Vec<&'a str> {
        let named = parts.headers.iter().filter(|(name, _)| name == wanted);
        named.map(|(_, value)| std::str::from_utf8(value).unwrap()).collect()
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (url, tls, authority, path, dialled) in [
            ("https://api.example", true, "api.example", "/", "api.example:443"),
            ("https://api.example/a/b?c=d", true, "api.example", "/a/b?c=d", "api.example:443"),
            ("http://127.0.0.1:8080?x", false, "127.0.0.1:8080", "/?x", "127.0.0.1:8080"),
            ("http://[::1]/a#fragment", false, "[::1]", "/a", "[::1]:80"),
            ("HTTPS://[::1]:8443/", true, "[::1]:8443", "/", "[::1]:8443"),
        ] {
            let parts = get(url).unwrap();
            assert_eq!((parts.tls, parts.authority.as_str()), (tls, authority), "{url}");
            assert_eq!(parts.path_with_query, path, "{url}");
            assert_eq!(parts.dialled(), dialled, "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_plain_is_refused() {
        for url in [
            "",
            "api.example",
            "/path",
            "ftp://api.example/",
            "https://",
            "https:///path",
            "https://user:word@api.example/",
            "https://api.example:/",
            "https://api.example:65536/",
            "https://api.example:x/",
            "https://api.example:+80/",
            "https://api.example/a b",
            "https://b\u{fc}cher.example/",
            "http://:80/",
        ] {
            assert!(get(url).is_err(), "{url} is taken: {:?}", get(url));
        }
        assert!(get(&format!("https://api.example/{}", "a".repeat(16 << 10))).is_err());
    }

    #[test]
    fn a_fault_of_a_url_does_not_repeat_it() {
        for url in ["https://user:s3cret@api.example/", "https://api.example/s3cret s3cret"] {
            assert!(!get(url).unwrap_err().contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn a_method_that_may_not_be_used_is_refused() {
        assert!(read(request("PATCH", "https://api.example/", &[], b"")).is_ok());
        assert!(read(request("TRACE", "https://api.example/", &[], b"")).is_err());
    }

    #[test]
    fn what_belongs_to_the_transport_is_added_and_not_taken() {
        let parts = get("https://api.example/").unwrap();
        assert_eq!(header(&parts, "accept-encoding"), ["gzip"]);
        assert_eq!(header(&parts, "content-length"), [""; 0]);
        assert!(header(&parts, "user-agent")[0].starts_with("wasi-http-adapter/"));
    }

    #[test]
    fn every_header_of_the_transport_is_refused_in_any_case() {
        for name in [
            "Accept-ENCODING",
            "cOnnection",
            "Content-Length",
            "EXPECT",
            "hOst",
            "keep-Alive",
            "Te",
            "trailer",
            "Transfer-encoding",
            "UPGRADE",
            "proxy-Authorization",
            "Proxy-anything",
        ] {
            let refused = read(request("GET", "https://api.example/", &[(name, "x")], b""));
            assert!(refused.unwrap_err().contains("transport"), "{name}");
        }
        let others = [("X-Host", "x"), ("Proxied", "x"), ("Test", "x")];
        assert!(read(request("GET", "https://api.example/", &others, b"")).is_ok());
    }

    #[test]
    fn a_body_tells_its_length() {
        let parts = read(request("POST", "https://api.example/", &[], b"12345")).unwrap();
        assert_eq!(header(&parts, "content-length"), ["5"]);
        let empty = read(request("POST", "https://api.example/", &[], b"")).unwrap();
        assert_eq!(header(&empty, "content-length"), ["0"]);
        let large = vec![0; BODY_BYTES_MAX + 1];
        assert!(read(request("POST", "https://api.example/", &[], &large)).is_err());
    }

    #[test]
    fn a_user_agent_of_the_source_stays() {
        let headers = [("User-Agent", "mine"), ("X-A", "1"), ("x-a", "2")];
        let parts = read(request("GET", "https://api.example/", &headers, b"")).unwrap();
        assert_eq!(header(&parts, "user-agent"), ["mine"]);
        assert_eq!(header(&parts, "x-a"), ["1", "2"]);
    }
}
