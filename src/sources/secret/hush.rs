//! Takes secrets out of words that come back: in every form in which they were sent, or in which a server repeats things.

use crate::model::SafeText;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::sync::Mutex;
use zeroize::Zeroizing;

/// What stands where a secret stood.
pub const MASK: &str = "***";
/// A secret that is shorter protects nothing, and taking it out would tear all words apart.
const LEAST: usize = 3;
/// The same for header values, which mostly are no secrets: names of tenants and teams.
const LEAST_OF_HEADERS: usize = 8;
/// Parts of a base64 text that are shorter can be anything.
const LEAST_INSIDE: usize = 6;
/// Secrets that are remembered; tokens that are renewed each hour would be more and more.
const MOST: usize = 64;

/// Knows what must not be seen.
#[derive(Default)]
pub struct Hush {
    known: Mutex<Vec<Known>>,
}

/// A secret and its forms, the longest first.
struct Known {
    secret: SecretString,
    forms: Vec<Zeroizing<String>>,
}

impl Hush {
    /// Adds a secret.
    pub fn add(&self, secret: &str) {
        self.add_with(secret, Vec::new());
    }

    /// Adds a password and the name with which it is sent.
    pub fn add_login(&self, user: &str, password: &str) {
        let pair = Zeroizing::new(format!("{user}:{password}"));
        let plain = Zeroizing::new(format!("\0{user}\0{password}"));
        let whole = [&pair, &plain].into_iter().flat_map(|text| [STANDARD.encode(&**text), URL_SAFE.encode(&**text)]);
        self.add_with(password, whole.map(Zeroizing::new).collect());
    }

    /// Adds the value of a header, and each part of it.
    pub fn add_header(&self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        let telling = ["auth", "cookie", "key", "token", "secret", "password", "session", "credential"];
        let least = if telling.iter().any(|word| name.contains(word)) { LEAST } else { LEAST_OF_HEADERS };
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '=' | ':' | '"' | '\'');
        for part in std::iter::once(value).chain(value.split(ends)).filter(|part| part.len() >= least) {
            if ["bearer", "basic", "token"].iter().any(|scheme| part.eq_ignore_ascii_case(scheme)) {
                continue;
            }
            self.add(part);
        }
        // What basic authorisation holds can be read by anybody.
        for part in value.split_ascii_whitespace() {
            let pair = STANDARD.decode(part).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map(Zeroizing::new);
            if let Some((user, password)) = pair.as_ref().and_then(|pair| pair.split_once(':')) {
                self.add_login(user, password);
            }
        }
    }

    fn add_with(&self, secret: &str, more: Vec<Zeroizing<String>>) {
        if secret.len() < LEAST {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if more.is_empty() && known.iter().any(|known| known.secret.expose_secret() == secret) {
            return;
        }
        known.retain(|known| known.secret.expose_secret() != secret);
        if known.len() == MOST {
            known.remove(0);
        }
        let mut forms = forms(secret);
        forms.extend(more);
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        known.push(Known { secret: SecretString::from(secret.to_owned()), forms });
    }

    /// Returns the words without secrets.
    pub fn words(&self, words: &str) -> String {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut forms: Vec<&str> = known.iter().flat_map(|known| &known.forms).map(|form| form.as_str()).collect();
        // A secret can be a part of another one.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.iter().fold(
            words.to_owned(),
            |words, form| {
                if words.contains(form) { words.replace(form, MASK) } else { words }
            },
        )
    }

    /// Returns a text without secrets.
    pub fn text(&self, text: SafeText) -> SafeText {
        let words = self.words(text.as_str());
        if words == text.as_str() { text } else { SafeText::from(words) }
    }
}

impl fmt::Debug for Hush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hush")
    }
}

/// Returns the ways in which a server may write a secret.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    // Servers differ in what they leave alone: RFC 3986 does not touch these four.
    let kept = [("%2D", "-"), ("%2E", "."), ("%5F", "_"), ("%7E", "~")];
    let usual = kept.iter().fold(percent.clone(), |text, (code, sign)| text.replace(code, sign));
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let lower = |text: &str| {
        let mut left = 0;
        let small = |c: char| {
            left = if c == '%' { 3 } else { usize::saturating_sub(left, 1) };
            if left > 0 { c.to_ascii_lowercase() } else { c }
        };
        text.chars().map(small).collect::<String>()
    };
    let json = serde_json::to_string(secret).unwrap_or_default();
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;");
    let mut forms = vec![secret.to_owned(), lower(&percent), lower(&usual), lower(&form), percent, usual, form];
    forms.push(json.trim_matches('"').replace('/', "\\/"));
    forms.push(json.trim_matches('"').to_owned());
    forms.push(html.replace("&#34;", "&quot;"));
    forms.push(html);
    // Debug forms of several languages.
    forms.push(secret.escape_default().to_string());
    forms.push(SafeText::new(secret).as_str().to_owned());
    for whole in [STANDARD.encode(secret), URL_SAFE.encode(secret)] {
        forms.push(utf8_percent_encode(&whole, NON_ALPHANUMERIC).to_string());
        forms.push(whole.trim_end_matches('=').to_owned());
        forms.push(whole);
    }
    forms.extend(inside(secret));
    forms.sort();
    forms.dedup();
    forms.into_iter().filter(|form| form.len() >= LEAST).map(Zeroizing::new).collect()
}

/// Returns what a base64 text shows of a secret that stands somewhere inside: it can begin at three places of a group.
fn inside(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (before, begin) in [(0, 0), (1, 2), (2, 3)] {
        let padded = Zeroizing::new([&[0; 2][..before], secret.as_bytes()].concat());
        let end = padded.len() * 8 / 6;
        for text in [STANDARD.encode(&*padded), URL_SAFE.encode(&*padded)] {
            all.extend(text.get(begin..end).filter(|part| part.len() >= LEAST_INSIDE).map(str::to_owned));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "pä/ss w+\"o<rd&\\7";

    fn hush() -> Hush {
        let hush = Hush::default();
        hush.add_login("reader", SECRET);
        hush
    }

    #[test]
    fn a_password_is_found_in_every_form() {
        let percent = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        for said in [
            SECRET.to_owned(),
            percent.to_lowercase(),
            percent,
            serde_json::to_string(SECRET).unwrap(),
            format!("{SECRET:?}"),
            STANDARD.encode(format!("reader:{SECRET}")),
            URL_SAFE.encode(format!("reader:{SECRET}")),
            STANDARD.encode(format!("\0reader\0{SECRET}")),
            STANDARD.encode(SECRET),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
            SECRET.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
        ] {
            let words = hush().words(&format!("refused: {said}!"));
            assert_eq!(words.trim_matches(['"', ' ', '!']).replace('"', ""), "refused: ***", "{said}");
        }
    }

    #[test]
    fn headers_are_hidden_whole_and_in_parts() {
        let hush = Hush::default();
        hush.add_header("Authorization", &format!("Basic {}", STANDARD.encode("me:hush-hush")));
        hush.add_header("Cookie", "session=abc123; theme=dark");
        hush.add_header("X-Team", "orders");
        let said = format!("Basic {} hush-hush abc123 orders Basic", STANDARD.encode("me:hush-hush"));
        assert_eq!(hush.words(&said), "*** *** *** orders Basic");
    }

    proptest! {
        /// Whatever stands around it: three characters of base64 that belong to the secret alone are never left.
        #[test]
        fn a_secret_inside_a_base64_text_is_hidden(before in "[ -~]{0,7}", secret in "[ -~]{9,20}", after in "[ -~]{0,7}") {
            let hush = Hush::default();
            hush.add(&secret);
            let text = STANDARD.encode(format!("{before}{secret}{after}"));
            prop_assert!(hush.words(&text).contains(MASK), "{text}");
        }

        #[test]
        fn words_without_secrets_stay_as_they_are(words in "[a-z ]{0,60}") {
            let hush = Hush::default();
            hush.add("SECRET-1");
            prop_assert_eq!(hush.words(&words), words);
        }
    }
}
