//! A client of the simulated API that shares no code with it: raw sockets, own signatures,
//! own forms.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mimecast_sim::{
    ClientCredentials, ClockStart, Keys, LOGS_PATH, Options, Running, TOKEN_PATH, WorldOptions,
};
use serde_json::{Value, json};
use sha1::Sha1;

/// Tue, 14 Nov 2023 22:13:20 UTC
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const NOW_SIGNED: &str = "Tue, 14 Nov 2023 22:13:20 UTC";

/// A simulation whose clock stands at `NOW`, without generated rows.
pub(crate) fn empty_world() -> Options {
    Options {
        clock: ClockStart::Stopped { unix_secs: NOW },
        world: WorldOptions { rows: 0, ..WorldOptions::default() },
        ..Options::default()
    }
}

/// The same with generated rows of the last hour, all of them visible.
pub(crate) fn world_of(rows: u32) -> Options {
    let world = WorldOptions { rows, span_secs: 3600, late_max_secs: 0, ..WorldOptions::default() };
    Options { world, ..empty_world() }
}

/// A request that can be spoilt before it is sent.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) keys: Keys,
    pub(crate) date: String,
    pub(crate) request_id: String,
    pub(crate) signed_path: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) extra_headers: Vec<(String, String)>,
    pub(crate) left_out: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(body: &Value) -> Self {
        Self {
            keys: Keys::default(),
            date: NOW_SIGNED.to_owned(),
            request_id: format!("id-{}", fresh()),
            signed_path: LOGS_PATH.to_owned(),
            method: "POST".to_owned(),
            path: LOGS_PATH.to_owned(),
            extra_headers: Vec::new(),
            left_out: None,
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.extra_headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn send(&self, sim: &Running) -> Reply {
        let signature = sign(&self.keys, &self.date, &self.request_id, &self.signed_path);
        let mut headers = vec![
            ("Authorization".to_owned(), format!("MC {}:{signature}", self.keys.access_key)),
            ("x-mc-app-id".to_owned(), self.keys.app_id.clone()),
            ("x-mc-date".to_owned(), self.date.clone()),
            ("x-mc-req-id".to_owned(), self.request_id.clone()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        headers.retain(|(name, _)| self.left_out != Some(name.as_str()));
        headers.extend(self.extra_headers.iter().cloned());
        exchange(sim, &self.method, &self.path, &headers, &self.body)
    }
}

pub(crate) fn sign(keys: &Keys, date: &str, request_id: &str, path: &str) -> String {
    let secret = STANDARD.decode(&keys.secret_key).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&secret).unwrap();
    mac.update(format!("{date}:{request_id}:{path}:{}", keys.app_key).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A request for logs with an access token.
pub(crate) fn ask_with(sim: &Running, token: &str, body: &Value) -> Reply {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {token}")),
        ("Content-Type".to_owned(), "application/json".to_owned()),
    ];
    exchange(sim, "POST", LOGS_PATH, &headers, body.to_string().as_bytes())
}

/// A request for an access token, its form as it stands.
pub(crate) fn post_form(sim: &Running, form: &str) -> Reply {
    post_token(sim, "application/x-www-form-urlencoded", form)
}

pub(crate) fn post_token(sim: &Running, content_type: &str, body: &str) -> Reply {
    let headers = [("Content-Type".to_owned(), content_type.to_owned())];
    exchange(sim, "POST", TOKEN_PATH, &headers, body.as_bytes())
}

pub(crate) fn form(client: &ClientCredentials) -> String {
    let (id, secret) = (encoded(&client.client_id), encoded(&client.client_secret));
    format!("client_id={id}&client_secret={secret}&grant_type=client_credentials")
}

pub(crate) fn ask_token(sim: &Running) -> Reply {
    post_form(sim, &form(&ClientCredentials::default()))
}

/// A token that is good.
pub(crate) fn token(sim: &Running) -> String {
    let reply = ask_token(sim);
    let token = reply.json()["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("{}", reply.text()))
}

fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

pub(crate) fn get(sim: &Running, path: &str) -> Reply {
    exchange(sim, "GET", path, &[], b"")
}

/// HTTP/1.0, so that a body ends with its connection and what came of it can be seen.
fn exchange(
    sim: &Running,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(sim.base_url().strip_prefix("http://").unwrap()).unwrap();
    let mut request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request += "\r\n";
    stream.write_all(&[request.as_bytes(), body].concat()).unwrap();
    let mut bytes = Vec::new();
    // A connection that is reset has still brought what came before.
    let _ = stream.read_to_end(&mut bytes);
    Reply::parse(&bytes)
}

/// What came back; a status of 0 means nothing did.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            assert!(bytes.is_empty(), "half a head came back");
            return Self::default();
        };
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let (first, rest) = head.split_once("\r\n").unwrap();
        let headers = rest.split("\r\n").map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Self {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a gateway's `fail`, which has no `errors`.
    pub(crate) fn gateway_code(&self) -> String {
        let json = self.json();
        assert!(json["fail"][0].get("errors").is_none(), "{}", self.text());
        json["fail"][0]["code"].as_str().unwrap_or_else(|| panic!("{}", self.text())).to_owned()
    }

    /// The code of its `fail`.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        let code = json["fail"][0]["errors"][0]["code"].as_str();
        code.unwrap_or_else(|| panic!("{}", self.text())).to_owned()
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        let json = self.json();
        assert_eq!((self.status, &json["fail"]), (200, &json!([])), "{}", self.text());
        let rows = json["data"][0]["impersonationLogs"].as_array();
        rows.unwrap_or_else(|| panic!("{}", self.text())).clone()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.rows().iter().map(id).collect()
    }

    /// The same of a page that may have no `data`.
    pub(crate) fn ids_or_none(&self) -> Vec<String> {
        if self.json()["data"] == json!([]) { Vec::new() } else { self.ids() }
    }

    pub(crate) fn next(&self) -> Option<String> {
        self.json()["meta"]["pagination"]["next"].as_str().map(str::to_owned)
    }

    pub(crate) fn result_count(&self) -> u64 {
        self.json()["data"][0]["resultCount"].as_u64().unwrap()
    }
}

pub(crate) fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// The body of a request for the last day, oldest first, with more fields.
pub(crate) fn last_day(more: &Value) -> Value {
    let mut data = json!({
        "oldestFirst": true, "from": "2023-11-13T22:13:20+0000", "to": "2023-11-14T22:13:20+0000",
    });
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    json!({"meta": {"pagination": {"pageSize": 500}}, "data": [data]})
}

pub(crate) fn ask(sim: &Running, body: &Value) -> Reply {
    Call::new(body).send(sim)
}

/// The same request for another page.
pub(crate) fn with_token(body: &Value, token: &str) -> Value {
    let mut body = body.clone();
    body["meta"]["pagination"]["pageToken"] = json!(token);
    body
}

pub(crate) fn with_page_size(body: &Value, page_size: u64) -> Value {
    let mut body = body.clone();
    body["meta"]["pagination"]["pageSize"] = json!(page_size);
    body
}

/// The ids of the pages that a `next` leads to, one after the other, and the tokens that led to them.
/// It stops after `pages_max` of them.
pub(crate) fn follow(
    sim: &Running,
    body: &Value,
    pages_max: usize,
) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut pages, mut tokens) = (Vec::new(), Vec::new());
    let mut reply = ask(sim, body);
    loop {
        pages.push(reply.ids_or_none());
        match reply.next() {
            Some(token) if pages.len() < pages_max => {
                reply = ask(sim, &with_token(body, &token));
                tokens.push(token);
            }
            _ => return (pages, tokens),
        }
    }
}

/// Every page of a request.
pub(crate) fn read_all(sim: &Running, body: &Value) -> Vec<Value> {
    let mut reply = ask(sim, body);
    let mut rows = reply.rows();
    while let Some(token) = reply.next() {
        reply = ask(sim, &with_token(body, &token));
        rows.extend(reply.rows());
    }
    rows
}

fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
