//! Judges what a source wants to send, and takes it apart as WASI wants it.

use http::header::{HeaderName, HeaderValue, USER_AGENT};
use http::uri::{Scheme, Uri};

use crate::bindings::exports::pipeline::source::http::{Header, Request};

/// A request that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Judged {
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

impl Judged {
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
pub(crate) fn judge(request: Request) -> Result<Judged, String> {
    if request.url.len() > URL_BYTES_MAX {
        return Err(format!("the URL is longer than {URL_BYTES_MAX} bytes"));
    }
    if request.body.len() > BODY_BYTES_MAX {
        return Err(format!("the request body is larger than {BODY_BYTES_MAX} bytes"));
    }
    let method = request.method;
    // The last two give a request back, with what a proxy has added to it.
    if ["", "CONNECT", "TRACE", "TRACK"].contains(&method.as_str())
        || !method.bytes().all(|byte| byte.is_ascii_uppercase())
    {
        return Err("the method is not one that may be used".to_owned());
    }
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
    let mut headers = judge_headers(&request.headers)?;
    if !request.body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD") {
        headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    }
    Ok(Judged {
        tls,
        authority: authority.as_str().to_owned(),
        path_with_query: format!("{slash}{path}"),
        headers,
        body: request.body,
        method,
    })
}

fn judge_headers(headers: &[Header]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!(
            "the request has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        ));
    }
    let mut judged = Vec::with_capacity(headers.len() + 3);
    let mut agent = false;
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| "a header's name is not valid".to_owned())?;
        if TRANSPORT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
            return Err(format!(
                "the header {name} belongs to the transport: leave it to the host"
            ));
        }
        HeaderValue::from_bytes(header.value.as_bytes())
            .map_err(|_| format!("the value of the header {name} is not valid"))?;
        agent |= name == USER_AGENT;
        judged.push((name.as_str().to_owned(), header.value.clone().into_bytes()));
    }
    if !agent {
        judged.push((USER_AGENT.as_str().to_owned(), AGENT.as_bytes().to_vec()));
    }
    judged.push(("accept-encoding".to_owned(), b"gzip".to_vec()));
    Ok(judged)
}

/// What is written here, or by the runtime. Two versions of any of them would let a request mean two
/// things.
const TRANSPORT_HEADERS: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const AGENT: &str = concat!("wasi-http-adapter/", env!("CARGO_PKG_VERSION"));
const URL_BYTES_MAX: usize = 16 << 10;
const BODY_BYTES_MAX: usize = 4 << 20;
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 64 << 10;

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

    fn get(url: &str) -> Result<Judged, String> {
        judge(request("GET", url, &[], b""))
    }

    fn header<'a>(judged: &'a Judged, wanted: &str) -> Vec<&'a str> {
        let named = judged.headers.iter().filter(|(name, _)| name == wanted);
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
            let judged = get(url).unwrap();
            assert_eq!((judged.tls, judged.authority.as_str()), (tls, authority), "{url}");
            assert_eq!(judged.path_with_query, path, "{url}");
            assert_eq!(judged.dialled(), dialled, "{url}");
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
        assert!(get(&format!("https://api.example/{}", "a".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn a_fault_of_a_url_does_not_repeat_it() {
        for url in ["https://user:s3cret@api.example/", "https://api.example/s3cret s3cret"] {
            assert!(!get(url).unwrap_err().contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn methods_are_in_upper_case_and_neither_open_a_tunnel_nor_echo() {
        assert!(judge(request("PATCH", "https://api.example/", &[], b"")).is_ok());
        for method in ["", "get", "CONNECT", "TRACE", "TRACK", "trace", "G T", "M\u{c9}"] {
            assert!(judge(request(method, "https://api.example/", &[], b"")).is_err(), "{method}");
        }
    }

    #[test]
    fn what_belongs_to_the_transport_is_added_and_not_taken() {
        let judged = get("https://api.example/").unwrap();
        assert_eq!(header(&judged, "accept-encoding"), ["gzip"]);
        assert_eq!(header(&judged, "content-length"), [""; 0]);
        assert!(header(&judged, "user-agent")[0].starts_with("wasi-http-adapter/"));
        for name in TRANSPORT_HEADERS.iter().copied().chain(["Host", "Proxy-Authorization"]) {
            let refused = judge(request("GET", "https://api.example/", &[(name, "x")], b""));
            assert!(refused.unwrap_err().contains("transport"), "{name}");
        }
    }

    #[test]
    fn a_body_tells_its_length() {
        let judged = judge(request("POST", "https://api.example/", &[], b"12345")).unwrap();
        assert_eq!(header(&judged, "content-length"), ["5"]);
        let empty = judge(request("POST", "https://api.example/", &[], b"")).unwrap();
        assert_eq!(header(&empty, "content-length"), ["0"]);
        let large = vec![0; BODY_BYTES_MAX + 1];
        assert!(judge(request("POST", "https://api.example/", &[], &large)).is_err());
    }

    #[test]
    fn a_user_agent_of_the_source_stays() {
        let headers = [("User-Agent", "mine"), ("X-A", "1"), ("x-a", "2")];
        let judged = judge(request("GET", "https://api.example/", &headers, b"")).unwrap();
        assert_eq!(header(&judged, "user-agent"), ["mine"]);
        assert_eq!(header(&judged, "x-a"), ["1", "2"]);
    }

    #[test]
    fn headers_that_would_break_the_request_are_refused_without_their_values() {
        for (name, value) in [("a b", "s3cret"), ("", "s3cret"), ("x", "s3cret\r\nhost: y")] {
            let refused = judge(request("GET", "https://api.example/", &[(name, value)], b""));
            assert!(!refused.unwrap_err().contains("s3cret"), "{name}");
        }
        let many = [("x", "y"); HEADERS_MAX + 1];
        assert!(judge(request("GET", "https://api.example/", &many, b"")).is_err());
        let long = "v".repeat(HEADER_BYTES_MAX);
        assert!(judge(request("GET", "https://api.example/", &[("x", &long)], b"")).is_err());
    }
}
