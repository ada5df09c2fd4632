//! Makes one exchange by `wasi:http`.

use std::time::Duration;

use source_contract::body::{BODY_BYTES_MAX, BodyError};
use source_contract::request::TIMEOUT;
use source_contract::response::check_headers;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::bindings::exports::polling_source::contract::http::{
    Header, HttpError, Request, Response,
};
use crate::body::Incoming;
use crate::deadline::{Deadline, Expired};
use crate::failure::{broke, http_error};
use crate::request::{self, Parts};

/// Makes one exchange, once. Redirects are given back as they are.
pub(crate) fn send(request: Request) -> Result<Response, HttpError> {
    let wish = request.timeout_ms.map_or(TIMEOUT, |ms| Duration::from_millis(ms.into()));
    let parts = request::read(request).map_err(HttpError::Denied)?;
    let exchange =
        Exchange { dialled: parts.dialled(), deadline: Deadline::after(TIMEOUT.min(wish)) };
    exchange.make(parts)
}

struct Exchange {
    dialled: String,
    deadline: Deadline,
}

impl Exchange {
    fn make(&self, parts: Parts) -> Result<Response, HttpError> {
        let (request, body) = outgoing(parts)?;
        let sending = match &body {
            Some(_) => Some(request.body().map_err(|()| self.misused("it gives no body"))?),
            None => None,
        };
        let reply = outgoing_handler::handle(request, Some(self.options()))
            .map_err(|code| http_error(&code, &self.dialled))?;
        // A body that is not taken to its end is held until the reply is read: to drop it earlier
        // would break off the exchange.
        let held = match (sending, body) {
            (Some(sending), Some(bytes)) => self.write(sending, &bytes, &reply)?,
            _ => None,
        };
        let response = self.read(&self.await_reply(&reply)?);
        drop(held);
        response
    }

    /// For runtimes that keep time themselves, too: they can tell more of what took so long. A
    /// connection gets half of the time, so that one that does not come about is told as that.
    fn options(&self) -> RequestOptions {
        let options = RequestOptions::new();
        let left = self.deadline.left();
        // A runtime may not have each of them; the deadline holds all the same.
        let _ = options.set_connect_timeout(Some(left / 2));
        let _ = options.set_first_byte_timeout(Some(left));
        let _ = options.set_between_bytes_timeout(Some(left));
        options
    }

    /// Writes the body. Gives it back if the other side did not want all of it: then the reply says
    /// more.
    fn write(
        &self,
        body: OutgoingBody,
        bytes: &[u8],
        reply: &FutureIncomingResponse,
    ) -> Result<Option<OutgoingBody>, HttpError> {
        let stream = body.write().map_err(|()| self.misused("it gives no stream"))?;
        let written = self.write_all(&stream, bytes, reply)?;
        drop(stream);
        if !written {
            return Ok(Some(body));
        }
        match OutgoingBody::finish(body, None) {
            Ok(()) => Ok(None),
            Err(code) => Err(http_error(&code, &self.dialled)),
        }
    }

    /// Whether all was taken.
    fn write_all(
        &self,
        stream: &OutputStream,
        mut bytes: &[u8],
        reply: &FutureIncomingResponse,
    ) -> Result<bool, HttpError> {
        let (writable, replied) = (stream.subscribe(), reply.subscribe());
        let mut flushing = false;
        loop {
            match stream.check_write() {
                Ok(0) => {
                    self.deadline.wait(&[&writable, &replied]).map_err(|e| self.expired(&e))?;
                    if replied.ready() && !writable.ready() {
                        return Ok(false);
                    }
                }
                Ok(_) if flushing => return Ok(true),
                Ok(room) => {
                    let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, later) = bytes.split_at(room);
                    bytes = later;
                    flushing = bytes.is_empty();
                    let written = stream.write(now);
                    let flushed = if flushing { stream.flush() } else { Ok(()) };
                    if written.and(flushed).is_err() {
                        return Ok(false);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    fn await_reply(&self, reply: &FutureIncomingResponse) -> Result<IncomingResponse, HttpError> {
        let replied = reply.subscribe();
        loop {
            match reply.get() {
                None => self.deadline.wait(&[&replied]).map_err(|e| self.expired(&e))?,
                Some(Ok(Ok(response))) => return Ok(response),
                Some(Ok(Err(code))) => return Err(http_error(&code, &self.dialled)),
                Some(Err(())) => return Err(self.misused("its reply was taken before")),
            }
        }
    }

    fn read(&self, response: &IncomingResponse) -> Result<Response, HttpError> {
        let mut headers: Vec<Header> =
            response.headers().entries().into_iter().map(header).collect();
        check_headers(headers.iter().map(|header| header.name.len() + header.value.len()))
            .map_err(|why| HttpError::TooLarge(format!("{}: {why}", self.dialled)))?;
        // Of several headers the first counts.
        let encoding =
            headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-encoding"));
        let encoding = encoding.map(|header| header.value.as_str());
        let incoming = response.consume().map_err(|()| self.misused("it gives no body"))?;
        let body = self.read_body(&incoming, Incoming::new(encoding, BODY_BYTES_MAX))?;
        let (body, decoded) = body.finish().map_err(|error| self.unreadable(error))?;
        if decoded {
            // They are of what was sent, not of what is given on.
            headers.retain(|header| {
                !["content-encoding", "content-length"]
                    .iter()
                    .any(|name| header.name.eq_ignore_ascii_case(name))
            });
        }
        Ok(Response { status: response.status(), headers, body })
    }

    fn read_body(
        &self,
        incoming: &IncomingBody,
        mut body: Incoming,
    ) -> Result<Incoming, HttpError> {
        let stream: InputStream =
            incoming.stream().map_err(|()| self.misused("it gives no stream"))?;
        let readable = stream.subscribe();
        loop {
            match stream.read(PIECE_BYTES) {
                Ok(piece) => body.write(&piece).map_err(|error| self.unreadable(error))?,
                Err(StreamError::Closed) => return Ok(body),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match http_error_code(&error) {
                        Some(code) => http_error(&code, &self.dialled),
                        None => broke(&self.dialled, &error.to_debug_string()),
                    });
                }
            }
            self.deadline.wait(&[&readable]).map_err(|e| self.expired(&e))?;
        }
    }

    fn unreadable(&self, error: BodyError) -> HttpError {
        match error {
            BodyError::TooLarge => HttpError::TooLarge(format!(
                "the response of {} is larger than {BODY_BYTES_MAX} bytes",
                self.dialled
            )),
            BodyError::TooManyMembers => HttpError::TooLarge(format!(
                "the gzip of the response of {} has too many members",
                self.dialled
            )),
            BodyError::Garbled(why) => broke(&self.dialled, why),
        }
    }

    fn expired(&self, _: &Expired) -> HttpError {
        HttpError::Timeout(format!(
            "no complete response within {} ms from {}",
            self.deadline.allowed().as_millis(),
            self.dialled
        ))
    }

    /// The runtime did what WASI does not provide for.
    fn misused(&self, how: &str) -> HttpError {
        broke(&self.dialled, &format!("the runtime's HTTP is at fault: {how}"))
    }
}

/// The request as WASI wants it, and the body that is still to be written.
fn outgoing(parts: Parts) -> Result<(OutgoingRequest, Option<Vec<u8>>), HttpError> {
    let refused =
        |what: &str| HttpError::Denied(format!("the runtime does not take the request's {what}"));
    let headers = Fields::from_list(&parts.headers).map_err(|error| match error {
        HeaderError::InvalidSyntax => refused("headers: one is not valid"),
        HeaderError::Forbidden => refused("headers: one is forbidden there"),
        HeaderError::Immutable => refused("headers"),
    })?;
    let request = OutgoingRequest::new(headers);
    let scheme = if parts.tls { Scheme::Https } else { Scheme::Http };
    request.set_method(&method(parts.method)).map_err(|()| refused("method"))?;
    request.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    request.set_authority(Some(&parts.authority)).map_err(|()| refused("host and port"))?;
    request
        .set_path_with_query(Some(&parts.path_with_query))
        .map_err(|()| refused("path and query"))?;
    Ok((request, Some(parts.body).filter(|body| !body.is_empty())))
}

fn method(name: String) -> Method {
    match name.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        _ => Method::Other(name),
    }
}

fn header((name, value): (String, Vec<u8>)) -> Header {
    Header { name, value: String::from_utf8_lossy(&value).into_owned() }
}

/// What is read of a body at a time.
const PIECE_BYTES: u64 = 64 << 10;
