//! A feed on loopback: it gives out what was published, by positions of its own, and goes wrong on
//! demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// This status instead of a page.
    Status(u16),
    /// Status 429.
    RateLimit { retry_after_secs: u32 },
    /// A page that is no JSON.
    Garbage,
    /// The connection ends in the middle of the page.
    Cut,
    /// The connection ends before an answer.
    Drop,
}

/// A feed that runs. It takes no more requests once it is dropped.
pub(crate) struct Feed {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    token: String,
    items: Vec<String>,
    faults: BTreeMap<u64, Fault>,
    delay: Duration,
    requests: u64,
    is_over: bool,
}

impl Feed {
    /// A feed without an item, for those who bear this token.
    pub(crate) fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { token: token.to_owned(), ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.lock().unwrap().is_over {
                    return;
                }
                // A client that goes away is none of the feed's business.
                let _ = answer(&stream, &shared);
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/items", self.address)
    }

    /// Appends items. Their texts differ in what a careless reader would not keep.
    pub(crate) fn publish(&self, count: usize) {
        let mut state = self.state();
        for _ in 0..count {
            let number = state.items.len();
            let minute = number % 60;
            state.items.push(format!(
                r#"{{"n": 1.{number}00, "id":"item-{number}","time":"2026-11-01T10:{minute:02}:00+02:00","text":"\u00e4 é\n{number}"}}"#
            ));
        }
    }

    /// Every item so far, as it was published.
    pub(crate) fn items(&self) -> Vec<String> {
        self.state().items.clone()
    }

    /// Makes a request go wrong, the first being 1.
    pub(crate) fn fail(&self, request: u64, fault: Fault) {
        self.state().faults.insert(request, fault);
    }

    /// Makes every answer take so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.state().is_over = true;
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request and answers it.
fn answer(mut stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let lines = BufReader::new(stream).lines();
    let head: Vec<String> = lines
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<io::Result<_>>()?;
    let Some(target) = head.first().and_then(|line| line.split(' ').nth(1)) else {
        return Ok(());
    };
    let (delay, (status, more, body), fault) = {
        let mut state = state.lock().unwrap();
        state.requests += 1;
        let request = state.requests;
        let fault = state.faults.remove(&request);
        let bears = format!("authorization: bearer {}", state.token).to_lowercase();
        let reply = match fault {
            Some(Fault::Drop) => return Ok(()),
            Some(Fault::Status(status)) => (status, String::new(), "<p>no</p>".to_owned()),
            Some(Fault::RateLimit { retry_after_secs }) => {
                (429, format!("retry-after: {retry_after_secs}\r\n"), String::new())
            }
            Some(Fault::Garbage) => (200, String::new(), r#"{"items": [{"id"#.to_owned()),
            _ if !head.iter().any(|line| line.to_lowercase() == bears) => {
                (401, String::new(), String::new())
            }
            Some(Fault::Cut) | None => match page(&state.items, target) {
                Some(page) => (200, String::new(), page),
                None => (400, String::new(), String::new()),
            },
        };
        (state.delay, reply, fault)
    };
    thread::sleep(delay);
    let length = body.len();
    let sent = if matches!(fault, Some(Fault::Cut)) { length / 2 } else { length };
    let head = format!(
        "HTTP/1.1 {status} .\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n"
    );
    stream.write_all(&[head.as_bytes(), &body.as_bytes()[..sent]].concat())
}

/// The page that a target such as `/items?since=~%2F12&limit=5` asks for.
fn page(items: &[String], target: &str) -> Option<String> {
    let query = target.strip_prefix("/items?")?;
    let (mut from, mut limit) = (0, None);
    for pair in query.split('&') {
        match pair.split_once('=')? {
            // A position has to come back as it was given, whatever it is made of. Forms are written with
            // a tilde as it is, too.
            ("since", position) => {
                let ways = ["%7E%2F%26+", "~%2F%26+"];
                from = ways.iter().find_map(|way| position.strip_prefix(way))?.parse().ok()?;
            }
            ("limit", number) => limit = Some(number.parse::<usize>().ok()?),
            _ => return None,
        }
    }
    let rest = items.get(from..)?;
    let given = &rest[..rest.len().min(limit?)];
    let mut page = String::from("{\"items\": [");
    for (index, item) in given.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Line breaks between tokens are not part of an event.
        write!(page, "{comma}\r\n{item}").ok()?;
    }
    write!(page, "],\n\"next\": \"~/& {}\"}}", from + given.len()).ok()?;
    Some(page)
}
