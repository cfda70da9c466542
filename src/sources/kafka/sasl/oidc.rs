//! Tokens from a token endpoint: the grant "client credentials" (RFC 6749, section 4.4). The one POST here asks for a
//! token and changes nothing that is looked at.

use crate::config::ClientCredentials;
use crate::model::SafeText;
use crate::sources::http;
use crate::sources::lease::Lease;
use crate::sources::secret::{Hush, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Bytes of an answer.
const MOST: usize = 256 << 10;
/// How long a token is used that does not say how long it lives.
const UNTOLD: Duration = Duration::from_mins(5);
/// The part of a token's life after which it is renewed, in percent; Kafka's clients have the same (`sasl.login.refresh.window.factor`).
const USED: u64 = 80;
/// A token that was refused sooner than this after it was fetched is not fetched again.
const REST: Duration = Duration::from_secs(30);

/// What keeps secrets out of words, and the request that waits for the login.
type With<'a> = (&'a Hush, &'a Lease);

/// Tokens of one login.
#[derive(Debug)]
pub(in crate::sources::kafka) struct Tokens {
    asked: ClientCredentials,
    client_secret: Secret,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    token: Option<Token>,
    round: u64,
    fetched: Option<Instant>,
    after_refusal: bool,
}

#[derive(Clone, Debug)]
struct Token {
    text: SecretString,
    until: Instant,
}

impl Tokens {
    pub(in crate::sources::kafka) fn new(asked: &ClientCredentials) -> Self {
        let client_secret = Secret::new(&asked.client_secret);
        Self { asked: asked.clone(), client_secret, known: Mutex::default() }
    }

    /// Returns a token that lives for a while, and its round.
    pub(in crate::sources::kafka) async fn get(&self, with: With<'_>) -> Result<(SecretString, u64), String> {
        let mut known = self.known.lock().await;
        if let Some(token) = known.token.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok((token.text.clone(), known.round));
        }
        self.fetch(&mut known, with).await
    }

    /// Says whether there is another token than the one that a broker refused.
    pub(in crate::sources::kafka) async fn renew(&self, round: u64, with: With<'_>) -> Result<bool, String> {
        let mut known = self.known.lock().await;
        if known.round != round {
            return Ok(true);
        }
        if known.after_refusal && known.fetched.is_some_and(|at| at.elapsed() < REST) {
            return Ok(false);
        }
        let old = known.token.take();
        known.after_refusal = true;
        let (new, _) = self.fetch(&mut known, with).await?;
        Ok(old.is_none_or(|old| old.text.expose_secret() != new.expose_secret()))
    }

    async fn fetch(&self, known: &mut Known, with: With<'_>) -> Result<(SecretString, u64), String> {
        let mut secret = self.client_secret.get().await?;
        let mut asked = self.ask(&secret.secret, with).await?;
        if asked.0 == StatusCode::UNAUTHORIZED
            && let Some(newer) = self.client_secret.renew(&secret).await?
        {
            secret = newer;
            asked = self.ask(&secret.secret, with).await?;
        }
        let token = self.read(asked, with.0)?;
        self.client_secret.took(&secret);
        with.0.add(token.text.expose_secret());
        let text = token.text.clone();
        (known.token, known.fetched) = (Some(token), Some(Instant::now()));
        known.round += 1;
        Ok((text, known.round))
    }

    fn failed(&self, what: &str) -> String {
        format!("the token endpoint {} {what}", self.asked.endpoint.url)
    }

    async fn ask(
        &self,
        secret: &SecretString,
        (hush, lease): With<'_>,
    ) -> Result<(StatusCode, Zeroizing<Vec<u8>>), String> {
        let id = &self.asked.client_id;
        hush.add_login(id, secret.expose_secret());
        let part = |text: &str| -> Zeroizing<String> {
            // RFC 6749, section 2.3.1. Kafka's clients do it when they are told to, since not all endpoints undo it.
            let encoded = || url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            Zeroizing::new(if self.asked.is_encoded { encoded() } else { text.to_owned() })
        };
        let (name, word) = (part(id), part(secret.expose_secret()));
        let pair = Zeroizing::new(format!("{}:{}", *name, *word));
        hush.add_login(&name, &word);
        let words = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
        let mut login = HeaderValue::from_str(&words).map_err(|error| self.failed(&error.to_string()))?;
        login.set_sensitive(true);
        let scope = self.asked.scope.iter().map(|scope| ("scope", scope.as_str()));
        let pairs: Vec<(&str, &str)> = std::iter::once(("grant_type", "client_credentials")).chain(scope).collect();
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        // Part of the request that waits for the login: written down, not counted once more.
        let underway = lease.begin(http::curl_form(&self.asked.endpoint, id, &pairs));
        let asked = http::once(&self.asked.endpoint, |client, url| {
            let request = client.post(url).header(AUTHORIZATION, login).header(ACCEPT, "application/json");
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        });
        let mut answer = match asked.await {
            Ok(answer) => answer,
            Err(why) => {
                underway.done(0, 0, SafeText::from(hush.words(&why)).cut(120));
                return Err(self.failed(&format!("did not answer: {why}")));
            }
        };
        let status = answer.status();
        let mut text = Zeroizing::new(Vec::new());
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() > MOST {
                break;
            }
        }
        let told = if status.is_success() { "ok".to_owned() } else { status.as_u16().to_string() };
        underway.done(text.len() as u64, 0, told.into());
        if text.len() > MOST {
            return Err(self.failed("sent more than 256 KiB"));
        }
        Ok((status, text))
    }

    fn read(&self, (status, text): (StatusCode, Zeroizing<Vec<u8>>), hush: &Hush) -> Result<Token, String> {
        let answer: Option<Value> = serde_json::from_slice(&text).ok();
        let field = |name: &str| answer.as_ref().and_then(|answer| answer.get(name));
        if !status.is_success() {
            let told = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
            let why: Vec<String> = ["error", "error_description"].iter().filter_map(|name| told(name)).collect();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(": ")) };
            return Err(hush.words(&self.failed(&format!("refused: HTTP {}{why}", status.as_u16()))));
        }
        let token = field("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| self.failed("sent no access_token; is it the right URL?"))?;
        // Some endpoints write the number as a text.
        let told = field("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let lives = told.map(Duration::from_secs).or_else(|| left(token)).unwrap_or(UNTOLD);
        let lives = lives.min(Duration::from_hours(24));
        let until = Instant::now() + lives.mul_f64(USED as f64 / 100.0);
        Ok(Token { text: SecretString::from(token.to_owned()), until })
    }
}

/// Reads from a token itself how long it lives, if it is a JSON web token.
fn left(token: &str) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let until = serde_json::from_slice::<Value>(&claims).ok()?.get("exp")?.as_i64()?;
    u64::try_from(until - jiff::Timestamp::now().as_second()).ok().map(Duration::from_secs)
}
