//! Spans of batches: roots with links, in which nothing leads back but these links.

use smol_str::format_smolstr;

use super::span::{Kind, Link, Span};
use super::spans::{blank, kept};
use super::{java, kafkajs, python};
use crate::world::batch::BatchSpan;
use crate::world::scenario::{Scenario, Stack};

/// The spans of one batch that had ended by `now_ns` and reached the store.
pub fn spans(scenario: &Scenario, batch: &BatchSpan, now_ns: u64) -> Vec<Span> {
    let stack = scenario.service(&batch.service).map_or(Stack::Java, |service| service.stack);
    let link = |producer: Option<_>| producer.map(|(trace_id, span_id)| Link { trace_id, span_id });
    let links = || batch.records.iter().filter_map(|(_, producer, _)| link(*producer)).collect();
    let topic = batch.records.first().map_or("", |(at, _, _)| at.topic.as_str());
    let whole = |span_id, parent| {
        let mut span = blank(batch.trace_id, span_id, parent, batch.service.clone(), Kind::Consumer);
        (span.start_ns, span.end_ns) = (batch.start_ns, batch.end_ns);
        span
    };
    let mut spans = Vec::new();
    match stack {
        Stack::None => {}
        Stack::Python => {
            let mut root = whole(batch.receive_span.unwrap_or(batch.span), None);
            python::receive(&mut root);
            let mut process = whole(batch.span, batch.receive_span);
            process.links = links();
            python::batch(&mut process, topic);
            spans.extend([root, process]);
        }
        Stack::Kafkajs => {
            let mut root = whole(batch.span, None);
            kafkajs::batch(&mut root, batch, topic);
            spans.push(root);
            for (at, producer, span_id) in &batch.records {
                let mut each = whole(*span_id, Some(batch.span));
                each.links.extend(link(*producer));
                kafkajs::batched(&mut each, batch, at);
                spans.push(each);
            }
        }
        _ => {
            let mut process = whole(batch.span, None);
            process.links = links();
            java::batch(&mut process, batch, topic);
            if stack != Stack::Java {
                process.name = format_smolstr!("{topic} process");
            }
            spans.push(process);
        }
    }
    kept(scenario, &mut spans, now_ns);
    spans
}
