//! Ways to an HTTP source: authorities, certificates of ours, proxies, logins. The servers are real ones on loopback.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

mod broker;
mod docs;
mod doctor;
mod h2;
mod kafka;
mod server;
mod tokens;
mod ways;

use hopscope::config::{Checks, Credential, HttpEndpoint, HttpLogin, Limits, Pem, Program, Tls, Way, keys};
use hopscope::model::{FaultKind, SafeText, SourceKind};
use hopscope::sources::http::{Fetched, Http};
use hopscope::sources::lease::Budget;
use server::{Authority, Hop, Seen, Wants};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

fn endpoint(url: &str) -> HttpEndpoint {
    HttpEndpoint::new(keys::url(url).unwrap())
}

fn get(endpoint: &HttpEndpoint) -> Fetched {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let budget = Budget::new(SourceKind::Loki, &Limits::default(), CancellationToken::new());
    runtime.block_on(Http::new(endpoint, SourceKind::Loki).get(&budget, "/ready", &[], &[], &mut Vec::new()))
}

fn check_answer(endpoint: &HttpEndpoint) -> Fetched {
    let fetched = get(endpoint);
    assert_eq!(fetched.outcome.as_ref().map(|head| head.status), Ok(200), "{:?}", fetched.outcome);
    fetched
}

fn check_fault(endpoint: &HttpEndpoint, kind: FaultKind, words: &str, to_do: &str) {
    let fault = get(endpoint).outcome.unwrap_err();
    assert_eq!(fault.kind, kind, "{fault}");
    assert!(fault.came.as_str().contains(words), "{fault}");
    assert!(fault.hint.as_str().contains(to_do), "{}", fault.hint.as_str());
}

fn with_tls(url: &str, tls: Tls) -> HttpEndpoint {
    HttpEndpoint { tls, ..endpoint(url) }
}

fn identity(authority: &Authority) -> (Pem, Pem) {
    let (cert, key) = authority.client();
    (Pem::File(cert), Pem::File(key))
}

fn trusting(authority: &Authority) -> Tls {
    Tls { ca: Some(Pem::File(authority.file())), ..Tls::default() }
}

#[test]
fn an_own_authority_is_trusted_only_when_it_is_named() {
    let authority = Authority::new();
    let url = authority.serve("localhost", Wants::Nothing);
    check_fault(&endpoint(&url), FaultKind::Unreachable, "not trusted here", "ca_file");
    let fetched = check_answer(&with_tls(&url, trusting(&authority)));
    assert!(fetched.exchanges[0].request.as_str().contains("--cacert"), "{}", fetched.exchanges[0].request.as_str());
    let other = Authority::new();
    check_fault(&with_tls(&url, trusting(&other)), FaultKind::Unreachable, "not trusted here", "ca_file");
}

#[test]
fn a_certificate_for_another_name_or_time_is_told() {
    let authority = Authority::new();
    let trusted = |url: &str| with_tls(url, trusting(&authority));
    let other = authority.serve("elsewhere.test", Wants::Nothing);
    check_fault(&trusted(&other), FaultKind::Unreachable, "another name", "name");
    let old = authority.serve_expired();
    check_fault(&trusted(&old), FaultKind::Unreachable, "has expired", "renew");
}

#[test]
fn unchecked_certificates_are_taken_and_said() {
    let authority = Authority::new();
    let url = authority.serve("elsewhere.test", Wants::Nothing);
    let fetched = check_answer(&with_tls(&url, Tls { checks: Checks::None, ..Tls::default() }));
    assert!(fetched.exchanges[0].request.as_str().ends_with(" -k"), "{}", fetched.exchanges[0].request.as_str());
    // The lamp says it, too: what answers there is no Jaeger, but it is asked as one.
    let tls = Tls { checks: Checks::None, ..Tls::default() };
    let http = Http::new(&with_tls(&url, tls), SourceKind::Jaeger);
    let budget = Budget::new(SourceKind::Jaeger, &Limits::default(), CancellationToken::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(http.get(&budget, "/", &[], &[], &mut Vec::new())).outcome.unwrap();
    assert_eq!(http.with_remark(&SafeText::own("x")).as_str(), "x; its certificate is not checked (insecure)");
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours() {
    let authority = Authority::new();
    let url = authority.serve("localhost", Wants::Certificate);
    check_fault(&with_tls(&url, trusting(&authority)), FaultKind::Unreachable, "certificate of ours", "client_cert");
    check_answer(&with_tls(&url, Tls { identity: Some(identity(&authority)), ..trusting(&authority) }));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let url = authority.serve("localhost", Wants::Nothing);
    let missing = Tls { ca: Some(Pem::File(PathBuf::from("missing.pem"))), ..Tls::default() };
    check_fault(&with_tls(&url, missing), FaultKind::Unsupported, "missing.pem", "PEM files");
    let (cert, key) = identity(&authority);
    let swapped = Tls { identity: Some((key, cert)), ..trusting(&authority) };
    check_fault(&with_tls(&url, swapped), FaultKind::Unsupported, "client.key", "PEM files");
}

#[test]
fn a_proxy_is_used_for_every_host_but_loopback() {
    let (target, at_target) = server::plain(|_| true);
    for (hop, scheme) in [(Hop::Http, "http"), (Hop::Socks, "socks5h")] {
        let (address, at_proxy) = server::proxy(hop, &target);
        let way = Way::Proxy(keys::proxy(&format!("{scheme}://{address}")).unwrap().unwrap());
        let far = HttpEndpoint { way: way.clone(), ..endpoint("http://loki.shop.test:3100") };
        let fetched = check_answer(&far);
        assert!(fetched.exchanges[0].request.as_str().contains(" -x "), "{}", fetched.exchanges[0].request.as_str());
        assert_eq!(at_proxy.names(), ["loki.shop.test:3100"], "{scheme}: the proxy finds the name");
        let before = at_target.count();
        check_answer(&HttpEndpoint { way, ..endpoint(&target) });
        assert_eq!((at_proxy.names().len(), at_target.count()), (1, before + 1), "loopback is direct");
    }
}

#[test]
fn a_token_is_printed_once_and_again_when_it_ran_out() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let script = format!("echo x >> '{0}'; printf 'token-%s' $(wc -l < '{0}')", runs.display());
    let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let login = Some(HttpLogin::Bearer(Credential::Command(Program::new(words))));
    let (url, seen) = server::plain(|request: &str| request.contains("authorization: Bearer token-2"));
    let fetched = check_answer(&HttpEndpoint { login, ..endpoint(&url) });
    assert_eq!((fetched.exchanges.len(), seen.count()), (2, 2), "refused once, then taken");
    assert_eq!(std::fs::read_to_string(runs).unwrap().lines().count(), 2);
    let line = fetched.exchanges[0].request.as_str();
    assert!(line.contains("Authorization: ***") && !line.contains("token-"), "{line}");
}

#[test]
fn a_refused_token_is_not_sent_for_ever() {
    let words = ["printf", "token"].map(str::to_owned).to_vec();
    let login = Some(HttpLogin::Bearer(Credential::Command(Program::new(words))));
    let (url, seen): (String, Seen) = server::plain(|_| false);
    let endpoint = HttpEndpoint { login, ..endpoint(&url) };
    check_fault(&endpoint, FaultKind::Refused, "401", "authorisation");
    // The program prints the same token again, which would only be refused again.
    assert_eq!(seen.count(), 1);
}

#[test]
fn name_and_password_are_sent_as_such() {
    let login = Some(HttpLogin::Basic("reader".into(), Credential::Text("hush-hush".to_owned().into())));
    let (url, _) = server::plain(|request: &str| request.contains("authorization: Basic cmVhZGVyOmh1c2gtaHVzaA=="));
    let fetched = check_answer(&HttpEndpoint { login, ..endpoint(&url) });
    assert!(fetched.exchanges[0].request.as_str().contains("-u 'reader:***'"));
}
