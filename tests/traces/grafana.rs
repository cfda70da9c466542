//! Grafana in front: what goes through its proxy, what it says itself, and which data source is meant. Shape only, from
//! documents and source.

use super::jaeger::{Backend, Kind, find, server};
use super::{Asked, NO_ROUTE, PAGE, TRACE, budget, known, own, put, serve, spans};
use crate::rude::peer::Peer;
use hopscope::config::{Door, HttpEndpoint, Layers, keys, load};
use hopscope::model::{Ask, FaultKind, SourceKind, TraceId};
use hopscope::sources::Source;
use hopscope::sources::jaeger::Jaeger;
use hopscope::sources::loki::Loki;
use hopscope::sources::tempo::Tempo;
use secrecy::ExposeSecret;

const LIST: &str = r#"[{"id":1,"uid":"j-1","name":"Traces","type":"jaeger","url":"http://jaeger"},{"id":2,"uid":"t-1","name":"Old","type":"tempo"},{"id":3,"uid":"t-2","name":"New","type":"tempo"},{"id":4,"uid":"p","name":"P","type":"prometheus"}]"#;

/// A Grafana below `/grafana` with one Jaeger, two Tempos and no Loki.
fn grafana(list: (u16, &'static str)) -> Peer {
    serve(move |asked| {
        let Some(path) = asked.path.strip_prefix("/grafana") else { return own(PAGE) };
        if path == "/api/datasources" {
            return own(list);
        }
        let Some((uid, rest)) = path.strip_prefix("/api/datasources/proxy/uid/").and_then(|rest| rest.split_once('/'))
        else {
            return own(NO_ROUTE);
        };
        let inner = Asked { path: format!("/{rest}"), parameters: asked.parameters.clone() };
        match uid {
            "j%2D1" | "j-1" => server(Kind::New, Backend::Equal, "ord-7")(&inner),
            "locked" => (400, r#"{"message":"Authentication to data source failed"}"#.to_owned()),
            "forbidden" => {
                (403, r#"{"message":"You'll need additional permissions to perform this action."}"#.to_owned())
            }
            "down" => (502, "bad gateway".to_owned()),
            _ => (404, r#"{"message":"Data source not found","traceID":""}"#.to_owned()),
        }
    })
}

fn through(peer: &Peer, uid: Option<&str>) -> HttpEndpoint {
    let url = keys::url(&format!("http://{}/grafana", peer.address)).unwrap();
    HttpEndpoint { grafana: Some(Door { uid: uid.map(str::to_owned) }), ..HttpEndpoint::new(url) }
}

fn trace() -> Ask {
    Ask::Trace(TraceId::parse(TRACE).unwrap())
}

/// With the uid that is configured, or with the only one of its kind, which is looked up once.
#[tokio::test]
async fn a_data_source_answers_as_if_it_were_alone() {
    for (uid, lists) in [(Some("j-1"), 0), (None, 1)] {
        let peer = grafana((200, LIST));
        let jaeger = Jaeger::new(&through(&peer, uid));
        for ask in [trace(), find("ord-7", 5), Ask::Services] {
            assert!(!put(&jaeger, &ask).await.outcome.unwrap().rows.is_empty(), "{ask:?}");
        }
        let (none, _) = spans(&jaeger, &Ask::Trace(TraceId(9))).await;
        assert!(none.is_empty(), "a trace that is not there is no missing data source");
        assert!(known(&jaeger).await.starts_with("Jaeger"));
        let asked = peer.texts().iter().filter(|text| text.contains("/api/datasources ")).count();
        assert_eq!(asked, lists);
        let outside = |text: &String| !text.starts_with("GET /grafana/api/datasources");
        assert!(!peer.texts().iter().any(outside), "{:?}", peer.texts());
    }
}

/// One row per refusal: the uid, the kind of fault and words of it.
#[tokio::test]
async fn what_grafana_says_is_told_from_what_the_data_source_says() {
    let rows = [
        ("locked", FaultKind::Refused, "Authentication to data source failed", "correct it in Grafana"),
        ("forbidden", FaultKind::Refused, "403", "datasources:query"),
        ("down", FaultKind::Failed, "502", "test it on its page"),
        ("nosuch", FaultKind::Failed, "Data source not found", "/connections/datasources/edit/UID"),
    ];
    for (uid, kind, came, hint) in rows {
        let peer = grafana((200, LIST));
        let fault = put(&Jaeger::new(&through(&peer, Some(uid))), &trace()).await.outcome.unwrap_err();
        assert_eq!(fault.kind, kind, "{uid}: {fault}");
        assert!(fault.came.as_str().contains(came), "{uid}: {fault}");
        assert!(fault.hint.as_str().contains(hint), "{uid}: {}", fault.hint.as_str());
    }
}

#[tokio::test]
async fn a_data_source_that_is_not_clear_is_asked_for_by_name() {
    let peer = grafana((200, LIST));
    let two = Tempo::new(&through(&peer, None)).identify(&budget(SourceKind::Tempo)).await.unwrap_err();
    assert_eq!(two.kind, FaultKind::NotConfigured);
    assert!(two.came.as_str().contains("t-1 (Old), t-2 (New)") && two.hint.as_str().contains("tempo_uid"), "{two:?}");
    let none = Loki::new(&through(&peer, None)).identify(&budget(SourceKind::Loki)).await.unwrap_err();
    assert_eq!(none.kind, FaultKind::NotConfigured);
    let lists: [((u16, &'static str), FaultKind, &str); 3] = [
        ((403, r#"{"message":"Permission denied"}"#), FaultKind::Refused, "jaeger_uid"),
        (PAGE, FaultKind::Damaged, "login page"),
        ((200, "{}"), FaultKind::Damaged, "grafana.url"),
    ];
    for (list, kind, hint) in lists {
        let peer = grafana(list);
        let fault = put(&Jaeger::new(&through(&peer, None)), &trace()).await.outcome.unwrap_err();
        assert!(fault.kind == kind && fault.hint.as_str().contains(hint), "{fault:?}");
    }
}

/// Which sources go through Grafana: what has no address of its own; of two stores of traces only the one that is named.
#[test]
fn the_profile_says_what_goes_through_grafana() {
    let kinds = |lines: &str| {
        let text = format!("[profile.a.grafana]\nurl = \"https://g/sub\"\norg_id = 3\n{lines}");
        let layers = Layers { file: Some(("c.toml", &text)), variable: &|_| None, flags: Vec::new() };
        let profile = load(&layers).unwrap().profile;
        let one = |source: &Option<HttpEndpoint>| match source {
            None => "-".to_owned(),
            Some(HttpEndpoint { grafana: None, .. }) => "own".to_owned(),
            Some(HttpEndpoint { grafana: Some(door), headers, .. }) => {
                assert_eq!((headers[0].0.as_str(), headers[0].1.expose_secret()), ("X-Grafana-Org-Id", "3"));
                door.uid.clone().unwrap_or_else(|| "any".to_owned())
            }
        };
        [&profile.jaeger, &profile.tempo, &profile.loki].map(one).join(" ")
    };
    assert_eq!(kinds(""), "any any any");
    assert_eq!(kinds("tempo_uid = \"t\""), "- t any");
    assert_eq!(kinds("jaeger_uid = \"j\"\ntempo_uid = \"t\"\nloki_uid = \"l\""), "j t l");
    assert_eq!(kinds("[profile.a.jaeger]\nurl = \"http://j\""), "own - any");
    assert_eq!(
        kinds("tempo_uid = \"t\"\n[profile.a.jaeger]\nurl = \"http://j\"\n[profile.a.loki]\nurl = \"http://l\""),
        "own t own"
    );
}
