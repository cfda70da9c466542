//! The sources of one environment.

use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// Where the sources of one environment are.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Name, as `--profile` takes it.
    pub name: String,
    /// Jaeger's query service.
    pub jaeger: Option<HttpEndpoint>,
    /// Loki.
    pub loki: Option<HttpEndpoint>,
    /// Matchers that every selector of Loki holds: `cluster="prod"`.
    pub loki_selector: Option<String>,
    /// Kafka.
    pub kafka: Option<KafkaEndpoint>,
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
}

/// A Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaEndpoint {
    /// Bootstrap addresses, host and port.
    pub bootstrap: Vec<(String, u16)>,
}

/// What one investigation may cost, per kind of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests to one source.
    pub requests: u32,
    /// Bytes received from one source.
    pub bytes: u64,
    /// Requests under way at one source at a time.
    pub at_once: usize,
    /// Wait for one request: connection to last byte.
    pub request_timeout: Duration,
    /// Wait for the whole investigation.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 240,
            bytes: 512 << 20,
            at_once: 4,
            request_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
        }
    }
}
