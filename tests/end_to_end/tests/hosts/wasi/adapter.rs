//! The adapter alone: what `send` of the contract promises, over `wasi:http`.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use serde_json::{Value, json};

use super::invoke::{invoke, members, unquoted};
use crate::exchange::Exchanges;
use crate::faulty::{answering, refused, silent, trickling};

crate::exchange::test_exchanges!(exchanges);

#[test]
fn a_request_goes_out_as_it_was_asked_for() {
    let (url, requests) = answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let value = invoke(
        ADAPTER,
        &format!(
            r#"send({{method: "POST", url: "{url}/a/b?c=d%20e", body: [104, 105],
               headers: [{{name: "X-Mine", value: "1"}}, {{name: "x-mine", value: "2"}}]}})"#
        ),
    );
    assert!(value.starts_with("ok({status: 200, ") && value.ends_with("body: [111, 107]})"));
    let request = requests.recv().unwrap().to_ascii_lowercase();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("post /a/b?c=d%20e http/1.1\r\n"), "{head}");
    assert_eq!(body, "hi");
    let host = url.strip_prefix("http://").unwrap();
    for (line, count) in [
        (format!("host: {host}").as_str(), 1),
        ("content-length: 2", 1),
        ("accept-encoding: gzip", 1),
        ("x-mine: 1", 1),
        ("x-mine: 2", 1),
    ] {
        assert_eq!(head.lines().filter(|&each| each == line).count(), count, "{line}: {head}");
    }
    assert!(head.contains("\r\nuser-agent: wasi-http-adapter/"), "{head}");
    assert!(requests.try_recv().is_err(), "it was sent twice");
}

#[test]
fn a_large_request_body_goes_out_whole() {
    let (url, requests) = answering("HTTP/1.1 204 No Content\r\n\r\n");
    // More would be too long for a command line.
    let body = vec!["120"; 25_000].join(", ");
    let call = format!(r#"send({{method: "PUT", url: "{url}/", headers: [], body: [{body}]}})"#);
    let value = invoke(ADAPTER, &call);
    assert!(value.starts_with("ok({status: 204, "), "{value}");
    let request = requests.recv().unwrap();
    let (_, sent) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, "x".repeat(25_000));
}

#[test]
fn any_status_is_a_response_and_a_redirect_is_not_followed() {
    let (elsewhere, followed) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (status, headers) in [
        ("302 Found", format!("Location: {elsewhere}/\r\nContent-Length: 0\r\n")),
        ("404 Not Found", "Content-Length: 0\r\n".to_owned()),
        ("503 Service Unavailable", "Content-Length: 0\r\nRetry-After: 5\r\n".to_owned()),
    ] {
        let (url, _requests) = answering(format!("HTTP/1.1 {status}\r\n{headers}\r\n"));
        let value = get(&url, None);
        assert!(value.starts_with(&format!("ok({{status: {}, ", &status[..3])), "{value}");
    }
    assert!(followed.try_recv().is_err(), "a redirect was followed");
}

#[test]
fn gzip_is_undone_and_its_headers_are_gone() {
    let zipped = gzip(b"{\"data\":[]}");
    let (url, _requests) = answering(zipped_response(&zipped));
    let value = get(&url, None);
    let bytes: Vec<String> = b"{\"data\":[]}".iter().map(ToString::to_string).collect();
    assert!(value.ends_with(&format!("body: [{}]}})", bytes.join(", "))), "{value}");
    let names: Vec<String> = members(&value, "name").into_iter().map(unquoted).collect();
    assert_eq!(names, ["x-other"], "{value}");
}

#[test]
fn a_response_beyond_16_mib_is_too_large_however_small_it_was_sent() {
    let more = vec![b'a'; (16 << 20) + 1];
    let zipped = gzip(&more);
    assert!(zipped.len() < 100_000);
    let plain = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), more].concat();
    for answer in [zipped_response(&zipped), plain] {
        let (url, _requests) = answering(answer);
        let value = get(&url, None);
        assert!(value.starts_with("err(too-large(\"the response of 127.0.0.1:"), "{value:.200}");
    }
}

#[test]
fn a_response_that_breaks_off_is_an_error() {
    for (answer, what) in [
        (&b""[..], "no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "half a body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "no last chunk"),
        (b"nonsense\r\n\r\n", "no HTTP"),
    ] {
        let (url, _requests) = answering(answer);
        let value = get(&url, None);
        assert!(value.starts_with("err(other(\"the exchange with 127.0.0.1:"), "{what}: {value}");
    }
    let mut damaged = gzip(b"some text that is long enough");
    damaged.truncate(damaged.len() - 6);
    let (url, _requests) = answering(zipped_response(&damaged));
    let value = get(&url, None);
    assert!(value.contains("err(other(") && value.contains("gzip"), "{value}");
}

#[test]
fn the_deadline_is_of_the_whole_exchange() {
    for url in [
        silent(),
        trickling("HTTP/1.1 200 OK\r\nX-Slow: "),
        trickling("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
    ] {
        let began = Instant::now();
        let value = get(&url, Some(700));
        let took = began.elapsed();
        assert!(value.starts_with("err(timeout(\""), "{value}");
        assert!(took >= Duration::from_millis(700), "{took:?}");
        // The runtime's own start is a part of it.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn what_cannot_be_reached_has_its_own_case() {
    let (plain, _requests) = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    for (url, wanted) in [
        (refused(), "err(connect(\"no connection to 127.0.0.1:"),
        ("http://no-such-name.invalid".to_owned(), "err(dns(\"the name in no-such-name.invalid:80"),
        (plain.replace("http://", "https://"), "err(tls(\"no TLS with 127.0.0.1:"),
        ("ftp://127.0.0.1".to_owned(), "err(denied(\"the URL"),
    ] {
        let value = get(&format!("{url}/s3cret"), None);
        assert!(value.starts_with(wanted) && !value.contains("s3cret"), "{value}");
    }
}

fn get(url: &str, timeout_ms: Option<u32>) -> String {
    let timeout = timeout_ms.map_or("none".to_owned(), |ms| format!("some({ms})"));
    let request =
        format!(r#"{{method: "GET", url: "{url}", headers: [], body: [], timeout-ms: {timeout}}}"#);
    invoke(ADAPTER, &format!("send({request})"))
}

/// What it makes of exchanges: one a process.
fn exchanges(asked: &Exchanges<'_>) -> Vec<Value> {
    let Exchanges { method, url, headers, count, timeout_ms } = asked;
    let header = |(name, value): &(_, _)| format!(r#"{{name: "{name}", value: "{value}"}}"#);
    let headers = headers.iter().map(header).collect::<Vec<String>>().join(", ");
    let call = format!(
        r#"send({{method: "{method}", url: "{url}/", headers: [{headers}], body: [],
           timeout-ms: some({timeout_ms})}})"#
    );
    let told = |value: String| {
        if let Some(error) = value.strip_prefix("err(") {
            return json!({"error": error.split('(').next()});
        }
        let status = value.strip_prefix("ok({status: ").and_then(|rest| rest.split_once(','));
        let status: u16 = status.unwrap().0.parse().unwrap();
        let (_, body) = value.rsplit_once("body: [").unwrap();
        let bytes = body.trim_end_matches("]})").split(", ");
        let bytes = bytes.map(|byte| byte.parse().unwrap()).collect();
        json!({"status": status, "body": String::from_utf8(bytes).unwrap()})
    };
    (0..*count).map(|_| told(invoke(ADAPTER, &call))).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped_response(zipped: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-Other: 1\r\nContent-Length: {}\r\n\r\n",
        zipped.len()
    );
    [head.as_bytes(), zipped].concat()
}

const ADAPTER: &str = "wasi-http-adapter.wasm";
