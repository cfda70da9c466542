//! The way to a broker: straight, or through the proxy that the settings name. The environment's proxies are for HTTP and
//! are not asked.

use super::door::host_of;
use super::wire::Broken;
use crate::model::{FaultKind, SafeText};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio_socks::tcp::Socks5Stream;
use url::Url;

/// Bytes of a proxy's answer to CONNECT, without what follows it.
const HEAD: usize = 16 << 10;
const HINT: &str = "check proxy in the profile, that it runs, and that it may connect to the brokers";

/// Opens the bytes to `host:port`. A proxy finds the name itself, unless its scheme is `socks5`. Loopback is direct: the
/// proxy's own loopback is another one.
pub(super) async fn open(proxy: Option<&Url>, address: &str) -> Result<TcpStream, Broken> {
    match proxy.filter(|_| !is_loopback(host_of(address))) {
        None => TcpStream::connect(address)
            .await
            .map_err(|error| Broken::new(FaultKind::Unreachable, format!("{address}: {error}"))),
        Some(proxy) => through(proxy, address).await.map_err(|why| {
            let shown = proxy.as_str().trim_end_matches('/');
            let came = format!("the proxy {shown} did not lead to {address}: {why}");
            Broken::new(FaultKind::Unreachable, came).with_hint(HINT)
        }),
    }
}

async fn through(proxy: &Url, address: &str) -> Result<TcpStream, String> {
    let is_socks = proxy.scheme().starts_with("socks5");
    let port = proxy.port_or_known_default().unwrap_or(if is_socks { 1080 } else { 80 });
    let place = format!("{}:{port}", proxy.host_str().unwrap_or_default());
    let mut stream = TcpStream::connect(place).await.map_err(|error| error.to_string())?;
    if !is_socks {
        connect(&mut stream, address).await?;
        return Ok(stream);
    }
    let passed = if proxy.scheme() == "socks5" {
        let not_found =
            |error: std::io::Error| format!("the name was not found here ({error}); socks5h lets it find the name");
        let found = lookup_host(address).await.map_err(not_found)?.next();
        let found = found.ok_or_else(|| "the name has no address here".to_owned())?;
        Socks5Stream::connect_with_socket(stream, found).await
    } else {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port: u16 = port.ok_or_else(|| "the address has no port".to_owned())?;
        Socks5Stream::connect_with_socket(stream, (host_of(address), port)).await
    };
    passed.map(Socks5Stream::into_inner).map_err(|error| error.to_string())
}

/// Asks for a tunnel (RFC 9110, section 9.3.6).
async fn connect(stream: &mut TcpStream, address: &str) -> Result<(), String> {
    let asked = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the broker's.
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.map_err(|_| "it closed the connection".to_owned())?;
        head.push(byte);
        if head.len() > HEAD || head.len() == 5 && head != b"HTTP/" {
            return Err("it does not answer as an HTTP proxy".to_owned());
        }
    }
    let first = String::from_utf8_lossy(&head);
    let first = first.lines().next().unwrap_or_default();
    let status = first.split(' ').nth(1).unwrap_or_default();
    match status.as_bytes() {
        [b'2', _, _] => Ok(()),
        b"407" => Err("it wants a login (HTTP 407); use a proxy on loopback that logs in".to_owned()),
        _ => Err(format!("it refused ({})", SafeText::new(first).cut(120))),
    }
}

fn is_loopback(host: &str) -> bool {
    let is_named = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_named || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
