//! What a component may send, where to, and what it is told when it may not.

use std::io::Write;

use serde_json::Value;

use crate::bench::{Bench, Source, names};
use crate::server::{Asks, Server, Tls, proxy_to, reply};

/// What a component that sends one request is told. `keys` are the source's own.
fn fetch(keys: &str, config: &str) -> Value {
    let config = format!("do = \"fetch\"\n{config}");
    let bench = Bench::with(&[Source { name: "acme", keys, config: &config }]);
    bench.catch_up().expect(0).events().remove(0)
}

/// The same, to a server that is allowed.
fn fetch_from(server: &Server, config: &str) -> Value {
    let url = server.url();
    fetch(&format!("allow = [\"{url}\"]"), &format!("url = \"{url}/path?query\"\n{config}"))
}

#[test]
fn a_request_is_sent_as_it_is_and_its_response_given_back_whatever_its_status() {
    for status in [200, 301, 404, 503] {
        let server = Server::start(move |_, _| {
            reply(status, "X-Own: one\r\nX-Own: two\r\nLocation: /elsewhere\r\n", "said")
        });
        let told = fetch_from(
            &server,
            "method = \"POST\"\nbody = \"asked\"\nheaders = { X-Key = \"abc\" }",
        );
        assert_eq!(told["status"], status, "{told}");
        assert_eq!(told["body"], "said");
        assert_eq!(told["headers"]["x-own"], "two");
        // A redirect is a response like any other.
        let received = server.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].head.lines().next(), Some("POST /path?query HTTP/1.1"));
        assert_eq!(received[0].body, "asked");
        assert_eq!(received[0].header("x-key"), Some("abc"));
        assert_eq!(received[0].header("content-length"), Some("5"));
        assert_eq!(received[0].header("accept-encoding"), Some("gzip"));
        assert_eq!(received[0].header("host"), Some(server.address.to_string().as_str()));
        let agent = concat!("source-host/", env!("CARGO_PKG_VERSION"));
        assert_eq!(received[0].header("user-agent"), Some(agent));
    }
}

#[test]
fn an_error_of_the_connection_names_what_was_dialled() {
    // A port that nobody listens on any more.
    let closed = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (target, proxy) = (closed(), closed());
    let keys = format!("allow = [\"http://{target}\"]");
    let told = fetch(&keys, &format!("url = \"http://{target}/path?query\""));
    assert_eq!(told["error"], "connect", "{told}");
    let why = told.to_string();
    assert!(why.contains(&format!("no connection to {target}: Connection refused")), "{why}");

    let keys = format!("{keys}\nproxy = \"http://user:hunter22@{proxy}\"");
    let why = fetch(&keys, &format!("url = \"http://{target}/path?query\"")).to_string();
    let expected = format!("no connection to {target} (by the proxy {proxy}): Connection refused");
    assert!(why.contains(&expected), "{why}");
    assert!(!why.contains("hunter22"), "{why}");
}

#[test]
fn a_component_may_name_itself() {
    let server = Server::start(|_, _| reply(200, "", ""));
    fetch_from(&server, "headers = { User-Agent = \"scripted/1\" }");
    assert_eq!(server.received()[0].header("user-agent"), Some("scripted/1"));
}

#[test]
fn what_is_not_in_the_list_is_denied_and_not_sent() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let url = server.url();
    for keys in [
        "",
        "allow = []",
        "allow = [\"http://127.0.0.1:1\"]",
        "allow = [\"http://localhost\"]",
        &format!("allow = [\"https://{}\"]", server.address),
    ] {
        let told = fetch(keys, &format!("url = \"{url}\""));
        assert_eq!(told["error"], "denied", "{keys}: {told}");
    }
    let keys = format!("allow = [\"{url}\"]");
    for other in [
        url.replace("http://", "http://user:pass@"),
        url.replace("http://", "ftp://"),
        "//x".into(),
    ] {
        let told = fetch(&keys, &format!("url = \"{other}\""));
        assert_eq!(told["error"], "denied", "{other}: {told}");
    }
    assert_eq!(server.received().len(), 0);
}

#[test]
fn localhost_leads_to_loopback() {
    let server = Server::start(|_, _| reply(200, "", "said"));
    let url = format!("http://localhost:{}", server.address.port());
    let told = fetch(&format!("allow = [\"{url}\"]"), &format!("url = \"{url}\""));
    assert_eq!(told["status"], 200, "{told}");
}

#[test]
fn a_name_leads_to_addresses_that_the_source_names_and_to_no_others() {
    let Some(names) = names() else { return };
    let server = Server::start(|_, _| reply(200, "", "said"));
    let fetch = |url: &str, addresses: &str| {
        let keys = format!("allow = [\"{url}\"]\nallow_addresses = [{addresses}]");
        let config = format!("do = \"fetch\"\nurl = \"{url}\"");
        let mut bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
        bench.starter.clone_from(&names);
        bench.catch_up().expect(0).events().remove(0)
    };
    let url = format!("http://127-0-0-1.example:{}", server.address.port());
    for addresses in ["", "\"198.18.0.0/15\", \"169.254.169.254\"", "\"127.0.0.2\""] {
        let told = fetch(&url, addresses);
        assert_eq!(told["error"], "denied", "{addresses}: {told}");
    }
    assert_eq!(server.connections(), 0);
    for addresses in ["\"127.0.0.0/8\"", "\"::1\", \"127.0.0.1\""] {
        assert_eq!(fetch(&url, addresses)["status"], 200, "{addresses}");
    }
    let told = fetch("https://198-18-0-7.example", "\"10.0.0.0/8\"");
    let why = "198-18-0-7.example resolves to 198.18.0.7, which is no public address; \
               if that is meant, add \"198.18.0.0/15\" to `allow_addresses`";
    assert_eq!(told["why"], why);
}

#[test]
fn headers_of_the_transport_and_methods_that_ask_for_no_resource_are_denied() {
    let server = Server::start(|_, _| reply(200, "", ""));
    for name in
        ["Host", "Content-Length", "transfer-encoding", "Connection", "Proxy-Authorization", "a b"]
    {
        let told = fetch_from(&server, &format!("headers = {{ {name:?} = \"x\" }}"));
        assert_eq!(told["error"], "denied", "{name}: {told}");
    }
    assert_eq!(fetch_from(&server, "headers = { X = \"a\\nb\" }")["error"], "denied");
    for method in ["GET / HTTP/1.1", "get", "CONNECT", "TRACE", "TRACK"] {
        let told = fetch_from(&server, &format!("method = {method:?}"));
        assert_eq!(told["error"], "denied", "{method}: {told}");
    }
    assert_eq!(server.received().len(), 0);
}

#[test]
fn gzip_is_undone_by_any_of_its_names_and_in_any_number_of_members() {
    for coding in ["gzip", "GZIP", "x-gzip", "gzip, identity"] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        let body = [gzip_of_zeros(2), gzip_of_zeros(1)].concat();
        let server = Server::start(move |_, _| reply(200, &headers, &body));
        let told = fetch_from(&server, "");
        assert_eq!(told["length"], 3 << 20, "{coding}: {told}");
        // What they say is no longer so.
        assert!(told["headers"]["content-encoding"].is_null(), "{coding}: {told}");
        assert!(told["headers"]["content-length"].is_null(), "{coding}: {told}");
    }
}

#[test]
fn a_gzip_that_is_not_whole_is_no_response() {
    let whole = gzip_of_zeros(1);
    for (body, why) in [
        (whole[..whole.len() - 1].to_vec(), "the gzip of the body is cut short, or damaged"),
        ([&whole[..], b"rubbish and more of it"].concat(), "is followed by something else"),
        (b"no gzip".to_vec(), "the body is said to be gzip, and is none"),
    ] {
        let server = Server::start(move |_, _| reply(200, "Content-Encoding: gzip\r\n", &body));
        let told = fetch_from(&server, "");
        assert_eq!(told["error"], "other", "{told}");
        let said = format!("the exchange with {} broke: ", server.address);
        assert!(told["why"].as_str().unwrap().starts_with(&said), "{told}");
        assert!(told["why"].as_str().unwrap().contains(why), "{told}");
    }
}

#[test]
fn a_response_is_too_large_by_what_it_decodes_to() {
    for (headers, body) in
        [("Content-Encoding: gzip\r\n", gzip_of_zeros(17)), ("", vec![b'x'; (16 << 20) + 1])]
    {
        let server = Server::start(move |_, _| reply(200, headers, &body));
        assert_eq!(fetch_from(&server, "")["error"], "too-large");
    }
    let server = Server::start(|_, _| reply(200, "", vec![b'x'; 16 << 20]));
    assert_eq!(fetch_from(&server, "")["length"], 16 << 20);
}

#[test]
fn a_response_is_too_large_by_its_headers() {
    // Beside the one for its length.
    let many = |count: usize| "X: y\r\n".repeat(count - 1);
    let wide = |bytes: usize| {
        let own = "content-length".len() + "0".len();
        format!("X: {}\r\n", "y".repeat(bytes - own - 1))
    };
    for (headers, error) in [
        (many(256), ""),
        (many(257), "too-large"),
        (wide(64 << 10), ""),
        (wide((64 << 10) + 1), "too-large"),
    ] {
        let server = Server::start(move |_, _| reply(200, &headers, ""));
        let told = fetch_from(&server, "");
        assert_eq!(told["error"].as_str().unwrap_or_default(), error, "{told:.500}");
    }
}

#[test]
fn each_way_to_fail_is_told_apart() {
    let hung_up = Server::start(|_, _| Vec::new());
    assert_eq!(fetch_from(&hung_up, "")["error"], "other");
    assert_eq!(hung_up.received().len(), 1, "a request is sent once");

    let cut_off =
        Server::start(|_, _| b"HTTP/1.1 200 Said\r\ncontent-length: 9\r\n\r\nhalf".to_vec());
    let told = fetch_from(&cut_off, "timeout_ms = 300");
    // The server keeps the connection open, and says no more.
    assert_eq!(told["error"], "timeout", "{told}");
    let why = format!("no complete response within 300 ms from {}", cut_off.address);
    assert_eq!(told["why"], why);

    // A port that was free a moment ago, and a server that does not speak TLS.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told =
        fetch(&format!("allow = [\"http://{closed}\"]"), &format!("url = \"http://{closed}\""));
    assert_eq!(told["error"], "connect", "{told}");
    let plain = format!("https://{}", hung_up.address);
    let told =
        fetch(&format!("allow = [\"{plain}\"]"), &format!("url = \"{plain}\"\ntimeout_ms = 20000"));
    assert_eq!(told["error"], "tls", "{told}");

    let told = fetch("allow = [\"http://name.invalid\"]", "url = \"http://name.invalid\"");
    assert_eq!(told["error"], "dns", "{told}");
}

#[test]
fn tls_needs_a_trusted_certificate() {
    let (server, own) = Server::start_tls("127.0.0.1", |_, _| reply(200, "", "said"));
    let url = format!("https://{}", server.address);
    let config = format!("do = \"fetch\"\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let told = bench.catch_up().expect(0).events().remove(0);
    assert_eq!(told["error"], "tls", "{told}");

    // A byte order mark is what some editors begin a file with.
    bench.write("ca.pem", format!("\u{feff}{own}"));
    let keys = format!("{keys}\nca_file = \"ca.pem\"");
    bench.configure("type = \"stdout\"", &[Source { name: "acme", keys: &keys, config: &config }]);
    let told = bench.catch_up().expect(0).events().remove(0);
    assert_eq!(told["status"], 200, "{told}");
}

/// What a component is told that sends to a server with TLS whose certificate is trusted.
fn fetch_from_tls(tls: &Tls, reply: fn() -> Vec<u8>) -> (Server, Value) {
    let (server, own) = Server::start_tls_as(tls, "127.0.0.1", move |_, _| reply());
    let url = format!("https://{}", server.address);
    let config = format!("do = \"fetch\"\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]\nca_file = \"ca.pem\"");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    bench.write("ca.pem", own);
    let told = bench.catch_up().expect(0).events().remove(0);
    (server, told)
}

#[test]
fn an_authority_as_a_server_is_told_with_the_line_that_makes_another_certificate() {
    let tls = Tls { is_authority: true, ..Tls::default() };
    let (server, told) = fetch_from_tls(&tls, || reply(200, "", "said"));
    assert_eq!(told["error"], "tls", "{told}");
    let why = told["why"].as_str().unwrap();
    let said =
        format!("no TLS with {}: the server shows an authority's certificate", server.address);
    assert!(why.starts_with(&said), "{why}");
    let line = "openssl req -x509 -newkey rsa:2048 -nodes -days 825 -keyout key.pem -out cert.pem \
                -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
                -addext basicConstraints=critical,CA:FALSE";
    assert!(why.ends_with(line), "{why}");
}

#[test]
fn a_server_that_asks_for_a_client_certificate_is_told_as_such() {
    use rustls::version::{TLS12, TLS13};
    let named = "the server asks for a client certificate, and this host has none";
    for version in [&TLS12, &TLS13] {
        let version = Some(version);
        // It says no, or nothing: in the handshake, or at the first word after it.
        for hangs_up in [false, true] {
            let tls = Tls { asks: Asks::Firmly, hangs_up, version, ..Tls::default() };
            let (server, told) = fetch_from_tls(&tls, || reply(200, "", "said"));
            let why = told["why"].as_str().unwrap();
            assert!(why.contains(named), "{version:?}: {told}");
            if told["error"] == "tls" {
                assert!(why.starts_with(&format!("no TLS with {}: ", server.address)), "{told}");
            } else {
                assert!(hangs_up && version == Some(&TLS13), "{version:?}: {told}");
            }
        }
        // It does without.
        let tls = Tls { asks: Asks::Mildly, version, ..Tls::default() };
        assert_eq!(fetch_from_tls(&tls, || reply(200, "", "said")).1["status"], 200);
        let (_, told) = fetch_from_tls(&tls, Vec::new);
        assert_eq!(told["error"], "other", "{told}");
        assert!(
            told["why"].as_str().unwrap().contains(&format!("it may be that {named}")),
            "{told}"
        );
        let (_, told) = fetch_from_tls(&Tls { version, ..Tls::default() }, Vec::new);
        assert!(!told["why"].as_str().unwrap().contains("certificate"), "{told}");
    }
}

#[test]
fn a_connection_that_was_closed_meanwhile_repeats_nothing() {
    // The server closes each connection after a reply that promised to keep it.
    let server = Server::start(|number, _| match number {
        0 => reply(200, "", "said"),
        _ => Vec::new(),
    });
    let url = server.url();
    let config = format!("do = \"fetch often\"\ncount = 2\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let told = bench.catch_up().expect(0).events().remove(0);
    assert_eq!(told["all"][0]["status"], 200);
    assert_eq!(told["all"][1]["error"], "other");
    assert_eq!(server.received().len(), 2);
}

#[test]
fn a_proxy_comes_from_the_configuration_and_never_from_the_environment() {
    let server = Server::start(|_, _| reply(200, "", "direct"));
    let proxy = Server::start(|_, _| reply(200, "", "by proxy"));
    let url = server.url();
    let config = format!("do = \"fetch\"\nurl = \"{url}/path\"");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let told = bench.catch_up_with("HTTP_PROXY", proxy.url()).expect(0).events().remove(0);
    assert_eq!(told["body"], "direct");

    let keys = format!("{keys}\nproxy = \"http://user:${{PASS}}@{}\"", proxy.address);
    bench.configure("type = \"stdout\"", &[Source { name: "acme", keys: &keys, config: &config }]);
    let told = bench.catch_up_with("PASS", "hunter22").expect(0).events().remove(0);
    assert_eq!(told["body"], "by proxy");
    let received = proxy.received();
    assert_eq!(received[0].head.lines().next(), Some(format!("POST {url}/path HTTP/1.1").as_str()));
    assert!(received[0].header("proxy-authorization").is_some());
}

#[test]
fn a_proxy_that_makes_no_way_is_told_by_its_status() {
    let fetch_by = |proxy: &Server, scheme: &str| {
        let url = format!("{scheme}://api.example");
        let keys =
            format!("allow = [\"{url}\"]\nproxy = \"http://user:hunter22@{}\"", proxy.address);
        let told = fetch(&keys, &format!("url = \"{url}/path?query\"\ntimeout_ms = 20000"));
        assert_eq!(told["error"], "connect", "{told}");
        let why = told["why"].as_str().unwrap().to_owned();
        let port = if scheme == "https" { 443 } else { 80 };
        let said =
            format!("no connection to api.example:{port} (by the proxy {}): ", proxy.address);
        assert!(why.starts_with(&said), "{why}");
        assert!(!why.contains("hunter22") && !why.contains("query"), "{why}");
        why
    };
    for (status, remedy) in [
        (403, "it does not permit this"),
        (405, "check host and port of `proxy`"),
        (407, "it wants a user and a password"),
        (502, "it does not get there"),
        (503, "it does not get there"),
    ] {
        let proxy = Server::start(move |_, _| reply(status, "", "<html>no</html>"));
        let why = fetch_by(&proxy, "https");
        assert!(why.contains(&format!("the proxy answers {status}; {remedy}")), "{why}");
        let received = proxy.received();
        // A second try with a wrong password could lock the user out.
        assert_eq!(received.len(), if status == 407 { 1 } else { 2 });
        for asked in received {
            assert_eq!(asked.head.lines().next(), Some("CONNECT api.example:443 HTTP/1.1"));
            assert!(asked.header("proxy-authorization").is_some());
        }
    }
    // No API answers so: it is the proxy's, without a tunnel, too.
    let why = fetch_by(&Server::start(|_, _| reply(407, "", "")), "http");
    assert!(why.contains("the proxy answers 407; "), "{why}");

    let changed = Server::start(|number, _| reply(if number == 0 { 503 } else { 200 }, "", ""));
    let why = fetch_by(&changed, "https");
    assert!(why.contains("the proxy refused, and a moment later it did not"), "{why}");
    for (answer, said) in [
        (&b""[..], "the proxy hung up; check host and port"),
        (b"SSH-2.0-OpenSSH\r\n", "the proxy's answer is no HTTP"),
        (&[b'x'; 10_000], "the proxy's answer is no HTTP"),
        (
            &[b"HTTP/1.1 200 OK\r\nX: ", &[b'x'; 10_000][..]].concat(),
            "the proxy's answer is no HTTP",
        ),
    ] {
        let answer = answer.to_vec();
        let why = fetch_by(&Server::start(move |_, _| answer.clone()), "https");
        assert!(why.contains(said), "{why}");
    }
}

/// With TLS it is the API that answers so: only the proxy's answer to the question for a way is its own.
#[test]
fn an_answer_behind_a_proxy_is_the_apis_whatever_its_status() {
    for status in [200, 407] {
        let (server, own) =
            Server::start_tls("127.0.0.1", move |_, _| reply(status, "", "of the API"));
        let url = format!("https://{}", server.address);
        let config = format!("do = \"fetch\"\nurl = \"{url}\"");
        let proxy = proxy_to(&server);
        let keys = format!("allow = [\"{url}\"]\nca_file = \"ca.pem\"\nproxy = \"http://{proxy}\"");
        let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
        bench.write("ca.pem", own);
        let told = bench.catch_up().expect(0).events().remove(0);
        assert_eq!((&told["status"], &told["body"]), (&status.into(), &"of the API".into()));
    }
}

#[test]
fn a_proxy_that_never_answers_is_named() {
    let proxy = Server::start(|_, _| {
        loop {
            std::thread::park();
        }
    });
    let keys = format!("allow = [\"https://api.example\"]\nproxy = \"{}\"", proxy.url());
    let told = fetch(&keys, "url = \"https://api.example\"\ntimeout_ms = 300");
    assert_eq!(told["error"], "timeout", "{told}");
    assert!(told["why"].as_str().unwrap().contains(&proxy.address.to_string()), "{told}");
}

#[test]
fn one_poll_has_a_bound_on_its_requests() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let url = server.url();
    let config = format!("do = \"fetch often\"\ncount = 9\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let running = bench.start();
    running.until("more than 8 requests in one call");
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

/// Zeros, in mebibytes, as gzip: stored blocks would do, but a bomb is small.
fn gzip_of_zeros(mebibytes: usize) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..mebibytes {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let gzip = gzip.finish().unwrap();
    assert!(gzip.len() < mebibytes << 12);
    gzip
}
