//! What lies between servers: each of their routes goes through it, and one of them can be cut off from the others.
//! Nobody is told of it: what is sent goes nowhere, and connections stay.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Forwarders between servers, one for each of two and each direction. They end when this is dropped, as soon as the
/// servers have.
pub(crate) struct Network {
    state: Arc<State>,
    /// The ports that each server finds the others at.
    ports: Vec<Vec<u16>>,
}

#[derive(Default)]
struct State {
    weather: Mutex<Weather>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Weather {
    /// The server that nothing comes from, or goes to.
    cut: Option<usize>,
    is_over: bool,
}

impl Network {
    /// A network between servers that take routes at these ports.
    pub(crate) fn between(servers: &[u16]) -> Self {
        let state = Arc::new(State::default());
        let all = 0..servers.len();
        let from = |from: usize| {
            let others = all.clone().filter(|to| *to != from);
            others.map(|to| forward(&state, [from, to], servers[to])).collect()
        };
        let ports = all.clone().map(from).collect();
        Self { state, ports }
    }

    /// The addresses at which a server finds the others.
    pub(crate) fn routes(&self, from: usize) -> Vec<String> {
        self.ports[from].iter().map(|port| format!("nats://127.0.0.1:{port}")).collect()
    }

    /// Cuts one server off from all others.
    pub(crate) fn cut(&self, server: usize) {
        self.state.weather.lock().unwrap().cut = Some(server);
    }

    /// Lets all through again, what was held back included.
    pub(crate) fn heal(&self) {
        self.state.weather.lock().unwrap().cut = None;
        self.state.has_changed.notify_all();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.state.weather.lock().unwrap().is_over = true;
        self.state.has_changed.notify_all();
        for port in self.ports.iter().flatten() {
            let _ = TcpStream::connect(("127.0.0.1", *port));
        }
    }
}

impl State {
    /// Waits while one of these servers is cut off. False at the end of all.
    fn wait(&self, ends: [usize; 2]) -> bool {
        let weather = self.weather.lock().unwrap();
        let is_cut = |weather: &mut Weather| {
            !weather.is_over && weather.cut.is_some_and(|server| ends.contains(&server))
        };
        !self.has_changed.wait_while(weather, is_cut).unwrap().is_over
    }
}

/// Takes connections of one server, and makes them to another. Gives the port.
fn forward(state: &Arc<State>, ends: [usize; 2], to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let state = Arc::clone(state);
    thread::spawn(move || {
        for from in listener.incoming().flatten() {
            if state.weather.lock().unwrap().is_over {
                return;
            }
            let state = Arc::clone(&state);
            // Servers end, and connections with them.
            thread::spawn(move || drop(connect(&state, ends, &from, to)));
        }
    });
    port
}

fn connect(state: &Arc<State>, ends: [usize; 2], from: &TcpStream, to: u16) -> io::Result<()> {
    if !state.wait(ends) {
        return Ok(());
    }
    let to = TcpStream::connect(("127.0.0.1", to))?;
    let (answers, asker, back) = (to.try_clone()?, from.try_clone()?, Arc::clone(state));
    let backwards = thread::spawn(move || drop(carry(&back, ends, &answers, &asker)));
    drop(carry(state, ends, from, &to));
    let _ = backwards.join();
    Ok(())
}

/// Carries bytes until there are none, and then the end.
fn carry(
    state: &State,
    ends: [usize; 2],
    mut from: &TcpStream,
    mut to: &TcpStream,
) -> io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut bytes).unwrap_or(0);
        if !state.wait(ends) || count == 0 {
            break;
        }
        if let Err(error) = to.write_all(&bytes[..count]) {
            let _ = from.shutdown(Shutdown::Both);
            return Err(error);
        }
    }
    to.shutdown(Shutdown::Both)
}
