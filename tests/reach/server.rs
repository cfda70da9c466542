//! Servers and proxies that live for a test.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nready\n";
const REFUSAL: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What a server wants of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Nothing,
    Certificate,
}

/// Kinds of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    Http,
    Socks,
}

/// An authority with its files.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    folder: tempfile::TempDir,
}

/// What reached a server.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = about.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(about, key), certificate, folder }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn signed(&self, about: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (about.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Files of a client's certificate and key.
    pub(super) fn client(&self) -> (PathBuf, PathBuf) {
        let mut about = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.signed(&about);
        let place = |name: &str| self.folder.path().join(name);
        std::fs::write(place("client.pem"), certificate).unwrap();
        std::fs::write(place("client.key"), key).unwrap();
        (place("client.pem"), place("client.key"))
    }

    /// Serves at `localhost` with a certificate for `name`; returns the URL.
    pub(super) fn serve(&self, name: &str, wants: Wants) -> String {
        self.serve_with(&CertificateParams::new(vec![name.to_owned()]).unwrap(), wants)
    }

    pub(super) fn serve_expired(&self) -> String {
        let mut about = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (about.not_before, about.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.serve_with(&about, Wants::Nothing)
    }

    /// Serves one answer at `localhost`, whatever is asked.
    pub(super) fn serve_answer(&self, answer: String) -> String {
        let about = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        self.serve_bytes(&about, Wants::Nothing, answer.into_bytes())
    }

    /// Agrees on HTTP/2, and says `first` once a request has begun, then `repeated` until nobody listens any more.
    pub(super) fn serve_frames(&self, first: Vec<u8>, repeated: Vec<u8>) -> String {
        let mut config = self.config(&CertificateParams::new(vec!["localhost".to_owned()]).unwrap(), Wants::Nothing);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let config = Arc::new(config);
        let port = listen(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // The preface, then frames up to one with headers: each has 9 bytes before its payload.
            let mut preface = [0; 24];
            let mut is_begun = stream.read_exact(&mut preface).is_ok();
            while is_begun {
                let mut head = [0; 9];
                is_begun = stream.read_exact(&mut head).is_ok();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                is_begun &= stream.read_exact(&mut vec![0; length]).is_ok();
                if head[3] == 1 {
                    break;
                }
            }
            let mut goes_on = is_begun && stream.write_all(&first).and_then(|()| stream.flush()).is_ok();
            let repeated = repeated.repeat(if repeated.is_empty() { 0 } else { 16_384_usize.div_ceil(repeated.len()) });
            while goes_on && !repeated.is_empty() {
                goes_on = stream.write_all(&repeated).and_then(|()| stream.flush()).is_ok();
            }
            stream.conn.send_close_notify();
            stream.flush().unwrap_or_default();
        });
        format!("https://localhost:{port}")
    }

    fn serve_with(&self, about: &CertificateParams, wants: Wants) -> String {
        self.serve_bytes(about, wants, ANSWER.to_vec())
    }

    fn config(&self, about: &CertificateParams, wants: Wants) -> ServerConfig {
        let (certificate, key) = self.signed(about);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = match wants {
            Wants::Nothing => builder.with_no_client_auth(),
            Wants::Certificate => {
                let mut roots = RootCertStore::empty();
                roots.add(self.certificate.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        builder.with_single_cert(chain, key).unwrap()
    }

    fn serve_bytes(&self, about: &CertificateParams, wants: Wants, answer: Vec<u8>) -> String {
        let config = Arc::new(self.config(about, wants));
        let port = listen(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            if let Some(head) = head(&mut stream) {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                stream.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap_or_default();
                stream.write_all(&answer).unwrap_or_default();
                stream.conn.send_close_notify();
                stream.flush().unwrap_or_default();
            }
        });
        format!("https://localhost:{port}")
    }
}

/// Serves plain HTTP; requests for which `takes` is false are refused. Returns the URL and what came.
pub(super) fn plain(takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> (String, Seen) {
    let seen = Seen::default();
    let held = seen.clone();
    let port = listen(move |mut stream| {
        let answer = match head(&mut stream) {
            Some(request) => {
                held.add(&request);
                if takes(&request) { ANSWER } else { REFUSAL }
            }
            None => b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        };
        stream.write_all(answer).unwrap_or_default();
    });
    (format!("http://127.0.0.1:{port}"), seen)
}

/// A proxy that leads everybody to `target`, and writes down whom they wanted.
pub(super) fn proxy(hop: Hop, target: &str) -> (String, Seen) {
    let (seen, target) = (Seen::default(), target.trim_start_matches("http://").to_owned());
    let held = seen.clone();
    let port = listen(move |mut stream| {
        let first = match hop {
            Hop::Http => {
                let Some(request) = head(&mut stream) else { return };
                let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
                held.add(&host);
                request
            }
            Hop::Socks => {
                held.add(&greet(&mut stream));
                String::new()
            }
        };
        let mut onward = TcpStream::connect(&target).unwrap();
        onward.write_all(first.as_bytes()).unwrap();
        if hop == Hop::Socks {
            onward.write_all(head(&mut stream).unwrap_or_default().as_bytes()).unwrap();
        }
        let mut answer = Vec::new();
        onward.read_to_end(&mut answer).unwrap();
        stream.write_all(&answer).unwrap();
    });
    (format!("127.0.0.1:{port}"), seen)
}

/// A proxy that passes bytes of any kind on to `target`, and writes down whom they were for.
pub(super) fn tunnel(hop: Hop, target: &str) -> (String, Seen) {
    let (seen, target) = (Seen::default(), target.to_owned());
    let held = seen.clone();
    let port = listen(move |mut stream| {
        match hop {
            Hop::Socks => held.add(&greet(&mut stream)),
            Hop::Http => {
                let request = head(&mut stream).unwrap();
                held.add(request.split(' ').nth(1).unwrap());
                assert!(request.starts_with("CONNECT "), "{request}");
                stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n").unwrap();
            }
        }
        let onward = TcpStream::connect(&target).unwrap();
        let (mut from, mut to) = (stream.try_clone().unwrap(), onward.try_clone().unwrap());
        thread::spawn(move || {
            std::io::copy(&mut from, &mut to).is_ok() && to.shutdown(std::net::Shutdown::Write).is_ok()
        });
        std::io::copy(&mut &onward, &mut stream).unwrap_or_default();
        stream.shutdown(std::net::Shutdown::Both).unwrap_or_default();
    });
    (format!("127.0.0.1:{port}"), seen)
}

/// A proxy that refuses everybody with this answer.
pub(super) fn refusing(answer: &'static str) -> String {
    let port = listen(move |mut stream| {
        if head(&mut stream).is_some() {
            stream.write_all(answer.as_bytes()).unwrap_or_default();
        }
    });
    format!("127.0.0.1:{port}")
}

/// RFC 1928, no login, connect by name; returns the name and port.
fn greet(stream: &mut TcpStream) -> String {
    let mut two = [0; 2];
    stream.read_exact(&mut two).unwrap();
    stream.read_exact(&mut vec![0; two[1].into()]).unwrap();
    stream.write_all(&[5, 0]).unwrap();
    let mut wish = [0; 5];
    stream.read_exact(&mut wish).unwrap();
    assert_eq!(wish[..4], [5, 1, 0, 3], "the name goes to the proxy, not an address");
    let mut name = vec![0; wish[4].into()];
    stream.read_exact(&mut name).unwrap();
    let mut port = [0; 2];
    stream.read_exact(&mut port).unwrap();
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).unwrap();
    format!("{}:{}", String::from_utf8(name).unwrap(), u16::from_be_bytes(port))
}

fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads up to the empty line.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
        // A handshake of TLS has no empty line.
        if text == [0x16] {
            return None;
        }
    }
    String::from_utf8(text).ok()
}
