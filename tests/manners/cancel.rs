//! Ctrl-C: what is known so far is the answer, marked as partial.

use super::server::{Server, answer};
use serde_json::Value;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Runs the program against a Loki that says nothing more once it is asked, interrupts it then, and returns exit code and
/// stdout.
fn interrupted(arguments: &[&str], url: &str, asked: &std::sync::mpsc::Receiver<()>) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .env_clear()
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .args(arguments)
        .args(["--loki", url, "--timeout", "120s", "--budget", "request_timeout=120s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    asked.recv().unwrap();
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    (child.wait().unwrap().code(), told)
}

#[test]
fn an_interrupted_verb_tells_what_it_knows_and_that_it_is_not_all() {
    let jaeger = Server::start(|_, request| {
        if request.line.contains("/api/services") {
            return answer("200 OK", "", "{\"data\":[\"orders\"]}");
        }
        answer("404 Not Found", "", "404 page not found")
    });
    let cases: [&[&str]; 4] = [
        &["follow", TRACE, "-o", "json", "--jaeger"],
        &["now", "-o", "json", "--jaeger"],
        &["doctor", "-o", "json", "--jaeger"],
        &["logs", "for", TRACE, "-o", "json", "--jaeger"],
    ];
    for arguments in cases {
        let (sender, asked) = channel();
        let sender = std::sync::Mutex::new(sender);
        let (hold, end) = channel::<()>();
        let end = std::sync::Mutex::new(end);
        let silent = Server::start(move |_, _| {
            sender.lock().unwrap().send(()).unwrap_or_default();
            // Until the test drops its end.
            end.lock().unwrap().recv().unwrap_or_default();
            String::new()
        });
        let all = [arguments, &[jaeger.url.as_str()][..]].concat();
        let (code, told) = interrupted(&all, &silent.url, &asked);
        drop(hold);
        assert_eq!(code, Some(130), "{arguments:?}: {told}");
        let document: Value =
            serde_json::from_str(&told).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {told}"));
        assert_eq!(document["exit"], 130, "{arguments:?}");
        assert_ne!(document["complete"], true, "{arguments:?}");
    }
}
