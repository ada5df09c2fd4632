//! An API of many feeds, for breadth: it remembers who asked when, and from which position on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;

/// Feeds that grow alike. They take no more requests once this is dropped.
pub(crate) struct Feeds {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) feed: usize,
    /// Its token: each process has its own.
    pub(crate) who: String,
    /// How many items the source has: so many are stored.
    pub(crate) since: usize,
}

struct State {
    count: usize,
    /// How many items each feed has, and from when on.
    published: Vec<(Instant, usize)>,
    asked: Vec<Asked>,
    /// One that answers 429 up to some time.
    throttled: Option<(usize, Instant)>,
    /// More bytes in each item.
    padding: usize,
    /// How long an answer takes.
    delay: Duration,
    is_over: bool,
}

impl Feeds {
    /// So many feeds, without an item.
    pub(crate) fn start(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            count,
            published: vec![(Instant::now(), 0)],
            asked: Vec::new(),
            throttled: None,
            padding: 0,
            delay: Duration::ZERO,
            is_over: false,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.lock().unwrap().is_over {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A worker that is killed is none of the feeds' business.
                let one = move || drop(answer(&stream, &shared));
                thread::Builder::new().stack_size(256 << 10).spawn(one).unwrap();
            }
        });
        Self { address, state }
    }

    /// The sections of a source for each, which asks every so many seconds.
    pub(crate) fn sources(&self, interval_secs: u32, more: &str) -> String {
        (0..self.len()).fold(String::new(), |mut text, feed| {
            write!(
                text,
                r#"[[source]]
name = "{name}"
component = '{component}'
allow = ["http://{address}"]
{more}
[source.config]
url = "http://{address}/feeds/{feed}"
token = "${{FEED_TOKEN}}"
page_size = 20
poll_interval_secs = {interval_secs}

"#,
                name = name(feed),
                component = artifacts::feed_source().display(),
                address = self.address,
            )
            .unwrap();
            text
        })
    }

    /// How many feeds there are.
    pub(crate) fn len(&self) -> usize {
        self.state().count
    }

    /// Appends so many items to each.
    pub(crate) fn publish(&self, items: usize) {
        let mut state = self.state();
        let items = state.published.last().unwrap().1 + items;
        state.published.push((Instant::now(), items));
    }

    /// How many items each has.
    pub(crate) fn items(&self) -> usize {
        self.state().published.last().unwrap().1
    }

    /// Makes each item that much larger.
    pub(crate) fn pad(&self, bytes: usize) {
        self.state().padding = bytes;
    }

    /// Makes each answer take so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// One item, to the byte.
    pub(crate) fn item(&self, feed: usize, number: usize) -> String {
        item(feed, number, self.state().padding)
    }

    /// Answers one feed with 429 for so long.
    pub(crate) fn throttle(&self, feed: usize, time: Duration) {
        self.state().throttled = Some((feed, Instant::now() + time));
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Whether every item of every feed is stored, by what was asked.
    pub(crate) fn are_all_stored(&self) -> bool {
        self.least_stored() >= self.items()
    }

    /// How many items are stored of each feed, by what was asked.
    fn all_stored(&self) -> Vec<usize> {
        let state = self.state();
        let mut stored = vec![0; state.count];
        for asked in &state.asked {
            stored[asked.feed] = asked.since.max(stored[asked.feed]);
        }
        stored
    }

    /// The same of one.
    pub(crate) fn stored(&self, feed: usize) -> usize {
        self.all_stored()[feed]
    }

    /// The same of the one that has fewest.
    pub(crate) fn least_stored(&self) -> usize {
        self.all_stored().into_iter().min().unwrap_or(0)
    }

    /// Of how many feeds a process was the last to ask.
    pub(crate) fn last_asked_by(&self, who: &str) -> usize {
        let state = self.state();
        let mut last = vec![""; state.count];
        for asked in &state.asked {
            last[asked.feed] = &asked.who;
        }
        last.into_iter().filter(|last| *last == who).count()
    }

    /// How long it took for each item, from when it was there to when it was seen to be stored, in order.
    pub(crate) fn delays(&self) -> Vec<Duration> {
        let mut delays: Vec<Duration> =
            self.delays_of_each().into_iter().map(|(_, delay)| delay).collect();
        delays.sort();
        delays
    }

    /// The longest of them for each time at which there were more items.
    pub(crate) fn longest_delays(&self) -> BTreeMap<Instant, Duration> {
        let mut longest = BTreeMap::new();
        for (at, delay) in self.delays_of_each() {
            let before = longest.entry(at).or_insert(delay);
            *before = delay.max(*before);
        }
        longest
    }

    fn delays_of_each(&self) -> Vec<(Instant, Duration)> {
        let state = self.state();
        let mut delays = Vec::new();
        for feed in 0..state.count {
            let mut asked = state.asked.iter().filter(|asked| asked.feed == feed).peekable();
            for (at, items) in &state.published[1..] {
                while asked.next_if(|asked| asked.since < *items || asked.at < *at).is_some() {}
                delays.extend(asked.peek().map(|asked| (*at, asked.at - *at)));
            }
        }
        delays
    }

    /// The feeds that a process asked last before some time.
    pub(crate) fn had_by(&self, who: &str, at: Instant) -> Vec<usize> {
        let state = self.state();
        let mut last = vec![""; state.count];
        for asked in state.asked.iter().filter(|asked| asked.at < at) {
            last[asked.feed] = &asked.who;
        }
        (0..state.count).filter(|feed| last[*feed] == who).collect()
    }

    /// How long those waited for another to ask, in order.
    pub(crate) fn takeovers(&self, who: &str, at: Instant) -> Vec<Duration> {
        let had = self.had_by(who, at);
        self.after(at, &had, |asked| asked.who != who)
    }

    /// The same, of a process that is held up or killed: it may ask itself again, once it goes on.
    pub(crate) fn pauses(&self, who: &str, at: Instant) -> Vec<Duration> {
        // What it had asked just before comes to be read after.
        let late = at + Duration::from_secs(1);
        let had = self.had_by(who, at);
        self.after(at, &had, |asked| asked.who != who || asked.at > late)
    }

    /// How long it took until so many items were seen to be stored of each of these feeds, in order.
    pub(crate) fn stored_after(&self, at: Instant, feeds: &[usize], items: usize) -> Vec<Duration> {
        self.after(at, feeds, |asked| asked.since >= items)
    }

    /// How long after some time each of these feeds was first asked in some way, in order.
    fn after(
        &self,
        at: Instant,
        feeds: &[usize],
        is_one: impl Fn(&Asked) -> bool,
    ) -> Vec<Duration> {
        let state = self.state();
        let later: Vec<&Asked> = state.asked.iter().filter(|asked| asked.at >= at).collect();
        let first = |feed: &usize| {
            let asked = later.iter().find(|asked| asked.feed == *feed && is_one(asked))?;
            Some(asked.at - at)
        };
        let mut times: Vec<Duration> = feeds.iter().filter_map(first).collect();
        times.sort();
        times
    }

    /// How many requests there were at most in any second of a span.
    pub(crate) fn most_a_second(&self, from: Instant, to: Instant) -> usize {
        let state = self.state();
        let mut times: Vec<Instant> = state.asked.iter().map(|asked| asked.at).collect();
        times.retain(|at| (from..to).contains(at));
        times.sort();
        let within = |first: &Instant| {
            let end = *first + Duration::from_secs(1);
            times.partition_point(|at| *at < end) - times.partition_point(|at| at < first)
        };
        times.iter().map(within).max().unwrap_or(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.state().is_over = true;
        let _ = TcpStream::connect(self.address);
    }
}

/// The name of the source of a feed: some are no token of a subject.
pub(crate) fn name(feed: usize) -> String {
    if feed.is_multiple_of(3) { format!("feed.{feed}") } else { format!("feed-{feed}") }
}

fn item(feed: usize, number: usize, padding: usize) -> String {
    format!(
        r#"{{"id":"{feed}-{number}","n": {number}.0, "text":"\u00e4 é{}"}}"#,
        "x".repeat(padding)
    )
}

/// Reads one request and answers it.
fn answer(mut stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let lines = BufReader::new(stream).lines();
    let head: Vec<String> = lines
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<io::Result<_>>()?;
    let target = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let who = head.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim_start_matches("Bearer "))
    });
    let mut state = state.lock().unwrap();
    let Some((feed, since, limit)) = question(target).filter(|(feed, ..)| *feed < state.count)
    else {
        drop(state);
        return stream
            .write_all(b"HTTP/1.1 404 .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let at = Instant::now();
    state.asked.push(Asked { at, feed, who: who.unwrap_or_default().to_owned(), since });
    if let Some((_, until)) = state.throttled.filter(|(one, until)| *one == feed && *until > at) {
        let secs = (until - at).as_secs() + 1;
        drop(state);
        return stream.write_all(
            format!("HTTP/1.1 429 .\r\nretry-after: {secs}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        );
    }
    let (items, padding, delay) = (state.published.last().unwrap().1, state.padding, state.delay);
    drop(state);
    thread::sleep(delay);
    let end = items.min(since + limit).max(since);
    let given: Vec<String> = (since..end).map(|number| item(feed, number, padding)).collect();
    let body = format!(r#"{{"items": [{}], "next": "{end}"}}"#, given.join(","));
    let head =
        format!("HTTP/1.1 200 .\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}

/// What a target such as `/feeds/3?since=12&limit=5` asks for.
fn question(target: &str) -> Option<(usize, usize, usize)> {
    let (feed, query) = target.strip_prefix("/feeds/")?.split_once('?')?;
    let number = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map_or(Some(0), |value| value.parse().ok())
    };
    Some((feed.parse().ok()?, number("since")?, number("limit")?))
}
