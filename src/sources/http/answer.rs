//! What comes back: a status, a body on its way into a sink, and how the request ended.

use crate::model::{Exchange, Fault, SafeText};
use std::ops::ControlFlow;

/// Bytes of a document that is read as a whole; as a tree of values it takes up to sixteen times as much.
const DOCUMENT: usize = 4 << 20;

/// Takes the body of a good answer while it arrives.
pub trait BodySink: Send {
    /// Takes the next bytes; [`ControlFlow::Break`] ends the request early, which is no fault.
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()>;

    /// Returns how many rows were decoded so far; they are counted against the budget.
    fn rows(&self) -> u64 {
        0
    }

    /// Says why what comes is more than can be kept, when so: then the end is a fault.
    fn too_much(&self) -> Option<String> {
        None
    }
}

/// Documents that are read as a whole: lists of names and limits.
impl BodySink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        // A mark before the text (U+FEFF) says nothing, and readers of JSON refuse it.
        if self.is_empty() {
            self.extend_from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        } else {
            self.extend_from_slice(bytes);
        }
        if self.len() > DOCUMENT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn too_much(&self) -> Option<String> {
        (self.len() > DOCUMENT).then(|| format!("more than {} MiB where a short list is expected", DOCUMENT >> 20))
    }
}

/// Status of an answer. Only a 2xx body goes to the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Unless 2xx: the first 64 KiB of the body.
    pub text: String,
}

/// What became of a request.
#[derive(Debug)]
pub struct Fetched {
    /// Each try, in order.
    pub exchanges: Vec<Exchange>,
    /// What was asked of whom, without credentials: `GET http://127.0.0.1:3100/loki/api/v1/labels`.
    pub asked: SafeText,
    /// The status, or what prevented an answer. 401, 403 and redirects elsewhere are faults already. After a fault the
    /// sink may hold the first part of a body.
    pub outcome: Result<Head, Fault>,
}

impl Head {
    /// Says whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Says whether a body is a web page (a login, a wrong base path) instead of an answer.
pub fn looks_like_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
}
