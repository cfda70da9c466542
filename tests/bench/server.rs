//! A Jaeger on loopback that knows one trace.

use super::trace::TRACE;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The first part of a body, after which rows are to be seen.
const FIRST: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Internal,
    V3,
}

/// When the server has written its first part, and all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub first: Option<Instant>,
    pub last: Option<Instant>,
}

/// A Jaeger that knows one trace.
pub struct Server {
    pub address: String,
    pub sent: Arc<Mutex<Sent>>,
}

impl Server {
    /// Starts one. `pace` is the most that it sends in a second, in bytes.
    pub fn start(dialect: Dialect, body: Arc<Vec<u8>>, pace: Option<u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens").to_string();
        let sent = Arc::<Mutex<Sent>>::default();
        let seen = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (body, seen) = (Arc::clone(&body), Arc::clone(&seen));
                thread::spawn(move || serve(stream, dialect, &body, pace, &seen));
            }
        });
        Self { address, sent }
    }
}

fn serve(mut stream: TcpStream, dialect: Dialect, body: &[u8], pace: Option<u64>, sent: &Mutex<Sent>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(count) => request.extend_from_slice(&piece[..count]),
            }
        }
        let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        request.clear();
        let (status, text): (&str, &[u8]) = match dialect {
            _ if line.contains(TRACE) => ("200 OK", body),
            Dialect::V3 if line.contains("trace-summaries") => ("200 OK", br#"{"summaries":[]}"#),
            Dialect::V3 => ("200 OK", br#"{"services":[]}"#),
            Dialect::Internal if line.contains("/api/services") => ("200 OK", br#"{"data":[],"total":0}"#),
            Dialect::Internal => ("404 Not Found", b"404 page not found"),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        if stream.write_all(head.as_bytes()).is_err() || send(&mut stream, text, pace, sent).is_err() {
            return;
        }
    }
}

fn send(stream: &mut TcpStream, text: &[u8], pace: Option<u64>, sent: &Mutex<Sent>) -> std::io::Result<()> {
    let begun = Instant::now();
    let mut done = 0;
    for part in text.chunks(64 << 10) {
        if let Some(pace) = pace {
            let due = Duration::from_secs_f64(done as f64 / pace as f64);
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        stream.write_all(part)?;
        done += part.len();
        let mut sent = sent.lock().expect("no holder panics");
        if done >= FIRST.min(text.len()) && sent.first.is_none() && text.len() > FIRST {
            sent.first = Some(Instant::now());
        }
    }
    if text.len() > FIRST {
        sent.lock().expect("no holder panics").last = Some(Instant::now());
    }
    Ok(())
}
