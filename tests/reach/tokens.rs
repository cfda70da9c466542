//! When a secret is fetched, how often, and how long that may take.

use super::{check_answer, check_fault, endpoint};
use crate::manners::server::{Request, Server, answer};
use hopscope::config::{Credential, HttpEndpoint, HttpLogin, Limits, Program, SecretFile};
use hopscope::model::{FaultKind, SourceKind};
use hopscope::sources::http::{Fetched, Http};
use hopscope::sources::lease::Budget;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A program that prints `token-1` the first time, `token-2` the second, and so on.
struct Counted {
    folder: TempDir,
}

impl Counted {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn login(&self) -> HttpLogin {
        let runs = self.file();
        shell(&format!("echo x >> '{0}'; printf 'token-%s' $(wc -l < '{0}')", runs.display()))
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.file()).unwrap_or_default().lines().count()
    }
}

fn shell(script: &str) -> HttpLogin {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    HttpLogin::Bearer(Credential::Command(Program::new(words)))
}

fn token(request: &Request) -> &str {
    let header = request.headers.iter().find_map(|line| line.strip_prefix("authorization: Bearer "));
    header.unwrap_or("none")
}

fn with_login(url: &str, login: HttpLogin) -> HttpEndpoint {
    HttpEndpoint { login: Some(login), ..endpoint(url) }
}

#[test]
fn a_program_runs_again_after_a_401_alone() {
    // What the server says to every request; requests that come, runs of the program.
    let cases = [
        ("200 OK", "", 1, 1),
        ("401 Unauthorized", "", 2, 2),
        ("403 Forbidden", "", 1, 1),
        ("404 Not Found", "", 1, 1),
        ("500 Internal Server Error", "", 1, 1),
        ("503 Service Unavailable", "retry-after: 0\r\n", 3, 1),
        ("302 Found", "location: http://127.0.0.1:1/login\r\n", 1, 1),
        ("407 Proxy Authentication Required", "", 1, 1),
    ];
    for (status, headers, requests, runs) in cases {
        let server = Server::start(move |_, _| answer(status, headers, "x"));
        let program = Counted::new();
        super::get(&with_login(&server.url, program.login()));
        assert_eq!((server.seen().len(), program.runs()), (requests, runs), "{status}");
    }
    // A redirect on the same host is followed with the same token.
    let server = Server::start(|number, _| match number {
        0 => answer("307 Temporary Redirect", "location: /elsewhere\r\n", ""),
        _ => answer("200 OK", "", "x"),
    });
    let program = Counted::new();
    check_answer(&with_login(&server.url, program.login()));
    let tokens: Vec<String> = server.seen().iter().map(|request| token(request).to_owned()).collect();
    assert_eq!((tokens, program.runs()), (vec!["token-1".to_owned(); 2], 1));
}

#[test]
fn requests_that_are_refused_together_share_one_run() {
    let refuse = |_: usize, request: &Request| match token(request) {
        "token-1" => answer("401 Unauthorized", "", ""),
        _ => answer("200 OK", "", "x"),
    };
    let (server, program) = (Server::start(refuse), Counted::new());
    let http = Http::new(&with_login(&server.url, program.login()), SourceKind::Loki);
    let limits = Limits { at_once: 8, ..Limits::default() };
    let budget = Budget::new(SourceKind::Loki, &limits, CancellationToken::new());
    let ask = || async { http.get(&budget, "/ready", &[], &[], &mut Vec::new()).await };
    let runtime = runtime();
    let all = runtime.block_on(futures_util::future::join_all((0..8).map(|_| ask())));
    assert!(all.iter().all(|fetched| matches!(&fetched.outcome, Ok(head) if head.is_success())), "{all:?}");
    assert_eq!(program.runs(), 2);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A pipe that is opened for reading and writing, so that whoever opens it does not wait.
fn pipe(folder: &Path) -> (PathBuf, std::fs::File) {
    let path = folder.join("up");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    (path, file)
}

/// Asks with a program that never ends; when `cancels`, the question is given up as soon as the program runs.
fn endless(limits: &Limits, cancels: bool) -> (Fetched, usize) {
    let folder = TempDir::new().unwrap();
    let (path, mut up) = pipe(folder.path());
    let server = Server::start(|_, _| answer("200 OK", "", "x"));
    let login = shell(&format!("echo up > '{}'; exec tail -f /dev/null", path.display()));
    let http = Http::new(&with_login(&server.url, login), SourceKind::Loki);
    let cancel = CancellationToken::new();
    let budget = Budget::new(SourceKind::Loki, limits, cancel.clone());
    let watch = std::thread::spawn(move || {
        if cancels {
            std::io::Read::read_exact(&mut up, &mut [0; 3]).unwrap();
            cancel.cancel();
        }
    });
    let fetched = runtime().block_on(http.get(&budget, "/ready", &[], &[], &mut Vec::new()));
    watch.join().unwrap();
    (fetched, server.seen().len())
}

#[test]
fn a_program_has_no_more_time_than_its_request_and_ends_when_that_is_cancelled() {
    let short = Limits { request_timeout: Duration::from_millis(200), ..Limits::default() };
    let (fetched, requests) = endless(&short, false);
    let fault = fetched.outcome.unwrap_err();
    assert_eq!((fault.kind, requests), (FaultKind::TimedOut, 0), "{fault}");
    assert!(fault.came.as_str().contains("the secret's command had not ended"), "{fault}");
    let long = Limits { request_timeout: Duration::from_mins(10), timeout: Duration::from_mins(10), ..short };
    let (fetched, requests) = endless(&long, true);
    assert_eq!((fetched.outcome.unwrap_err().kind, requests), (FaultKind::Cancelled, 0));
}

#[test]
fn a_file_is_read_again_after_a_401_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("token");
    let write = |path: &Path, text: &str| {
        let mut options = std::fs::File::options();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(path);
        std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
    };
    for (status, tokens) in [("401 Unauthorized", vec!["old", "new"]), ("403 Forbidden", vec!["old"])] {
        write(&path, "old\n");
        let rotated = path.clone();
        let server = Server::start(move |_, request| {
            if token(request) == "new" {
                return answer("200 OK", "", "x");
            }
            write(&rotated, "new\n");
            answer(status, "", "")
        });
        let login = HttpLogin::Bearer(Credential::File(SecretFile::new(path.to_str().unwrap())));
        let endpoint = with_login(&server.url, login);
        if tokens.len() == 2 {
            check_answer(&endpoint);
        } else {
            check_fault(&endpoint, FaultKind::Refused, "403", "authorisation");
        }
        let came: Vec<String> = server.seen().iter().map(|request| token(request).to_owned()).collect();
        assert_eq!(came, tokens, "{status}");
    }
}
