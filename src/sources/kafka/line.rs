//! An open connection: several requests may be on their way, and each gets its own answer.

use super::door::{self, Door, NoEntry};
use super::shape;
use super::wire::{Broken, ReadOnly};
use crate::model::FaultKind;
use crate::sources::lease::Lease;
use crate::sources::tls;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The first answer of a peer that may not be Kafka at all: "HTTP" read as a length is 1.2 GB.
const FIRST_LIMIT: usize = 1 << 20;
/// An answer's size; one batch comes whole however small the limit asked for.
const ANSWER_LIMIT: usize = 128 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// Numbers of the requests that have no answer yet.
    waiting: std::sync::Mutex<HashSet<i32>>,
    versions: HashMap<i16, (i16, i16)>,
    is_used: AtomicBool,
    /// Whether a request was given up, so that nothing more may be sent.
    is_lost: AtomicBool,
    /// When the broker will want a new login.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Sender {
    stream: WriteHalf<Box<dyn door::Bytes>>,
    next: i32,
}

#[derive(Debug)]
struct Receiver {
    stream: BufReader<ReadHalf<Box<dyn door::Bytes>>>,
    /// Answers that came while somebody else was reading, by number.
    arrived: HashMap<i32, Bytes>,
    /// Whether a part of an answer was read and dropped.
    is_torn: bool,
}

/// A request on its way; when it is dropped without its answer, the line is lost.
struct Flight<'a> {
    line: &'a Line,
    id: i32,
    has_landed: bool,
}

/// What a broker says that it can be asked.
#[derive(Debug)]
struct Offer {
    error: i16,
    versions: HashMap<i16, (i16, i16)>,
}

impl Line {
    /// Opens it. What the login asks of others is written down beside the request that `lease` is for.
    pub(super) async fn open(address: &str, door: &Door, lease: &Lease) -> Result<Self, Broken> {
        let mut line = Self::greet(address, door).await?;
        match door.login(&mut line, address, lease).await {
            Ok(until) => line.until = until,
            Err(NoEntry { broken, refused }) => {
                let Some(refused) = refused else { return Err(broken) };
                if !door.renew(&refused, lease).await? {
                    return Err(broken);
                }
                // A broker closes the connection after a refusal.
                line = Self::greet(address, door).await?;
                line.until = door.login(&mut line, address, lease).await.map_err(|entry| entry.broken)?;
            }
        }
        Ok(line)
    }

    async fn greet(address: &str, door: &Door) -> Result<Self, Broken> {
        let stream = door.connect(address).await?;
        let (from, to) = tokio::io::split(stream);
        let stream = BufReader::with_capacity(PIECE, from);
        let mut line = Self {
            sender: Mutex::new(Sender { stream: to, next: 1 }),
            receiver: Mutex::new(Receiver { stream, arrived: HashMap::new(), is_torn: false }),
            waiting: std::sync::Mutex::default(),
            versions: HashMap::new(),
            is_used: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            until: None,
        };
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

    /// Says whether another request may be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.is_lost.load(Ordering::Relaxed) && self.until.is_none_or(|until| until > Instant::now())
    }

    /// Says whether a request after the login was answered.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// Remembers that a request after the login was answered.
    pub(super) fn used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
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
    pub(super) async fn send<R: ReadOnly>(&self, request: &R, version: i16) -> Result<(R::Response, u64), Broken> {
        let (body, size) = self.fetch(request, version).await?;
        Ok((self.read::<R>(body, version)?, size))
    }

    /// Sends a request and returns its answer's bytes for [`Line::read`], and its size on the wire.
    pub(super) async fn fetch<R: ReadOnly>(&self, request: &R, version: i16) -> Result<(Bytes, u64), Broken> {
        self.ask(request, version, ANSWER_LIMIT).await
    }

    /// Reads an answer that came over this line.
    pub(super) fn read<R: ReadOnly>(&self, body: Bytes, version: i16) -> Result<R::Response, Broken> {
        let answer = read::<R>(body, version);
        if answer.is_err() {
            // Who sends noise once may have lost its place.
            self.is_lost.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Sends a request and returns the answer's bytes from the correlation id on, and its size on the wire.
    async fn ask<R: ReadOnly>(&self, request: &R, version: i16, limit: usize) -> Result<(Bytes, u64), Broken> {
        let key = ApiKey::try_from(R::KEY).map_err(|()| codec(&"unknown request"))?;
        let mut bytes = BytesMut::new();
        bytes.put_u32(0);
        let flight;
        {
            let mut sender = self.sender.lock().await;
            let id = sender.next;
            sender.next = id.wrapping_add(1);
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
            flight = Flight::begin(self, id);
            sender.stream.write_all(&bytes).await.map_err(|error| lost(&error))?;
            // What encrypts may hold bytes back.
            sender.stream.flush().await.map_err(|error| lost(&error))?;
        }
        let body = self.hear(flight.id, limit).await?;
        flight.land();
        let size = body.len() as u64 + 4;
        Ok((body, size))
    }

    /// Waits for the answer to a request. Whoever reads takes what comes for the others as well.
    async fn hear(&self, id: i32, limit: usize) -> Result<Bytes, Broken> {
        let mut receiver = self.receiver.lock().await;
        loop {
            if let Some(body) = receiver.arrived.remove(&id) {
                return Ok(body);
            }
            if receiver.is_torn || self.is_lost.load(Ordering::Relaxed) {
                let came = "an earlier request on the same connection failed";
                let broken = Broken::new(FaultKind::Unreachable, came).with_hint("look at the request before it");
                return Err(Broken { is_neighbour_s: true, ..broken });
            }
            // Who is dropped while reading leaves a part of an answer behind.
            receiver.is_torn = true;
            let body = receiver.frame(limit).await?;
            receiver.is_torn = false;
            let found = (&body[..4]).get_i32();
            if found == id {
                return Ok(body);
            }
            if !self.waiting.lock().expect("no holder panics").contains(&found) {
                receiver.is_torn = true;
                return Err(codec(&"the answer belongs to another request"));
            }
            receiver.arrived.insert(found, body);
        }
    }
}

impl Receiver {
    /// Reads one answer.
    async fn frame(&mut self, limit: usize) -> Result<Bytes, Broken> {
        let head = self.stream.read_u32().await.map_err(|error| lost(&error))?;
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
        // Grown as bytes arrive, so that a length alone takes little memory.
        let mut body = Vec::with_capacity(length.min(PIECE));
        let got = (&mut self.stream).take(length as u64).read_to_end(&mut body).await.map_err(|error| lost(&error))?;
        if got < length {
            return Err(lost(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Bytes::from(body))
    }
}

impl<'a> Flight<'a> {
    fn begin(line: &'a Line, id: i32) -> Self {
        line.waiting.lock().expect("no holder panics").insert(id);
        Self { line, id, has_landed: false }
    }

    fn land(mut self) {
        self.has_landed = true;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.line.waiting.lock().expect("no holder panics").remove(&self.id);
        // An answer may still be under way; the next request must not take it for its own.
        if !self.has_landed {
            self.line.is_lost.store(true, Ordering::Relaxed);
        }
    }
}

/// Reads a whole answer.
fn read<R: ReadOnly>(mut body: Bytes, version: i16) -> Result<R::Response, Broken> {
    let key = ApiKey::try_from(R::KEY).map_err(|()| codec(&"unknown request"))?;
    ResponseHeader::decode(&mut body, key.response_header_version(version)).map_err(|error| codec(&error))?;
    shape::check(R::KEY, version, &body).map_err(|wrong| codec(&wrong))?;
    let answer = R::Response::decode(&mut body, version).map_err(|error| codec(&error))?;
    // Zeros and small numbers decode to an empty answer of nearly any kind; what is left over tells.
    if body.has_remaining() {
        return Err(codec(&format_args!("{} bytes behind its end", body.remaining())));
    }
    Ok(answer)
}

/// Reads an answer from the correlation id on, and says what is wrong with it.
pub(super) fn judge<R: ReadOnly>(body: Bytes, version: i16) -> Result<(), String> {
    if R::KEY == ApiVersionsRequest::KEY {
        return Offer::read(body, version).map(drop).ok_or_else(|| "no offer of versions".to_owned());
    }
    read::<R>(body, version).map(drop).map_err(|broken| broken.came)
}

/// Says how a connection was lost.
fn lost(error: &std::io::Error) -> Broken {
    // Since TLS 1.3 the other side judges our certificate only after its part of the handshake.
    if let Some((what, hint)) = tls::explain(error) {
        return Broken::new(FaultKind::Unreachable, what).with_hint(hint);
    }
    let came = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the connection was closed before the whole answer came".to_owned(),
        _ => error.to_string(),
    };
    Broken::new(FaultKind::Unreachable, came)
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
pub(super) fn varint(from: &mut impl Buf) -> Option<u32> {
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
