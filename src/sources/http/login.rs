//! Headers that hold secrets: made when they are needed, renewed once when they are refused.

use crate::config::{HttpEndpoint, HttpLogin};
use crate::sources::secret::{Held, Hush, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

/// All secrets of one endpoint.
#[derive(Debug)]
pub(super) struct Logins {
    parts: Vec<Part>,
    hush: Hush,
}

#[derive(Debug)]
struct Part {
    name: HeaderName,
    form: Form,
    secret: Secret,
}

/// How a secret stands in its header.
#[derive(Debug)]
enum Form {
    Bearer,
    Basic(String),
    Whole,
}

/// What was sent with a request.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) headers: HeaderMap,
    held: Vec<Held>,
}

impl Logins {
    pub(super) fn of(endpoint: &HttpEndpoint) -> Self {
        let login = endpoint.login.as_ref().map(|login| match login {
            HttpLogin::Bearer(secret) => Part { name: AUTHORIZATION, form: Form::Bearer, secret: Secret::new(secret) },
            HttpLogin::Basic(user, secret) => {
                Part { name: AUTHORIZATION, form: Form::Basic(user.clone()), secret: Secret::new(secret) }
            }
        });
        let named = endpoint.secret_headers.iter().filter_map(|(name, from)| {
            Some(Part { name: name.parse().ok()?, form: Form::Whole, secret: Secret::new(from) })
        });
        let hush = Hush::default();
        for (name, value) in &endpoint.headers {
            hush.add_header(name, value.expose_secret());
        }
        Self { parts: login.into_iter().chain(named).collect(), hush }
    }

    /// Returns what takes the secrets out of words.
    pub(super) fn hush(&self) -> &Hush {
        &self.hush
    }

    /// Makes the headers. The error says why there are none.
    pub(super) async fn headers(&self) -> Result<Sent, String> {
        let mut sent = Sent { headers: HeaderMap::new(), held: Vec::new() };
        for part in &self.parts {
            let held = part.secret.get().await?;
            sent.headers.insert(part.name.clone(), self.value(part, &held)?);
            sent.held.push(held);
        }
        Ok(sent)
    }

    /// Takes note that a server took what was sent.
    pub(super) fn took(&self, sent: &Sent) {
        for (part, held) in self.parts.iter().zip(&sent.held) {
            part.secret.took(held);
        }
    }

    /// Renews what a server refused; `false` when there is nothing else to send.
    pub(super) async fn renew(&self, sent: &mut Sent) -> Result<bool, String> {
        let mut is_new = false;
        for (part, held) in self.parts.iter().zip(&mut sent.held) {
            if let Some(newer) = part.secret.renew(held).await? {
                sent.headers.insert(part.name.clone(), self.value(part, &newer)?);
                *held = newer;
                is_new = true;
            }
        }
        Ok(is_new)
    }

    fn value(&self, part: &Part, held: &Held) -> Result<HeaderValue, String> {
        let secret = held.secret.expose_secret();
        let words = Zeroizing::new(match &part.form {
            Form::Bearer => format!("Bearer {secret}"),
            Form::Basic(user) => format!("Basic {}", BASE64.encode(&*Zeroizing::new(format!("{user}:{secret}")))),
            Form::Whole => secret.to_owned(),
        });
        // Known before it is sent, so that no answer can come sooner.
        match &part.form {
            Form::Bearer => self.hush.add(secret),
            Form::Basic(user) => self.hush.add_login(user, secret),
            Form::Whole => {
                self.hush.add(secret);
                self.hush.add_header("authorization", secret);
            }
        }
        let mut value = HeaderValue::from_str(&words)
            .map_err(|_| format!("the secret for the header {} cannot stand in a header", part.name))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
