//! A request, as the server reads it.

use std::io::{self, BufRead, Read as _};
use std::time::Instant;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When its head was read.
    pub at: Instant,
    /// When its answer was out, or the client gone. None: not yet.
    pub over: Option<Instant>,
    /// Its method.
    pub method: String,
    /// Its target, as it was sent.
    pub target: String,
    /// Its headers, as they were sent.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// All values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(named, _)| named.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }

    /// Reads the next request of a connection. None: it ends here.
    pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(stream)? else { return Ok(None) };
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1")) =
            (words.next(), words.next(), words.next())
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut headers = Vec::new();
        loop {
            let line = line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let (method, target) = (method.to_owned(), target.to_owned());
        let body = Vec::new();
        let mut request = Self { at: Instant::now(), over: None, method, target, headers, body };
        request.read_body(stream)?;
        Ok(Some(request))
    }

    fn read_body(&mut self, stream: &mut impl BufRead) -> io::Result<()> {
        if self.values("transfer-encoding").any(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks(stream);
        }
        let length = self.values("content-length").next().and_then(|length| length.parse().ok());
        stream.take(length.unwrap_or(0)).read_to_end(&mut self.body)?;
        Ok(())
    }

    fn read_chunks(&mut self, stream: &mut impl BufRead) -> io::Result<()> {
        loop {
            let size = line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            stream.take(size).read_to_end(&mut self.body)?;
            line(stream)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

/// A line without its end. None: there is nothing more.
fn line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// More than any host may send.
const LINE_BYTES_MAX: u64 = 1 << 20;
