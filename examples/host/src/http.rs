//! Makes the HTTP exchanges of one source, within its policy and its limits.

mod error;
mod proxy;
mod resolver;
pub(crate) mod room;
mod roots;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, USER_AGENT,
};
use reqwest::{Method, StatusCode, redirect, retry};
use rustls::pki_types::CertificateDer;
use source_contract::body::{Body, BodyError, is_gzip};
use source_contract::request::{check_url_length, read_headers, read_method};
use source_contract::response::{BEYOND_BOUNDS, HEADERS_MAX, is_within_bounds};
use url::Url;

use crate::bindings::{Header, HttpError, Request, Response};
use crate::egress::AllowList;
use crate::http::error::{http_error, in_words};
use crate::http::resolver::{JudgingResolver, Lookup, system_lookup};
use crate::http::room::{Room, SMALL_BYTES_MAX};
use crate::http::tls::NoCertificate;
use crate::limits::HttpLimits;
pub(crate) use roots::read_roots;

/// Why a source can have no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// What it is to trust cannot be used.
    Roots(String),
    /// The proxy cannot be used. Its URL holds a password: no more is told of it.
    Proxy,
    /// Nothing that its configuration names.
    Other(String),
}

/// The client of one source. Sources share no client, so that they share no connection.
pub struct HttpClient {
    client: reqwest::Client,
    allow: Arc<AllowList>,
    /// Host and port of the proxy.
    proxy: Option<String>,
    no_certificate: Arc<NoCertificate>,
    limits: HttpLimits,
}

impl HttpClient {
    /// A client within this policy. With a proxy, names are resolved by the proxy: then only the
    /// allow list judges, not the address that a name leads to.
    pub fn new(
        allow: AllowList,
        proxy: Option<&Url>,
        extra_roots: &[CertificateDer<'static>],
        limits: HttpLimits,
    ) -> Result<Self, ClientError> {
        Self::with_lookup(allow, proxy, extra_roots, limits, system_lookup)
    }

    fn with_lookup(
        allow: AllowList,
        proxy: Option<&Url>,
        extra_roots: &[CertificateDer<'static>],
        limits: HttpLimits,
        lookup: Lookup,
    ) -> Result<Self, ClientError> {
        let allow = Arc::new(allow);
        let no_certificate = Arc::new(NoCertificate::default());
        let tls = tls::config(extra_roots, allow.needs_tls(), Arc::clone(&no_certificate))
            .map_err(ClientError::Roots)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .referer(false)
            // `send` sends once. What remains below this is hyper's second try of a request that
            // never left: its idle connection was found closed before a byte was written.
            .retry(retry::never())
            .no_proxy()
            .http1_max_headers(HEADERS_MAX)
            .pool_max_idle_per_host(1)
            // Shorter than servers commonly wait, so that a connection is not closed under a request.
            .pool_idle_timeout(Duration::from_secs(15));
        // The one name that is looked up for a proxy is its own: a person gave it.
        let policy = proxy.is_none().then(|| Arc::clone(&allow));
        builder = builder.dns_resolver(JudgingResolver::new(policy, lookup));
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy.clone()).map_err(|_| ClientError::Proxy)?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|error| ClientError::Other(in_words(&error)))?;
        Ok(Self { client, allow, proxy: proxy.map(host_and_port), no_certificate, limits })
    }

    /// Makes one exchange. A large response takes a place of the room, and waits for it outside the
    /// request's time.
    pub(crate) async fn send(&self, request: Request, room: &Room) -> Result<Response, HttpError> {
        let allowed = request.timeout_ms.map_or(self.limits.timeout, |timeout_ms| {
            Duration::from_millis(timeout_ms.into()).min(self.limits.timeout)
        });
        let allowed = allowed.min(room.patience());
        let request = self.outgoing(request).map_err(HttpError::Denied)?;
        let dialled = self.dialled(request.url());
        let exchange = self.exchange(request, &dialled, room);
        room.within(allowed, exchange).await.unwrap_or_else(|| {
            Err(HttpError::Timeout(format!(
                "no complete response within {} ms from {dialled}",
                allowed.as_millis()
            )))
        })
    }

    async fn exchange(
        &self,
        request: reqwest::Request,
        dialled: &str,
        room: &Room,
    ) -> Result<Response, HttpError> {
        let mut response = self.begin(request, dialled).await?;
        let body = self.body(&mut response, dialled, room).await?;
        let headers = response.headers().iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        });
        Ok(Response { status: response.status().as_u16(), headers: headers.collect(), body })
    }

    /// Sends a request, and reads the head of the response.
    async fn begin(
        &self,
        request: reqwest::Request,
        dialled: &str,
    ) -> Result<reqwest::Response, HttpError> {
        self.no_certificate.forget();
        let no_way = |why| HttpError::Connect(format!("no connection to {dialled}: {why}"));
        match self.client.execute(request).await {
            // Nobody but a proxy answers so, where no TLS hides from it what the API answers.
            Ok(response)
                if self.proxy.is_some()
                    && response.url().scheme() == "http"
                    && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED =>
            {
                Err(no_way(proxy::answered(response.status())))
            }
            Ok(response) if !is_within_bounds(header_bytes(response.headers())) => {
                Err(HttpError::TooLarge(BEYOND_BOUNDS.to_owned()))
            }
            Ok(response) => Ok(response),
            Err(error) => Err(match proxy::refusal(&self.client, &error).await {
                Some(why) => no_way(why),
                None => http_error(&error, dialled, self.no_certificate.was_asked()),
            }),
        }
    }

    /// Reads the body of a response, and undoes its gzip.
    async fn body(
        &self,
        response: &mut reqwest::Response,
        dialled: &str,
        room: &Room,
    ) -> Result<Vec<u8>, HttpError> {
        let bytes_max = self.limits.response_bytes_max;
        let broke = |error| http_error(&error, dialled, false);
        let unusable = |error| match error {
            BodyError::TooLarge => {
                HttpError::TooLarge(format!("the response is larger than {bytes_max} bytes"))
            }
            BodyError::TooManyMembers => {
                HttpError::TooLarge("the gzip of the response has too many members".to_owned())
            }
            BodyError::Garbled(why) => {
                HttpError::Other(format!("the exchange with {dialled} broke: {why}"))
            }
        };
        let mut body = collected(response.headers_mut(), bytes_max);
        while let Some(piece) = response.chunk().await.map_err(broke)? {
            // Part by part: a small compressed piece may hold a very large one, and take its time.
            for part in piece.chunks(PART_BYTES) {
                body.write(part).map_err(unusable)?;
                if body.decoded_bytes() > SMALL_BYTES_MAX {
                    room.enter().await;
                }
                tokio::task::consume_budget().await;
            }
        }
        body.finish().map_err(unusable)
    }

    /// What a request is sent to, in words.
    fn dialled(&self, url: &Url) -> String {
        let target = host_and_port(url);
        match &self.proxy {
            Some(proxy) => format!("{target} (by the proxy {proxy})"),
            None => target,
        }
    }

    /// Turns the component's request into one that may be sent. The error says why it may not.
    fn outgoing(&self, request: Request) -> Result<reqwest::Request, String> {
        check_url_length(&request.url)?;
        let url =
            Url::parse(&request.url).map_err(|error| format!("the URL is unusable: {error}"))?;
        self.allow.check_url(&url).map_err(|error| error.to_string())?;
        let method = read_method(&request.method)?;
        if request.body.len() > self.limits.request_bytes_max {
            return Err(format!(
                "the request body is larger than {} bytes",
                self.limits.request_bytes_max
            ));
        }
        let mut sent = reqwest::Request::new(method, url);
        *sent.headers_mut() = headers(&request.headers)?;
        if !request.body.is_empty() || sent.method() != Method::GET && sent.method() != Method::HEAD
        {
            *sent.body_mut() = Some(request.body.into());
        }
        Ok(sent)
    }
}

/// The headers of a request, with those of the host.
fn headers(given: &[Header]) -> Result<HeaderMap, String> {
    let given = given.iter().map(|header| (header.name.as_str(), header.value.as_str()));
    let mut headers = HeaderMap::new();
    for (name, value) in read_headers(given)? {
        headers.append(name, value);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    Ok(headers)
}

/// Bytes of the name and value of each header.
fn header_bytes(headers: &HeaderMap) -> impl Iterator<Item = usize> {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len())
}

/// The body that belongs to these headers. If its gzip is to be undone, the headers that speak of its
/// form on the way are taken out.
fn collected(headers: &mut HeaderMap, bytes_max: usize) -> Body {
    // Of several headers the first counts.
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if !encoding.is_some_and(is_gzip) {
        return Body::plain(bytes_max);
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Body::gzip(bytes_max)
}

/// No more of a URL than this: a proxy's holds a password, and a query may hold a secret.
fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

const AGENT: &str = concat!("source-host/", env!("CARGO_PKG_VERSION"));
/// What is undone of a body at a time.
const PART_BYTES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;
    use crate::egress::Origin;

    /// Counts the lookups of the one test that needs it: a lookup holds nothing of its own.
    static LOOKUPS: AtomicU16 = AtomicU16::new(0);

    fn client(entry: &str, lookup: Lookup) -> HttpClient {
        let allow = AllowList::new(vec![Origin::parse(entry).unwrap()], Vec::new());
        HttpClient::with_lookup(allow, None, &[], HttpLimits::default(), lookup).unwrap()
    }

    async fn get(client: &HttpClient, url: String) -> Result<Response, HttpError> {
        let (method, headers, body) = ("GET".to_owned(), Vec::new(), Vec::new());
        let request = Request { method, url, headers, body, timeout_ms: Some(5_000) };
        client.send(request, &Room::default()).await
    }

    /// A server that answers each connection once, and counts them.
    fn server() -> (u16, Arc<AtomicU16>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicU16::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let said = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(said);
            }
        });
        (port, count)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_denied_and_not_dialled() {
        let (port, count) = server();
        let lookup: Lookup = |_| Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) });
        let client = client(&format!("http://inside.example:{port}"), lookup);
        let outcome = get(&client, format!("http://inside.example:{port}/")).await;
        assert!(matches!(outcome, Err(HttpError::Denied(_))), "{outcome:?}");
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    /// A name that gives a good address first and a bad one later, as a rebinding attack does.
    #[tokio::test]
    async fn each_dial_is_judged_anew() {
        let (port, count) = server();
        let lookup: Lookup = |_| {
            let first = LOOKUPS.fetch_add(1, Ordering::SeqCst) == 0;
            let address = if first { [127, 0, 0, 1] } else { [169, 254, 169, 254] };
            Box::pin(async move { Ok(vec![(address, 0).into()]) })
        };
        let client = client(&format!("http://localhost:{port}"), lookup);
        let url = format!("http://localhost:{port}/");
        assert!(get(&client, url.clone()).await.is_ok());
        let outcome = get(&client, url).await;
        assert!(matches!(outcome, Err(HttpError::Denied(_))), "{outcome:?}");
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
