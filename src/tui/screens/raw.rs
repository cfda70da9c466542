//! What a source sent for one row, and the request that brought it.

use super::describe::{field, title};
use crate::export::raw;
use crate::model::journey::Fact;
use crate::model::{Case, SafeText, SourceKind};
use crate::tui::look::{Role, Stripe};

/// Lines of JSON that are shown.
const MOST: usize = 1_000;
/// Lines of the bytes of each part of a record.
const HEX: usize = 128;

/// Shows a span, line or record in the form of its source.
pub fn of(case: &Case, fact: Fact) -> Option<Vec<Stripe>> {
    let brought = |exchange: u32| case.exchanges.get(exchange as usize);
    let mut lines = Vec::new();
    match fact {
        Fact::Span(row) => {
            let span = case.spans.span(row);
            let source = brought(span.exchange()).map_or(SourceKind::Jaeger, |exchange| exchange.source);
            head(case, &mut lines, span.exchange(), &format!("span as {} sends it", source.name()));
            json(&mut lines, &raw::span(span, source));
        }
        Fact::Line(row) => {
            let line = case.lines.line(row);
            head(case, &mut lines, line.exchange(), "line as loki sends it");
            json(&mut lines, &raw::line(line));
        }
        Fact::Record(at) => {
            let record = case.records.get(at as usize)?;
            head(case, &mut lines, record.exchange, &format!("bytes of record {}", record.coordinate));
            record_bytes(&mut lines, record);
        }
        Fact::Queue => return None,
    }
    Some(lines)
}

fn head(case: &Case, lines: &mut Vec<Stripe>, exchange: u32, what: &str) {
    lines.push(title(what));
    match case.exchanges.get(exchange as usize) {
        Some(found) => lines.push(field("brought by", found.request.clone())),
        None => lines.push(field("brought by", "a request that is not kept")),
    }
    lines.push(Stripe::default());
}

fn json(lines: &mut Vec<Stripe>, value: &serde_json::Value) {
    let text = serde_json::to_string_pretty(value).expect("a value is JSON");
    let all = text.lines().count();
    lines.extend(text.lines().take(MOST).map(|line| Stripe::of(line, Role::Text)));
    if all > MOST {
        lines.push(Stripe::of(format!("and {} more lines", all - MOST), Role::Dim));
    }
}

/// Lists every byte of a record's parts.
pub fn record_bytes(lines: &mut Vec<Stripe>, record: &crate::model::Record) {
    for (name, bytes) in raw::record(record) {
        match bytes {
            None => lines.push(Stripe::of(SafeText::new(&name), Role::Info).and("  null", Role::Dim)),
            Some(bytes) => {
                lines.push(
                    Stripe::of(SafeText::new(&name), Role::Info).and(format!("  {} bytes", bytes.len()), Role::Dim),
                );
                lines.extend(raw::hex(bytes, HEX).into_iter().map(|line| Stripe::of(line, Role::Text)));
                let shown = HEX * 16;
                if bytes.len() > shown {
                    let more = format!("and {} more bytes; hopscope queue record shows all", bytes.len() - shown);
                    lines.push(Stripe::of(more, Role::Dim));
                }
            }
        }
    }
}
