//! What an examination of a source finds out, step by step, and the steps that are the same for all: name, connection, TLS.
//!
//! A source tells its own steps in [`super::Source::examine`]; those that nobody tells are shown as not tried.

use crate::config::{Checks, Tls};
use crate::model::{Fault, Nanos, SafeText};
use crate::sources::tls;
use rustls::pki_types::ServerName;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use x509_cert::der::Decode;

/// The steps, in their order.
pub const STEPS: [&str; 9] =
    ["name", "connect", "TLS", "login", "version", "capabilities", "clock", "permissions", "limits"];
/// A certificate that ends sooner is worth a warning.
const SOON: Duration = Duration::from_hours(14 * 24);

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// As it should be.
    Ok,
    /// Works, with a weakness.
    Warn,
    /// Does not work.
    Failed,
    /// Nothing can be said; why stands in what was seen.
    NotTried,
}

impl Finding {
    /// Returns the sign shown beside it.
    pub const fn sign(self) -> char {
        match self {
            Self::Ok => '+',
            Self::Warn => 'W',
            Self::Failed => 'E',
            Self::NotTried => '-',
        }
    }

    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Failed => "failed",
            Self::NotTried => "not tried",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// One of [`STEPS`]. A step about several servers or topics comes several times.
    pub name: &'static str,
    /// How it went.
    pub finding: Finding,
    /// What was seen.
    pub seen: SafeText,
    /// What to change, when something should be.
    pub to_do: SafeText,
}

impl Step {
    /// As it should be.
    pub fn ok(name: &'static str, seen: impl Into<SafeText>) -> Self {
        Self { name, finding: Finding::Ok, seen: seen.into(), to_do: SafeText::default() }
    }

    /// Works, with a weakness and what to do about it.
    pub fn warn(name: &'static str, seen: impl Into<SafeText>, to_do: impl Into<SafeText>) -> Self {
        Self { name, finding: Finding::Warn, seen: seen.into(), to_do: to_do.into() }
    }

    /// Does not work.
    pub fn failed(name: &'static str, fault: &Fault) -> Self {
        let seen = format!("{}: {}", fault.kind.word(), fault.came.as_str());
        Self { name, finding: Finding::Failed, seen: seen.into(), to_do: fault.hint.clone() }
    }

    /// Cannot be told, and why.
    pub fn not_tried(name: &'static str, why: impl Into<SafeText>) -> Self {
        Self { name, finding: Finding::NotTried, seen: why.into(), to_do: SafeText::default() }
    }
}

/// The way into a source, as far as it is the same for all kinds.
#[derive(Clone, Debug, Default)]
pub struct WayIn {
    /// `host:port` of each address that the configuration names.
    pub places: Vec<String>,
    /// TLS, when it is spoken.
    pub tls: Option<Tls>,
    /// Whether a proxy leads there, who may know names and ways that this host does not.
    pub has_proxy: bool,
    /// Who logs in, and how; never the secret.
    pub login: SafeText,
}

impl WayIn {
    /// Returns a way without TLS and login to addresses as a lamp shows them: a URL, or `host:port,host:port`.
    pub fn to(address: &str) -> Self {
        let places = match url::Url::parse(address).ok().as_ref().and_then(place) {
            Some(place) => vec![place],
            None => address.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
        };
        Self { places, login: SafeText::own("no login is configured"), ..Self::default() }
    }
}

/// Returns `host:port` of a URL.
pub fn place(url: &url::Url) -> Option<String> {
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// Finds the name of a place, connects, and looks at its certificate; none of them takes longer than `wait`.
pub async fn enter(way: &WayIn, wait: Duration) -> Vec<Step> {
    let mut steps = Vec::new();
    for place in &way.places {
        steps.extend(one(way, place, wait).await);
    }
    if way.tls.is_none() {
        let is_near =
            |place: &String| place.starts_with("127.") || place.starts_with("localhost:") || place.starts_with("[::1]");
        steps.push(if way.places.iter().all(is_near) {
            Step::not_tried("TLS", "not spoken; the address is on this host")
        } else {
            Step::warn(
                "TLS",
                "not spoken: what is asked and answered can be read on the way",
                "use https:// or a TLS listener",
            )
        });
    }
    steps
}

async fn one(way: &WayIn, place: &str, wait: Duration) -> Vec<Step> {
    const TO_DO: &str = "check the name, the port and the way there";
    let weak = |name, seen: String| {
        if way.has_proxy {
            Step::not_tried(name, format!("{seen}; the proxy may know better"))
        } else {
            Step::warn(name, seen, TO_DO)
        }
    };
    let found = match timeout(wait, lookup_host(place)).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return vec![weak("name", format!("{place}: {error}"))],
        Err(_) => return vec![weak("name", format!("{place}: no answer within {wait:?}"))],
    };
    let Some(first) = found.first() else { return vec![weak("name", format!("{place} has no address"))] };
    let mut steps = vec![Step::ok("name", format!("{place} is {}", first.ip()))];
    let begun = Instant::now();
    let stream = match timeout(wait, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            steps.push(weak("connect", format!("{place}: {error}")));
            return steps;
        }
        Err(_) => {
            steps.push(weak("connect", format!("{place}: no connection within {wait:?}")));
            return steps;
        }
    };
    let took = Nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
    steps.push(Step::ok("connect", format!("{place} in {}", took.human())));
    if let Some(tls) = &way.tls {
        steps.push(certificate(tls, place, stream, wait).await);
    }
    steps
}

/// Says who answers, by whom that is certified, and until when.
async fn certificate(wanted: &Tls, place: &str, stream: TcpStream, wait: Duration) -> Step {
    const NAME: &str = "TLS";
    match timeout(wait, shown(wanted, place, stream)).await {
        Err(_) => Step::warn(NAME, format!("{place}: no answer within {wait:?}"), "check that the port speaks TLS"),
        Ok(Ok(_)) if wanted.checks == Checks::None => {
            Step::warn(NAME, format!("{place}: the certificate is not checked"), "set ca_file and remove insecure")
        }
        Ok(Ok((protocol, Some(seen)))) => {
            let text = format!("{place}: {protocol}, {}", seen.words());
            match seen.until.duration_since(SystemTime::now()) {
                Ok(left) if left < SOON => Step::warn(NAME, text, "renew the certificate on the server"),
                Ok(_) | Err(_) => Step::ok(NAME, text),
            }
        }
        Ok(Ok((protocol, None))) => Step::ok(NAME, format!("{place}: {protocol}; the certificate cannot be read")),
        Ok(Err((why, to_do))) => {
            // What is not trusted is worth knowing all the same. Nothing secret is sent: neither a certificate of ours nor a login.
            let anybody = Tls { checks: Checks::None, ..Tls::default() };
            let look = async {
                let stream = TcpStream::connect(place).await.ok()?;
                shown(&anybody, place, stream).await.ok()?.1
            };
            let who = timeout(wait, look).await.ok().flatten();
            let who = who.map(|seen| format!("; it shows {}", seen.words())).unwrap_or_default();
            Step::warn(NAME, format!("{place}: {why}{who}"), to_do)
        }
    }
}

/// What stands in a certificate.
struct Shown {
    subject: String,
    issuer: String,
    until: SystemTime,
}

impl Shown {
    fn words(&self) -> String {
        let until =
            jiff::Timestamp::try_from(self.until).map_or_else(|_| "?".to_owned(), |at| at.strftime("%F").to_string());
        format!("{} by {}, until {until}", self.subject, self.issuer)
    }
}

async fn shown(
    wanted: &Tls,
    place: &str,
    stream: TcpStream,
) -> Result<(&'static str, Option<Shown>), (String, &'static str)> {
    let (config, _) = tls::config(wanted).map_err(|why| (why, "check the PEM files that the settings name"))?;
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| (format!("{host} is no name that a certificate can be for"), "use the server's name"))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        tls::explain(&error)
            .unwrap_or_else(|| (format!("TLS was not answered ({error})"), "check that the port speaks TLS"))
    })?;
    let (_, session) = stream.get_ref();
    let protocol = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let read = |bytes: &[u8]| {
        let certificate = x509_cert::Certificate::from_der(bytes).ok()?;
        let told = certificate.tbs_certificate();
        let until = told.validity().not_after.to_system_time();
        Some(Shown { subject: told.subject().to_string(), issuer: told.issuer().to_string(), until })
    };
    Ok((protocol, session.peer_certificates().and_then(|chain| read(chain.first()?))))
}
