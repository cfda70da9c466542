//! TLS for every source: which authorities are trusted, who we are, and words for what goes wrong.

use crate::config::{Checks, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

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
    let (builder, roots) = match (tls.checks, &tls.ca_file) {
        (Checks::None, _) => {
            (builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))), Roots::Unchecked)
        }
        (Checks::Full, Some(file)) => (builder.with_root_certificates(from_file(file)?), Roots::File),
        (Checks::Full, None) => {
            let (store, roots) = of_host();
            (builder.with_root_certificates(store), roots)
        }
    };
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("no private key in {}: {error}", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the certificate {} and its key do not fit: {error}", cert.display()))?
        }
    };
    Ok((config, roots))
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

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates(file)?);
    if added == 0 { Err(format!("no authority in {} can be used", file.display())) } else { Ok(store) }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read certificates from {}: {error}", file.display());
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?.collect();
    let found = read.map_err(|error| failed(&error))?;
    if found.is_empty() { Err(failed(&"there is none in PEM form")) } else { Ok(found) }
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
            "use the name that stands in the certificate, or let the server have one for this name",
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
        InvalidMessage(_) => {
            ("what answers there does not speak TLS", "check the port, and whether it wants TLS at all")
        }
        _ => return (format!("TLS failed: {error}"), "check the TLS settings of both sides"),
    };
    (format!("TLS: {what}"), hint)
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
