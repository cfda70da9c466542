//! The only requests that can be sent to a broker, and the connection that they are sent over.

use super::door::Door;
use crate::model::{FaultKind, SafeText};
use crate::sources::lease::Lease;
use crate::sources::shell::word;
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    DescribeProducersRequest, DescribeShareGroupOffsetsRequest, DescribeTransactionsRequest, FetchRequest,
    ListGroupsRequest, ListOffsetsRequest, ListTransactionsRequest, MetadataRequest, OffsetFetchRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest, ShareGroupDescribeRequest,
};
use kafka_protocol::protocol::Request;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(super) use super::line::{Line, varint};

/// A request that reads, or that says who asks.
pub(super) trait ReadOnly: Request {}

macro_rules! reads {
    ($($request:ty),* $(,)?) => {
        $(impl ReadOnly for $request {})*

        /// Reads an answer's bytes from the correlation id on as a connection does, and says what is wrong with them.
        pub(super) fn judge(key: i16, version: i16, body: Bytes) -> Result<(), String> {
            match key {
                $(<$request as Request>::KEY => super::line::judge::<$request>(body, version),)*
                _ => Err("no request has this key".to_owned()),
            }
        }
    };
}

reads!(
    ApiVersionsRequest,
    ConsumerGroupDescribeRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeProducersRequest,
    DescribeShareGroupOffsetsRequest,
    DescribeTransactionsRequest,
    FetchRequest,
    ListGroupsRequest,
    ListOffsetsRequest,
    ListTransactionsRequest,
    MetadataRequest,
    OffsetFetchRequest,
    SaslAuthenticateRequest,
    SaslHandshakeRequest,
    ShareGroupDescribeRequest,
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
    /// Whether it was another request that failed, so that a new connection may do.
    pub(super) is_neighbour_s: bool,
}

/// A connection, opened when first needed and again after a loss.
#[derive(Debug)]
pub(super) struct Connection {
    /// `host:port`.
    pub(super) address: String,
    door: Arc<Door>,
    line: Mutex<Option<Arc<Line>>>,
}

impl Broken {
    pub(super) fn new(kind: FaultKind, came: impl Into<String>) -> Self {
        Self { kind, came: came.into(), hint: None, is_neighbour_s: false }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// An answer that has arrived and is not read yet.
#[derive(Debug)]
pub(super) struct Arrived<R> {
    body: Bytes,
    version: i16,
    /// Bytes on the wire.
    pub(super) size: u64,
    line: Arc<Line>,
    door: Arc<Door>,
    request: PhantomData<fn() -> R>,
}

impl<R: ReadOnly> Arrived<R> {
    /// Returns the version that was agreed on.
    pub(super) fn version(&self) -> i16 {
        self.version
    }

    /// Reads it.
    pub(super) fn read(self) -> Result<R::Response, Broken> {
        self.line.read::<R>(self.body, self.version).map_err(|broken| self.door.hushed(broken))
    }
}

impl Connection {
    /// Returns a connection to `address`; nothing is opened yet.
    pub(super) fn new(address: String, door: Arc<Door>) -> Self {
        Self { address, door, line: Mutex::new(None) }
    }

    /// Sends the request that `build` makes for the agreed version, from `oldest` to `newest`, and returns the answer as it
    /// came. Several may be on their way at once: each is sent without waiting for the answers to
    /// those before, and a broker answers in that order. Whoever drops this future gives up the connection, since an
    /// answer may be under way on it.
    pub(super) async fn call<R: ReadOnly>(
        &self,
        lease: &Lease,
        until: Instant,
        (oldest, newest): (i16, i16),
        build: impl Fn(i16) -> R,
    ) -> Result<Arrived<R>, Broken> {
        let work = async {
            let mut may_retry = true;
            loop {
                let line = self.line(lease).await?;
                let version = line.version::<R>(oldest, newest)?;
                let was_used = line.is_used();
                let broken = match line.fetch(&build(version), version).await {
                    Ok((body, size)) => {
                        line.used();
                        let door = Arc::clone(&self.door);
                        return Ok(Arrived { body, version, size, line, door, request: PhantomData });
                    }
                    Err(broken) => broken,
                };
                // A broker closes what was idle for long. Reading twice does no harm, so it is asked anew, once.
                let is_stale = broken.kind == FaultKind::Unreachable && (was_used || broken.is_neighbour_s);
                if is_stale && std::mem::take(&mut may_retry) {
                    continue;
                }
                if broken.kind == FaultKind::Unreachable && broken.hint.is_none() && !self.door.has_login() {
                    let came = format!("{}; a listener that wants a login ends like this", broken.came);
                    let hint = "check the listener: if it is a SASL one, set sasl_mechanism, user and a password in the profile";
                    return Err(Broken::new(broken.kind, came).with_hint(hint));
                }
                return Err(broken);
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
            Ok(arrived) if !lease.receive(arrived.size) => {
                Err(Broken::new(FaultKind::BudgetSpent, "budget of bytes spent"))
            }
            outcome => outcome.map_err(|broken| self.door.hushed(broken)),
        }
    }

    /// Returns the open line, or opens one; who comes meanwhile waits for it.
    async fn line(&self, lease: &Lease) -> Result<Arc<Line>, Broken> {
        let mut kept = self.line.lock().await;
        if let Some(line) = kept.as_ref().filter(|line| line.is_open()) {
            return Ok(Arc::clone(line));
        }
        *kept = None;
        let line = Arc::new(self.open(lease).await?);
        *kept = Some(Arc::clone(&line));
        Ok(line)
    }

    /// Opens the connection, which asks for the broker's versions and logs in.
    async fn open(&self, lease: &Lease) -> Result<Line, Broken> {
        let shown = format!("kafka-broker-api-versions --bootstrap-server {}", word(&self.address));
        let line = self.door.repeated(&shown);
        // A remark of the shell: the line does the same with it and without.
        let line = if self.door.has_login() {
            SafeText::from(format!("{line} # login {}", self.door.login_words()))
        } else {
            line
        };
        let underway = lease.begin(line);
        let opened = Line::open(&self.address, &self.door, lease).await;
        let status = match &opened {
            Ok(_) => SafeText::own("ok"),
            Err(broken) => SafeText::new(&broken.came).cut(120),
        };
        underway.done(0, 0, status);
        opened
    }
}
