//! The way into a broker: TCP, TLS and the login, before anything is asked.

use super::repeat::Repeat;
use super::sasl::{Prover, Shown, Step};
use super::way;
use super::wire::{Broken, Line};
use crate::config::{KafkaEndpoint, Tls};
use crate::model::{FaultKind, SafeText};
use crate::sources::lease::Lease;
use crate::sources::tls::{self, Roots};
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsConnector;
use url::Url;

/// Bytes both ways, with or without TLS.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Bytes for T {}

/// A login that failed, and the proof that was refused, if that is why.
#[derive(Debug)]
pub(super) struct NoEntry {
    pub(super) broken: Broken,
    pub(super) refused: Option<Shown>,
}

impl From<Broken> for NoEntry {
    fn from(broken: Broken) -> Self {
        Self { broken, refused: None }
    }
}

/// How the brokers of one cluster are entered.
#[derive(Debug)]
pub(super) struct Door {
    tls: Option<Tls>,
    config: OnceLock<Result<(Arc<ClientConfig>, Roots), String>>,
    prover: Option<Prover>,
    proxy: Option<Url>,
    /// How a person would enter with other tools.
    repeat: Repeat,
}

impl Door {
    pub(super) fn new(endpoint: &KafkaEndpoint) -> Self {
        let prover = endpoint.login.as_ref().map(Prover::new);
        let (tls, proxy) = (endpoint.tls.clone(), endpoint.proxy.clone());
        Self { tls, config: OnceLock::new(), prover, proxy, repeat: Repeat::of(endpoint) }
    }

    /// Returns a command line with what it needs to enter here.
    pub(super) fn repeated(&self, shown: &str) -> SafeText {
        self.repeat.line(shown)
    }

    /// Returns who logs in, and how.
    pub(super) fn login_words(&self) -> SafeText {
        self.repeat.login()
    }

    /// Returns how the bytes are protected, if they are.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Says whether somebody logs in.
    pub(super) fn has_login(&self) -> bool {
        self.prover.is_some()
    }

    /// Says whether the bytes are protected.
    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Says whether a proxy leads to brokers that are not on this host.
    pub(super) fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// Returns a remark about how far the way there can be trusted.
    pub(super) fn remark(&self) -> Option<&'static str> {
        let (_, roots) = self.config.get()?.as_ref().ok()?;
        tls::remark(self.tls.as_ref()?, *roots)
    }

    /// Takes this login's secrets out of a failure's words.
    pub(super) fn hushed(&self, broken: Broken) -> Broken {
        let Some(prover) = &self.prover else { return broken };
        Broken { came: prover.hush().words(&broken.came), ..broken }
    }

    /// Opens the bytes of a connection to `host:port`.
    pub(super) async fn connect(&self, address: &str) -> Result<Box<dyn Bytes>, Broken> {
        let unreachable = |what: String| Broken::new(FaultKind::Unreachable, what);
        let stream = way::open(self.proxy.as_ref(), address).await?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        // Cloud brokers drop connections that are silent for minutes.
        rustix::net::sockopt::set_socket_keepalive(&stream, true).map_err(|error| unreachable(error.to_string()))?;
        let Some(wanted) = &self.tls else { return Ok(Box::new(stream)) };
        let config = self.config.get_or_init(|| tls::config(wanted).map(|(config, roots)| (Arc::new(config), roots)));
        let (config, _) = config.as_ref().map_err(|why| {
            Broken::new(FaultKind::Unsupported, why.clone()).with_hint("check the PEM files that the settings name")
        })?;
        let host = wanted.server_name.as_deref().unwrap_or_else(|| host_of(address));
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| unreachable(format!("{host} is no name that a certificate can be for")))?;
        match TlsConnector::from(Arc::clone(config)).connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match tls::explain(&error) {
                Some((what, hint)) => unreachable(format!("{address}: {what}")).with_hint(hint),
                None => unreachable(format!("{address}: TLS was not answered ({error})"))
                    .with_hint("check the port: the listener may be a plaintext one"),
            }),
        }
    }

    /// Says whether there is another proof than the one that a broker refused.
    pub(super) async fn renew(&self, refused: &Shown, lease: &Lease) -> Result<bool, Broken> {
        let Some(prover) = &self.prover else { return Ok(false) };
        prover.renew(refused, lease).await.map_err(no_secret)
    }

    /// Logs in on a fresh connection to `address`. Returns when the broker will want it anew.
    pub(super) async fn login(
        &self,
        line: &mut Line,
        address: &str,
        lease: &Lease,
    ) -> Result<Option<Instant>, NoEntry> {
        let entered = self.enter(line, address, lease).await;
        // Brokers and token endpoints like to say what they refused.
        entered.map_err(|entry| NoEntry { broken: self.hushed(entry.broken), ..entry })
    }

    async fn enter(&self, line: &mut Line, address: &str, lease: &Lease) -> Result<Option<Instant>, NoEntry> {
        let Some(prover) = &self.prover else { return Ok(None) };
        let refused = |what: String| {
            Broken::new(FaultKind::Refused, what).with_hint("check user, secret and mechanism in the profile")
        };
        let name = prover.mechanism();
        let asked = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(name));
        let (answer, _) = line.send(&asked, 1).await?;
        if answer.error_code != 0 {
            let known: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refused(format!("the broker does not take {name}; it takes {known}")).into());
        }
        let (mut exchange, shown) = prover.begin(host_of(address), lease).await.map_err(no_secret)?;
        let mut words = exchange.first();
        loop {
            let asked = SaslAuthenticateRequest::default().with_auth_bytes(words.into());
            let version = line.version::<SaslAuthenticateRequest>(0, 2)?;
            let (answer, _) = line.send(&asked, version).await?;
            if answer.error_code != 0 {
                let why = answer.error_message.as_deref().unwrap_or("the login was refused");
                let broken = refused(format!("{why} (Kafka error {})", answer.error_code));
                // 58 is SASL_AUTHENTICATION_FAILED; the others are not about the secret.
                return Err(NoEntry { broken, refused: (answer.error_code == 58).then_some(shown) });
            }
            let heard = answer.auth_bytes.to_vec();
            // A password is hashed many thousand times, which no other task should wait for.
            let (back, step) = tokio::task::spawn_blocking(move || {
                let step = exchange.hear(&heard);
                (exchange, step)
            })
            .await
            .map_err(|error| refused(format!("a bug in hopscope: {error}")))?;
            exchange = back;
            match step {
                Ok(Step::Say(next)) => words = next,
                Ok(Step::Done) => {
                    prover.took(&shown);
                    let lives = u64::try_from(answer.session_lifetime_ms).ok().filter(|lives| *lives > 0);
                    // A little sooner than the broker, so that no request meets the end.
                    return Ok(lives.map(|lives| Instant::now() + Duration::from_millis(lives * 9 / 10)));
                }
                Err(why) => return Err(NoEntry { broken: refused(why), refused: Some(shown) }),
            }
        }
    }
}

fn no_secret(why: String) -> Broken {
    let hint = "run the secret's command by hand, or look at its file or its token endpoint";
    Broken::new(FaultKind::Refused, why).with_hint(hint)
}

/// Returns the host of `host:port`.
pub(super) fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
