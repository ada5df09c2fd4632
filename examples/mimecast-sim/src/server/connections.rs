//! Connections on loopback, their bytes, and the paths that are for testers.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::answer::style::Compression;
use crate::answer::{Answer, Ending};
use crate::api::Api;
use crate::ledger::{LedgerQuery, LedgerRows};

/// The rows that a client with the filters of the query should have, one a line.
pub const LEDGER_PATH: &str = "/sim/ledger";
/// Counts of requests and rows.
pub const STATS_PATH: &str = "/sim/stats";

const CONNECTIONS_MAX: usize = 1024;
const REQUEST_BYTES_MAX: usize = 64 << 10;
const REQUEST_READ_MAX: Duration = Duration::from_secs(30);

/// Takes connections until it is dropped.
pub(crate) async fn serve(api: Arc<Api>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, say: waiting is all that helps.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(&api, request));
            // The header carries the simulation's own date. A connection that ends in an error has
            // ended all the same.
            let connection = http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
            drop(permit);
        });
    }
}

async fn respond(api: &Arc<Api>, request: Request<Incoming>) -> io::Result<Response<ReplyBody>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if path == LEDGER_PATH || path == STATS_PATH {
        return Ok(respond_to_tester(api, &head.method, path, head.uri.query().unwrap_or("")));
    }
    let collecting = Limited::new(body, REQUEST_BYTES_MAX).collect();
    let body = match tokio::time::timeout(REQUEST_READ_MAX, collecting).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Ok(plain(413, "the request is over 64 KiB, or was cut\n")),
        Err(_) => return Ok(plain(408, "the request did not come to an end\n")),
    };
    let answer = api.answer(&head.method, path, &head.headers, &body);
    if answer.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    }
    dress(answer, api.options.style.compression, &head.headers)
}

fn dress(
    answer: Answer,
    compression: Compression,
    request: &HeaderMap,
) -> io::Result<Response<ReplyBody>> {
    if answer.ending == Ending::Dropped {
        return Err(io::Error::other("dropped on purpose"));
    }
    let mut response =
        Response::builder().status(answer.status).header(CONTENT_TYPE, answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let mut body = answer.body;
    if compression == Compression::Gzip && accepts_gzip(request) {
        body = gzip(&body)?;
        response = response.header(CONTENT_ENCODING, "gzip");
    }
    let body = Bytes::from(body);
    let body = match answer.ending {
        Ending::Cut => ReplyBody::cut(&body),
        Ending::Whole | Ending::Dropped => ReplyBody::whole(body),
    };
    response.body(body).map_err(io::Error::other)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            named && !parts.any(|weight| weight == "q=0")
        })
    })
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn respond_to_tester(
    api: &Arc<Api>,
    method: &Method,
    path: &str,
    parameters: &str,
) -> Response<ReplyBody> {
    if method != Method::GET {
        return plain(405, "use GET\n");
    }
    if path == STATS_PATH {
        let mut stats = serde_json::to_string(&api.stats()).unwrap_or_default();
        stats.push('\n');
        return typed(200, "application/json", ReplyBody::whole(stats.into()));
    }
    match LedgerQuery::parse(parameters) {
        Ok(query) => {
            let rows = LedgerRows::new(Arc::clone(api), &query);
            typed(200, "application/x-ndjson", ReplyBody::Ledger(Box::new(rows)))
        }
        Err(message) => plain(400, &format!("{message}\n")),
    }
}

fn plain(status: u16, text: &str) -> Response<ReplyBody> {
    typed(status, "text/plain", ReplyBody::whole(text.to_owned().into()))
}

fn typed(status: u16, content_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

/// The bytes of an answer, as they go out.
enum ReplyBody {
    /// All at once.
    Whole(Option<Bytes>),
    /// The first half of the length that was promised, then the end of the connection.
    Cut { half: Option<Bytes>, promised: u64, flushed: bool },
    /// Line by line, so that a million rows are never held as text.
    Ledger(Box<LedgerRows>),
}

impl ReplyBody {
    fn whole(body: Bytes) -> Self {
        Self::Whole(Some(body))
    }

    fn cut(body: &Bytes) -> Self {
        let promised = body.len() as u64;
        Self::Cut { half: Some(body.slice(..body.len() / 2)), promised, flushed: false }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        const LEDGER_LINES: usize = 200;
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Cut { half, flushed, .. } => {
                if let Some(bytes) = half.take() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                if !std::mem::replace(flushed, true) {
                    // What was written reaches the client only if the connection gets a pause.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(io::Error::other("cut on purpose"))))
            }
            Self::Ledger(rows) => {
                let mut lines = String::new();
                for row in rows.by_ref().take(LEDGER_LINES) {
                    lines += &row.text;
                    lines.push('\n');
                }
                let frame = (!lines.is_empty()).then(|| Ok(Frame::data(Bytes::from(lines))));
                Poll::Ready(frame)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Cut { promised, .. } => SizeHint::with_exact(*promised),
            Self::Ledger(_) => SizeHint::default(),
        }
    }
}
