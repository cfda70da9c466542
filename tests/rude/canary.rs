//! The search for secrets in what the program says: that it can find one, and what a panic would print.

use super::none;
use super::peer::{Framing, Peer};
use super::secrets::{
    ALL, FILE, HEADER, JAEGER, LOKI, MANNERS, PASSWORD_VARIABLE, REST, TEMPO, VARIABLE, forms, found, leaks,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hopscope::config::{Credential, HttpEndpoint, HttpLogin, Profile};
use hopscope::sources::jaeger::Jaeger;
use hopscope::sources::loki::Loki;
use hopscope::sources::rest::Rest;
use hopscope::sources::tempo::Tempo;
use std::sync::Arc;

/// A search that finds nothing proves something only where it could find: servers that know a canary from elsewhere, and say
/// it to a program that was never given it, are quoted with it by every verb, and the search sees it in each form.
#[test]
fn a_secret_that_nobody_takes_out_is_found() {
    let mut missed = Vec::new();
    for canary in ALL {
        for form in forms(canary) {
            if found(&format!("a {form} b")).map(|(canary, _)| canary) != Some(canary) {
                missed.push(format!("{canary} is not found as {form}"));
            }
        }
        // Whatever stands before it moves it within the groups of base64.
        for before in ["x: ", "xx: ", "xxx: "] {
            if found(&BASE64.encode(format!("{before}{canary} after"))).is_none() {
                missed.push(format!("{canary} behind {before:?} is not found in base64"));
            }
        }
    }
    let request = format!("GET / HTTP/1.1\r\nauthorization: Bearer {FILE}\r\nx-api-key: {HEADER}\r\n\r\n");
    for section in [JAEGER, TEMPO, LOKI, REST] {
        for (name, manner) in
            MANNERS.iter().filter(|(name, _)| name.starts_with("repeats") && !name.contains("good answer"))
        {
            let request = request.clone();
            let peer = Peer::start(Framing::Http, Arc::new(move |_, _| manner(request.as_bytes())));
            let settings = format!("[profile.shop.{}]\nurl = \"http://{}\"\n", section.name, peer.address);
            // Nobody asks it for logs but who asks Loki.
            let asked = section.asking.iter().filter(|verb| verb[0] != "logs" || section.name == LOKI.name);
            for verb in asked.filter(|verb| verb[0] == "now" || verb[0] == "doctor") {
                if leaks(name, &settings, &[], &[verb]).is_empty() {
                    missed.push(format!("{} that {name}, {verb:?}", section.name));
                }
            }
        }
    }
    none(&missed);
}

/// What a panic, a log or a debugger would print of the sources and their settings.
#[test]
fn what_is_printed_for_debugging_holds_no_secret() {
    let given = |secret: &str| Credential::Text(secret.to_owned().into());
    for login in [HttpLogin::Bearer(given(VARIABLE)), HttpLogin::Basic("reader".to_owned(), given(PASSWORD_VARIABLE))] {
        let mut endpoint = HttpEndpoint::new("http://127.0.0.1:9".parse().unwrap());
        endpoint.login = Some(login);
        endpoint.headers = vec![("X-Api-Key".to_owned(), HEADER.to_owned().into())];
        endpoint.secret_headers = vec![("X-Other".to_owned(), given(FILE))];
        let sources = (
            Jaeger::new(&endpoint),
            Tempo::new(&endpoint),
            Loki::new(&endpoint),
            Rest::new(&endpoint),
            endpoint.clone(),
        );
        let one = || Some(endpoint.clone());
        let profile = Profile { jaeger: one(), tempo: one(), loki: one(), kafka_rest: one(), ..Profile::default() };
        let scene = std::panic::AssertUnwindSafe(|| panic!("{profile:?} {profile:#?} {sources:?}"));
        let said = std::panic::catch_unwind(scene).unwrap_err();
        let said = said.downcast_ref::<String>().expect("a panic says why");
        assert!(said.contains("127.0.0.1") && said.contains("X-Api-Key"), "{said}");
        assert_eq!(found(said), None);
    }
}
