//! The HTTP client of one endpoint: trust, the way there, and how a person would repeat it.

use crate::config::{Checks, HttpEndpoint, HttpLogin, Pem, Tls, Way};
use crate::sources::shell::quote;
use crate::sources::tls::{self, Roots};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, NoProxy, Proxy, redirect};
use rustls::ClientConfig;
use secrecy::SecretString;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::OnceCell;
use url::{Host, Url};

/// Wait for a connection; the whole request is bounded by its lease.
const CONNECT: Duration = Duration::from_secs(3);
/// Redirects followed, all on the same host.
const REDIRECTS: usize = 4;

/// A client that can be used.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) client: Client,
    pub(super) roots: Roots,
    /// The proxy that requests go through, without its login.
    pub(super) via: Option<String>,
    /// Name and password for the proxy, when the environment holds some.
    pub(super) proxy_login: Option<(String, SecretString)>,
    /// Whether TLS answers where plain text was not understood; found out at most once.
    pub(super) speaks_tls: OnceCell<bool>,
}

/// Builds the client. The error says what cannot be set up.
pub(in crate::sources) fn build(endpoint: &HttpEndpoint) -> Result<Ready, String> {
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
    let (mut via, mut proxy_login) = (None, None);
    let builder = match &endpoint.way {
        // A forwarded port would end at the proxy's own loopback.
        _ if is_direct(endpoint) => builder.no_proxy(),
        Way::Direct => builder.no_proxy(),
        Way::Environment => {
            let asked = endpoint.url.as_str().parse().ok();
            let found = asked.and_then(|uri| Matcher::from_env().intercept(&uri));
            via = found.as_ref().map(|found| found.uri().to_string().trim_end_matches('/').to_owned());
            let login = found.as_ref().and_then(|found| {
                let pair = found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned()));
                pair.or_else(|| basic(found.basic_auth()?.to_str().ok()?))
            });
            proxy_login = login.map(|(user, password)| (user, SecretString::from(password)));
            builder
        }
        Way::Proxy(proxy) => {
            via = Some(proxy.as_str().trim_end_matches('/').to_owned());
            let proxy = Proxy::all(proxy.clone()).map_err(|error| format!("the proxy cannot be used: {error}"))?;
            builder.proxy(proxy.no_proxy(endpoint.no_proxy.as_deref().and_then(NoProxy::from_string)))
        }
    };
    let client = builder.build().map_err(|error| format!("no HTTP client: {error}"))?;
    Ok(Ready { client, roots, via, proxy_login, speaks_tls: OnceCell::new() })
}

/// Reads `Basic base64(user:password)`.
fn basic(header: &str) -> Option<(String, String)> {
    let bytes = BASE64.decode(header.strip_prefix("Basic ")?).ok()?;
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Says whether no proxy is asked whatever the environment says: for loopback, and for what `no_proxy` names.
fn is_direct(endpoint: &HttpEndpoint) -> bool {
    let named = || {
        let list = endpoint.no_proxy.as_deref()?;
        // The library takes it for all names, not for all addresses.
        if list.split(',').any(|one| one.trim() == "*") {
            return Some(true);
        }
        let uri = endpoint.url.as_str().parse().ok()?;
        // Any proxy will do to find out whether one would be asked.
        Some(Matcher::builder().all("http://proxy.invalid").no(list).build().intercept(&uri).is_none())
    };
    is_loopback(&endpoint.url) || named().unwrap_or(false)
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
    if let Some(Pem::File(file)) = &endpoint.tls.ca {
        option("--cacert", &file.to_string_lossy());
    }
    if let Some((Pem::File(cert), Pem::File(key))) = &endpoint.tls.identity {
        option("--cert", &cert.to_string_lossy());
        option("--key", &key.to_string_lossy());
    }
    match &endpoint.way {
        // curl would ask the proxy of the environment.
        _ if is_direct(endpoint) => option("--noproxy", "*"),
        Way::Environment => {}
        Way::Direct => option("--noproxy", "*"),
        Way::Proxy(proxy) => option("-x", proxy.as_str()),
    }
    for (name, _) in &endpoint.secret_headers {
        option("-H", &format!("{name}: ***"));
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

/// Says whether a proxy leads to the endpoint, as far as the settings and the environment say so.
pub(super) fn has_proxy(endpoint: &HttpEndpoint) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match &endpoint.way {
        _ if is_loopback(&endpoint.url) => false,
        Way::Direct => false,
        Way::Environment => {
            ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].into_iter().any(is_set)
        }
        Way::Proxy(_) => true,
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
