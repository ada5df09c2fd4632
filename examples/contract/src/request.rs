//! What a source may send, as far as it is the same wherever it goes.

use std::time::Duration;

use http::Method;
use http::header::{HeaderName, HeaderValue};

/// Whether a URL is short enough. The error says why it may not be sent.
pub fn check_url_length(url: &str) -> Result<(), String> {
    if url.len() > URL_BYTES_MAX {
        return Err(format!("the URL is longer than {URL_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// The method of a request. The error says why it may not be sent.
pub fn read_method(method: &str) -> Result<Method, String> {
    let is_plain = method.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_plain
        && !DENIED_METHODS.contains(&method)
        && let Ok(method) = Method::from_bytes(method.as_bytes())
    {
        return Ok(method);
    }
    Err(format!(
        "the method is not one that may be used: write it in capitals; {} are never sent",
        DENIED_METHODS.join(", ")
    ))
}

/// The headers of a request, in their order: without those that its transport writes itself. The error
/// says why they may not be sent, and repeats no value.
pub fn read_headers<'a>(
    headers: impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let bytes: usize = headers.clone().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!(
            "the request has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        ));
    }
    headers.map(|(name, value)| read_header(name, value)).collect()
}

fn read_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "a header's name is not valid".to_owned())?;
    if TRANSPORT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
        return Err(format!("the header {name} belongs to the transport: leave it to the host"));
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("the value of the header {name} is not valid"))?;
    // Keeps it out of the Debug form of whatever holds it.
    value.set_sensitive(true);
    Ok((name, value))
}

/// The longest time from a request to the last byte of its reply; a source may ask for less.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// They ask for no resource: the first makes a way for anything; the others repeat the request as it
/// arrived, with what a proxy adds to it, its credentials among that.
const DENIED_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];
/// What the transport writes itself. Two versions of any of them would let a request mean two things.
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
/// Twice what servers commonly take.
const URL_BYTES_MAX: usize = 16 << 10;
/// Many times what an API asks for.
const HEADERS_MAX: usize = 64;
/// Names and values of all headers together: more than servers commonly take.
const HEADER_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(headers: &[(&str, &str)]) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        read_headers(headers.iter().copied())
    }

    #[test]
    fn methods_are_in_upper_case_and_neither_open_a_tunnel_nor_echo() {
        assert_eq!(read_method("PATCH"), Ok(Method::PATCH));
        for method in ["", "get", "CONNECT", "TRACE", "TRACK", "trace", "G T", "M\u{c9}"] {
            assert!(read_method(method).is_err(), "{method}");
        }
    }

    #[test]
    fn what_belongs_to_the_transport_is_refused() {
        for name in TRANSPORT_HEADERS.iter().copied().chain(["Host", "Proxy-Authorization"]) {
            assert!(headers(&[(name, "x")]).unwrap_err().contains("transport"), "{name}");
        }
    }

    #[test]
    fn headers_keep_their_order_and_their_values_are_not_shown() {
        let read = headers(&[("User-Agent", "mine"), ("X-A", "1"), ("x-a", "s3cret")]).unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["user-agent", "x-a", "x-a"]);
        assert_eq!(read[2].1, "s3cret");
        assert!(!format!("{read:?}").contains("s3cret"));
    }

    #[test]
    fn headers_that_would_break_the_request_are_refused_without_their_values() {
        for (name, value) in [("a b", "s3cret"), ("", "s3cret"), ("x", "s3cret\r\nhost: y")] {
            assert!(!headers(&[(name, value)]).unwrap_err().contains("s3cret"), "{name}");
        }
    }

    #[test]
    fn sizes_are_bound() {
        assert!(headers(&[("x", "y"); HEADERS_MAX]).is_ok());
        assert!(headers(&[("x", "y"); HEADERS_MAX + 1]).is_err());
        assert!(headers(&[("x", &"v".repeat(HEADER_BYTES_MAX - 1))]).is_ok());
        assert!(headers(&[("x", &"v".repeat(HEADER_BYTES_MAX))]).is_err());
        assert!(check_url_length(&"u".repeat(URL_BYTES_MAX)).is_ok());
        assert!(check_url_length(&"u".repeat(URL_BYTES_MAX + 1)).is_err());
    }
}
