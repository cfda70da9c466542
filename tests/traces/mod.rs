//! Stores of traces as they are in the field: versions, backends, limits and doors in front. Servers here are data: which
//! routes they have, what they refuse and in which shape. Where no recording exists a table says so: shape only, from
//! documents.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod grafana;
mod jaeger;
mod tempo;

use crate::rude::peer::{Act, Framing, Peer};
use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, Note, Reply, Rows, SourceKind, SpanStore, Timestamp, Window};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use url::Url;

/// One trace id of all tables.
const TRACE: &str = "00000000000000002af92f3577b34da6";
const HOUR: i64 = 3_600_000_000_000;
const BEGIN: i64 = 1_795_474_427_000_000_000;
/// What old Jaegers and wrong base paths answer.
const PAGE: (u16, &str) = (200, "<!doctype html><html><title>Jaeger UI</title></html>");
const NO_ROUTE: (u16, &str) = (404, "404 page not found\n");

/// A request as a server sees it.
struct Asked {
    path: String,
    parameters: HashMap<String, String>,
}

impl Asked {
    fn of(request: &[u8]) -> Self {
        let head = String::from_utf8_lossy(request).into_owned();
        let target = head.split_whitespace().nth(1).unwrap_or("/").to_owned();
        let url = Url::parse(&format!("http://server{target}")).unwrap();
        Self { path: url.path().to_owned(), parameters: url.query_pairs().into_owned().collect() }
    }

    fn get(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

/// Answers each request with the status and body that `answer` gives.
fn serve(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Peer {
    let script = move |_: usize, request: &[u8]| {
        let (status, body) = answer(&Asked::of(request));
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        vec![Act::Send([head.as_bytes(), body.as_bytes()].concat())]
    };
    Peer::start(Framing::Http, Arc::new(script))
}

fn own((status, body): (u16, &str)) -> (u16, String) {
    (status, body.to_owned())
}

fn endpoint(peer: &Peer, base: &str) -> HttpEndpoint {
    HttpEndpoint::new(keys::url(&format!("http://{}{base}", peer.address)).unwrap())
}

fn budget(source: SourceKind) -> Budget {
    Budget::new(source, &Limits { requests: 2_000, ..Limits::default() }, CancellationToken::new())
}

async fn put(source: &dyn Source, ask: &Ask) -> Reply {
    source.answer(ask, &budget(source.kind())).await
}

/// The spans and notes of a good answer.
async fn spans(source: &dyn Source, ask: &Ask) -> (SpanStore, Vec<Note>) {
    let answer = put(source, ask).await.outcome.unwrap_or_else(|fault| panic!("{fault}"));
    let Rows::Spans(store) = answer.rows else { panic!("spans were asked for") };
    (*store, answer.notes)
}

async fn known(source: &dyn Source) -> String {
    let known = source.identify(&budget(source.kind())).await;
    known.map_or_else(|fault| fault.to_string(), |known| known.as_str().to_owned())
}

fn said(notes: &[Note], kind: NoteKind) -> Vec<&str> {
    notes.iter().filter(|note| note.kind == kind).map(|note| note.text.as_str()).collect()
}

fn window(hours: i64) -> Window {
    Window { from: Timestamp(BEGIN - hours * HOUR), until: Timestamp(BEGIN) }
}
