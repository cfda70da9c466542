//! Loki's JSON answers.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::scan::{Entry, Labels};

/// Where structured metadata and parsed fields go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Into a third element of each entry, as the flag `categorize-labels` asks.
    Categorised,
    /// Among the labels of the stream, so that equal streams fall apart.
    Melted,
}

/// The streams answer; `lines` is what was found before the limit.
pub fn streams(entries: Vec<Entry>, shape: Shape, lines: usize) -> Json {
    let returned = entries.len();
    let bytes: usize = entries.iter().map(|entry| entry.text.len()).sum();
    let mut streams: BTreeMap<Labels, Vec<Json>> = BTreeMap::new();
    for entry in entries {
        let Entry { at_ns, mut stream, metadata, parsed, text } = entry;
        let value = match shape {
            Shape::Categorised => {
                let mut categories = serde_json::Map::new();
                if !metadata.is_empty() {
                    categories.insert("structuredMetadata".to_owned(), json!(metadata));
                }
                if !parsed.is_empty() {
                    categories.insert("parsed".to_owned(), json!(parsed));
                }
                json!([at_ns.to_string(), text, categories])
            }
            Shape::Melted => {
                stream.extend(metadata);
                stream.extend(parsed);
                json!([at_ns.to_string(), text])
            }
        };
        streams.entry(stream).or_default().push(value);
    }
    let result: Vec<Json> =
        streams.into_iter().map(|(stream, values)| json!({"stream": stream, "values": values})).collect();
    let mut data = json!({
        "resultType": "streams",
        "result": result,
        "stats": {"summary": {
            "bytesProcessedPerSecond": 0, "linesProcessedPerSecond": 0, "totalBytesProcessed": bytes,
            "totalLinesProcessed": lines, "totalEntriesReturned": returned, "execTime": 0.001,
        }},
    });
    if shape == Shape::Categorised {
        data["encodingFlags"] = json!(["categorize-labels"]);
    }
    json!({"status": "success", "data": data})
}

/// A list of names; the field `data` is missing when there are none.
pub fn list(names: &[String]) -> Json {
    if names.is_empty() { json!({"status": "success"}) } else { json!({"status": "success", "data": names}) }
}
