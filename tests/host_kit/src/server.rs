//! A server on loopback that misbehaves on purpose, and remembers each request.

pub mod misbehaviour;
pub mod request;

use std::io::{self, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use misbehaviour::Then;
use request::Request;

/// A server that runs. It takes no more connections once it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A page that is asked for. It has its answer when somebody says so.
pub struct Asked {
    /// The page.
    pub page: usize,
    /// Which of the polls of it, from 0.
    pub poll: usize,
    go: Sender<bool>,
}

impl Asked {
    /// Lets it be answered, or not.
    pub fn go(&self, is_answered: bool) {
        // A server that is gone needs no word.
        let _ = self.go.send(is_answered);
    }
}

struct Shared {
    seen: Mutex<Vec<Request>>,
    pages: Vec<Vec<Value>>,
    other: String,
    asked: Mutex<Option<Sender<Asked>>>,
    is_over: Mutex<bool>,
}

impl Server {
    /// Starts one that has these pages, whose redirects lead to `other`. Also gives the pages that are
    /// asked for.
    pub fn start(pages: Vec<Vec<Value>>, other: &str) -> io::Result<(Self, Receiver<Asked>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (asked, told) = channel();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            pages,
            other: other.to_owned(),
            asked: Mutex::new(Some(asked)),
            is_over: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if *lock(&serving.is_over) {
                    return;
                }
                let serving = Arc::clone(&serving);
                // Clients that go away early are what some scenarios are about.
                thread::spawn(move || drop(serving.serve(&stream)));
            }
        });
        Ok((Self { address, shared }, told))
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Request> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *lock(&self.shared.is_over) = true;
        lock(&self.shared.asked).take();
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream.try_clone()?;
        loop {
            let request = match Request::read(&mut reader) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    misbehaviour::reply(&mut writer, "400 Bad Request", &[], b"no HTTP", None)?;
                    break;
                }
                Err(error) => return Err(error),
            };
            let index = self.note(&request);
            let then = self.answer(&mut writer, &request);
            if let Some(seen) = lock(&self.seen).get_mut(index) {
                seen.over = Some(Instant::now());
            }
            if then? == Then::Close {
                break;
            }
        }
        // Not at once: what the client still sends would have the system take back the answer.
        stream.shutdown(Shutdown::Write)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        io::copy(&mut reader, &mut io::sink()).map(drop)
    }

    fn note(&self, request: &Request) -> usize {
        let mut seen = lock(&self.seen);
        seen.push(request.clone());
        seen.len() - 1
    }

    fn answer(&self, stream: &mut TcpStream, request: &Request) -> io::Result<Then> {
        let page = request.target.strip_prefix("/page/").and_then(|page| page.parse().ok());
        let Some(page) = page else {
            return misbehaviour::answer(stream, request, &self.other);
        };
        let polls = lock(&self.seen).iter().filter(|seen| seen.target == request.target).count();
        let poll = polls.saturating_sub(1);
        let (go, told) = channel();
        if let Some(asked) = &*lock(&self.asked) {
            let _ = asked.send(Asked { page, poll, go });
        }
        if told.recv() == Ok(true) {
            let answers = self.pages.get(page).map_or(&[][..], Vec::as_slice);
            let answer = answers.get(poll).or(answers.last()).unwrap_or(&Value::Null);
            misbehaviour::reply(stream, "200 OK", &[], answer.to_string().as_bytes(), None)?;
            stream.flush()?;
        }
        Ok(Then::Close)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
