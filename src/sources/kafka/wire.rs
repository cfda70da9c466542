//! One connection to one broker, and the only requests that can be sent over it.

use super::door::{Door, NoEntry};
use super::shape::{self, Impossible};
use crate::model::{FaultKind, SafeText};
use crate::sources::lease::Lease;
use crate::sources::shell::word;
use crate::sources::tls;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ConsumerGroupDescribeRequest, DescribeGroupsRequest, FetchRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, OffsetFetchRequest, RequestHeader, ResponseHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The first answer of a peer that may not be Kafka at all: "HTTP" read as a length is 1.2 GB.
const FIRST_LIMIT: usize = 1 << 20;
/// An answer's size; one batch comes whole however small the limit asked for.
const ANSWER_LIMIT: usize = 128 << 20;

/// A request that reads, or that says who asks.
pub(super) trait ReadOnly: Request {}

macro_rules! reads {
    ($($request:ty),* $(,)?) => { $(impl ReadOnly for $request {})* };
}

reads!(
    ApiVersionsRequest,
    ConsumerGroupDescribeRequest,
    DescribeGroupsRequest,
    FetchRequest,
    ListGroupsRequest,
    ListOffsetsRequest,
    MetadataRequest,
    OffsetFetchRequest,
    SaslAuthenticateRequest,
    SaslHandshakeRequest,
);

/// Why a request brought no answer.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// How.
    pub(super) kind: FaultKind,
    /// What happened.
    pub(super) came: String,
    /// What to do, when that is known better than by the kind.
    pub(super) hint: Option<&'static str>,
}

/// A connection, opened when first needed and again after a loss.
#[derive(Debug)]
pub(super) struct Connection {
    /// `host:port`.
    pub(super) address: String,
    door: Arc<Door>,
    line: Mutex<Option<Line>>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: Box<dyn super::door::Bytes>,
    versions: HashMap<i16, (i16, i16)>,
    next: i32,
    /// Whether a request after the login was answered.
    is_used: bool,
    /// When the broker will want a new login.
    until: Option<Instant>,
}

/// What a broker says that it can be asked.
#[derive(Debug)]
struct Offer {
    error: i16,
    versions: HashMap<i16, (i16, i16)>,
}

impl Broken {
    pub(super) fn new(kind: FaultKind, came: impl Into<String>) -> Self {
        Self { kind, came: came.into(), hint: None }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl Connection {
    /// Returns a connection to `address`; nothing is opened yet.
    pub(super) fn new(address: String, door: Arc<Door>) -> Self {
        Self { address, door, line: Mutex::new(None) }
    }

    /// Sends the request that `build` makes for the agreed version, from `oldest` to `newest`, and returns the answer with its
    /// version and size in bytes. Whoever drops this future drops the open line, too: an answer may be under way on it.
    pub(super) async fn call<R: ReadOnly>(
        &self,
        lease: &Lease,
        until: Instant,
        (oldest, newest): (i16, i16),
        build: impl Fn(i16) -> R,
    ) -> Result<(R::Response, i16, u64), Broken> {
        let Ok(mut kept) = tokio::time::timeout_at(until, self.line.lock()).await else {
            return Err(Broken::new(FaultKind::TimedOut, "the broker is busy with an earlier request"));
        };
        let mut line = kept.take().filter(|open| open.until.is_none_or(|until| until > Instant::now()));
        let work = async {
            loop {
                if line.is_none() {
                    line = Some(self.open(lease).await?);
                }
                let open = line.as_mut().expect("opened above");
                let version = open.version::<R>(oldest, newest)?;
                match open.send(&build(version), version).await {
                    Ok((answer, size)) => {
                        open.is_used = true;
                        return Ok((answer, version, size));
                    }
                    // A broker closes what was idle for long. Reading twice does no harm, so it is asked anew, once.
                    Err(broken) if open.is_used && broken.kind == FaultKind::Unreachable => line = None,
                    Err(broken)
                        if broken.kind == FaultKind::Unreachable && broken.hint.is_none() && !self.door.has_login() =>
                    {
                        let came = format!("{}; a listener that wants a login ends like this", broken.came);
                        let hint = "check the listener: if it is a SASL one, set sasl_mechanism, user and a password in the profile";
                        return Err(Broken::new(broken.kind, came).with_hint(hint));
                    }
                    Err(broken) => return Err(broken),
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            () = lease.cancelled() => Err(Broken::new(FaultKind::Cancelled, "cancelled")),
            done = tokio::time::timeout_at(until, work) => {
                done.unwrap_or_else(|_| Err(Broken::new(FaultKind::TimedOut, "no whole answer in time")))
            }
        };
        match outcome {
            Ok((_, _, size)) if !lease.receive(size) => {
                Err(Broken::new(FaultKind::BudgetSpent, "budget of bytes spent"))
            }
            Ok(answer) => {
                *kept = line;
                Ok(answer)
            }
            Err(broken) => {
                // An answer may still be under way; the next request must not take it for its own.
                if broken.kind == FaultKind::Unsupported {
                    *kept = line;
                }
                Err(self.door.hushed(broken))
            }
        }
    }
}

impl Connection {
    /// Opens the connection, which asks for the broker's versions and logs in.
    async fn open(&self, lease: &Lease) -> Result<Line, Broken> {
        let shown = format!("kafka-broker-api-versions --bootstrap-server {}", word(&self.address));
        let underway = lease.begin(self.door.repeated(&shown));
        let opened = Line::open(&self.address, &self.door).await;
        let status = match &opened {
            Ok(_) => SafeText::own("ok"),
            Err(broken) => SafeText::new(&broken.came).cut(120),
        };
        underway.done(0, 0, status);
        opened
    }
}

impl Line {
    async fn open(address: &str, door: &Door) -> Result<Self, Broken> {
        let mut line = Self::greet(address, door).await?;
        match door.login(&mut line, address).await {
            Ok(until) => line.until = until,
            Err(NoEntry { broken, refused }) => {
                let Some(refused) = refused else { return Err(broken) };
                if !door.renew(&refused).await? {
                    return Err(broken);
                }
                // A broker closes the connection after a refusal.
                line = Self::greet(address, door).await?;
                line.until = door.login(&mut line, address).await.map_err(|entry| entry.broken)?;
            }
        }
        Ok(line)
    }

    async fn greet(address: &str, door: &Door) -> Result<Self, Broken> {
        let stream = door.connect(address).await?;
        let mut line = Self { stream, versions: HashMap::new(), next: 1, is_used: false, until: None };
        let named = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("hopscope"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let greeted = line.ask(&named, 3, FIRST_LIMIT).await.map_err(|broken| match broken.kind {
            FaultKind::Unreachable if broken.hint.is_none() && !door.has_tls() => broken.with_hint(
                "check that the port is a Kafka listener; one that speaks TLS ends like this: set security_protocol to SSL or SASL_SSL",
            ),
            _ => broken,
        })?;
        let mut offer = Offer::read(greeted.0, 3);
        if offer.as_ref().is_some_and(|offer| offer.error == 35) {
            // A broker that does not know version 3 answers version 0 with this error.
            offer = Offer::read(line.ask(&ApiVersionsRequest::default(), 0, FIRST_LIMIT).await?.0, 0);
        }
        line.versions = match offer {
            Some(offer) if !offer.versions.is_empty() => offer.versions,
            Some(offer) => {
                let came = format!("{address} offers no requests (error {}): not Kafka?", offer.error);
                return Err(Broken::new(FaultKind::Damaged, came));
            }
            None => return Err(Broken::new(FaultKind::Damaged, format!("{address}: not a Kafka answer"))),
        };
        Ok(line)
    }

    /// Returns the newest version of a request that both sides know, from `oldest` to `newest`.
    pub(super) fn version<R: Request>(&self, oldest: i16, newest: i16) -> Result<i16, Broken> {
        let name = ApiKey::try_from(R::KEY).map_or_else(|()| format!("request {}", R::KEY), |key| format!("{key:?}"));
        let unsupported = |came: String, hint| Err(Broken::new(FaultKind::Unsupported, came).with_hint(hint));
        let (first, last) = (R::VERSIONS.min.max(oldest), R::VERSIONS.max.min(newest));
        let Some((low, high)) = self.versions.get(&R::KEY).copied() else {
            // Brokers of all ages serve metadata; a controller of KRaft does not, but it votes.
            if R::KEY == ApiKey::Metadata as i16 && self.versions.contains_key(&(ApiKey::Vote as i16)) {
                let came = "a controller answers there, which serves no clients".to_owned();
                return unsupported(came, "give the address of a broker instead");
            }
            return unsupported(
                format!("the broker does not offer {name}"),
                "check its version: it is too old for this question, or something else than Kafka",
            );
        };
        let version = high.min(last);
        if version >= low.max(first) {
            return Ok(version);
        }
        let came = format!("the broker offers {name} in versions {low} to {high}; {first} to {last} are understood");
        if low > last {
            unsupported(came, "check for a newer hopscope: the broker is too new for this one")
        } else {
            unsupported(came, "check the broker's version: it is too old for this question")
        }
    }

    /// Sends a request and returns its answer with its size on the wire.
    pub(super) async fn send<R: ReadOnly>(&mut self, request: &R, version: i16) -> Result<(R::Response, u64), Broken> {
        let (mut body, size) = self.ask(request, version, ANSWER_LIMIT).await?;
        let key = ApiKey::try_from(R::KEY).map_err(|()| codec(&"unknown request"))?;
        ResponseHeader::decode(&mut body, key.response_header_version(version)).map_err(|error| codec(&error))?;
        shape::check(R::KEY, version, body.clone()).map_err(|Impossible { count, left }| {
            codec(&format_args!("an array of {count} elements in {left} bytes"))
        })?;
        let answer = R::Response::decode(&mut body, version).map_err(|error| codec(&error))?;
        // Zeros and small numbers decode to an empty answer of nearly any kind; what is left over tells.
        if body.has_remaining() {
            return Err(codec(&format_args!("{} bytes behind its end", body.remaining())));
        }
        Ok((answer, size))
    }

    /// Sends a request and returns the answer's bytes from the correlation id on, and its size on the wire.
    async fn ask<R: ReadOnly>(&mut self, request: &R, version: i16, limit: usize) -> Result<(Bytes, u64), Broken> {
        let lost = |error: std::io::Error| {
            // Since TLS 1.3 the other side judges our certificate only after its part of the handshake.
            if let Some((what, hint)) = tls::explain(&error) {
                return Broken::new(FaultKind::Unreachable, what).with_hint(hint);
            }
            let came = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    "the connection was closed before the whole answer came".to_owned()
                }
                _ => error.to_string(),
            };
            Broken::new(FaultKind::Unreachable, came)
        };
        let key = ApiKey::try_from(R::KEY).map_err(|()| codec(&"unknown request"))?;
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let mut bytes = BytesMut::new();
        bytes.put_u32(0);
        RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(id)
            .with_client_id(Some(StrBytes::from_static_str("hopscope")))
            .encode(&mut bytes, key.request_header_version(version))
            .map_err(|error| codec(&error))?;
        request.encode(&mut bytes, version).map_err(|error| codec(&error))?;
        let length = bytes.len() as u32 - 4;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&bytes).await.map_err(lost)?;

        let head = self.stream.read_u32().await.map_err(lost)?;
        let length = head as usize;
        if !(4..=limit).contains(&length) {
            let what = match &head.to_be_bytes() {
                b"HTTP" => "HTTP answers there".to_owned(),
                // Alert or handshake, then the version (RFC 8446, section 5.1).
                [0x15 | 0x16, 3, ..] => "the listener speaks TLS; set security_protocol to SSL or SASL_SSL".to_owned(),
                _ => format!("an answer of {length} bytes, which no broker sends here: another protocol?"),
            };
            return Err(Broken::new(FaultKind::Damaged, what));
        }
        // Grown as bytes arrive, so that a length alone takes no memory.
        let mut body = Vec::new();
        let got = (&mut self.stream).take(length as u64).read_to_end(&mut body).await.map_err(lost)?;
        if got < length {
            return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if (&body[..4]).get_i32() != id {
            return Err(codec(&"the answer belongs to another request"));
        }
        Ok((Bytes::from(body), length as u64 + 4))
    }
}

impl Offer {
    /// Reads the answer of a peer that may not be Kafka at all. Not by the codec, which takes the memory that a count asks
    /// for before it looks at what follows.
    fn read(mut body: Bytes, version: i16) -> Option<Self> {
        // The answer has the oldest header whatever its version, so that any client can read it (KIP-511).
        body.try_get_i32().ok()?;
        let error = body.try_get_i16().ok()?;
        // The answer to an unknown version is one of version 0.
        let compact = version >= 3 && error != 35;
        let count =
            if compact { varint(&mut body)?.checked_sub(1)? } else { u32::try_from(body.try_get_i32().ok()?).ok()? };
        let mut versions = HashMap::new();
        for _ in 0..count {
            let mut next = || body.try_get_i16().ok();
            let (key, low, high) = (next()?, next()?, next()?);
            versions.insert(key, (low, high));
            if compact {
                for _ in 0..varint(&mut body)? {
                    varint(&mut body)?;
                    let length = varint(&mut body)? as usize;
                    (length <= body.len()).then(|| body.advance(length))?;
                }
            }
        }
        Some(Self { error, versions })
    }
}

/// Reads an unsigned varint of at most five bytes.
pub(super) fn varint(from: &mut Bytes) -> Option<u32> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = from.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn codec(error: &dyn std::fmt::Display) -> Broken {
    Broken::new(FaultKind::Damaged, format!("not a Kafka answer: {error}"))
}
