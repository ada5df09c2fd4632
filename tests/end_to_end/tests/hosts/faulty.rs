//! Servers that do one thing, on loopback, for as long as the test runs.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Where nobody listens.
pub(crate) fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A server that takes connections and never answers.
pub(crate) fn silent() -> String {
    serve(|_| thread::sleep(Duration::from_mins(2))).0
}

/// A server that gives every request this answer, and closes. Also gives the requests that come.
pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> (String, Receiver<String>) {
    let answer = answer.into();
    // A client that has had enough goes away early.
    serve(move |mut stream| drop(stream.write_all(&answer)))
}

/// A server that gives the first request the first of these answers, and so on, and closes each time.
pub(crate) fn answering_in_turn(answers: Vec<Vec<u8>>) -> String {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let next = move |mut stream: TcpStream| {
        let answer = answers.lock().unwrap().pop_front().unwrap_or_default();
        drop(stream.write_all(&answer));
    };
    serve(next).0
}

/// A server that gives this, and then that again and again, for as long as it is taken.
pub(crate) fn endless(begin: &str, again: Vec<u8>) -> String {
    let begin = begin.to_owned();
    let pour = move |mut stream: TcpStream| {
        let _ = stream.write_all(begin.as_bytes());
        while stream.write_all(&again).is_ok() {}
    };
    serve(pour).0
}

/// A server that gives this, and then a byte each 50 ms for ever.
pub(crate) fn trickling(begin: &str) -> String {
    let begin = begin.to_owned();
    let trickle = move |mut stream: TcpStream| {
        let _ = stream.write_all(begin.as_bytes());
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    serve(trickle).0
}

/// Reads each request whole, and hands its connection on.
fn serve(answer: impl Fn(TcpStream) + Clone + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (answer, requests) = (answer.clone(), requests.clone());
            thread::spawn(move || {
                let request = read(&mut stream);
                // The test may not want to know.
                let _ = requests.send(request);
                answer(stream);
            });
        }
    });
    (url, received)
}

/// A request: its head, and as much body as it says.
fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = stream.read(&mut piece).unwrap_or(0);
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let head = head.to_ascii_lowercase();
            let (_, rest) = head.split_once("content-length: ").unwrap_or(("", "0"));
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            body.len() >= digits.parse().unwrap_or(0)
        });
        // What is no text is a client that wants to speak TLS.
        if length == 0 || whole || bytes.starts_with(b"\x16") {
            return text;
        }
    }
}
