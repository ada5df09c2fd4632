//! Servers of NATS on loopback, each a process of its own, in one cluster.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use end_to_end::artifacts;
use end_to_end::collector::Process;
use serde_json::{Value, json};

use crate::network::Network;
use crate::tool;

/// The stream of a ledger, in each test.
pub(crate) const STREAM: &str = "SOURCES";

/// What the servers of a test are like.
pub(crate) struct Settings {
    pub(crate) servers: usize,
    pub(crate) program: PathBuf,
    /// More of each server's configuration. Paths start at the test's folder.
    pub(crate) more: String,
    /// What addresses of them begin with.
    pub(crate) scheme: &'static str,
    /// The first server's folder of streams.
    pub(crate) store: Option<PathBuf>,
    /// Whether something lies between them that can be cut.
    pub(crate) has_network: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: 3,
            program: artifacts::nats_server(),
            more: String::new(),
            scheme: "nats",
            store: None,
            has_network: false,
        }
    }
}

/// A cluster. Its servers are killed when this is dropped.
pub(crate) struct Cluster {
    pub(crate) dir: PathBuf,
    scheme: &'static str,
    servers: Vec<Server>,
    /// Ends after the servers.
    network: Option<Network>,
}

struct Server {
    name: String,
    program: PathBuf,
    dir: PathBuf,
    address: String,
    monitor: String,
    /// None: it is down.
    process: Option<Process>,
}

impl Cluster {
    /// Three servers, ready, in an empty folder below that of this test.
    pub(crate) fn start(test: &str) -> Self {
        Self::with(&artifacts::scratch(test), Settings::default())
    }

    /// Servers such as these, in the folder of a test.
    pub(crate) fn with(test: &Path, settings: Settings) -> Self {
        let Settings { servers, program, more, scheme, store, has_network } = settings;
        let ports: Vec<u16> = (0..3 * servers).map(|_| free_port()).collect();
        let routes: Vec<String> =
            ports[2 * servers..].iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let network = has_network.then(|| Network::between(&ports[2 * servers..]));
        let servers = (0..servers).map(|number| {
            let name = format!("n{}", number + 1);
            let dir = test.join(&name);
            fs::create_dir_all(&dir).unwrap();
            let store = store.clone().filter(|_| number == 0).unwrap_or_else(|| dir.join("store"));
            let [client, monitor, route] = [0, servers, 2 * servers].map(|at| ports[at + number]);
            // Servers tell each other where they are: nothing is there, and all goes through the network. They give
            // each other up as in `examples/nats/server.conf`.
            let (routes, more_of_cluster) = match &network {
                Some(network) => (network.routes(number), ", advertise: \"127.0.0.1:1\", ping_interval: \"2s\", ping_max: 2"),
                None => (routes.clone(), ""),
            };
            let cluster = if servers == 1 {
                String::new()
            } else {
                let routes = routes.join(", ");
                format!("cluster {{ name: test, listen: 127.0.0.1:{route}, routes: [{routes}]{more_of_cluster} }}")
            };
            let config = format!(
                "server_name: {name}\nlisten: 127.0.0.1:{client}\nhttp: 127.0.0.1:{monitor}\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: always, max_mem: 64M, max_file: 4G }}\n\
                 {cluster}\n{more}\n",
                store.display()
            );
            fs::write(dir.join("server.conf"), config).unwrap();
            Server {
                name,
                program: program.clone(),
                dir,
                address: format!("127.0.0.1:{client}"),
                monitor: format!("127.0.0.1:{monitor}"),
                process: None,
            }
        });
        let servers = servers.collect();
        let mut cluster = Self { dir: test.to_owned(), scheme, servers, network };
        (0..cluster.servers.len()).for_each(|number| cluster.restart(number));
        cluster.wait_until_ready();
        cluster
    }

    /// How many there are, up or down.
    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The addresses of all of them.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.servers.iter().map(|server| format!("{}://{}", self.scheme, server.address)).collect()
    }

    /// Starts one that is down.
    pub(crate) fn restart(&mut self, number: usize) {
        let server = &mut self.servers[number];
        let mut command = Command::new(&server.program);
        // Paths of its configuration start where it is started.
        command.arg("--config").arg(server.dir.join("server.conf"));
        assert!(server.process.is_none(), "{} runs", server.name);
        server.process = Some(Process::start(&mut command, &server.dir));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, number: usize) {
        self.servers[number].process.take().expect("it runs").kill();
    }

    /// Sends one a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, number: usize, name: &str) {
        self.servers[number].process.as_ref().expect("it runs").signal(name);
    }

    /// Cuts one off from the others, until that is healed; who is connected to it stays so.
    pub(crate) fn cut(&self, number: usize) {
        self.network.as_ref().expect("they have a network").cut(number);
    }

    /// Lets it reach the others again.
    pub(crate) fn heal(&self) {
        self.network.as_ref().expect("they have a network").heal();
    }

    /// How many workers are connected to one.
    pub(crate) fn workers_at(&self, number: usize) -> usize {
        let (_, about) = self.servers[number].ask("/connz").expect("it answers");
        let named = |connection: &&Value| {
            connection["name"].as_str().is_some_and(|name| name.starts_with("source-host "))
        };
        about["connections"].as_array().expect("it has a list").iter().filter(named).count()
    }

    /// The one that most workers are connected to.
    pub(crate) fn busiest(&self) -> usize {
        let all = 0..self.servers.len();
        all.max_by_key(|number| self.workers_at(*number)).expect("there are some")
    }

    /// Waits until all that are up say that they are ready, and sees that they sync each write.
    #[track_caller]
    pub(crate) fn wait_until_ready(&self) {
        for server in self.servers.iter().filter(|server| server.process.is_some()) {
            wait_until(&format!("{} is ready", server.name), || {
                server.ask("/healthz").is_ok_and(|(status, _)| status == 200)
            });
            let (_, about) = server.ask("/jsz").expect("it answers");
            assert_eq!(about["config"]["sync_always"], true, "{about}");
        }
    }

    /// What one says of how it is: 200 if it is well.
    pub(crate) fn health(&self, number: usize) -> (u16, String) {
        let (status, about) = self.servers[number].ask("/healthz").unwrap_or_default();
        (status, about["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether all of them are up, and say that they are ready.
    pub(crate) fn are_all_ready(&self) -> bool {
        self.servers.iter().all(|server| {
            server.process.is_some()
                && server.ask("/healthz").is_ok_and(|(status, _)| status == 200)
        })
    }

    /// Which of them leads a stream, if they know.
    pub(crate) fn leader(&self, stream: &str) -> Option<usize> {
        self.leader_by(stream, |_| true)
    }

    /// The same by the word of the others.
    pub(crate) fn leader_without(&self, stream: &str, number: usize) -> Option<usize> {
        self.leader_by(stream, |server| server.name != self.servers[number].name)
    }

    fn leader_by(&self, stream: &str, is_asked: impl Fn(&Server) -> bool) -> Option<usize> {
        let up = self.servers.iter().filter(|server| server.process.is_some() && is_asked(server));
        let name = up.filter_map(|server| server.ask("/jsz?accounts=1&streams=1").ok()).find_map(
            |(_, about)| {
                let accounts = about["account_details"].as_array()?.iter();
                let mut streams =
                    accounts.filter_map(|account| account["stream_detail"].as_array()).flatten();
                let found = streams.find(|found| found["name"] == stream)?;
                Some(
                    found["cluster"]["leader"].as_str().filter(|name| !name.is_empty())?.to_owned(),
                )
            },
        )?;
        self.servers.iter().position(|server| server.name == name)
    }

    /// Has another server lead a stream: this one, or any.
    pub(crate) fn step_down(&self, stream: &str, to: Option<&str>) {
        let placement = to.map_or(json!({}), |to| json!({"placement": {"preferred": to}}));
        tool::ask(self, &[], &format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}"), &placement);
    }

    /// Which of them leads a stream: it is waited for.
    #[track_caller]
    pub(crate) fn wait_for_leader(&self, stream: &str) -> usize {
        wait_until(&format!("{stream} has a leader"), || self.leader(stream).is_some());
        self.leader(stream).expect("it had one")
    }
}

impl Server {
    /// What it tells those who watch it: a status, and JSON.
    fn ask(&self, target: &str) -> io::Result<(u16, Value)> {
        let mut stream = TcpStream::connect(&self.monitor)?;
        // One that is held up takes a connection, and says nothing.
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, serde_json::from_str(body).unwrap_or_default()))
    }
}

/// Waits until something is so, for two minutes.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: it does not come to that");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port that none of these tests has, and no connection gets by chance: a server that is started again needs it.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(process::id() % 40).expect("a small number") * 250;
    (0..250)
        .map(|_| 20_000 + begin + NEXT.fetch_add(1, Ordering::Relaxed) % 250)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
