//! TLS for every source: which authorities are trusted, who we are, and words for what goes wrong.

use crate::config::{Checks, Pem, Tls, secrets};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use secrecy::ExposeSecret;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// Bytes of a PEM file.
const MOST: u64 = 4 << 20;

/// Where the trusted authorities came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The host's store.
    Host,
    /// The file that the settings name.
    File,
    /// Those built in, since the host has none.
    BuiltIn,
    /// Nobody is asked: certificates are not checked.
    Unchecked,
}

/// Returns what a client needs, and whom it trusts. The error names the file that is at fault.
pub fn config(tls: &Tls) -> Result<(ClientConfig, Roots), String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let (store, roots) = match (tls.checks, &tls.ca) {
        (Checks::None, _) => (None, Roots::Unchecked),
        (_, Some(pem)) => (Some(from_pem(pem)?), Roots::File),
        (_, None) => {
            let (store, roots) = of_host();
            (Some(store), roots)
        }
    };
    let builder = match store {
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        Some(store) if tls.checks == Checks::Full && tls.server_name.is_none() => builder.with_root_certificates(store),
        Some(store) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|error| format!("TLS cannot be set up: {error}"))?;
            let name = tls.server_name.clone().map(ServerName::try_from).transpose();
            let name = name.map_err(|_| "server_name is no name that a certificate can be for".to_owned())?;
            let any_name = tls.checks == Checks::Chain;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Named { verifier, name, any_name }))
        }
    };
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let bytes = bytes(key).map_err(|error| format!("cannot read the private key {key}: {error}"))?;
            let from = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
                if bytes.windows(9).any(|part| part == b"ENCRYPTED") {
                    return format!("the private key in {key} is encrypted; run openssl pkcs8 -in KEY -out plain.pem");
                }
                format!("no private key in {key}: {error}")
            })?;
            builder
                .with_client_auth_cert(chain, from)
                .map_err(|error| format!("the certificate {cert} and its key do not fit: {error}"))?
        }
    };
    Ok((config, roots))
}

/// Returns a remark about how far the way can be trusted.
pub fn remark(tls: &Tls, roots: Roots) -> Option<&'static str> {
    match (roots, tls.checks) {
        (Roots::Unchecked, _) => Some("its certificate is not checked (insecure)"),
        (_, Checks::Chain) => Some("the name in its certificate is not checked"),
        (Roots::BuiltIn, _) => Some("this host has no store of authorities; built-in ones are used"),
        (Roots::Host | Roots::File, _) => None,
    }
}

fn of_host() -> (RootCertStore, Roots) {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if !store.is_empty() {
        return (store, Roots::Host);
    }
    // Slim containers have no store of authorities.
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    (store, Roots::BuiltIn)
}

fn from_pem(pem: &Pem) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates(pem)?);
    if added == 0 { Err(format!("no authority in {pem} can be used")) } else { Ok(store) }
}

/// Reads what is in PEM form; a pipe in place of a file would be waited for without end.
fn bytes(pem: &Pem) -> Result<Zeroizing<Vec<u8>>, String> {
    match pem {
        Pem::Text { text, .. } => Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec())),
        Pem::File(path) => {
            let path = path.to_str().ok_or("its path is no text")?;
            let (bytes, _) = secrets::regular(path, MOST).map_err(|error| error.to_string())?;
            Ok(Zeroizing::new(bytes))
        }
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read certificates from {pem}: {error}");
    let bytes = bytes(pem).map_err(|error| failed(&error))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = read.map_err(|error| failed(&error))?;
    if found.is_empty() { Err(failed(&"there is none in PEM form")) } else { Ok(found) }
}

/// Says whether TLS answers at an address, whoever it is. Asked only to explain why something else was not understood.
pub async fn answers(host: &str, port: u16) -> bool {
    let tls = Tls { checks: Checks::None, ..Tls::default() };
    let (Ok((config, _)), Ok(name)) = (config(&tls), ServerName::try_from(host.to_owned())) else { return false };
    let Ok(stream) = TcpStream::connect((host, port)).await else { return false };
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) => true,
        // An alert is an answer in TLS, too.
        Err(error) => {
            let held = error.get_ref().and_then(|held| held.downcast_ref::<rustls::Error>());
            held.is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(_)))
        }
    }
}

/// Looks for TLS in a chain of errors; returns what went wrong, and what to do.
pub fn explain(error: &(dyn std::error::Error + 'static)) -> Option<(String, &'static str)> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(words(tls));
        }
        // An IO error hands out the source of what it holds, not what it holds.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(held) = held {
            if let Some(tls) = held.downcast_ref::<rustls::Error>() {
                return Some(words(tls));
            }
            next = Some(held);
            continue;
        }
        next = error.source();
    }
    None
}

fn words(error: &rustls::Error) -> (String, &'static str) {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
    let (what, hint) = match error {
        // A bad signature is that of another authority with the same name.
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
            "its certificate comes from an authority that is not trusted here",
            "set ca_file to the PEM file of that authority",
        ),
        InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => (
            "its certificate is for another name",
            "use the name that stands in the certificate, or set server_name to it",
        ),
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("its certificate has expired", "renew it on the server, and check this host's clock")
        }
        InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            ("its certificate is not valid yet", "check this host's clock")
        }
        InvalidCertificate(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            "it shows an authority's own certificate (CA:TRUE) instead of one that the authority signed",
            "give the server a certificate that is no authority",
        ),
        AlertReceived(alert) if format!("{alert:?}").contains("Certificate") => (
            "it wants a certificate of ours and did not take what it got",
            "set client_cert and client_key to PEM files that it trusts",
        ),
        InvalidMessage(_) => (
            "what answers there does not speak TLS",
            "check the port; for a plain-text one write http:// or leave TLS out",
        ),
        _ => return (format!("TLS failed: {error}"), "check the TLS settings of both sides"),
    };
    (format!("TLS: {what}"), hint)
}

/// Takes a certificate that is for the name in the settings, or for any name.
#[derive(Debug)]
struct Named {
    verifier: Arc<WebPkiServerVerifier>,
    name: Option<ServerName<'static>>,
    any_name: bool,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let name = self.name.as_ref().unwrap_or(server_name);
        let checked = self.verifier.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match checked {
            // The name is looked at last (rustls 0.23), so all else is right.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if self.any_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Takes any certificate; only where the settings say `insecure`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
