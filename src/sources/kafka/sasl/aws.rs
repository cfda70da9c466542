//! The login of Amazon MSK: a request that is signed and never made (Signature Version 4, presigned), as JSON.
//!
//! The form is that of aws-msk-iam-auth 2.3: a GET of `/?Action=kafka-cluster:Connect` on the broker's host, valid for
//! 900 s; its parameters are the names of the JSON in lower case, beside `version`, `host` and `user-agent`.

use crate::config::{Aws, AwsKeys, Credential, KeySet, aws};
use crate::sources::secret::{Held, Hush, Secret};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// How long a signed request can be used, in seconds.
const EXPIRES: &str = "900";
/// What stays as it is in a canonical query (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs with the keys of one cluster's login.
#[derive(Debug)]
pub(in crate::sources::kafka) struct Signer {
    keys: AwsKeys,
    region: Option<String>,
    /// The program that prints keys, if one does.
    printed: Option<Secret>,
}

impl Signer {
    pub(in crate::sources::kafka) fn new(aws: &Aws) -> Self {
        let printed = match &aws.keys {
            AwsKeys::Command(program) => Some(Secret::new(&Credential::Command(program.clone()))),
            AwsKeys::Known(_) | AwsKeys::File { .. } => None,
        };
        Self { keys: aws.keys.clone(), region: aws.region.clone(), printed }
    }

    /// Returns what logs in at `host`, and what a program printed for it.
    pub(in crate::sources::kafka) async fn payload(
        &self,
        host: &str,
        hush: &Hush,
    ) -> Result<(Zeroizing<Vec<u8>>, Option<Held>), String> {
        let mut held = None;
        let keys = match (&self.keys, &self.printed) {
            (AwsKeys::Known(keys), _) => keys.clone(),
            (AwsKeys::File { path, profile }, _) => aws::shared(path, profile)?,
            (AwsKeys::Command(_), Some(printed)) => {
                let got = printed.get().await?;
                let keys = aws::printed(&got.secret)?;
                held = Some(got);
                keys
            }
            (AwsKeys::Command(_), None) => return Err("there is no program that prints keys".into()),
        };
        hush.add(keys.secret.expose_secret());
        if let Some(session) = &keys.session {
            hush.add(session.expose_secret());
        }
        let region = self.region.clone().or_else(|| region_of(host)).ok_or_else(|| {
            format!("the region of {host} is not in its name; set aws_region in the profile, or AWS_REGION")
        })?;
        let payload = signed(&keys, host, &region, Timestamp::now());
        // Whoever has it can log in as we do for a quarter of an hour.
        if let Some(signature) = payload.get("x-amz-signature").and_then(Value::as_str) {
            hush.add(signature);
        }
        let text = serde_json::to_vec(&payload).map_err(|error| format!("a bug in hopscope: {error}"))?;
        Ok((Zeroizing::new(text), held))
    }

    /// Takes note that a broker took keys.
    pub(in crate::sources::kafka) fn took(&self, held: &Held) {
        if let Some(printed) = &self.printed {
            printed.took(held);
        }
    }

    /// Says whether there may be other keys than those that were refused.
    pub(in crate::sources::kafka) async fn renew(&self, refused: &Held) -> Result<bool, String> {
        match &self.printed {
            Some(printed) => printed.renew(refused).await.map(|newer| newer.is_some()),
            None => Ok(false),
        }
    }
}

/// Reads the region from a broker's name: `b-1.shop.a1b2c3.c8.kafka.eu-west-1.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let mut parts = host.split('.').skip_while(|part| !matches!(*part, "kafka" | "kafka-serverless"));
    let region = parts.nth(1)?;
    (parts.next()? == "amazonaws").then(|| region.to_owned())
}

fn signed(keys: &KeySet, host: &str, region: &str, at: Timestamp) -> Map<String, Value> {
    let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/{region}/kafka-cluster/aws4_request", &time[..8]);
    let mut query = vec![
        ("Action", "kafka-cluster:Connect".to_owned()),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("X-Amz-Credential", format!("{}/{scope}", keys.id)),
        ("X-Amz-Date", time.clone()),
        ("X-Amz-Expires", EXPIRES.to_owned()),
        ("X-Amz-SignedHeaders", "host".to_owned()),
    ];
    if let Some(session) = &keys.session {
        query.push(("X-Amz-Security-Token", session.expose_secret().to_owned()));
    }
    let empty = hex(digest::digest(&digest::SHA256, b"").as_ref());
    let request = canonical("/", &query, &[("host", host)], &empty);
    let signature = sign(keys.secret.expose_secret(), (&time, &scope), &request);
    let mut all = Map::new();
    for (name, value) in query {
        all.insert(name.to_ascii_lowercase(), Value::String(value));
    }
    let agent = concat!("hopscope/", env!("CARGO_PKG_VERSION"));
    for (name, value) in
        [("version", "2020_10_22"), ("host", host), ("user-agent", agent), ("x-amz-signature", &signature)]
    {
        all.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    all
}

/// Returns the one spelling of a GET that both sides sign.
fn canonical(path: &str, query: &[(&str, String)], headers: &[(&str, &str)], payload: &str) -> Zeroizing<String> {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<(String, String)> = query.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort();
    let query: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = format!("GET\n{path}\n{}\n", query.join("&"));
    for (name, value) in headers {
        writeln!(text, "{name}:{value}").expect("a string takes any text");
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    write!(text, "\n{}\n{payload}", names.join(";")).expect("a string takes any text");
    Zeroizing::new(text)
}

/// Signs a canonical request; `scope` is `date/region/service/aws4_request`.
fn sign(secret: &str, (time, scope): (&str, &str), request: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let first = Zeroizing::new(format!("AWS4{secret}").into_bytes());
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    let last = scope.split('/').fold(key(&first), |with, part| key(hmac::sign(&with, part.as_bytes()).as_ref()));
    hex(hmac::sign(&last, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Cases of AWS's test suite of Signature Version 4 (`get-vanilla`, `get-vanilla-query-order-key-case`), and the
    /// example of a presigned URL in the reference of S3 ("Authenticating Requests: Using Query Parameters").
    #[test]
    fn published_requests_get_their_published_signatures() {
        let suite = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let when = ("20150830T123600Z", "20150830/us-east-1/service/aws4_request");
        for (query, signature) in [
            (vec![], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                vec![("Param2", "value2".to_owned()), ("Param1", "value1".to_owned())],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            assert_eq!(sign(suite, when, &canonical("/", &query, &headers, EMPTY)), signature);
        }
        let query = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
            ("X-Amz-Date", "20130524T000000Z"),
            ("X-Amz-Expires", "86400"),
            ("X-Amz-SignedHeaders", "host"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let headers = [("host", "examplebucket.s3.amazonaws.com")];
        let request = canonical("/test.txt", &query, &headers, "UNSIGNED-PAYLOAD");
        let when = ("20130524T000000Z", "20130524/us-east-1/s3/aws4_request");
        assert_eq!(
            sign("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", when, &request),
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn the_payload_holds_what_a_broker_checks() {
        let keys = KeySet { id: "AKID".into(), secret: "S".to_owned().into(), session: Some("T/+=".to_owned().into()) };
        let at: Timestamp = "2026-05-04T13:00:00Z".parse().unwrap();
        let host = "b-1.shop.a1b2c3.c8.kafka.eu-west-1.amazonaws.com";
        let payload = signed(&keys, host, "eu-west-1", at);
        let names: Vec<&str> = payload.keys().map(String::as_str).collect();
        let wanted = "action host user-agent version x-amz-algorithm x-amz-credential x-amz-date x-amz-expires x-amz-security-token x-amz-signature x-amz-signedheaders";
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted.join(" "), wanted);
        assert_eq!(payload["x-amz-credential"], "AKID/20260504/eu-west-1/kafka-cluster/aws4_request");
        assert_eq!((&payload["x-amz-date"], &payload["version"]), (&"20260504T130000Z".into(), &"2020_10_22".into()));
        assert!(!serde_json::to_string(&payload).unwrap().contains("\"S\""));
    }

    #[test]
    fn a_region_is_read_from_a_name() {
        for (host, region) in [
            ("b-1.shop.a1b2c3.c8.kafka.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("boot-x.c1.kafka-serverless.us-east-1.amazonaws.com", Some("us-east-1")),
            ("b-1.shop.a1.c8.kafka.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("kafka.shop.test", None),
            ("localhost", None),
        ] {
            assert_eq!(region_of(host).as_deref(), region, "{host}");
        }
    }
}
