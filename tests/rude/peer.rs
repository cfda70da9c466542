//! A server on loopback whose every act is written down. Nothing here sleeps: what waits, waits for the client to go.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a server does about a request, in order; then it closes the connection unless `Hold` or `Next` comes.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, as fast as they are taken.
    Flood(Vec<u8>),
    /// Sends these bytes so many times.
    Repeat(Vec<u8>, usize),
    /// Sends bytes in pieces of so many, each in a packet of its own as far as the system goes along.
    Pieces(Vec<u8>, usize),
    /// Sends one space after the other, each when the client has been quiet for a moment.
    Drip,
    /// Keeps the connection open and says nothing more until the client goes.
    Hold,
    /// Takes the next request on the same connection.
    Next,
}

/// How requests end on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With an empty line.
    Http,
    /// After as many bytes as the first four say.
    Kafka,
}

/// A running server. Its threads end with the test's process.
pub(crate) struct Peer {
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Says what to do about the request with this number, counted from 0 over all connections.
pub(crate) type Script = dyn Fn(usize, &[u8]) -> Vec<Act> + Send + Sync;

impl Peer {
    /// Starts a server.
    pub(crate) fn start(framing: Framing, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens").to_string();
        let requests = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                thread::spawn(move || serve(stream, framing, &seen, &*script));
            }
        });
        Self { address, requests }
    }

    /// An address that refuses: its port was free a moment ago.
    pub(crate) fn refused() -> String {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
    }

    /// The requests so far, as they came.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests so far, as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.requests().iter().map(|request| String::from_utf8_lossy(request).into_owned()).collect()
    }
}

fn serve(mut stream: TcpStream, framing: Framing, seen: &Mutex<Vec<Vec<u8>>>, script: &Script) {
    while let Some(request) = take(&mut stream, framing) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let mut again = false;
        for act in script(number, &request) {
            match act {
                Act::Send(bytes) => drop(stream.write_all(&bytes)),
                Act::Repeat(bytes, count) => repeat(&mut stream, &bytes, count),
                Act::Pieces(bytes, size) => {
                    stream.set_nodelay(true).unwrap();
                    drop(bytes.chunks(size).try_for_each(|piece| stream.write_all(piece)));
                }
                Act::Flood(bytes) => while stream.write_all(&bytes).is_ok() {},
                Act::Drip => drip(&mut stream),
                Act::Hold => while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {},
                Act::Next => again = true,
            }
        }
        if !again {
            return;
        }
    }
}

/// Writes in pieces of some size, so that millions of repeats are not millions of calls.
fn repeat(stream: &mut TcpStream, bytes: &[u8], count: usize) {
    let at_once = (65_536 / bytes.len().max(1)).clamp(1, count.max(1));
    let piece = bytes.repeat(at_once);
    let mut left = count;
    while left > 0 {
        let now = left.min(at_once);
        if stream.write_all(&piece[..now * bytes.len()]).is_err() {
            return;
        }
        left -= now;
    }
}

fn drip(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    while stream.write_all(b" ").is_ok() {
        match stream.read(&mut [0; 512]) {
            Ok(0) => return,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Ok(_) | Err(_) => {}
        }
    }
}

fn take(stream: &mut TcpStream, framing: Framing) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    if framing == Framing::Kafka {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        all.resize(u32::from_be_bytes(length) as usize, 0);
        stream.read_exact(&mut all).ok()?;
        return Some(all);
    }
    let mut one = [0; 1];
    while !all.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut one).ok()?;
        all.extend(one);
    }
    Some(all)
}
