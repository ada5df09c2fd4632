//! An HTTP server that gives scripted replies, and remembers what it was sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What the server was sent: the head, and the body.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Writes the reply to the nth request. False closes the connection.
type Reply = dyn Fn(usize, &Received, &mut dyn Write) -> io::Result<bool> + Send + Sync;

/// A server on loopback. It runs until the process ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

/// What is odd about a server with TLS.
#[derive(Default)]
pub(crate) struct Tls {
    /// Its certificate is marked as an authority's.
    pub(crate) is_authority: bool,
    /// Whether it asks for a client's certificate.
    pub(crate) asks: Asks,
    /// It hangs up within the handshake.
    pub(crate) hangs_up: bool,
    /// It speaks this version alone.
    pub(crate) version: Option<&'static rustls::SupportedProtocolVersion>,
}

/// How a server asks for a client's certificate.
#[derive(Default, PartialEq, Eq)]
pub(crate) enum Asks {
    #[default]
    No,
    /// And does without one.
    Mildly,
    /// And lets nobody in without one.
    Firmly,
}

/// What the server has seen.
#[derive(Default)]
struct Seen {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    cut_off: AtomicUsize,
}

impl Server {
    pub(crate) fn start(
        reply: impl Fn(usize, &Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(whole(reply), |stream| Some(Box::new(stream)))
    }

    /// Each reply is written piece by piece, for as long as it is read; then the connection ends.
    pub(crate) fn start_writing(
        write: impl Fn(&mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let reply = move |_, _: &Received, out: &mut dyn Write| write(out).map(|()| false);
        Self::start_with(reply, |stream| Some(Box::new(stream)))
    }

    /// With TLS and a certificate for `name` that it signed itself: given back as PEM.
    pub(crate) fn start_tls(
        name: &str,
        reply: impl Fn(usize, &Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, String) {
        Self::start_tls_as(&Tls::default(), name, reply)
    }

    /// The same, in one of its odd kinds.
    pub(crate) fn start_tls_as(
        tls: &Tls,
        name: &str,
        reply: impl Fn(usize, &Received) -> Vec<u8> + Send + Sync + 'static,
    ) -> (Self, String) {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        if tls.is_authority {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = tls.version.map_or(rustls::ALL_VERSIONS.to_vec(), |version| vec![version]);
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .unwrap();
        let builder = if tls.asks == Asks::No {
            builder.with_no_client_auth()
        } else {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(own.der().clone()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            let verifier = match tls.asks {
                Asks::Firmly => verifier,
                Asks::Mildly | Asks::No => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        };
        let config = Arc::new(builder.with_single_cert(vec![own.der().clone()], key).unwrap());
        let hangs_up = tls.hangs_up;
        let server = Self::start_with(whole(reply), move |mut stream| {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
            if hangs_up {
                // After the first word on either side, and without an alert.
                connection.read_tls(&mut stream).ok()?;
                connection.process_new_packets().ok()?;
                while connection.wants_write() {
                    connection.write_tls(&mut stream).ok()?;
                }
                let _ = stream.read(&mut [0; 4096]);
                return None;
            }
            Some(Box::new(rustls::StreamOwned::new(connection, stream)))
        });
        (server, own.pem())
    }

    fn start_with(
        reply: impl Fn(usize, &Received, &mut dyn Write) -> io::Result<bool> + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let kept = Arc::clone(&seen);
        let (reply, wrap): (Arc<Reply>, _) = (Arc::new(reply), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reply, wrap, seen) =
                    (Arc::clone(&reply), Arc::clone(&wrap), Arc::clone(&seen));
                seen.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    if let Some(stream) = wrap(stream) {
                        let _ = serve(stream, &seen, &*reply);
                    }
                });
            }
        });
        Self { address, seen: kept }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.seen.received.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Replies whose reader hung up before their end.
    pub(crate) fn cut_off(&self) -> usize {
        self.seen.cut_off.load(Ordering::SeqCst)
    }
}

/// A reply that is written as a whole. An empty one closes the connection.
fn whole(
    reply: impl Fn(usize, &Received) -> Vec<u8> + Send + Sync,
) -> impl Fn(usize, &Received, &mut dyn Write) -> io::Result<bool> + Send + Sync {
    move |number, received, out| {
        let bytes = reply(number, received);
        out.write_all(&bytes)?;
        Ok(!bytes.is_empty())
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

fn serve(stream: Box<dyn Stream>, seen: &Seen, reply: &Reply) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut received = Received { head, body: String::new() };
        let length =
            received.header("content-length").and_then(|length| length.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        received.body = String::from_utf8_lossy(&body).into_owned();
        let number = {
            let mut log = seen.received.lock().unwrap();
            log.push(received.clone());
            log.len() - 1
        };
        let written = reply(number, &received, stream.get_mut());
        let written = written.and_then(|keep| stream.get_mut().flush().map(|()| keep));
        let keep = written.inspect_err(|_| {
            seen.cut_off.fetch_add(1, Ordering::SeqCst);
        })?;
        if !keep {
            return Ok(());
        }
    }
}

/// A reply with this status, headers (each line ended) and body.
pub(crate) fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The address of a proxy that makes a way to this server, whatever it is asked for.
pub(crate) fn proxy_to(server: &Server) -> SocketAddr {
    let (proxy, to) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.address);
    let address = proxy.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in proxy.incoming() {
            let (mut client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            assert!(asked.starts_with(b"CONNECT "));
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    address
}
