//! A small HTTP/1.1 server: one function from a question to an answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Largest form body that is read, in bytes.
const MOST_BODY: usize = 1 << 20;

/// One request.
#[derive(Debug)]
pub struct Asked {
    /// Method.
    pub method: Method,
    /// Path segments, each percent-decoded once.
    pub segments: Vec<String>,
    /// Query parameters and form fields, in order; names may repeat.
    pub parameters: Vec<(String, String)>,
    /// Header fields.
    pub headers: HeaderMap,
}

impl Asked {
    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first non-empty value among several spellings of one parameter.
    pub fn any_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.parameter(name).filter(|value| !value.is_empty()))
    }
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// Target of a redirect.
    pub location: Option<&'static str>,
    /// Body.
    pub body: String,
}

impl Answer {
    /// JSON with status 200.
    pub fn json(body: &serde_json::Value) -> Self {
        Self { status: 200, content_type: "application/json", location: None, body: body.to_string() }
    }

    /// Plain text with this status.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", location: None, body: body.into() }
    }
}

/// What answers requests.
pub type Respond = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// Answers requests on a listener until it is dropped.
pub async fn serve(listener: TcpListener, respond: Respond) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else { continue };
        let respond = Arc::clone(&respond);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&respond)));
            // A peer that hangs up in the middle is its own affair.
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>, respond: Respond) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments = parts.uri.path().split('/').skip(1).map(decode).collect();
    let mut parameters: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let answer = match Limited::new(body, MOST_BODY).collect().await {
        Ok(body) => {
            let form = parts
                .headers
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
            if form {
                parameters.extend(url::form_urlencoded::parse(&body.to_bytes()).into_owned());
            }
            respond(&Asked { method: parts.method, segments, parameters, headers: parts.headers })
        }
        Err(_) => Answer::text(413, "request body too large\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(location) = answer.location {
        response.headers_mut().insert(LOCATION, HeaderValue::from_static(location));
    }
    Ok(response)
}
