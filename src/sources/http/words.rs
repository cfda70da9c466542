//! Words for failures of the transport: what happened, at whom, and what to do.

use super::client::Ready;
use crate::model::FaultKind;
use crate::sources::tls;
use std::error::Error;
use tokio::time::{Duration, timeout};
use url::Url;

/// Wait for an answer in TLS.
const PROBE: Duration = Duration::from_millis(700);

/// Why a request brought no answer.
pub(super) struct Broken {
    pub(super) kind: FaultKind,
    pub(super) came: String,
    pub(super) hint: &'static str,
    /// Whether trying again may help.
    pub(super) again: bool,
}

/// Says what a transport error means. The client's own words hold the URL, so only its causes are told.
pub(super) async fn of(error: &reqwest::Error, ready: &Ready, url: &Url, bytes: u64) -> Broken {
    // Not a byte came, so it was no connection, or one that was lost (perhaps an idle one).
    let fault = |kind, came, hint| Broken { kind, came, hint, again: kind == FaultKind::Unreachable };
    // What speaks another protocol will go on to do so.
    let for_good = |came, hint| Broken { again: false, ..fault(FaultKind::Unreachable, came, hint) };
    if let Some((came, hint)) = tls::explain(error) {
        return for_good(came, hint);
    }
    let (mut words, mut parse, mut eof, mut cause) = (String::new(), false, false, error.source());
    while let Some(inner) = cause {
        parse |= inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        words = inner.to_string();
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            eof |= io.kind() == std::io::ErrorKind::UnexpectedEof;
            if io.kind() == std::io::ErrorKind::ConnectionRefused {
                words.replace_range(.., "connection refused");
            }
        }
        if words.contains("dns") || words.contains("lookup address") {
            words = format!("the name was not found ({words})");
            break;
        }
        if words.starts_with("tunnel error") || words.starts_with("SOCKS") || words.contains("socks") {
            break;
        }
        cause = inner.source();
    }
    let words = if words.is_empty() { "the connection failed".to_owned() } else { words };
    if let Some(proxy) = &ready.via
        && error.is_connect()
    {
        let hint = "check proxy and no_proxy in the profile, or HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY";
        let is_refused = words.starts_with("tunnel error");
        let words = match words.as_str() {
            tunnel if tunnel.contains("authorization required") => "it wants a login (HTTP 407)".to_owned(),
            tunnel if tunnel.contains("unsuccessful") => "it refused to connect to that host".to_owned(),
            _ => words,
        };
        let came = format!("the proxy {proxy} did not lead to {}: {words}", url.host_str().unwrap_or_default());
        return if is_refused { for_good(came, hint) } else { fault(FaultKind::Unreachable, came, hint) };
    }
    if url.scheme() == "https" && error.is_connect() && eof {
        let came = "the connection was closed while TLS began".to_owned();
        let hint = "check the port: a plain-text one may end like this; for one write http://";
        return for_good(came, hint);
    }
    let is_plain = url.scheme() == "http" && ready.via.is_none() && !error.is_connect() && bytes == 0;
    if is_plain && !error.is_timeout() && speaks_tls(ready, url).await {
        let came = "what answers there speaks TLS, and was asked in plain text".to_owned();
        return for_good(came, "write https:// instead of http:// in the URL, or check the port");
    }
    if error.is_connect() {
        let hint = "check that the server runs, its address and port, and the way to it";
        fault(FaultKind::Unreachable, words, hint)
    } else if error.is_timeout() {
        fault(FaultKind::TimedOut, words, "narrow the question, or raise the request time-out")
    } else if parse {
        let hint = "check the port: something else than HTTP answers there";
        fault(FaultKind::Damaged, format!("not HTTP: {words}"), hint)
    } else if error.is_body() || error.is_decode() || bytes > 0 {
        let came = format!("the answer was cut after {bytes} bytes: {words}");
        fault(FaultKind::Damaged, came, "ask again; a proxy or the server may limit time or size of answers")
    } else {
        let came = format!("the connection ended before an answer: {words}");
        fault(FaultKind::Unreachable, came, "look at the server's own log, and at proxies on the way")
    }
}

async fn speaks_tls(ready: &Ready, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    // What speaks TLS answers at once; what does not may say nothing at all.
    let asked = async || timeout(PROBE, tls::answers(host, port)).await.unwrap_or(false);
    *ready.speaks_tls.get_or_init(asked).await
}

/// Says whether a refusal means that TLS was expected: web servers tell it in words (Go, nginx, Apache).
pub(super) fn wants_tls(status: u16, words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let told = [
        "http request to an https server",
        "plain http request was sent to https port",
        "speaking plain http to an ssl",
    ];
    status == 400 && told.iter().any(|told| words.contains(told))
}
