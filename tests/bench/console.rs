//! Console bench: the built program in a pseudo terminal. From the start to the first frame, beside what `lnav -V` takes where
//! it is installed; and from a key to the end of the frame that answers it, while a trace of 100,000 spans is being read.
//!
//! usage: cargo bench --bench console [-- PROGRAM]      (another build, to be compared)

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]
#![allow(clippy::unwrap_used, reason = "in a bench a broken belief should stop at its place")]

#[allow(dead_code, reason = "a part of it is enough here")]
#[path = "../terminal/pty.rs"]
mod pty;
#[allow(dead_code, reason = "a part of it is enough here")]
mod server;
#[allow(dead_code, reason = "one shape and one dialect are enough here")]
mod trace;

use pty::Pty;
use rustix::process::Signal;
use server::{Dialect, Server};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SPANS: usize = 100_000;
/// Bytes a second: some ten seconds of loading.
const PACE: u64 = 10 << 20;
const KEYS: usize = 200;
/// Between an answer and the next key, so that keys come at any place between two frames.
const GAPS: [u64; 7] = [3, 11, 19, 29, 37, 43, 51];

/// From the start to a screen that has been drawn, and then to an orderly end.
fn first_frame(program: &str) -> Duration {
    let begun = Instant::now();
    let console = Pty::spawn(program, &["--jaeger", "http://127.0.0.1:1"], &[("HOPSCOPE_CONFIG", "/dev/null")]);
    console.wait_for("the first frame", |screen| screen.contains("quit"));
    let took = begun.elapsed();
    console.send("q");
    console.end();
    took
}

/// What a program takes that only tells its version.
fn version_of(program: &str) -> Option<Duration> {
    let begun = Instant::now();
    let ran = Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    ran.success().then(|| begun.elapsed())
}

/// How long each key took until its frame was there; and how many frames came without a key.
fn while_loading(program: &str) -> Vec<Duration> {
    let server = Server::start(Dialect::Internal, Arc::new(trace::internal(SPANS, trace::Shape::Mixed)), Some(PACE));
    let address = format!("http://{}", server.address);
    let variables = [("HOPSCOPE_CONFIG", "/dev/null")];
    let console =
        Pty::spawn(program, &["--jaeger", &address, "--budget", "bytes=1000000000", trace::TRACE], &variables);
    console.wait_for("rows", |screen| screen.contains("waiting for more") || screen.contains("so far"));
    let is_asking = |screen: &str| screen.lines().last().is_some_and(|line| line.starts_with(':'));
    let mut took = Vec::with_capacity(KEYS);
    for at in 0..KEYS {
        if server.sent.lock().expect("no holder panics").last.is_some() {
            break;
        }
        let (key, wanted) = if at % 2 == 0 { (":", true) } else { ("\x1b", false) };
        let begun = Instant::now();
        console.send(key);
        console.wait_for("the prompt", |screen| is_asking(screen) == wanted);
        took.push(begun.elapsed());
        thread::sleep(Duration::from_millis(GAPS[at % GAPS.len()]));
    }
    console.signal(Signal::TERM);
    console.end();
    took
}

fn main() {
    let other = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let program = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_hopscope").to_owned());
    let least = |rounds: usize, run: &dyn Fn() -> Option<Duration>| (0..rounds).filter_map(|_| run()).min();
    let own = least(20, &|| Some(first_frame(&program))).unwrap_or_default();
    match least(20, &|| version_of("lnav")) {
        Some(other) => println!(
            "start to first frame {own:.1?}, lnav -V {other:.1?}: {:.2} times (limit: 1)",
            own.as_secs_f64() / other.as_secs_f64()
        ),
        None => println!("start to first frame {own:.1?}; lnav is not installed"),
    }
    let mut took = while_loading(&program);
    took.sort_unstable();
    let at = |part: usize| {
        took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    println!(
        "key to the end of its frame while {SPANS} spans are read, {} keys: half within {:.1?}, 99 of 100 within {:.1?} (limit: 16 ms, goal: 5 ms)",
        took.len(),
        at(50),
        at(99)
    );
}
