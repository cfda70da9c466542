//! Loki's routes: ranges, instants, labels, series and the cost estimate.

use serde_json::json;

use super::answer::{self, Shape};
use super::logql;
use super::scan::{scan, selected, streams};
use super::{Release, View};
use crate::demo::duration::duration_ns;
use crate::demo::http::{Answer, Asked};
use crate::world::World;

/// Nanoseconds of an hour, the default length of a range.
const HOUR_NS: u64 = 3_600_000_000_000;

/// `query_range` for log queries.
pub fn range(world: &World, view: &View<'_>, asked: &Asked) -> Result<Answer, String> {
    let limit = limit(view, asked)?;
    let backward = match asked.any_of(&["direction"]).unwrap_or("backward").to_ascii_lowercase().as_str() {
        "backward" => true,
        "forward" => false,
        other => return Err(format!("invalid direction '{other}'")),
    };
    let (mut start_ns, end_ns) = window(world, view, asked)?;
    let query = logql::parse(asked.parameter("query").unwrap_or_default(), view.release)?;
    if let Some(hours) = view.habits.longest_h
        && end_ns - start_ns > hours * HOUR_NS
    {
        let asked_s = (end_ns - start_ns) / 1_000_000_000;
        let (h, m, s) = (asked_s / 3_600, asked_s / 60 % 60, asked_s % 60);
        return Err(format!(
            "the query time range exceeds the limit (query length: {h}h{m}m{s}s, limit: {hours}h0m0s)"
        ));
    }
    if let Some(required) = &view.habits.required
        && !query.selector.iter().any(|matcher| matcher.name == *required)
    {
        return Err(format!(
            "stream selector is missing required matchers [{required}], labels present in the query were []"
        ));
    }
    // What is beyond is left out without a word.
    if let Some(hours) = view.habits.lookback_h {
        start_ns = start_ns.max(world.now_ns().saturating_sub(hours * HOUR_NS)).min(end_ns);
    }
    if let Some(keep_s) = world.scenario().stores.lines_keep_s {
        start_ns = start_ns.max(world.now_ns().saturating_sub(keep_s * 1_000_000_000)).min(end_ns);
    }
    let mut entries = scan(world, &query, view, start_ns, end_ns);
    let lines = entries.len();
    if backward {
        entries.reverse();
    }
    entries.truncate(limit);
    let flags = asked.headers.get_all("x-loki-response-encoding-flags").iter();
    let categorised =
        flags.flat_map(|flags| flags.to_str().unwrap_or("").split(',')).any(|flag| flag.trim() == "categorize-labels");
    let shape = if categorised && view.release == Release::V3 { Shape::Categorised } else { Shape::Melted };
    Ok(Answer::json(&answer::streams(entries, shape, lines)))
}

/// `query`: newer servers refuse log queries here; of metric queries only `vector(n)` is served.
pub fn instant(world: &World, view: &View<'_>, asked: &Asked) -> Result<Answer, String> {
    let text = asked.parameter("query").unwrap_or_default().trim();
    if let Some(number) = text.strip_prefix("vector(").and_then(|rest| rest.strip_suffix(')')) {
        let seconds = (world.now_ns() / 1_000_000) as f64 / 1_000.0;
        let data = json!({"resultType": "vector", "result": [{"metric": {}, "value": [seconds, number]}], "stats": {}});
        return Ok(Answer::json(&json!({"status": "success", "data": data})));
    }
    logql::parse(text, view.release)?;
    if view.release == Release::V3 {
        return Err(
            "log queries are not supported as an instant query type, please change your query to a range query type"
                .to_owned(),
        );
    }
    range(world, view, asked)
}

/// `labels`.
pub fn labels(world: &World, view: &View<'_>) -> Result<Answer, String> {
    let mut names: Vec<String> =
        streams(world, view).into_iter().flat_map(std::collections::BTreeMap::into_keys).collect();
    names.sort();
    names.dedup();
    Ok(Answer::json(&answer::list(&names)))
}

/// `label/{name}/values`.
pub fn label_values(world: &World, view: &View<'_>, name: &str) -> Result<Answer, String> {
    let mut values: Vec<String> =
        streams(world, view).into_iter().filter_map(|mut labels| labels.remove(name)).collect();
    values.sort();
    values.dedup();
    Ok(Answer::json(&answer::list(&values)))
}

/// `series`.
pub fn series(world: &World, view: &View<'_>, asked: &Asked) -> Result<Answer, String> {
    let texts = asked.parameters.iter().filter(|(name, _)| name == "match[]" || name == "match");
    let selectors: Vec<_> =
        texts.map(|(_, text)| logql::parse_selector(text, view.release)).collect::<Result<_, _>>()?;
    let found: Vec<_> = streams(world, view)
        .into_iter()
        .filter(|labels| selectors.is_empty() || selectors.iter().any(|selector| selected(selector, labels)))
        .collect();
    Ok(Answer::json(&json!({"status": "success", "data": found})))
}

/// `index/stats`.
pub fn stats(world: &World, view: &View<'_>, asked: &Asked) -> Result<Answer, String> {
    let (start_ns, end_ns) = window(world, view, asked)?;
    let selector = logql::parse_selector(asked.parameter("query").unwrap_or_default(), view.release)?;
    let query = logql::Query { selector, stages: Vec::new() };
    let entries = scan(world, &query, view, start_ns, end_ns);
    let bytes: usize = entries.iter().map(|entry| entry.text.len()).sum();
    let mut names: Vec<_> = entries.iter().map(|entry| &entry.stream).collect();
    names.sort();
    names.dedup();
    let streams = names.len();
    Ok(Answer::json(&json!({"streams": streams, "chunks": streams, "bytes": bytes, "entries": entries.len()})))
}

/// `drilldown-limits`: the tenant's limits.
pub fn limits(view: &View<'_>) -> Answer {
    let hours = |hours: Option<u64>| hours.map_or_else(|| "0s".to_owned(), |hours| format!("{hours}h"));
    Answer::json(&json!({
        "limits": {
            "max_entries_limit_per_query": view.habits.most_entries,
            "max_query_length": hours(view.habits.longest_h),
            "max_query_lookback": hours(view.habits.lookback_h),
            "query_timeout": "1m", "max_query_bytes_read": "0B", "volume_enabled": true,
        },
        "pattern_ingester_enabled": false, "version": "3.7.6",
    }))
}

fn limit(view: &View<'_>, asked: &Asked) -> Result<usize, String> {
    let Some(text) = asked.any_of(&["limit"]) else { return Ok(100) };
    let limit: i64 = text.parse().map_err(|_| format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))?;
    let limit = u64::try_from(limit).ok().filter(|limit| *limit > 0).ok_or("limit must be a positive value")?;
    let most = view.habits.most_entries;
    if limit > most {
        let name = if view.release == Release::V3 { "max_entries_limit_per_query" } else { "max_entries_limit" };
        return Err(format!("max entries limit per query exceeded, limit > {name} ({limit} > {most})"));
    }
    Ok(limit as usize)
}

/// Start (inclusive) and end (exclusive), nanoseconds since the Unix epoch.
fn window(world: &World, view: &View<'_>, asked: &Asked) -> Result<(u64, u64), String> {
    let instant = |name: &str| asked.any_of(&[name]).map(instant_ns).transpose();
    let end_ns = instant("end")?.unwrap_or_else(|| world.now_ns());
    let since_ns = match asked.any_of(&["since"]) {
        None => HOUR_NS,
        Some(text) => duration_ns(text).ok_or_else(|| format!("could not parse 'since' parameter: {text}"))?,
    };
    let start_ns = instant("start")?.unwrap_or_else(|| end_ns.saturating_sub(since_ns));
    let empty = end_ns == start_ns && view.release == Release::V3;
    if end_ns < start_ns || empty {
        return Err("end timestamp must not be before or equal to start time".to_owned());
    }
    Ok((start_ns, end_ns))
}

/// Seconds in up to ten digits or with a dot, nanoseconds in more digits, or RFC 3339.
fn instant_ns(text: &str) -> Result<u64, String> {
    let failed =
        || format!("could not parse time: parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse");
    if text.contains('.') && !text.contains('T') {
        let seconds: f64 = text.parse().map_err(|_| failed())?;
        return Ok((seconds * 1_000.0).round() as u64 * 1_000_000);
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(if text.len() <= 10 { number * 1_000_000_000 } else { number });
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| failed())?;
    Ok(u64::try_from(at.as_nanosecond()).unwrap_or(0))
}
