//! Rows are seen while their answer still arrives.

use super::peer::{Act, Framing, Peer};
use hopscope::config::{HttpEndpoint, Limits, Profile, keys};
use hopscope::investigate::SourceSet;
use hopscope::investigate::follow::{Asked, blank, follow};
use hopscope::model::id::recognise;
use hopscope::model::{FaultKind, Nanos, SourceKind, Timestamp};
use std::fmt::Write;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const TRACE: &str = "0000000000000000000000000000abcd";

/// The first part of a trace in version 3 of the API: whole spans, and no end.
fn beginning(spans: usize) -> String {
    let mut text = String::from(
        r#"{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeSpans":[{"spans":["#,
    );
    for id in 1..=spans {
        write!(text, r#"{{"traceId":"{TRACE}","spanId":"{id:016x}","name":"step","startTimeUnixNano":"1795474706000000000","endTimeUnixNano":"1795474706000001000"}},"#).unwrap();
    }
    text
}

#[test]
fn spans_are_seen_before_their_answer_has_ended() {
    let script = |_: usize, request: &[u8]| {
        let ok = |body: &str| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            vec![Act::Send([head.as_bytes(), body.as_bytes()].concat())]
        };
        let request = String::from_utf8_lossy(request);
        if request.contains("trace-summaries") {
            ok(r#"{"summaries":[]}"#)
        } else if request.contains(TRACE) {
            // A chunk that is whole, and none behind it.
            let part = beginning(400);
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            vec![Act::Send(format!("{head}{:x}\r\n{part}\r\n", part.len()).into_bytes()), Act::Hold]
        } else {
            ok(r#"{"services":[]}"#)
        }
    };
    let peer = Peer::start(Framing::Http, Arc::new(script));
    let url = keys::url(&format!("http://{}", peer.address)).unwrap();
    let jaeger = Some(HttpEndpoint::new(url));
    let sources = SourceSet::open(&Profile { jaeger, limits: Limits::default(), ..Profile::default() });
    let anchor = recognise(TRACE).unwrap();
    let asked = Asked { at: Timestamp(1_795_474_800_000_000_000), window: None, since: Nanos::from_secs(600) };
    let (publish, mut seen) = watch::channel(Arc::new(blank(&sources, anchor.clone(), asked)));
    let cancel = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let case = runtime.block_on(async {
        let looks = async {
            loop {
                seen.changed().await.unwrap();
                let count = seen.borrow_and_update().spans.len();
                if count > 0 {
                    cancel.cancel();
                    return count;
                }
            }
        };
        tokio::join!(follow(&sources, anchor, asked, &publish, &cancel), looks)
    });
    assert!((256..=400).contains(&case.1), "{} spans were in sight", case.1);
    let coverage = case.0.coverage_of(SourceKind::Jaeger).unwrap();
    let kinds: Vec<FaultKind> = coverage.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Cancelled], "the answer was still arriving when its spans were seen");
}
