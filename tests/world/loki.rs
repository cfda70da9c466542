//! The embedded Loki over real HTTP.

use hopscope::demo::{LokiRelease, Running};
use serde_json::Value as Json;

use super::{BEGAN_NS, S, client, example, get, json, served};

fn ns(seconds: u64) -> String {
    (BEGAN_NS + seconds * S).to_string()
}

/// Time, line and metadata of all entries that a query finds.
async fn entries(running: &Running, query: &str, categorised: bool, more: &[(&str, &str)]) -> Vec<(u64, String, Json)> {
    let (start, end) = (ns(0), ns(2_400));
    let mut request = client().get(format!("{}/loki/api/v1/query_range", running.loki));
    if categorised {
        request = request.header("X-Loki-Response-Encoding-Flags", "categorize-labels");
    }
    let mut parameters = vec![("query", query), ("limit", "5000")];
    parameters.extend_from_slice(more);
    if !more.iter().any(|(name, _)| *name == "start") {
        parameters.extend([("start", start.as_str()), ("end", end.as_str())]);
    }
    let answer = request.query(&parameters).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    let body: Json = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let mut found = Vec::new();
    for stream in body["data"]["result"].as_array().unwrap() {
        for value in stream["values"].as_array().unwrap() {
            let metadata = if categorised { value[2].clone() } else { stream["stream"].clone() };
            found.push((value[0].as_str().unwrap().parse().unwrap(), value[1].as_str().unwrap().to_owned(), metadata));
        }
    }
    found
}

#[tokio::test]
async fn an_order_is_found_in_the_lines_of_every_service_it_passed() {
    let running = served(|_| {}).await;
    let order = example(&running, "charged twice");
    let found = entries(&running, &format!("{{service_name=~\".+\"}} |= `{order}`"), true, &[]).await;
    assert!(found.iter().all(|(_, line, _)| line.contains(&order)));
    let truth = running.truth(&order).unwrap();
    for effect in &truth.effects {
        assert!(found.iter().any(|(_, line, _)| line.contains(effect.payment_id.as_str())), "{effect:?}");
    }
}

#[tokio::test]
async fn structured_metadata_is_apart_only_when_asked_for() {
    let running = served(|_| {}).await;
    let trace = example(&running, "its trace");
    let query = format!("{{app=\"bank-adapter\"}} | trace_id=\"{trace}\"");
    let apart = entries(&running, &query, true, &[]).await;
    assert!(!apart.is_empty());
    for (_, line, metadata) in &apart {
        assert_eq!(metadata["structuredMetadata"]["trace_id"], trace.as_str());
        assert!(!line.contains(&trace), "the id is in the metadata alone: {line}");
    }
    let melted = entries(&running, &query, false, &[]).await;
    assert!(melted.iter().all(|(_, _, stream)| stream["trace_id"] == trace.as_str()));
    assert_eq!(melted.len(), apart.len());
    let in_lines = entries(&running, &format!("{{app=\"bank-adapter\"}} |= \"{trace}\""), true, &[]).await;
    assert!(in_lines.is_empty(), "a line filter does not look into metadata");
}

#[tokio::test]
async fn the_window_holds_its_start_and_not_its_end() {
    let running = served(|_| {}).await;
    let query = "{app=\"orders\"}";
    let mut all = entries(&running, query, true, &[("start", &ns(100)), ("end", &ns(200))]).await;
    all.sort_by_key(|entry| entry.0);
    let (first, last) = (all[0].0.to_string(), all[all.len() - 1].0.to_string());
    let inner = entries(&running, query, true, &[("start", &first), ("end", &last)]).await;
    assert!(inner.iter().any(|entry| entry.0.to_string() == first));
    assert!(inner.iter().all(|entry| entry.0.to_string() != last));
    let seconds = |at: u64| ((BEGAN_NS + at * S) / S).to_string();
    let by_seconds = entries(&running, query, true, &[("start", &seconds(100)), ("end", &seconds(200))]).await;
    assert_eq!(by_seconds.len(), all.len());
    let rfc = |at: u64| jiff::Timestamp::from_nanosecond(i128::from(BEGAN_NS + at * S)).unwrap().to_string();
    let by_rfc = entries(&running, query, true, &[("start", &rfc(100)), ("end", &rfc(200))]).await;
    assert_eq!(by_rfc.len(), all.len());
    let page = [("start", ns(100)), ("end", ns(200))];
    let page: Vec<_> = page.iter().map(|(name, value)| (*name, value.as_str())).chain([("limit", "3")]).collect();
    let url = format!("{}/loki/api/v1/query_range", running.loki);
    for (direction, edge) in [("backward", &last), ("forward", &first)] {
        let parameters: Vec<_> = page.iter().copied().chain([("query", query), ("direction", direction)]).collect();
        let values = json(&url, &parameters).await["data"]["result"].to_string();
        assert!(values.contains(edge.as_str()), "{direction}: {values}");
    }
}

#[tokio::test]
async fn mistakes_are_plain_text_with_status_400() {
    let running = served(|_| {}).await;
    let url = format!("{}/loki/api/v1/query_range", running.loki);
    for (query, limit, says) in [
        ("{app=\"a\"", "10", "parse error at line 1, col "),
        ("{app=\"a\"} | pattern \"<_>\"", "10", "parse error at line 1, col 13: syntax error: "),
        ("{app=\"a\"} |= \"\\d\"", "10", "invalid char escape"),
        ("{app=~\".*\"}", "10", "queries require at least one regexp or equality matcher"),
        ("", "10", "parse error : syntax error: unexpected $end"),
        ("{app=\"a\"}", "0", "limit must be a positive value"),
        (
            "{app=\"a\"}",
            "5001",
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)",
        ),
    ] {
        let (status, kind, body) = get(&url, &[("query", query), ("limit", limit)]).await;
        assert_eq!((status, kind.as_str()), (400, "text/plain; charset=utf-8"), "{query}");
        assert!(body.contains(says), "{query}: {body}");
    }
}

#[tokio::test]
async fn parsers_and_chained_filters_work() {
    let running = served(|_| {}).await;
    let order = example(&running, "charged twice");
    let query = format!("{{app=~\"payments|orders\"}} |= \"{order}\" or \"nothing\" | json | level=\"WARN\"");
    let found = entries(&running, &query, true, &[]).await;
    assert!(!found.is_empty());
    assert!(found.iter().all(|(_, _, labels)| labels["parsed"]["level"] == "WARN"));
    let query = format!("{{app=\"inventory\"}} | logfmt | order_id=\"{order}\" |~ \"answered [0-9]+\" != \"nothing\"");
    assert_eq!(entries(&running, &query, true, &[]).await.len(), 1);
}

#[tokio::test]
async fn a_query_may_come_as_a_form() {
    let running = served(|_| {}).await;
    let answer = client()
        .post(format!("{}/loki/api/v1/query_range", running.loki))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("query=%7Bapp%3D%22orders%22%7D&limit=2")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("totalEntriesReturned\":2"));
}

#[tokio::test]
async fn an_old_release_lacks_what_came_later() {
    let running = served(|options| options.loki = LokiRelease::V2).await;
    assert_eq!(get(&format!("{}/loki/api/v1/status/buildinfo", running.loki), &[]).await.0, 404);
    assert_eq!(get(&format!("{}/loki/api/v1/index/stats", running.loki), &[]).await.0, 404);
    let labels = json(&format!("{}/loki/api/v1/labels", running.loki), &[]).await;
    assert_eq!(labels["data"], serde_json::json!(["app", "env"]));
    let url = format!("{}/loki/api/v1/query_range", running.loki);
    let (status, _, body) = get(&url, &[("query", "{app=\"orders\"} |= \"a\" or \"b\"")]).await;
    assert_eq!(status, 400);
    assert!(body.starts_with("parse error at line 1, col 23"), "{body}");
    let found = entries(&running, "{app=\"bank-adapter\"}", false, &[]).await;
    assert!(found.iter().all(|(_, _, stream)| stream.as_object().unwrap().len() == 2), "no metadata");
    assert_eq!(get(&format!("{}/ready", running.loki), &[]).await.0, 200);
}
