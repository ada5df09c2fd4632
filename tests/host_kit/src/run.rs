//! Plays one scenario against one host.

use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use serde_json::{Value, json};

use crate::driver::{Driver, Stage};
use crate::host::Host;
use crate::judge::{self, Witness};
use crate::output::Output;
use crate::scenario::{Exchange, Kill, Moment, Pages, Play, Scenario};
use crate::server::{Asked, Server};

/// Where scenarios are played.
pub struct Theatre<'a> {
    /// The host.
    pub driver: &'a Driver,
    /// The probe, or what this host loads for it.
    pub component: &'a str,
    /// A folder that a folder of each scenario is made in.
    pub folder: &'a Path,
    /// Where cargo builds.
    pub target: &'a Path,
}

/// Plays a scenario, and gives all that went wrong.
pub fn play(scenario: &Scenario, theatre: &Theatre<'_>) -> Vec<String> {
    match try_play(scenario, theatre) {
        Ok(faults) => faults,
        Err(fault) => vec![fault],
    }
}

fn try_play(scenario: &Scenario, theatre: &Theatre<'_>) -> Result<Vec<String>, String> {
    let told = |error: io::Error| format!("the kit itself failed: {error}");
    let (other, _) = Server::start(Vec::new(), "").map_err(told)?;
    let pages = match &scenario.play {
        Play::Exchanges(_) => Vec::new(),
        Play::Pages(pages) => pages.pages.clone(),
    };
    let (server, asked) =
        Server::start(pages, &format!("http://{}", other.address())).map_err(told)?;
    let places = Places::new(&server, &other).map_err(told)?;
    let folder = theatre.folder.join(scenario.name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(told)?;
    }
    let stage = Stage {
        folder,
        component: theatre.component.to_owned(),
        config: config(&scenario.play, &places),
        allow: places.allowed(),
        target: theatre.target.to_owned(),
    };
    stage.set_up(theatre.driver).map_err(told)?;
    let mut host = Host::new(theatre.driver, &stage);
    host.start()?;
    let mut witness = Witness::default();
    match &scenario.play {
        Play::Exchanges(exchanges) => wait_for(&mut host, &mut witness, exchanges.len()),
        Play::Pages(pages) => accompany(&mut host, &mut witness, pages, &asked)?,
    }
    host.kill();
    let output = Output::read(&host.output());
    witness.seen = server.seen();
    let mut faults = match &scenario.play {
        Play::Exchanges(exchanges) => {
            judge::exchanges::judge(exchanges, &places, &output, &witness.seen)
        }
        Play::Pages(pages) => judge::pages::judge(pages, &output, &witness),
    };
    faults.splice(0..0, witness.faults);
    faults.extend(judge::requests::judge(&witness.seen, &server.address().to_string()));
    if !other.seen().is_empty() {
        faults.push("a server that is not allowed was asked".to_owned());
    }
    Ok(faults)
}

/// What is known only at a run.
pub struct Places {
    names: Vec<(&'static str, String)>,
    /// Keeps `{closed}` closed: while a connection begins at this port, no listener can be given it.
    _taken: TcpStream,
}

impl Places {
    fn new(server: &Server, other: &Server) -> io::Result<Self> {
        let (server, other) = (server.address(), other.address());
        let taken = TcpStream::connect(other)?;
        let closed = taken.local_addr()?;
        let names = vec![
            ("{server}", format!("http://{server}")),
            ("{tls}", format!("https://{server}")),
            ("{closed}", format!("http://{closed}")),
            ("{nowhere}", "http://name.invalid".to_owned()),
            ("{other}", format!("http://{other}")),
            ("{address}", server.to_string()),
            ("{port}", server.port().to_string()),
        ];
        Ok(Self { names, _taken: taken })
    }

    /// The origins that the source may reach.
    fn allowed(&self) -> Vec<String> {
        self.names.iter().take(4).map(|(_, origin)| origin.clone()).collect()
    }

    /// A text with what is known by now.
    pub fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

fn config(play: &Play, places: &Places) -> Value {
    let steps: Vec<Value> = match play {
        Play::Exchanges(exchanges) => exchanges.iter().map(|each| step(each, places)).collect(),
        Play::Pages(pages) => {
            let step =
                |page| json!({"request": {"url": places.fill(&format!("{{server}}/page/{page}"))}});
            (0..pages.pages.len()).map(step).collect()
        }
    };
    json!({"steps": steps})
}

fn step(exchange: &Exchange, places: &Places) -> Value {
    let mut request = exchange.request.clone();
    request["url"] = places.fill(request["url"].as_str().unwrap_or_default()).into();
    json!({"request": request, "times": exchange.times, "answer": {"tell": true}})
}

/// Looks on until an event for each exchange has come, or none comes any more.
fn wait_for(host: &mut Host<'_>, witness: &mut Witness, events: usize) {
    let (mut had, mut last) = (0, Instant::now());
    loop {
        let have = Output::read(&host.output()).events.len();
        if have > had {
            (had, last) = (have, Instant::now());
        }
        if had >= events {
            // What is asked again comes a little later.
            thread::sleep(SETTLE);
            return;
        }
        if let Some(status) = host.ended() {
            witness.faults.push(format!("the host ended by itself: {status}"));
            return;
        }
        if last.elapsed() > PATIENCE {
            witness.faults.push(format!("no event came for {} s", PATIENCE.as_secs()));
            return;
        }
        thread::sleep(LOOK);
    }
}

/// Lets each page be answered, and kills the host where it is to be killed.
fn accompany(
    host: &mut Host<'_>,
    witness: &mut Witness,
    pages: &Pages,
    asked: &Receiver<Asked>,
) -> Result<(), String> {
    let (mut first, mut last) = (None, Instant::now());
    let patience = pages.patience_secs.map_or(PATIENCE_BETWEEN_POLLS, Duration::from_secs);
    let (mut is_back, mut number) = (false, 0);
    // A host that asks without a pause comes to an end too.
    while number < ASKED_MAX {
        match asked.recv_timeout(LOOK) {
            Ok(page) => {
                last = Instant::now();
                first.get_or_insert(last);
                let wanted = pages.asked.as_ref().map(|asked| asked.get(number));
                number += 1;
                if wanted.is_some_and(|wanted| wanted != Some(&page.page)) {
                    // It went wrong already, and what follows says nothing.
                    return Ok(());
                }
                if std::mem::take(&mut is_back) {
                    witness.back(page.page, pages, &Output::read(&host.output()));
                }
                let kill = |kill: &&Kill| (kill.page, kill.poll) == (page.page, page.poll);
                if let Some(kill) = pages.kills.iter().find(kill) {
                    kill_at(host, kill.when, &page);
                    host.start()?;
                    (is_back, last) = (true, Instant::now());
                } else {
                    thread::sleep(Duration::from_millis(pages.hold_ms));
                    page.go(true);
                }
                if pages.look_on_ms.is_none() {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        let looked_on = first.map_or(Duration::ZERO, |first: Instant| first.elapsed());
        let is_over = if let Some(ms) = pages.look_on_ms {
            looked_on >= Duration::from_millis(ms)
        } else {
            let output = Output::read(&host.output());
            !is_back && judge::pages::is_complete(pages, &output) && last.elapsed() >= SETTLE
        };
        if is_over {
            return Ok(());
        }
        if let Some(status) = host.ended() {
            witness.faults.push(format!("the host ended by itself: {status}"));
            return Ok(());
        }
        if last.elapsed() > patience {
            witness.faults.push(format!("it was not asked again for {} s", patience.as_secs()));
            return Ok(());
        }
    }
    witness.faults.push(format!("it asked {ASKED_MAX} times"));
    Ok(())
}

fn kill_at(host: &mut Host<'_>, when: Moment, page: &Asked) {
    match when {
        Moment::Asked => host.kill(),
        Moment::AnsweredMs(ms) => {
            page.go(true);
            thread::sleep(Duration::from_millis(ms));
            host.kill();
        }
        Moment::Writing => {
            host.hold(true);
            page.go(true);
            thread::sleep(WRITING);
            host.kill();
        }
    }
    page.go(false);
}

/// How often a host may ask in one scenario: far more than any wants.
const ASKED_MAX: usize = 1_000;
/// How often it is looked whether something came.
const LOOK: Duration = Duration::from_millis(20);
/// How long it is waited for what should not come.
const SETTLE: Duration = Duration::from_millis(300);
/// How long it is waited for an event: longer than an exchange may take.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long it is waited for the next poll, unless a scenario says otherwise.
const PATIENCE_BETWEEN_POLLS: Duration = Duration::from_secs(20);
/// How long it takes a host to begin to write a page out.
const WRITING: Duration = Duration::from_secs(1);
