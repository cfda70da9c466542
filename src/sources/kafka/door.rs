//! The way into a broker: TCP, TLS and the login, before anything is asked.

use super::repeat::Repeat;
use super::sasl::{Exchange, Step};
use super::wire::{Broken, Line};
use crate::config::{KafkaEndpoint, Login, Tls};
use crate::model::{FaultKind, SafeText};
use crate::sources::secret::Secret;
use crate::sources::tls::{self, Roots};
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsConnector;

/// Bytes both ways, with or without TLS.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Bytes for T {}

/// How the brokers of one cluster are entered.
#[derive(Debug)]
pub(super) struct Door {
    tls: Option<Tls>,
    config: OnceLock<Result<(Arc<ClientConfig>, Roots), String>>,
    login: Option<(Login, Secret)>,
    /// How a person would enter with other tools.
    repeat: Repeat,
}

impl Door {
    pub(super) fn new(endpoint: &KafkaEndpoint) -> Self {
        let login = endpoint.login.as_ref().map(|login| (login.clone(), Secret::new(&login.secret)));
        Self { tls: endpoint.tls.clone(), config: OnceLock::new(), login, repeat: Repeat::of(endpoint) }
    }

    /// Returns a command line with what it needs to enter here.
    pub(super) fn repeated(&self, shown: &str) -> SafeText {
        self.repeat.line(shown)
    }

    /// Says whether somebody logs in.
    pub(super) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Says whether the bytes are protected.
    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns a remark about how far the way there can be trusted.
    pub(super) fn remark(&self) -> Option<&'static str> {
        match self.config.get()?.as_ref().ok()?.1 {
            Roots::Unchecked => Some("its certificate is not checked (insecure)"),
            Roots::BuiltIn => Some("this host has no store of authorities; built-in ones are used"),
            Roots::Host | Roots::File => None,
        }
    }

    /// Opens the bytes of a connection to `host:port`.
    pub(super) async fn connect(&self, address: &str) -> Result<Box<dyn Bytes>, Broken> {
        let unreachable = |what: String| Broken::new(FaultKind::Unreachable, what);
        let stream = TcpStream::connect(address).await.map_err(|error| unreachable(format!("{address}: {error}")))?;
        stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        // Cloud brokers drop connections that are silent for minutes.
        rustix::net::sockopt::set_socket_keepalive(&stream, true).map_err(|error| unreachable(error.to_string()))?;
        let Some(wanted) = &self.tls else { return Ok(Box::new(stream)) };
        let config = self.config.get_or_init(|| tls::config(wanted).map(|(config, roots)| (Arc::new(config), roots)));
        let (config, _) = config.as_ref().map_err(|why| {
            Broken::new(FaultKind::Unsupported, why.clone()).with_hint("check the PEM files that the settings name")
        })?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
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

    /// Logs in on a fresh connection. Returns when the broker will want it anew.
    pub(super) async fn login(&self, line: &mut Line) -> Result<Option<Instant>, Broken> {
        let Some((login, secret)) = &self.login else { return Ok(None) };
        let refused = |what: String| {
            Broken::new(FaultKind::Refused, what).with_hint("check user, secret and mechanism in the profile")
        };
        let name = login.mechanism.name();
        let asked = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(name));
        let (answer, _) = line.send(&asked, 1).await?;
        if answer.error_code != 0 {
            let known: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refused(format!("the broker does not take {name}; it takes {known}")));
        }
        let held = secret.get().await.map_err(|why| {
            refused(why).with_hint("run the command by hand; it must print the secret and end with 0")
        })?;
        let mut exchange = Exchange::begin(login.mechanism, &login.user, &held).map_err(refused)?;
        let mut words = exchange.first();
        loop {
            let asked = SaslAuthenticateRequest::default().with_auth_bytes(words.into());
            let version = line.version::<SaslAuthenticateRequest>(0, 2)?;
            let (answer, _) = line.send(&asked, version).await?;
            if answer.error_code != 0 {
                secret.forget().await;
                let why = answer.error_message.as_deref().unwrap_or("the login was refused");
                return Err(refused(format!("{why} (Kafka error {})", answer.error_code)));
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
            match step.map_err(refused)? {
                Step::Say(next) => words = next,
                Step::Done => {
                    let lives = u64::try_from(answer.session_lifetime_ms).ok().filter(|lives| *lives > 0);
                    // A little sooner than the broker, so that no request meets the end.
                    return Ok(lives.map(|lives| Instant::now() + Duration::from_millis(lives * 9 / 10)));
                }
            }
        }
    }
}
