//! What stands behind a pipeline: takes records over HTTP and keeps them, as long as it is let.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::Value;

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its records are kept.
    Kept,
    /// 503, and none of them is.
    Refused,
    /// 401, likewise.
    RefusedForGood,
    /// The connection ends, and none of them is.
    Dead,
    /// They are kept, and the connection ends before it is said.
    KeptInSilence,
}

/// A record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) body: String,
}

/// A sink that runs. It takes no more connections once it is dropped.
pub(crate) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    records: Mutex<Vec<Record>>,
    requests: AtomicU64,
    answer: fn(u64) -> Answer,
    is_over: AtomicBool,
}

impl Sink {
    /// Starts one that answers each request as its number, from zero on, has it.
    pub(crate) fn start(answer: fn(u64) -> Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let shared = Arc::new(Shared {
            records: Mutex::default(),
            requests: AtomicU64::new(0),
            answer,
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // A program that is killed leaves a connection as it is.
                thread::spawn(move || drop(serving.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it keeps so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.shared.records().clone()
    }

    /// The bodies of them, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let mut bodies: Vec<String> =
            self.records().into_iter().map(|record| record.body).collect();
        bodies.sort();
        bodies
    }

    /// How many records it keeps so far.
    pub(crate) fn len(&self) -> usize {
        self.shared.records().len()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some((target, body)) = request(&mut reader)? {
            let answer = (self.answer)(self.requests.fetch_add(1, Ordering::Relaxed));
            if matches!(answer, Answer::Kept | Answer::KeptInSilence) {
                let records = if target.ends_with("/v1/logs") { otlp(&body) } else { lines(&body) };
                self.records().extend(records);
            }
            match answer {
                Answer::Kept => reply(&mut writer, "200 OK")?,
                Answer::Refused => reply(&mut writer, "503 Service Unavailable")?,
                Answer::RefusedForGood => reply(&mut writer, "401 Unauthorized")?,
                Answer::Dead | Answer::KeptInSilence => break,
            }
        }
        Ok(())
    }
}

fn reply(writer: &mut TcpStream, status: &str) -> io::Result<()> {
    let head = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    writer.write_all(format!("HTTP/1.1 {status}\r\n{head}").as_bytes())
}

/// The target and the body of the next request. None: the connection has ended.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            "transfer-encoding" => is_chunked = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while is_chunked {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..])?;
        body.truncate(start + size);
        is_chunked = size > 0;
    }
    Ok(Some((target, body)))
}

/// The log records of an OTLP request in JSON.
fn otlp(body: &[u8]) -> Vec<Record> {
    let request: Value = serde_json::from_slice(body).expect("a request is JSON");
    let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let scopes = each(&request, "resourceLogs").into_iter().flat_map(|r| each(&r, "scopeLogs"));
    let records = scopes.flat_map(|scope| each(&scope, "logRecords"));
    let text = |value: &Value| value["stringValue"].as_str().unwrap_or_default().to_owned();
    let record = |record: Value| {
        let attributes = each(&record, "attributes");
        let id = attributes.iter().find(|attribute| attribute["key"] == "log.record.uid");
        let id = id.map(|id| text(&id["value"])).unwrap_or_default();
        Record { id, body: text(&record["body"]) }
    };
    records.map(record).collect()
}

/// A record a line: its id, a tab, its body.
pub(crate) fn lines(body: &[u8]) -> Vec<Record> {
    let text = str::from_utf8(body).expect("a request is text");
    let record = |line: &str| {
        let (id, body) = line.split_once('\t').expect("an id and a body");
        Record { id: id.to_owned(), body: body.to_owned() }
    };
    text.lines().map(record).collect()
}
