//! The way to an HTTP source: which proxy is asked, what is said when it does not lead there, and for whom a certificate may be.

use super::{check_answer, check_fault, endpoint, get, server, trusting, with_tls};
use hopscope::config::{Checks, HttpEndpoint, Limits, Tls, Way, keys};
use hopscope::model::{FaultKind, SafeText, SourceKind};
use hopscope::sources::http::Http;
use hopscope::sources::lease::Budget;
use server::{Authority, Hop, Wants};
use tokio_util::sync::CancellationToken;

fn through(url: &str, proxy: &str) -> HttpEndpoint {
    HttpEndpoint { way: Way::Proxy(keys::proxy(proxy).unwrap().unwrap()), ..endpoint(url) }
}

#[test]
fn the_line_to_repeat_goes_the_same_way() {
    let (url, _) = server::plain(|_| true);
    let far = "http://loki.shop.test:3100";
    let (proxy, _) = server::proxy(Hop::Http, &url);
    let proxy = format!("http://{proxy}");
    // An address and the way to it; what curl is told about proxies.
    let cases = [
        (endpoint(&url), " --noproxy '*'"),
        (HttpEndpoint { way: Way::Direct, ..endpoint(&url) }, " --noproxy '*'"),
        (through(&url, &proxy), " --noproxy '*'"),
        (through(far, &proxy), " -x 'http://127.0.0.1"),
    ];
    for (endpoint, words) in cases {
        let fetched = check_answer(&endpoint);
        let line = fetched.exchanges[0].request.as_str();
        let others = [" --noproxy", " -x "].into_iter().filter(|option| line.contains(option)).count();
        assert!(line.contains(words) && others == 1, "{line}");
    }
}

#[test]
fn no_proxy_names_what_is_reached_directly() {
    let (url, _) = server::plain(|_| true);
    let (proxy, seen) = server::proxy(Hop::Http, &url);
    // Leads to this host, and does not look like loopback, which needs no naming.
    let url = url.replace("127.0.0.1", "0.0.0.0");
    let mut asked = 0;
    for (no_proxy, is_direct) in
        [("shop.test", false), ("0.0.0.1", false), ("0.0.0.0", true), ("0.0.0.0/8, shop.test", true), ("*", true)]
    {
        let no_proxy = Some(no_proxy.to_owned());
        let fetched =
            check_answer(&HttpEndpoint { no_proxy: no_proxy.clone(), ..through(&url, &format!("http://{proxy}")) });
        asked += usize::from(!is_direct);
        let line = fetched.exchanges[0].request.as_str();
        let told = (line.contains("--noproxy '*'"), line.contains(" -x "), seen.count());
        assert_eq!(told, (is_direct, !is_direct, asked), "{no_proxy:?}: {line}");
    }
}

#[test]
fn a_proxy_that_refuses_to_connect_is_named() {
    for (answer, words) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "it refused to connect to that host"),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "it refused to connect to that host"),
        ("HTTP/1.1 407 Log In\r\ncontent-length: 0\r\n\r\n", "it wants a login (HTTP 407)"),
    ] {
        let address = server::refusing(answer);
        let far = through("https://loki.shop.test", &format!("http://{address}"));
        let words = format!("the proxy http://{address} did not lead to loki.shop.test: {words}");
        check_fault(&far, FaultKind::Unreachable, &words, "check proxy and no_proxy in the profile");
    }
    let gone = crate::rude::peer::Peer::refused();
    let far = through("https://loki.shop.test", &format!("http://{gone}"));
    check_fault(&far, FaultKind::Unreachable, &format!("the proxy http://{gone}"), "check proxy");
}

#[test]
fn tls_and_plain_text_that_meet_are_told_apart() {
    let (plain, _) = server::plain(|_| true);
    let url = plain.replace("http://", "https://");
    check_fault(&endpoint(&url), FaultKind::Unreachable, "does not speak TLS", "http://");
    let authority = Authority::new();
    let url = authority.serve("localhost", Wants::Nothing).replace("https://", "http://");
    let fault = get(&endpoint(&url)).outcome.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    assert!(fault.came.as_str().contains("speaks TLS, and was asked in plain text"), "{fault}");
    assert!(fault.hint.as_str().contains("write https://"), "{}", fault.hint);
    // What Go's servers say in plain words.
    let words = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let said = format!("http://{}", server::refusing(words));
    check_fault(&endpoint(&said), FaultKind::Unreachable, "speaks TLS", "write https://");
}

#[test]
fn a_certificate_may_be_for_the_name_that_the_settings_give() {
    let authority = Authority::new();
    let url = authority.serve("loki.shop.test", Wants::Nothing);
    let named = |name: &str| Tls { server_name: Some(name.to_owned()), ..trusting(&authority) };
    check_fault(&with_tls(&url, trusting(&authority)), FaultKind::Unreachable, "another name", "server_name");
    check_answer(&with_tls(&url, named("loki.shop.test")));
    check_fault(&with_tls(&url, named("tempo.shop.test")), FaultKind::Unreachable, "another name", "name");
    // A certificate for the address is one for another name then.
    let own = authority.serve("localhost", Wants::Nothing);
    check_fault(&with_tls(&own, named("loki.shop.test")), FaultKind::Unreachable, "another name", "name");
    // Authorities and dates count whatever the name.
    let other = Authority::new();
    let strange = Tls { server_name: Some("loki.shop.test".to_owned()), ..trusting(&other) };
    check_fault(&with_tls(&url, strange), FaultKind::Unreachable, "not trusted here", "ca_file");
}

#[test]
fn where_no_name_is_checked_the_authority_and_the_dates_are() {
    let authority = Authority::new();
    let chain = |authority: &Authority| Tls { checks: Checks::Chain, ..trusting(authority) };
    let url = authority.serve("elsewhere.test", Wants::Nothing);
    check_answer(&with_tls(&url, chain(&authority)));
    let other = Authority::new();
    check_fault(&with_tls(&url, chain(&other)), FaultKind::Unreachable, "not trusted here", "ca_file");
    check_fault(
        &with_tls(&authority.serve_expired(), chain(&authority)),
        FaultKind::Unreachable,
        "has expired",
        "renew",
    );
    let http = Http::new(&with_tls(&url, chain(&authority)), SourceKind::Loki);
    let budget = Budget::new(SourceKind::Loki, &Limits::default(), CancellationToken::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(http.get(&budget, "/", &[], &[], &mut Vec::new())).outcome.unwrap();
    let remark = http.with_remark(&SafeText::own("x"));
    assert_eq!(remark.as_str(), "x; the name in its certificate is not checked");
}
