//! The HTTP client of one endpoint: trust, the way there, and how a person would repeat it.

use crate::config::{Checks, HttpEndpoint, HttpLogin, Tls, Way};
use crate::sources::shell::quote;
use crate::sources::tls::{self, Roots};
use reqwest::{Client, Proxy, redirect};
use rustls::ClientConfig;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// Wait for a connection; the whole request is bounded by its lease.
const CONNECT: Duration = Duration::from_secs(3);
/// Redirects followed, all on the same host.
const REDIRECTS: usize = 4;

/// Builds the client. The error says what cannot be set up.
pub(super) fn build(endpoint: &HttpEndpoint) -> Result<(Client, Roots), String> {
    let (mut config, roots) = trust(endpoint)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = Client::builder()
        .connect_timeout(CONNECT)
        .user_agent(concat!("hopscope/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::custom(|hop| {
            let same = hop.previous().first().is_some_and(|first| first.origin() == hop.url().origin());
            if same && hop.previous().len() <= REDIRECTS { hop.follow() } else { hop.stop() }
        }))
        .tls_backend_preconfigured(config);
    let builder = match &endpoint.way {
        // A forwarded port would end at the proxy's own loopback.
        _ if is_loopback(&endpoint.url) => builder.no_proxy(),
        Way::Direct => builder.no_proxy(),
        Way::Environment => builder,
        Way::Proxy(proxy) => {
            builder.proxy(Proxy::all(proxy.clone()).map_err(|error| format!("the proxy cannot be used: {error}"))?)
        }
    };
    Ok((builder.build().map_err(|error| format!("no HTTP client: {error}"))?, roots))
}

fn trust(endpoint: &HttpEndpoint) -> Result<(ClientConfig, Roots), String> {
    let by_proxy = matches!(&endpoint.way, Way::Proxy(proxy) if proxy.scheme() == "https");
    let asks_host = endpoint.url.scheme() == "https" || by_proxy || endpoint.way == Way::Environment;
    if asks_host && !(endpoint.url.scheme() == "http" && is_loopback(&endpoint.url)) {
        return tls::config(&endpoint.tls);
    }
    // Nothing will be encrypted, so the host's store need not be read.
    tls::config(&Tls { checks: Checks::None, ..Tls::default() }).map(|(config, _)| (config, Roots::Host))
}

/// Writes what curl needs to go the same way with the same trust; secrets are `***`.
pub(super) fn curl(endpoint: &HttpEndpoint, line: &mut String) {
    let mut option = |name: &str, value: &str| {
        write!(line, " {name} {}", quote(value)).expect("a string takes any text");
    };
    if let Some(file) = &endpoint.tls.ca_file {
        option("--cacert", &file.to_string_lossy());
    }
    if let Some((cert, key)) = &endpoint.tls.identity {
        option("--cert", &cert.to_string_lossy());
        option("--key", &key.to_string_lossy());
    }
    match &endpoint.way {
        _ if is_loopback(&endpoint.url) => {}
        Way::Environment => {}
        Way::Direct => option("--noproxy", "*"),
        Way::Proxy(proxy) => option("-x", proxy.as_str()),
    }
    match &endpoint.login {
        Some(HttpLogin::Bearer(_)) => option("-H", "Authorization: ***"),
        Some(HttpLogin::Basic(user, _)) => option("-u", &format!("{user}:***")),
        None => {}
    }
    if endpoint.tls.checks == Checks::None {
        line.push_str(" -k");
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}
