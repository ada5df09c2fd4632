//! A server between the host and the simulated API: it passes on every byte, and remembers it.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A recorder that runs. It takes no more connections once it is dropped.
pub struct Recorder {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    is_over: Arc<AtomicBool>,
}

impl Recorder {
    /// Starts one before a server at `base_url`, which is `http://ADDRESS:PORT`.
    ///
    /// # Errors
    /// If there is no free port.
    ///
    /// # Panics
    /// If `base_url` is of another form.
    pub fn start(base_url: &str) -> io::Result<Self> {
        let target = base_url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let target: SocketAddr = target.expect("http://ADDRESS:PORT");
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (heard, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let recorder = Self { address, heard: Arc::clone(&heard), is_over: Arc::clone(&is_over) };
        thread::spawn(move || {
            for host in listener.incoming().flatten().take(CONNECTIONS_MAX) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // Either side that ends takes the other with it; so do threads that end.
                let Ok(api) = TcpStream::connect(target) else { continue };
                for (from, to) in [(&host, &api), (&api, &host)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let heard = Arc::clone(&heard);
                    thread::spawn(move || pass_on(from, to, &heard));
                }
            }
        });
        Ok(recorder)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went either way so far. What does not fit into UTF-8 is replaced.
    #[must_use]
    pub fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>) {
    let mut part = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut part) {
        let part = &part[..length];
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < HEARD_BYTES_MAX {
            heard.extend_from_slice(part);
        }
        drop(heard);
        if to.write_all(part).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

const CONNECTIONS_MAX: usize = 1_000;
const HEARD_BYTES_MAX: usize = 64 << 20;
