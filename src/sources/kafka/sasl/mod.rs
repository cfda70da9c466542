//! Logging in to a broker: what is said in which order, by mechanism. Knows no network; the connection carries the texts.

mod aws;
mod oidc;
mod prover;
mod scram;

pub(super) use prover::{Prover, Shown};

use crate::config::Mechanism;
use secrecy::{ExposeSecret, SecretString};

/// A login under way.
pub(super) enum Exchange {
    /// Everything is said at once.
    Once(Vec<u8>),
    /// Everything is said at once, and a JSON object comes back.
    Signed(Vec<u8>),
    /// The server is asked to prove that it knows the password, too.
    Scram(Box<scram::Client>),
}

/// What to do next.
pub(super) enum Step {
    /// Say this.
    Say(Vec<u8>),
    /// The login is complete.
    Done,
}

impl Exchange {
    /// Begins a login.
    pub(super) fn begin(mechanism: Mechanism, user: &str, secret: &SecretString) -> Result<Self, String> {
        let secret = secret.expose_secret();
        match mechanism {
            // RFC 4616: NUL ends identity and name.
            Mechanism::Plain if user.contains('\0') || secret.contains('\0') => {
                Err("name and password cannot hold a NUL".into())
            }
            Mechanism::Plain => Ok(Self::Once(format!("\0{user}\0{secret}").into_bytes())),
            // RFC 7628, section 3.1; the token goes as it is.
            Mechanism::OauthBearer if secret.contains(['\x01', '\n', '\r']) => {
                Err("the token holds control characters".into())
            }
            Mechanism::OauthBearer => Ok(Self::Once(format!("n,,\x01auth=Bearer {secret}\x01\x01").into_bytes())),
            Mechanism::AwsMskIam => Err("a signature is made for each broker, not from one secret".into()),
            Mechanism::ScramSha256 => {
                scram::Client::new(scram::Hash::Sha256, user, secret).map(|client| Self::Scram(Box::new(client)))
            }
            Mechanism::ScramSha512 => {
                scram::Client::new(scram::Hash::Sha512, user, secret).map(|client| Self::Scram(Box::new(client)))
            }
        }
    }

    /// Returns what is said first.
    pub(super) fn first(&mut self) -> Vec<u8> {
        match self {
            Self::Once(text) | Self::Signed(text) => std::mem::take(text),
            Self::Scram(client) => client.first(),
        }
    }

    /// Takes the server's words. Can be slow: a password is hashed many thousand times.
    pub(super) fn hear(&mut self, words: &[u8]) -> Result<Step, String> {
        match self {
            Self::Once(_) if words.is_empty() => Ok(Step::Done),
            // RFC 7628: an error comes as JSON, with a status.
            Self::Once(_) => Err(format!("it refuses the token: {}", String::from_utf8_lossy(words))),
            Self::Signed(_)
                if serde_json::from_slice::<serde_json::Value>(words).is_ok_and(|said| said.is_object()) =>
            {
                Ok(Step::Done)
            }
            Self::Signed(_) => Err("it answers the signature with something else than JSON".into()),
            Self::Scram(client) => client.hear(words),
        }
    }
}

/// Hears lines as the words of a server that was told the nonce `nonce`. Says whether the login is complete.
pub(super) fn judge(words: &[u8]) -> Result<bool, String> {
    let mut client = scram::Client::with_nonce(scram::Hash::Sha256, "user", "password", "nonce".to_owned())?;
    for words in words.split(|byte| *byte == b'\n') {
        if matches!(client.hear(words)?, Step::Done) {
            return Ok(true);
        }
    }
    Ok(false)
}
