//! Makes the HTTP exchanges of one source, within its policy and its limits.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, redirect, retry};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use crate::bindings::{Header, HttpError, Request, Response};
use crate::egress::{self, AllowList, EgressError};

/// What a request and its response may cost.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Longest time from the call to the last byte of the body; a component may ask for less.
    pub timeout: Duration,
    /// Largest body of a response, decoded.
    pub response_bytes_max: usize,
    /// Largest body of a request.
    pub request_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            response_bytes_max: 16 << 20,
            request_bytes_max: 4 << 20,
        }
    }
}

/// The client of one source. Sources share no client, so that they share no connection.
pub struct HttpClient {
    client: reqwest::Client,
    allow: Arc<AllowList>,
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
    ) -> Result<Self, String> {
        let allow = Arc::new(allow);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(extra_roots, allow.needs_tls())?)
            .redirect(redirect::Policy::none())
            .referer(false)
            // `send` sends once. What remains below this is hyper's second try of a request that
            // never left: its idle connection was found closed before a byte was written.
            .retry(retry::never())
            .gzip(true)
            .no_proxy()
            .pool_max_idle_per_host(1)
            // Shorter than servers commonly wait, so that a connection is not closed under a request.
            .pool_idle_timeout(Duration::from_secs(15));
        builder = match proxy {
            Some(proxy) => {
                let proxy = reqwest::Proxy::all(proxy.clone())
                    .map_err(|_| "the proxy cannot be used".to_owned())?;
                builder.proxy(proxy)
            }
            None => builder.dns_resolver(JudgingResolver { allow: Arc::clone(&allow) }),
        };
        let client = builder.build().map_err(|error| told(&error))?;
        Ok(Self { client, allow, limits })
    }

    /// Makes one exchange.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let allowed = request.timeout_ms.map_or(self.limits.timeout, |timeout_ms| {
            Duration::from_millis(timeout_ms.into()).min(self.limits.timeout)
        });
        tokio::time::timeout(allowed, self.exchange(request)).await.unwrap_or_else(|_| {
            Err(HttpError::Timeout(format!(
                "no complete response within {} ms",
                allowed.as_millis()
            )))
        })
    }

    async fn exchange(&self, request: Request) -> Result<Response, HttpError> {
        let request = self.judge(request).map_err(HttpError::Denied)?;
        let mut response =
            self.client.execute(request).await.map_err(|error| http_error(&error))?;
        let mut body = Vec::new();
        // Piece by piece: a small compressed body may hold a very large one.
        while let Some(piece) = response.chunk().await.map_err(|error| http_error(&error))? {
            if body.len() + piece.len() > self.limits.response_bytes_max {
                return Err(HttpError::TooLarge(format!(
                    "the response is larger than {} bytes",
                    self.limits.response_bytes_max
                )));
            }
            body.extend_from_slice(&piece);
        }
        let headers = response.headers().iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        });
        Ok(Response { status: response.status().as_u16(), headers: headers.collect(), body })
    }

    /// Turns the component's request into one that may be sent. The error says why it may not.
    fn judge(&self, request: Request) -> Result<reqwest::Request, String> {
        if request.url.len() > URL_BYTES_MAX {
            return Err(format!("the URL is longer than {URL_BYTES_MAX} bytes"));
        }
        let url =
            Url::parse(&request.url).map_err(|error| format!("the URL is unusable: {error}"))?;
        self.allow.judge_url(&url).map_err(|error| error.to_string())?;
        if !request.method.bytes().all(|byte| byte.is_ascii_uppercase())
            || request.method == "CONNECT"
        {
            return Err("the method is not one that may be used".to_owned());
        }
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| "the method is not one that may be used".to_owned())?;
        if request.body.len() > self.limits.request_bytes_max {
            return Err(format!(
                "the request body is larger than {} bytes",
                self.limits.request_bytes_max
            ));
        }
        let mut sent = reqwest::Request::new(method, url);
        *sent.headers_mut() = judge_headers(&request.headers)?;
        if !request.body.is_empty() || sent.method() != Method::GET && sent.method() != Method::HEAD
        {
            *sent.body_mut() = Some(request.body.into());
        }
        Ok(sent)
    }
}

fn judge_headers(headers: &[Header]) -> Result<HeaderMap, String> {
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!(
            "the request has more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them"
        ));
    }
    let mut judged = HeaderMap::new();
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| "a header's name is not valid".to_owned())?;
        if TRANSPORT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("proxy-") {
            return Err(format!(
                "the header {name} belongs to the transport: leave it to the host"
            ));
        }
        let mut value = HeaderValue::from_bytes(header.value.as_bytes())
            .map_err(|_| format!("the value of the header {name} is not valid"))?;
        // Keeps it out of the Debug form of whatever holds it.
        value.set_sensitive(true);
        judged.append(name, value);
    }
    judged.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    Ok(judged)
}

/// Certificates of a PEM file.
pub fn read_roots(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot be read: {error}"))?
        .collect();
    match roots {
        Ok(roots) if roots.is_empty() => Err("holds no certificate".to_owned()),
        Ok(roots) => Ok(roots),
        Err(error) => Err(format!("is no PEM file of certificates: {error}")),
    }
}

/// TLS with the machine's trusted roots and those of the source.
fn tls_config(
    extra_roots: &[CertificateDer<'static>],
    needs_tls: bool,
) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if needs_tls {
        // Some machines carry certificates that no one can read: they are left out.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for root in extra_roots {
        roots.add(root.clone()).map_err(|error| format!("a certificate is unusable: {error}"))?;
    }
    if needs_tls && roots.is_empty() {
        return Err("this machine has no trusted root certificates".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// Resolves names for the client: what it does not give is not dialled.
struct JudgingResolver {
    allow: Arc<AllowList>,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.allow);
        Box::pin(async move {
            let addresses = egress::resolve(&allow, name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Tells the contract's cases apart by what lies at the bottom of the client's error.
fn http_error(error: &reqwest::Error) -> HttpError {
    let text = told(error);
    for cause in causes(error) {
        match cause.downcast_ref::<EgressError>() {
            Some(EgressError::Denied(why)) => return HttpError::Denied(why.clone()),
            Some(EgressError::Dns(why)) => return HttpError::Dns(why.clone()),
            None => {}
        }
        if error.is_connect() {
            if cause.is::<rustls::Error>() {
                return HttpError::Tls(text);
            }
            // No TCP handshake ends like this: the other side hung up within that of TLS.
            let eof = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if eof == Some(std::io::ErrorKind::UnexpectedEof) {
                return HttpError::Tls(text);
            }
        }
    }
    if error.is_timeout() {
        HttpError::Timeout(text)
    } else if error.is_connect() {
        HttpError::Connect(text)
    } else {
        HttpError::Other(text)
    }
}

/// The error and all that it rests on. An I/O error hides the one that it was made from.
fn causes<'a>(error: &'a Cause) -> impl Iterator<Item = &'a Cause> {
    std::iter::successors(Some(error), |&error: &&'a Cause| {
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match within {
            Some(within) => Some(within as &Cause),
            None => error.source(),
        }
    })
}

/// The bottom of an error, in words. Upper layers repeat the URL, whose query may hold a secret.
fn told(error: &reqwest::Error) -> String {
    causes(error)
        .skip(1)
        .last()
        .map_or_else(|| "the request could not be made".to_owned(), ToString::to_string)
}

/// An error within an error.
type Cause = dyn StdError + 'static;

/// What the client writes itself. Two versions of any of them would let a request mean two things.
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
const AGENT: &str = concat!("source-host/", env!("CARGO_PKG_VERSION"));
const URL_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 64 << 10;
