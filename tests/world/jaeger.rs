//! The embedded Jaeger over real HTTP: both dialects, three releases.

use hopscope::demo::JaegerRelease;
use serde_json::Value as Json;

use super::{BEGAN_NS, S, example, get, json, served};

const RELEASES: [JaegerRelease; 3] = [JaegerRelease::V2_13, JaegerRelease::V2_19, JaegerRelease::V2_21];

fn window() -> [(&'static str, String); 2] {
    let micros = |seconds: u64| ((BEGAN_NS + seconds * S) / 1_000).to_string();
    [("start", micros(0)), ("end", micros(2_400))]
}

fn v3_window() -> [(&'static str, String); 4] {
    let at = |seconds: u64| jiff::Timestamp::from_nanosecond(i128::from(BEGAN_NS + seconds * S)).unwrap().to_string();
    [
        ("query.start_time_min", at(0)),
        ("query.startTimeMin", at(0)),
        ("query.start_time_max", at(2_400)),
        ("query.startTimeMax", at(2_400)),
    ]
}

fn with<'a>(window: &'a [(&'static str, String)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    window.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect()
}

fn array(value: &Json) -> &Vec<Json> {
    value.as_array().unwrap_or_else(|| panic!("{value}"))
}

#[tokio::test]
async fn both_dialects_tell_the_same_trace() {
    let running = served(|_| {}).await;
    let id = example(&running, "its trace");
    let internal = json(&format!("{}/api/traces/{id}", running.jaeger), &[("raw", "true")]).await;
    let mut ours: Vec<String> = array(&internal["data"][0]["spans"])
        .iter()
        .map(|span| {
            assert_eq!(span["warnings"], Json::Null);
            format!("{} {} {}", span["spanID"].as_str().unwrap(), span["operationName"], span["startTime"])
        })
        .collect();
    assert_eq!(internal["errors"], Json::Null);
    let v3 = json(&format!("{}/api/v3/traces/{id}", running.jaeger), &[]).await;
    let mut theirs = Vec::new();
    for scope in array(&v3["result"]["resourceSpans"]).iter().flat_map(|entry| array(&entry["scopeSpans"])) {
        for span in array(&scope["spans"]) {
            assert_eq!(span["traceId"], id.as_str());
            let nanos: u64 = span["startTimeUnixNano"].as_str().unwrap().parse().unwrap();
            theirs.push(format!("{} {} {}", span["spanId"].as_str().unwrap(), span["name"], nanos / 1_000));
        }
    }
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    let truth = running.truth(&example(&running, "charged twice")).unwrap();
    assert_eq!(truth.trace_id.to_string(), id);
}

#[tokio::test]
async fn an_unknown_trace_is_a_404_of_each_dialects_own() {
    for release in RELEASES {
        let running = served(|options| options.jaeger = release).await;
        let (status, kind, body) = get(&format!("{}/api/traces/abc123", running.jaeger), &[]).await;
        assert_eq!((status, kind.as_str()), (404, "text/plain; charset=utf-8"));
        let body: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(body["errors"], serde_json::json!([{"code": 404, "msg": "trace not found"}]));
        assert_eq!(body["data"], Json::Null);
        let (status, kind, body) = get(&format!("{}/api/v3/traces/abc123", running.jaeger), &[]).await;
        assert_eq!((status, kind.as_str()), (404, "text/plain; charset=utf-8"));
        assert_eq!(body, "{\"error\":{\"httpCode\":404,\"message\":\"No traces found\"}}\n");
        assert_eq!(get(&format!("{}/api/traces/0xabc", running.jaeger), &[]).await.0, 400);
    }
}

#[tokio::test]
async fn releases_differ_in_what_they_serve() {
    for (release, search, summaries, unknown) in [
        (JaegerRelease::V2_13, 200, "text/html; charset=utf-8", 200),
        (JaegerRelease::V2_19, 200, "application/json", 404),
        (JaegerRelease::V2_21, 404, "application/json", 404),
    ] {
        let running = served(|options| options.jaeger = release).await;
        let base = &running.jaeger;
        assert_eq!(get(&format!("{base}/api/services"), &[]).await.0, search, "{release:?}");
        let (status, kind, body) = get(
            &format!("{base}/api/v3/trace-summaries"),
            &with(&v3_window(), &[("query.serviceName", "orders"), ("query.searchDepth", "3")]),
        )
        .await;
        assert_eq!((status, kind.as_str()), (200, summaries), "{release:?}: {body}");
        if release > JaegerRelease::V2_13 {
            let body: Json = serde_json::from_str(&body).unwrap();
            assert_eq!(array(&body["summaries"]).len(), 3);
            assert_eq!(body["summaries"][0]["rootServiceName"], "web-gateway");
        }
        assert_eq!(get(&format!("{base}/api/nosuch"), &[]).await.0, unknown);
        assert_eq!(get(&format!("{base}/api"), &[]).await.0, 307);
        let (_, kind, page) = get(&format!("{base}/"), &[]).await;
        assert!(kind.starts_with("text/html") && page.contains(release.version()), "{page}");
    }
}

#[tokio::test]
async fn a_tag_finds_the_trace_of_an_order() {
    let running = served(|_| {}).await;
    let order = example(&running, "charged twice");
    let tags = serde_json::json!({"order.id": order}).to_string();
    let window = window();
    let asked = with(&window, &[("service", "payments"), ("tags", &tags), ("limit", "20")]);
    let found = json(&format!("{}/api/traces", running.jaeger), &asked).await;
    assert_eq!(array(&found["data"]).len(), 1);
    assert_eq!(found["data"][0]["traceID"], example(&running, "its trace").as_str());
    let (status, _, body) = get(&format!("{}/api/traces", running.jaeger), &[("tags", tags.as_str())]).await;
    assert_eq!(status, 400);
    assert!(body.contains("parameter 'service' is required"), "{body}");
}

#[tokio::test]
async fn v3_before_2_19_ignores_attributes_and_camel_case() {
    let tags = "{\"order.id\":\"nothing-has-this\"}";
    for (release, status) in [(JaegerRelease::V2_13, 200), (JaegerRelease::V2_19, 404), (JaegerRelease::V2_21, 404)] {
        let running = served(|options| options.jaeger = release).await;
        let window = v3_window();
        let more = [
            ("query.service_name", "orders"),
            ("query.serviceName", "orders"),
            ("query.num_traces", "2"),
            ("query.searchDepth", "2"),
            ("query.attributes", tags),
        ];
        let url = format!("{}/api/v3/traces", running.jaeger);
        assert_eq!(get(&url, &with(&window, &more)).await.0, status, "{release:?}");
        let camel = [window[1].clone(), window[3].clone()];
        let (status, _, _) =
            get(&url, &with(&camel, &[("query.serviceName", "orders"), ("query.searchDepth", "2")])).await;
        assert_eq!(status, if release == JaegerRelease::V2_13 { 400 } else { 200 }, "{release:?}");
        let without_depth = with(&window, &[("query.service_name", "orders")]);
        let expected = if release == JaegerRelease::V2_13 { 500 } else { 200 };
        assert_eq!(get(&url, &without_depth).await.0, expected, "{release:?}");
    }
}

#[tokio::test]
async fn several_ids_name_the_missing_ones() {
    let running = served(|_| {}).await;
    let id = example(&running, "its trace");
    let found = json(&format!("{}/api/traces", running.jaeger), &[("traceID", &id), ("traceID", "7")]).await;
    assert_eq!(array(&found["data"]).len(), 1);
    assert_eq!(found["errors"][0]["traceID"], "00000000000000000000000000000007");
    let unknown = json(&format!("{}/api/services/nobody/operations", running.jaeger), &[]).await;
    assert_eq!(unknown["data"], Json::Null);
}
