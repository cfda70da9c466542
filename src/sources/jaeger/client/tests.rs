use super::*;
use crate::config::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Answers each connection with the status and body that `routes` has for the beginning of its path.
async fn ask(routes: &'static [(&'static str, u16, &'static str)], ask: Ask) -> Reply {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let read = peer.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let route = routes.iter().find(|(start, _, _)| path.starts_with(start));
            let (_, status, body) = route.unwrap_or(&("", 404, "404 page not found"));
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            peer.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    let budget = Budget::new(SourceKind::Jaeger, &Limits::default(), CancellationToken::new());
    Jaeger::new(&HttpEndpoint::new(url)).answer(&ask, &budget).await
}

const PAGE: &str = "<!doctype html><title>Jaeger</title>";
const OLD: (&str, u16, &str) = ("/api/v3/trace-summaries", 200, PAGE);
const SERVICES: (&str, u16, &str) = ("/api/services", 200, r#"{"data":["b","a"],"errors":null}"#);
const NEW: (&str, u16, &str) = ("/api/v3/trace-summaries", 200, r#"{"summaries":[]}"#);

#[tokio::test]
async fn a_page_in_place_of_summaries_means_the_internal_dialect() {
    let reply = ask(&[OLD, SERVICES], Ask::Services).await;
    let Ok(Answer { rows: Rows::Services(names), .. }) = reply.outcome else { panic!("{:?}", reply.outcome) };
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn only_pages_are_a_fault() {
    let reply = ask(&[("/", 200, PAGE)], Ask::Services).await;
    assert_eq!(reply.outcome.unwrap_err().kind, FaultKind::Damaged);
}

#[tokio::test]
async fn a_trace_that_is_not_there_is_an_answer() {
    let routes = &[NEW, ("/api/v3/traces/", 404, r#"{"error":{"httpCode":404,"message":"No traces found"}}"#)];
    let answer = ask(routes, Ask::Trace(TraceId(7))).await.outcome.unwrap();
    assert_eq!((answer.rows.len(), answer.notes[0].kind), (0, NoteKind::NotFound));
    let fault = ask(&[NEW], Ask::Trace(TraceId(7))).await.outcome.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Failed);
}
