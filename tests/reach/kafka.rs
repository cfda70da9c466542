//! Logins of Kafka that are more than a password, and the way to brokers through proxies.

use super::broker::Broker;
use super::server::{self, Authority, Hop};
use super::trusting;
use crate::manners::server::{Request, Server, answer};
use crate::rude::peer::{Act, Framing, Peer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hopscope::config::{
    Aws, AwsKeys, ClientCredentials, Credential, HttpEndpoint, KafkaEndpoint, KeySet, Limits, Login, Mechanism, Proof,
    Tls, keys,
};
use hopscope::model::{Ask, Fault, FaultKind, SourceKind};
use hopscope::sources::Source;
use hopscope::sources::kafka::Kafka;
use hopscope::sources::lease::Budget;
use ring::{digest, hmac};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "hush/of+the client";

fn endpoint(address: &str, mechanism: Mechanism, proof: Proof) -> KafkaEndpoint {
    let (host, port) = address.rsplit_once(':').unwrap();
    let login = Some(Login { mechanism, user: String::new(), proof });
    KafkaEndpoint { bootstrap: vec![(host.to_owned(), port.parse().unwrap())], login, ..KafkaEndpoint::default() }
}

fn oidc(broker: &str, url: &str, tls: Tls) -> KafkaEndpoint {
    let endpoint_of_tokens = HttpEndpoint { tls, ..HttpEndpoint::new(keys::url(url).unwrap()) };
    let asked = ClientCredentials {
        endpoint: endpoint_of_tokens,
        client_id: "reader".to_owned(),
        client_secret: Credential::Text(SECRET.to_owned().into()),
        scope: Some("kafka.read all".to_owned()),
        is_encoded: false,
    };
    endpoint(broker, Mechanism::OauthBearer, Proof::ClientCredentials(Box::new(asked)))
}

async fn ask_within(kafka: &Kafka, wait: Duration) -> Result<(), Fault> {
    let limits = Limits { request_timeout: wait, timeout: wait, ..Limits::default() };
    let budget = Budget::new(SourceKind::Kafka, &limits, CancellationToken::new());
    kafka.answer(&Ask::Queues, &budget).await.outcome.map(drop)
}

async fn ask(kafka: &Kafka) -> Result<(), Fault> {
    ask_within(kafka, Duration::from_mins(10)).await
}

fn welcoming() -> Broker {
    Broker::start(0, |_| Ok(Vec::new()))
}

/// An answer of a token endpoint, in JSON unless it says otherwise.
fn json(status: &str, body: &str) -> String {
    answer(status, "content-type: application/json\r\n", body)
}

#[tokio::test]
async fn a_token_of_the_endpoint_is_what_the_broker_gets() {
    let (broker, tokens) = (
        welcoming(),
        Server::start(|_, _| json("200 OK", r#"{"access_token":"ab.cd-_","token_type":"Bearer","expires_in":3600}"#)),
    );
    let kafka = Kafka::new(&oidc(&broker.address, &format!("{}/realms/shop/token", tokens.url), Tls::default()));
    ask(&kafka).await.unwrap();
    // RFC 7628, section 3.1.
    let wanted = b"n,,\x01auth=Bearer ab.cd-_\x01\x01".to_vec();
    assert_eq!(broker.logins(), [("OAUTHBEARER".to_owned(), wanted)]);
    let Request { line, headers, body } = tokens.seen().remove(0);
    assert_eq!(line, "POST /realms/shop/token");
    assert_eq!(body, "grant_type=client_credentials&scope=kafka.read+all");
    let basic = format!("authorization: Basic {}", BASE64.encode(format!("reader:{SECRET}")));
    assert!(headers.contains(&basic), "{headers:?}");
    assert!(headers.contains(&"content-type: application/x-www-form-urlencoded".to_owned()), "{headers:?}");
}

#[tokio::test]
async fn what_is_no_token_is_said_and_the_broker_is_shown_nothing() {
    let html = "<!doctype html><title>Log in</title>";
    let cases = [
        (
            json("401 Unauthorized", r#"{"error":"invalid_client","error_description":"no such client"}"#),
            "HTTP 401 (invalid_client: no such client)",
        ),
        (json("400 Bad Request", r#"{"error":"invalid_scope"}"#), "HTTP 400 (invalid_scope)"),
        (answer("503 Service Unavailable", "", "busy"), "HTTP 503"),
        (answer("302 Found", "location: http://127.0.0.1:1/login\r\n", ""), "HTTP 302"),
        (answer("200 OK", "content-type: text/html\r\n", html), "sent no access_token; is it the right URL?"),
        (json("200 OK", r#"{"id_token":"x"}"#), "sent no access_token"),
        (json("200 OK", r#"{"access_token":""}"#), "sent no access_token"),
        (json("200 OK", r#"{"access_token":7}"#), "sent no access_token"),
        (json("200 OK", ""), "sent no access_token"),
        (json("200 OK", &" ".repeat(300 << 10)), "more than 256 KiB"),
        (String::new(), "did not answer"),
    ];
    for (told, words) in cases {
        let (broker, tokens) = (welcoming(), Server::start(move |_, _| told.clone()));
        let fault = ask(&Kafka::new(&oidc(&broker.address, &tokens.url, Tls::default()))).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Refused, "{words}: {fault}");
        assert!(fault.came.as_str().contains(words) && fault.came.as_str().contains(&tokens.url), "{words}: {fault}");
        assert!(!format!("{fault:?}").contains(SECRET) && fault.hint.as_str().contains("token endpoint"), "{fault:?}");
        assert!(broker.logins().is_empty());
    }
}

#[tokio::test]
async fn a_slow_token_endpoint_takes_no_more_than_the_time_of_the_request() {
    let (broker, tokens) = (welcoming(), Peer::start(Framing::Http, Arc::new(|_, _| vec![Act::Hold])));
    let kafka = Kafka::new(&oidc(&broker.address, &format!("http://{}", tokens.address), Tls::default()));
    let fault = ask_within(&kafka, Duration::from_millis(400)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::TimedOut, "{fault}");
}

#[tokio::test]
async fn the_token_endpoint_has_an_authority_of_its_own() {
    let (broker, authority) = (welcoming(), Authority::new());
    let url = authority.serve_answer(json("200 OK", r#"{"access_token":"t","expires_in":60}"#));
    let fault = ask(&Kafka::new(&oidc(&broker.address, &url, Tls::default()))).await.unwrap_err();
    assert!(fault.came.as_str().contains("not trusted here"), "{fault}");
    ask(&Kafka::new(&oidc(&broker.address, &url, trusting(&authority)))).await.unwrap();
    assert_eq!(broker.logins().len(), 1);
}

/// Tokens with a number, which live for `expires_in` as the endpoint writes it.
fn numbered(expires_in: &'static str) -> Server {
    Server::start(move |number, _| json("200 OK", &format!(r#"{{"access_token":"token-{number}"{expires_in}}}"#)))
}

/// KIP-368: a broker that says how long a login lives gets a new one before its end, on a new connection.
#[tokio::test]
async fn logins_are_renewed_before_they_end_and_tokens_when_they_are_used_up() {
    // How long the login lives (in ms), what the endpoint says about the token, how much time goes by (in s); logins, tokens.
    let cases = [
        (600_000, r#","expires_in":3600"#, 500, 1, 1),
        (600_000, r#","expires_in":3600"#, 541, 2, 1),
        // Four fifths of its life are over.
        (600_000, r#","expires_in":600"#, 541, 2, 2),
        (600_000, r#","expires_in":"600""#, 541, 2, 2),
        // Nobody says how long: 5 min.
        (600_000, "", 541, 2, 2),
        (0, r#","expires_in":60"#, 541, 1, 1),
    ];
    for (lives, expires_in, later, logins, fetched) in cases {
        let (broker, tokens) = (Broker::start(lives, |_| Ok(Vec::new())), numbered(expires_in));
        let kafka = Kafka::new(&oidc(&broker.address, &tokens.url, Tls::default()));
        ask(&kafka).await.unwrap();
        ask(&kafka).await.unwrap();
        assert_eq!(broker.logins().len(), 1, "one connection serves two questions");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(later)).await;
        tokio::time::resume();
        ask(&kafka).await.unwrap();
        let shown = broker.logins();
        assert_eq!((shown.len(), tokens.seen().len()), (logins, fetched), "{lives} {expires_in} {later}");
        let last = String::from_utf8(shown[logins - 1].1.clone()).unwrap();
        assert!(last.contains(&format!("token-{}\u{1}", fetched - 1)), "{last}");
    }
}

#[tokio::test]
async fn a_token_that_a_broker_refuses_is_fetched_once_more() {
    let judge = |shown: &[u8]| {
        let is_new = shown.windows(7).any(|part| part == b"token-1");
        if is_new { Ok(Vec::new()) } else { Err("it has run out".to_owned()) }
    };
    let (broker, tokens) = (Broker::start(0, judge), numbered(r#","expires_in":3600"#));
    ask(&Kafka::new(&oidc(&broker.address, &tokens.url, Tls::default()))).await.unwrap();
    assert_eq!((broker.logins().len(), tokens.seen().len()), (2, 2));
    let (broker, tokens) = (Broker::start(0, |_| Err("nobody".to_owned())), numbered(""));
    let fault = ask(&Kafka::new(&oidc(&broker.address, &tokens.url, Tls::default()))).await.unwrap_err();
    assert!(fault.kind == FaultKind::Refused && fault.came.as_str().contains("nobody"), "{fault}");
    assert_eq!((broker.logins().len(), tokens.seen().len()), (2, 2));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
}

/// Checks a payload as a broker of Amazon MSK does: makes the presigned request anew from its fields and signs it with the
/// same key (AWS Signature Version 4).
fn signed_rightly(shown: &[u8], key: &str) -> Result<Value, String> {
    let payload: Value = serde_json::from_slice(shown).map_err(|error| error.to_string())?;
    let field = |name: &str| payload[name].as_str().ok_or_else(|| format!("no {name}"));
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let encoded = |text: &str| {
        [("%2D", "-"), ("%2E", "."), ("%5F", "_"), ("%7E", "~")]
            .iter()
            .fold(encoded(text), |all, (code, sign)| all.replace(code, sign))
    };
    let mut query = Vec::new();
    for name in [
        "Action",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-SignedHeaders",
    ] {
        query.push(format!("{}={}", encoded(name), encoded(field(&name.to_ascii_lowercase())?)));
    }
    let nothing = hex(digest::digest(&digest::SHA256, b"").as_ref());
    let request = format!("GET\n/\n{}\nhost:{}\n\nhost\n{nothing}", query.join("&"), field("host")?);
    let (_, scope) = field("x-amz-credential")?.split_once('/').ok_or("no scope")?;
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        field("x-amz-date")?,
        hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref())
    );
    let mut with = format!("AWS4{key}").into_bytes();
    for part in scope.split('/') {
        with = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &with), part.as_bytes()).as_ref().to_vec();
    }
    let signature = hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &with), text.as_bytes()).as_ref());
    if field("x-amz-signature")? == signature { Ok(payload) } else { Err("SignatureDoesNotMatch".to_owned()) }
}

fn msk(address: &str, secret: &str) -> KafkaEndpoint {
    let session = Some("session/token+of=all".to_owned().into());
    let keys = AwsKeys::Known(KeySet { id: "AKIDEXAMPLE".to_owned(), secret: secret.to_owned().into(), session });
    let aws = Aws { keys, region: Some("eu-west-1".to_owned()) };
    endpoint(address, Mechanism::AwsMskIam, Proof::Aws(aws))
}

#[tokio::test]
async fn a_broker_of_msk_takes_the_signature_for_its_own_name_alone() {
    let judge =
        |shown: &[u8]| signed_rightly(shown, SECRET).map(|_| br#"{"version":"2020_10_22","request-id":"1"}"#.to_vec());
    let broker = Broker::start(0, judge);
    ask(&Kafka::new(&msk(&broker.address, SECRET))).await.unwrap();
    let (mechanism, shown) = broker.logins().remove(0);
    assert_eq!(mechanism, "AWS_MSK_IAM");
    let payload = signed_rightly(&shown, SECRET).unwrap();
    for (name, value) in [
        ("version", "2020_10_22"),
        ("host", "127.0.0.1"),
        ("action", "kafka-cluster:Connect"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-expires", "900"),
        ("x-amz-signedheaders", "host"),
        ("x-amz-security-token", "session/token+of=all"),
    ] {
        assert_eq!(payload[name], value, "{name}");
    }
    let credential = payload["x-amz-credential"].as_str().unwrap();
    let day = &payload["x-amz-date"].as_str().unwrap()[..8];
    assert_eq!(credential, format!("AKIDEXAMPLE/{day}/eu-west-1/kafka-cluster/aws4_request"));
    assert!(!String::from_utf8(shown).unwrap().contains(SECRET));
    let fault = ask(&Kafka::new(&msk(&broker.address, "another"))).await.unwrap_err();
    assert!(fault.kind == FaultKind::Refused && fault.came.as_str().contains("SignatureDoesNotMatch"), "{fault}");
    let odd = Broker::start(0, |_| Ok(b"welcome".to_vec()));
    let fault = ask(&Kafka::new(&msk(&odd.address, SECRET))).await.unwrap_err();
    assert!(fault.came.as_str().contains("something else than JSON"), "{fault}");
}

#[tokio::test]
async fn brokers_are_reached_through_proxies_and_loopback_is_not() {
    let broker = welcoming();
    let proof = || Proof::Secret(Credential::Text("t".to_owned().into()));
    for (hop, scheme) in [(Hop::Http, "http"), (Hop::Socks, "socks5h")] {
        let (address, at_proxy) = server::tunnel(hop, &broker.address);
        let proxy = keys::proxy(&format!("{scheme}://{address}")).unwrap();
        let far = endpoint("kafka-a.shop.test:9092", Mechanism::OauthBearer, proof());
        ask(&Kafka::new(&KafkaEndpoint { proxy: proxy.clone(), ..far })).await.unwrap();
        assert_eq!(at_proxy.names(), ["kafka-a.shop.test:9092"], "{scheme}: the proxy finds the name");
        let near = endpoint(&broker.address, Mechanism::OauthBearer, proof());
        ask(&Kafka::new(&KafkaEndpoint { proxy, ..near })).await.unwrap();
        assert_eq!(at_proxy.count(), 1, "loopback is direct");
    }
    assert_eq!(broker.logins().len(), 4);
}

#[tokio::test]
async fn a_proxy_that_does_not_lead_to_brokers_is_named() {
    let gone = Peer::refused();
    let cases = [
        (server::refusing("HTTP/1.1 403 Forbidden\r\n\r\n"), "it refused (HTTP/1.1 403 Forbidden)"),
        (server::refusing("HTTP/1.1 407 Log In\r\n\r\n"), "it wants a login (HTTP 407)"),
        (server::refusing("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "does not answer as an HTTP proxy"),
        (server::refusing(""), "it closed the connection"),
        (gone, "refused"),
    ];
    for (address, words) in cases {
        let proxy = keys::proxy(&format!("http://{address}")).unwrap();
        let bootstrap = vec![("kafka-a.shop.test".to_owned(), 9092)];
        let kafka = Kafka::new(&KafkaEndpoint { bootstrap, proxy, ..KafkaEndpoint::default() });
        let fault = ask(&kafka).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreachable, "{words}: {fault}");
        let came = fault.came.as_str();
        let is_named = came.contains(&address) && came.contains("kafka-a.shop.test:9092") && came.contains(words);
        assert!(is_named && fault.hint.as_str().contains("proxy"), "{words}: {fault}");
    }
}
