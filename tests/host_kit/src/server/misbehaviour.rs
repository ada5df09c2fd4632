//! What the server does, by the path that it is asked for.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::request::Request;

/// Whether the connection is kept for another request.
#[derive(PartialEq, Eq)]
pub enum Then {
    /// It is.
    Keep,
    /// It is closed.
    Close,
}

/// Answers a request that is of no page. `other`: where a redirect leads to.
pub fn answer(stream: &mut TcpStream, request: &Request, other: &str) -> io::Result<Then> {
    let path = request.target.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let number = |text: &str| text.parse::<usize>().unwrap_or(0);
    let is_head = request.method == "HEAD";
    match *parts {
        ["ok"] => reply(stream, "200 OK", &[], if is_head { b"" } else { b"ok" }, Some(2)),
        ["keep"] => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
            return Ok(Then::Keep);
        }
        ["status", status @ ("204" | "304")] => {
            write!(stream, "HTTP/1.1 {status} None\r\nConnection: close\r\n\r\n")
        }
        ["status", status] => {
            let told = ["Retry-After: 0", "WWW-Authenticate: Basic realm=\"kit\""];
            reply(stream, &format!("{status} Told"), &told, b"told", None)
        }
        ["redirect", status, to] => {
            let origin = if to == "away" { other } else { "" };
            let location = format!("Location: {origin}/ok");
            reply(stream, &format!("{status} Elsewhere"), &[&location], b"elsewhere", None)
        }
        ["cut", "length"] => reply(stream, "200 OK", &[], &pattern(50), Some(100)),
        ["cut", "chunked"] => chunked(stream, b"5\r\nwhole\r\n"),
        ["cut", "chunk"] => chunked(stream, b"5\r\nwh"),
        ["chunked"] => chunked(stream, b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nX-Behind: 1\r\n\r\n"),
        ["old"] => stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nok"),
        ["unended"] => stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"),
        ["closed", "before-head"] => Ok(()),
        ["closed", "within-head"] => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le"),
        ["closed", "after-head"] => reply(stream, "200 OK", &[], b"", Some(2)),
        ["garbage"] => stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
        ["interim", status] => {
            write!(stream, "HTTP/1.1 {status} Not yet\r\nLink: </x>; rel=preload\r\n\r\n")?;
            pause(50);
            write!(stream, "HTTP/1.1 {status} Not yet\r\n\r\n")?;
            reply(stream, "200 OK", &[], b"ok", None)
        }
        ["bytes", count] => reply(stream, "200 OK", &[], &pattern(number(count)), None),
        ["headers", count, bytes] => {
            // Two more are written with each answer.
            let told = format!("X-Many: {}", "v".repeat(number(bytes).saturating_sub(6)));
            reply(stream, "200 OK", &vec![&*told; number(count) - 2], b"ok", None)
        }
        ["header", "bytes"] => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Odd: caf\xe9\r\nContent-Length: 2\r\n")?;
            stream.write_all(b"Connection: close\r\n\r\nok")
        }
        ["header", "repeated"] => {
            let told = ["Set-Cookie: a=1", "X-Two: 1, 2", "set-cookie: b=2", "x-two: 3"];
            reply(stream, "200 OK", &told, b"ok", None)
        }
        ["header", "cached"] => {
            let told = ["Cache-Control: max-age=600", "ETag: \"one\"", "Age: 0"];
            reply(stream, "200 OK", &told, b"ok", None)
        }
        ["gzip", ref what @ ..] => gzipped(stream, what),
        ["drip"] => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
            (0..300).try_for_each(|_| {
                stream.write_all(b"x")?;
                pause(200);
                Ok(())
            })
        }
        ["drip", "head"] => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            (0..300).try_for_each(|index| {
                write!(stream, "X-{index}: y\r\n")?;
                pause(200);
                Ok(())
            })
        }
        ["silent"] => until_gone(stream),
        ["silent", "body"] => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")?;
            until_gone(stream)
        }
        ["slow", ms] => {
            pause(number(ms) as u64);
            reply(stream, "200 OK", &[], b"ok", None)
        }
        _ => reply(stream, "404 Not Found", &[], b"no such path", None),
    }?;
    Ok(Then::Close)
}

/// A reply as it should be, unless another length is told than its body has.
pub fn reply(
    stream: &mut impl Write,
    status: &str,
    headers: &[&str],
    body: &[u8],
    length: Option<usize>,
) -> io::Result<()> {
    let length = length.unwrap_or(body.len());
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    for header in headers {
        head += header;
        head += "\r\n";
    }
    head += "Connection: close\r\n\r\n";
    stream.write_all(&[head.as_bytes(), body].concat())
}

fn chunked(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(&[head, body].concat())
}

fn gzipped(stream: &mut impl Write, what: &[&str]) -> io::Result<()> {
    let whole = gzip(TEXT.as_bytes());
    let coding = match what {
        ["upper"] => "GZIP",
        ["x"] => "x-gzip",
        _ => "gzip",
    };
    let body = match *what {
        ["members"] => [gzip(&TEXT.as_bytes()[..10]), gzip(&TEXT.as_bytes()[10..])].concat(),
        // Without the check sum and the length, which are eight bytes.
        ["cut"] => whole[..whole.len() - 8].to_vec(),
        ["half"] => whole[..whole.len() / 2].to_vec(),
        ["rubbish"] => [&*whole, b"and more"].concat(),
        ["damaged"] => {
            let mut damaged = whole;
            let at = damaged.len() - 6;
            damaged[at] ^= 1;
            damaged
        }
        ["plain"] => TEXT.as_bytes().to_vec(),
        ["bomb"] => bomb().to_vec(),
        ["bytes", count] => gzip(&pattern(count.parse().unwrap_or(0))),
        // Little is in it, but much is sent: blocks that are empty, before the one that is not.
        ["hollow"] => {
            let (head, rest) = whole.split_at(10);
            [head, &[0, 0, 0, 0xff, 0xff].repeat((16 << 20) / 5), rest].concat()
        }
        _ => whole,
    };
    reply(stream, "200 OK", &[&format!("Content-Encoding: {coding}")], &body, None)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes it")
}

/// A gigabyte in a megabyte. One member of it would do for most; this takes less time to make.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| gzip(&vec![0; 16 << 20]).repeat(64))
}

/// A body of so many bytes that is not all the same.
pub fn pattern(bytes: usize) -> Vec<u8> {
    b"0123456789abcdef-".iter().copied().cycle().take(bytes).collect()
}

/// Says nothing more for as long as the client listens, up to a minute.
fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    let end = Instant::now() + Duration::from_mins(1);
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut byte = [0];
    while Instant::now() < end {
        match stream.read(&mut byte) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    Ok(())
}

fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}

/// What all gzips but the large ones hold.
pub const TEXT: &str = "all of it, all of it, and nothing but that";
