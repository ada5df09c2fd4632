//! One HTTP exchange over a plain connection, by the rules of the contract or against one of them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use flate2::bufread::GzDecoder;
use probe_source::script::{Failure, Request, Response};

use crate::rules::Fault;

/// Makes one exchange.
pub(crate) fn send(
    request: &Request,
    allow: &[String],
    fault: Option<Fault>,
) -> Result<Response, Failure> {
    let broken = |one| fault == Some(one);
    let origin = request.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    if !broken(Fault::DeniesNothing) {
        check(request, &origin, allow)?;
    }
    let end = Instant::now()
        + Duration::from_millis(request.timeout_ms.unwrap_or(30_000).min(30_000).into());
    let first = exchange(request, &origin, end, fault);
    let response = match first {
        Err("other") if broken(Fault::SendsTwice) => exchange(request, &origin, end, fault)?,
        Err("other") if broken(Fault::ClosedIsEmpty) => {
            Response { status: 200, headers: Vec::new(), body: Vec::new() }
        }
        first => first?,
    };
    let location = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    match location {
        Some((_, to)) if broken(Fault::FollowsRedirects) => {
            let url = if to.starts_with('/') { origin + to } else { to.clone() };
            let next = Request { url: url.clone(), ..request.clone() };
            exchange(&next, &url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"), end, fault)
        }
        _ => Ok(response),
    }
}

fn check(request: &Request, origin: &str, allow: &[String]) -> Result<(), Failure> {
    let method = &*request.method.to_ascii_uppercase();
    let bytes: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let is_transport = |name: &str| {
        let name = name.to_ascii_lowercase();
        TRANSPORT.contains(&&*name) || name.starts_with("proxy-")
    };
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let is_fine = allow.iter().any(|allowed| allowed == origin)
        && !["CONNECT", "TRACE", "TRACK"].contains(&method)
        && is_plain(method)
        && request.url.len() <= 16 << 10
        && request.body.len() <= 4 << 20
        && request.headers.len() <= 64
        && bytes <= 64 << 10
        && request.headers.iter().all(|(name, value)| {
            is_plain(name) && !is_transport(name) && !value.contains(['\r', '\n'])
        });
    if is_fine { Ok(()) } else { Err("denied") }
}

fn exchange(
    request: &Request,
    origin: &str,
    end: Instant,
    fault: Option<Fault>,
) -> Result<Response, Failure> {
    let (scheme, address) = origin.split_once("://").ok_or("denied")?;
    let port = if scheme == "https" { 443 } else { 80 };
    let place =
        if address.contains(':') { address.to_owned() } else { format!("{address}:{port}") };
    let place = place.to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or("dns")?;
    let stream = TcpStream::connect(place).map_err(|_| "connect")?;
    if scheme == "https" {
        return Err("tls");
    }
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timeout",
        io::ErrorKind::FileTooLarge => "too-large",
        _ => "other",
    };
    write(request, address, &stream, fault).map_err(told)?;
    let is_head = request.method == "HEAD";
    let mut stream = BufReader::new(Timed { stream, end, fault });
    read(&mut stream, is_head, fault).map_err(told)
}

fn write(
    request: &Request,
    address: &str,
    mut stream: &TcpStream,
    fault: Option<Fault>,
) -> io::Result<()> {
    let target = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut head = format!("{} /{target} HTTP/1.1\r\nHost: {address}\r\n", request.method);
    if fault != Some(Fault::AsksForNoGzip) {
        head += "Accept-Encoding: gzip\r\n";
    }
    if fault == Some(Fault::AddsCredentials) {
        head += "Authorization: Basic a2l0\r\n";
    }
    for (name, value) in &request.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !request.body.is_empty() || fault == Some(Fault::DeniesNothing) {
        head.extend(["Content-Length: ", &*request.body.len().to_string(), "\r\n"]);
    }
    stream.write_all(&[head.as_bytes(), b"\r\n", &request.body].concat())
}

/// A connection that ends at a time, however much comes before it.
struct Timed {
    stream: TcpStream,
    end: Instant,
    fault: Option<Fault>,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.fault == Some(Fault::BeginsTimeAnew) {
            self.end = Instant::now() + Duration::from_secs(1);
        }
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

fn read(
    stream: &mut BufReader<Timed>,
    is_head: bool,
    fault: Option<Fault>,
) -> io::Result<Response> {
    loop {
        let (status, headers) = head(stream)?;
        if (100..200).contains(&status) && fault != Some(Fault::TakesInterim) {
            continue;
        }
        let value = |name: &str| {
            let named = headers.iter().find(|(named, _)| named.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.to_ascii_lowercase())
        };
        let length = value("content-length").and_then(|length| length.parse::<u64>().ok());
        let bytes_max = if fault == Some(Fault::HasNoBound) { u64::MAX } else { 16 << 20 };
        let is_empty = is_head || status < 200 || status == 204 || status == 304;
        let sent = if is_empty {
            Vec::new()
        } else if value("transfer-encoding").is_some() {
            chunks(stream, bytes_max)?
        } else {
            let sent = bounded(stream.take(length.unwrap_or(u64::MAX)), bytes_max)?;
            let is_cut = length.is_some_and(|length| (sent.len() as u64) < length);
            if is_cut && fault != Some(Fault::TakesCutBodies) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sent
        };
        let is_gzip = matches!(value("content-encoding").as_deref(), Some("gzip" | "x-gzip"));
        let body =
            if is_gzip && !sent.is_empty() { gunzip(&sent, bytes_max, fault)? } else { sent };
        return Ok(Response { status, headers, body });
    }
}

/// Every member, and nothing behind the last.
fn gunzip(mut sent: &[u8], bytes_max: u64, fault: Option<Fault>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    while !sent.is_empty() {
        let left = bytes_max.saturating_sub(body.len() as u64);
        let mut decoder = GzDecoder::new(sent);
        match bounded(&mut decoder, left) {
            Ok(member) => body.extend(member),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(error),
            Err(_) if fault == Some(Fault::TakesCutGzip) => break,
            Err(error) => return Err(error),
        }
        if fault == Some(Fault::TakesOneMember) {
            break;
        }
        sent = decoder.into_inner();
    }
    Ok(body)
}

fn head(stream: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = 0;
    let mut line = || -> io::Result<String> {
        let mut line = Vec::new();
        stream.take(HEAD_BYTES_MAX).read_until(b'\n', &mut line)?;
        bytes += line.len() as u64;
        if bytes > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        line.strip_suffix(b"\r\n")
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    let first = line()?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or_else(bad)?;
    let status = status.parse().map_err(|_| bad())?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        if headers.len() == 256 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let (name, value) = line.split_once(':').ok_or_else(bad)?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn chunks(stream: &mut impl BufRead, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        if (body.len() + size) as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let at = body.len();
        body.resize(at + size, 0);
        stream.read_exact(&mut body[at..])?;
        // Behind the last one come headers up to an empty line, and behind each other one a line end.
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if size > 0 || line == "\r\n" {
                break;
            }
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

fn bounded(stream: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

const HEAD_BYTES_MAX: u64 = 128 << 10;
const TRANSPORT: [&str; 10] = [
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
