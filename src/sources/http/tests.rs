use super::*;
use crate::config::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn budget() -> Budget {
    let limits = Limits { request_timeout: Duration::from_millis(200), ..Limits::default() };
    Budget::new(SourceKind::Jaeger, &limits, CancellationToken::new())
}

fn endpoint(address: &str) -> HttpEndpoint {
    let url = Url::parse(&format!("http://user:pass@{address}/base")).unwrap();
    HttpEndpoint { headers: vec![("Authorization".into(), "Bearer hush".to_owned().into())], ..HttpEndpoint::new(url) }
}

/// A server that answers one connection with raw bytes, then hangs up or falls silent.
async fn ask(answer: &'static [u8]) -> (Fetched, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _read = peer.read(&mut request).await.unwrap();
        peer.write_all(answer).await.unwrap();
        if answer.is_empty() {
            std::future::pending::<()>().await;
        }
    });
    let mut body = Vec::new();
    let http = Http::new(&endpoint(&address), SourceKind::Jaeger);
    let fetched = http.get(&budget(), "/api/it's", &[("q", "a b".into())], &[], &mut body).await;
    (fetched, body)
}

async fn check(answer: &'static [u8], kind: FaultKind) {
    let (fetched, _) = ask(answer).await;
    assert_eq!(fetched.outcome.unwrap_err().kind, kind, "{}", String::from_utf8_lossy(answer));
}

#[tokio::test]
async fn rude_servers_are_faults_of_their_kind() {
    check(b"", FaultKind::TimedOut).await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"data\":", FaultKind::Damaged).await;
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", FaultKind::Damaged).await;
    check(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FaultKind::Damaged).await;
    check(b"HTTP/1.1 401 No\r\ncontent-length: 5\r\n\r\nno id", FaultKind::Refused).await;
    let elsewhere = b"HTTP/1.1 302 Found\r\nlocation: http://example.org/login\r\ncontent-length: 0\r\n\r\n";
    check(elsewhere, FaultKind::Refused).await;
}

#[tokio::test]
async fn the_first_part_of_a_cut_body_reaches_the_sink() {
    let (_, body) = ask(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"data\":").await;
    assert_eq!(body, b"{\"data\":");
}

#[tokio::test]
async fn an_error_answer_keeps_status_and_text() {
    let (fetched, body) = ask(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone").await;
    assert_eq!(fetched.outcome.unwrap(), Head { status: 404, text: "gone".into() });
    assert!(body.is_empty());
}

#[tokio::test]
async fn requests_are_shown_without_credentials() {
    let (fetched, _) = ask(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let request = fetched.exchanges[0].request.as_str();
    assert!(request.contains("/base/api/it") && request.contains("?q=a+b'"), "{request}");
    assert!(!request.contains("hush") && !request.contains("pass"), "{request}");
    assert_eq!((fetched.exchanges[0].bytes, fetched.exchanges[0].status.as_str()), (2, "ok"));
}

#[tokio::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let http = Http::new(&endpoint(&address), SourceKind::Jaeger);
    let fetched = http.get(&budget(), "/", &[], &[], &mut Vec::new()).await;
    let fault = fetched.outcome.unwrap_err();
    assert_eq!((fault.kind, fault.came.as_str()), (FaultKind::Unreachable, "connection refused"));
}

#[test]
fn pages_are_told_from_data() {
    assert!(looks_like_html(b"\xef\xbb\xbf \n<!doctype html>") && !looks_like_html(b" {}"));
}
