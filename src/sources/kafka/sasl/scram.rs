//! SCRAM without channel binding: RFC 5802 with the hashes of RFC 7677.

use super::Step;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// Fewer rounds than Kafka itself allows (4,096) tell of somebody who wants to guess the password.
const FEWEST: u32 = 4_096;
/// More rounds would keep a core busy for long on a server's word alone.
const MOST: u32 = 1_000_000;

/// Which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources::kafka) enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The client's side of a login.
pub(in crate::sources::kafka) struct Client {
    hash: Hash,
    password: Zeroizing<String>,
    bare: String,
    nonce: String,
    /// Signature that the server must show, once the proof was sent.
    expected: Option<(hmac::Key, String)>,
}

impl Client {
    /// Begins with a fresh nonce.
    pub(in crate::sources::kafka) fn new(hash: Hash, user: &str, password: &str) -> Result<Self, String> {
        let mut random = [0; 24];
        SystemRandom::new().fill(&mut random).map_err(|_| "the system gives no random numbers".to_owned())?;
        Self::with_nonce(hash, user, password, BASE64.encode(random))
    }

    pub(super) fn with_nonce(hash: Hash, user: &str, password: &str, nonce: String) -> Result<Self, String> {
        if !user.chars().chain(password.chars()).all(|c| c.is_ascii() && !c.is_ascii_control()) {
            // SASLprep maps other characters to a normal form, which is not done here.
            return Err("SCRAM with names or passwords beyond ASCII is not supported".into());
        }
        let bare = format!("n={},r={nonce}", user.replace('=', "=3D").replace(',', "=2C"));
        Ok(Self { hash, password: Zeroizing::new(password.to_owned()), bare, nonce, expected: None })
    }

    /// Returns the first message.
    pub(super) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.bare).into_bytes()
    }

    /// Takes the server's first message and returns the proof; takes its last one and checks its signature.
    pub(super) fn hear(&mut self, words: &[u8]) -> Result<Step, String> {
        let words = std::str::from_utf8(words).map_err(|_| "its words are no text".to_owned())?;
        let field = |name: &str| words.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        if let Some(error) = field("e") {
            return Err(format!("it refuses the login: {error}"));
        }
        if let Some((key, message)) = &self.expected {
            let signature = field("v").and_then(|text| BASE64.decode(text).ok()).ok_or("it shows no signature")?;
            return match hmac::verify(key, message.as_bytes(), &signature) {
                Ok(()) => Ok(Step::Done),
                Err(_) => {
                    Err("its signature is wrong: it does not know the password, so it is not the right server".into())
                }
            };
        }
        let nonce = field("r").ok_or("its first words hold no nonce")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("its nonce does not continue ours".into());
        }
        let salt = field("s").and_then(|text| BASE64.decode(text).ok()).filter(|salt| !salt.is_empty());
        let salt = salt.ok_or("its first words hold no salt")?;
        let rounds: u32 =
            field("i").and_then(|text| text.parse().ok()).ok_or("its first words hold no number of rounds")?;
        if !(FEWEST..=MOST).contains(&rounds) {
            return Err(format!("it asks for {rounds} rounds of hashing; {FEWEST} to {MOST} are done"));
        }
        let rounds = NonZeroU32::new(rounds).expect("checked above");
        let (of_password, of_key, plain) = match self.hash {
            Hash::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, hmac::HMAC_SHA256, &digest::SHA256),
            Hash::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, hmac::HMAC_SHA512, &digest::SHA512),
        };
        let mut salted = Zeroizing::new(vec![0; plain.output_len()]);
        pbkdf2::derive(of_password, rounds, &salt, self.password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(of_key, key), text.as_bytes());
        let client_key = sign(&salted, "Client Key");
        let stored = digest::digest(plain, client_key.as_ref());
        // `biws` is `n,,`: no channel binding.
        let last = format!("c=biws,r={nonce}");
        let message = format!("{},{words},{last}", self.bare);
        let signature = sign(stored.as_ref(), &message);
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = sign(&salted, "Server Key");
        self.expected = Some((hmac::Key::new(of_key, server_key.as_ref()), message));
        Ok(Step::Say(format!("{last},p={}", BASE64.encode(proof)).into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_example_of_the_standard_is_told() {
        let mut client = Client::with_nonce(Hash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO".into()).unwrap();
        assert_eq!(client.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let Ok(Step::Say(proof)) = client.hear(first) else { panic!("a proof") };
        let expected: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(proof, expected);
        assert!(matches!(client.hear(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(Step::Done)));
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        for (first, last, said) in [
            ("r=XY,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "", "nonce"),
            ("r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "", "nonce"),
            ("r=abcX,s=,i=4096", "", "salt"),
            ("r=abcX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", "", "rounds"),
            ("r=abcX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000", "", "rounds"),
            ("e=unknown-user", "", "unknown-user"),
            ("r=abcX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "v=AAAA", "signature is wrong"),
            ("r=abcX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "", "no signature"),
            ("r=abcX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "e=other-error", "other-error"),
        ] {
            let mut client = Client::with_nonce(Hash::Sha512, "u=,", "p", "abc".into()).unwrap();
            assert_eq!(client.first(), b"n,,n=u=3D=2C,r=abc");
            let why = match client.hear(first.as_bytes()) {
                Ok(_) => client.hear(last.as_bytes()).err(),
                Err(why) => Some(why),
            };
            assert!(why.as_ref().is_some_and(|why| why.contains(said)), "{first} {last}: {why:?}");
        }
    }
}
