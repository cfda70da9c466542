//! The sources of one environment.

use super::kafka::KafkaEndpoint;
use super::limits::Limits;
use super::secrets::Credential;
use super::security::Tls;
use secrecy::SecretString;
use url::Url;

/// Where the sources of one environment are.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub name: String,
    /// Jaeger's query service.
    pub jaeger: Option<HttpEndpoint>,
    /// Tempo.
    pub tempo: Option<HttpEndpoint>,
    /// Loki.
    pub loki: Option<HttpEndpoint>,
    /// Matchers that every selector of Loki holds: `cluster="prod"`.
    pub loki_selector: Option<String>,
    /// Kafka.
    pub kafka: Option<KafkaEndpoint>,
    /// Kafka through a Confluent REST Proxy; there is one way or the other.
    pub kafka_rest: Option<HttpEndpoint>,
    /// Which cluster is meant, for a proxy that knows several.
    pub kafka_rest_cluster: Option<String>,
    /// What one investigation may cost.
    pub limits: Limits,
}

/// A source that is reached over HTTP.
#[derive(Clone, Debug)]
pub struct HttpEndpoint {
    /// Base URL; paths are joined to it, so it may hold a base path.
    pub url: Url,
    /// Headers sent with each request (tenant, authorisation). Values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Headers whose values come from files, programs or the environment.
    pub secret_headers: Vec<(String, Credential)>,
    /// Who logs in, when that is not said by a header.
    pub login: Option<HttpLogin>,
    /// TLS.
    pub tls: Tls,
    /// The way there.
    pub way: Way,
    /// Hosts that are reached without a proxy, as `NO_PROXY` names them, instead of that variable.
    pub no_proxy: Option<String>,
    /// Grafana in front: the URL is Grafana's, and the source is one of its data sources.
    pub grafana: Option<Door>,
}

/// A data source of Grafana.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// Its uid; without one, the only data source of the kind is meant.
    pub uid: Option<String>,
}

/// Who logs in over HTTP.
#[derive(Clone, Debug)]
pub enum HttpLogin {
    /// `Authorization: Bearer ...`.
    Bearer(Credential),
    /// `Authorization: Basic ...`.
    Basic(String, Credential),
}

/// The way to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// As the environment says: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`. Loopback is always direct.
    #[default]
    Environment,
    /// Through no proxy.
    Direct,
    /// Through this one.
    Proxy(Url),
}

impl HttpEndpoint {
    /// Returns an endpoint without headers, login and special ways.
    pub fn new(url: Url) -> Self {
        let (headers, secret_headers) = (Vec::new(), Vec::new());
        Self {
            url,
            headers,
            secret_headers,
            login: None,
            tls: Tls::default(),
            way: Way::default(),
            no_proxy: None,
            grafana: None,
        }
    }
}
