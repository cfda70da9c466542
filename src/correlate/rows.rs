//! The story: everything of a journey down the time axis.

use super::attempts::ending;
use super::journey::{Material, is_retried};
use super::reads::{self, Level};
use crate::model::journey::{AttemptResult, CopyRole, DeliveryResult, Fact, Journey, Mark, Row, RowKind};
use crate::model::spans::SpanView;
use crate::model::{Nanos, SafeText, SpanKind, SpanRow, Tier, Timestamp};
use std::collections::BTreeSet;

/// Waits below this are not worth a row.
const SHORTEST_WAIT: i64 = 1_000_000;

/// Writes the rows, by time, causes before effects of the same instant.
pub(super) fn rows(material: &Material<'_>, journey: &Journey) -> Vec<Row> {
    let depths = depths(material);
    let mut rows = Vec::new();
    let mut told: BTreeSet<SpanRow> = BTreeSet::new();
    calls(material, journey, &depths, &mut rows, &mut told);
    queues(material, journey, &depths, &mut rows, &mut told);
    for row in material.index.order.iter().filter(|row| material.scope.spans[**row as usize]) {
        let span = material.spans.span(SpanRow(*row));
        if told.contains(&span.row()) {
            continue;
        }
        rows.push(work(span, depths[*row as usize]));
    }
    lines(material, &depths, &mut rows);
    let end = rows.iter().map(|row| row.at).max().unwrap_or(material.now);
    for gap in &journey.gaps {
        let text = format!("{}: {}: {}", gap.what, gap.reason.words(), gap.detail);
        rows.push(Row {
            mark: Mark::Unknown,
            ..row(end, RowKind::Gap, SafeText::default(), &text, "what should be there and is not")
        });
    }
    rows.sort_by(|a, b| (a.at, a.depth, a.kind, &a.lane, &a.text).cmp(&(b.at, b.depth, b.kind, &b.lane, &b.text)));
    rows
}

fn depths(material: &Material<'_>) -> Vec<u16> {
    let mut depths = vec![0u16; material.spans.len()];
    for row in &material.index.order {
        if let Some(parent) =
            material.index.parent[*row as usize].filter(|parent| material.scope.spans[*parent as usize])
        {
            depths[*row as usize] = depths[parent as usize].saturating_add(1);
        }
    }
    depths
}

fn row(at: Timestamp, kind: RowKind, lane: SafeText, text: &str, why: &str) -> Row {
    Row {
        at,
        duration: None,
        depth: 0,
        lane,
        kind,
        text: SafeText::new(text),
        mark: Mark::Plain,
        tier: Tier::Exact,
        why: SafeText::new(why),
        fact: None,
        follow: None,
    }
}

fn follow(span: SpanView<'_>) -> SafeText {
    SafeText::new(&reads::coordinate(span).map_or_else(|| span.trace().to_string(), |at| at.to_string()))
}

fn mark(result: AttemptResult) -> Mark {
    match result {
        AttemptResult::Succeeded => Mark::Ok,
        AttemptResult::Failed => Mark::Error,
        AttemptResult::TimedOut => Mark::Warn,
        AttemptResult::Unknown => Mark::Unknown,
    }
}

fn calls(
    material: &Material<'_>,
    journey: &Journey,
    depths: &[u16],
    rows: &mut Vec<Row>,
    told: &mut BTreeSet<SpanRow>,
) {
    for operation in &journey.operations {
        let count = operation.attempts.len();
        for attempt in &operation.attempts {
            let own = attempt.span.map(|row| material.spans.span(row));
            let first = attempt.executions.first().map(|run| material.spans.span(run.span));
            let depth = own.or(first).map_or(0, |span| depths[span.row().0 as usize]);
            if let Some(wait) = attempt.wait.filter(|wait| wait.0 >= SHORTEST_WAIT) {
                let text = format!("{} until attempt {}", wait.human(), attempt.ordinal);
                let at = attempt.start.plus(Nanos(-wait.0));
                rows.push(Row {
                    duration: Some(wait),
                    depth,
                    mark: Mark::Wait,
                    ..row(at, RowKind::Wait, operation.caller.clone(), &text, "time between two attempts")
                });
            }
            let ordinal = if is_retried(operation) {
                format!(" (attempt {} of {count})", attempt.ordinal)
            } else {
                String::new()
            };
            let text = format!("{}{ordinal}: {}", operation.name, attempt.status);
            let why = match own {
                Some(span) => format!("client span {} of trace {}", span.id(), span.trace()),
                None => "the callee's span names a parent that exists nowhere".to_owned(),
            };
            let effect = own.is_some_and(|span| is_write(span)) && attempt.result == AttemptResult::Succeeded;
            rows.push(Row {
                duration: Some(attempt.duration),
                depth,
                mark: mark(attempt.result),
                fact: attempt.span.map(Fact::Span),
                follow: own.or(first).map(follow),
                ..row(attempt.start, RowKind::Attempt, operation.caller.clone(), &text, &why)
            });
            if effect {
                let text = format!("{} done at {}", operation.name, operation.peer);
                rows.push(Row {
                    depth: depth.saturating_add(1),
                    mark: Mark::Ok,
                    fact: attempt.span.map(Fact::Span),
                    ..row(
                        attempt.start.plus(attempt.duration),
                        RowKind::Effect,
                        operation.peer.clone(),
                        &text,
                        "a writing call that succeeded",
                    )
                });
            }
            told.extend(attempt.span);
            for run in &attempt.executions {
                let span = material.spans.span(run.span);
                told.insert(run.span);
                rows.push(Row {
                    duration: Some(run.duration),
                    depth: depths[run.span.0 as usize].max(depth + 1),
                    mark: mark(run.result),
                    fact: Some(Fact::Span(run.span)),
                    follow: Some(follow(span)),
                    ..row(
                        run.start,
                        RowKind::Execution,
                        run.service.clone(),
                        &format!("{}: {}", span.name(), run.status),
                        "server span under the call",
                    )
                });
            }
        }
    }
}

fn queues(
    material: &Material<'_>,
    journey: &Journey,
    depths: &[u16],
    rows: &mut Vec<Row>,
    told: &mut BTreeSet<SpanRow>,
) {
    for message in &journey.messages {
        for copy in &message.copies {
            let depth = copy.producer.map_or(0, |row| depths[row.0 as usize]);
            let lane = SafeText::new(&copy.coordinate.topic);
            let role = match copy.role {
                CopyRole::Original => "written",
                CopyRole::Retry => "retry copy written",
                CopyRole::DeadLetter => "dead letter written",
                CopyRole::Duplicate => "written again",
            };
            // A coordinate alone proves no record: somebody has read it, or a span tells that it was written.
            let role = if copy.record.is_none() && copy.producer.is_none() { "not read" } else { role };
            let mut text = format!("{} {role}", copy.coordinate);
            if let Some(origin) = &copy.origin {
                text = format!("{text}, copy of {origin}");
            }
            if let Some(attempt) = copy.attempt {
                text = format!("{text}, headers say attempt {attempt}");
            }
            if let Some(exception) = &copy.exception {
                text = format!("{text}, {exception}");
            }
            let why = material.scope.coordinates.get(&copy.coordinate).map_or("", SafeText::as_str);
            let fact = copy.record.map(Fact::Record).or(copy.producer.map(Fact::Span));
            told.extend(copy.producer.filter(|row| material.spans.span(*row).kind() == SpanKind::Producer));
            rows.push(Row {
                depth,
                mark: if copy.role == CopyRole::DeadLetter {
                    Mark::Error
                } else if copy.role == CopyRole::Retry {
                    Mark::Warn
                } else {
                    Mark::Plain
                },
                tier: copy.tier,
                fact,
                follow: Some(SafeText::new(&copy.coordinate.to_string())),
                ..row(copy.written, RowKind::Copy, lane.clone(), &text, why)
            });
            let first = message
                .deliveries
                .iter()
                .filter(|delivery| delivery.coordinate == copy.coordinate && delivery.ordinal == 1)
                .map(|delivery| delivery.start)
                .min();
            let (wait, what) = match (first, copy.due) {
                (Some(first), _) => (first.since(copy.written), "in the queue until delivered"),
                (None, Some(due)) => (due.since(copy.written), "until due"),
                (None, None) => (Nanos(0), ""),
            };
            if wait.0 >= SHORTEST_WAIT {
                rows.push(Row {
                    duration: Some(wait),
                    depth,
                    mark: Mark::Wait,
                    tier: copy.tier,
                    ..row(
                        copy.written,
                        RowKind::Wait,
                        lane,
                        &format!("{} {what}", wait.human()),
                        "from the record's time",
                    )
                });
            }
        }
        for delivery in &message.deliveries {
            let (words, mark) = match delivery.result {
                DeliveryResult::Handled => ("handled".to_owned(), Mark::Ok),
                DeliveryResult::Failed => (
                    delivery.error.as_ref().map_or("failed".to_owned(), |error| format!("failed: {error}")),
                    Mark::Error,
                ),
                DeliveryResult::NotDue => ("refused before the handler ran: not due".to_owned(), Mark::Wait),
                DeliveryResult::Unknown => ("received, no end seen".to_owned(), Mark::Unknown),
            };
            let group = delivery.group.as_ref().map_or("an unknown group", SafeText::as_str);
            let ordinal = if delivery.ordinal > 0 {
                format!("delivery {} of", delivery.ordinal)
            } else {
                "handing-over of".to_owned()
            };
            told.extend(delivery.span);
            rows.push(Row {
                duration: Some(delivery.duration),
                depth: delivery.span.map_or(0, |row| depths[row.0 as usize]),
                mark,
                tier: delivery.tier,
                fact: delivery.span.map(Fact::Span),
                follow: Some(SafeText::new(&delivery.coordinate.to_string())),
                ..row(
                    delivery.start,
                    RowKind::Delivery,
                    delivery.service.clone(),
                    &format!("{ordinal} {} to {group}: {words}", delivery.coordinate),
                    "consumer span of the record",
                )
            });
        }
    }
}

fn work(span: SpanView<'_>, depth: u16) -> Row {
    let (result, status) = ending(span);
    let effect = span.kind() == SpanKind::Client && is_write(span) && result == AttemptResult::Succeeded;
    let text =
        if result == AttemptResult::Succeeded { span.name().to_owned() } else { format!("{}: {status}", span.name()) };
    Row {
        duration: Some(span.duration()),
        depth,
        mark: if result == AttemptResult::Succeeded { Mark::Plain } else { mark(result) },
        fact: Some(Fact::Span(span.row())),
        follow: Some(follow(span)),
        ..row(
            span.start(),
            if effect { RowKind::Effect } else { RowKind::Work },
            SafeText::new(span.service()),
            &text,
            &format!("span {} of trace {}", span.id(), span.trace()),
        )
    }
}

/// Says whether a client span changes something at its target.
fn is_write(span: SpanView<'_>) -> bool {
    let verb = reads::request(span).0.or_else(|| reads::db_verb(span)).unwrap_or_default().to_ascii_uppercase();
    matches!(verb.as_str(), "POST" | "PUT" | "PATCH" | "DELETE" | "INSERT" | "UPDATE" | "MERGE" | "UPSERT" | "REPLACE")
}

fn lines(material: &Material<'_>, depths: &[u16], rows: &mut Vec<Row>) {
    for number in &material.scope.lines {
        let line = material.lines.line(*number);
        let named = reads::line_trace(line);
        let span = named.and_then(|(trace, span)| material.index.find(trace, span?));
        let (tier, why) = match (named, span) {
            (_, Some(row)) => (Tier::Exact, format!("the line names span {}", material.spans.span(SpanRow(row)).id())),
            (Some((trace, _)), None) => (Tier::Exact, format!("the line names trace {trace}")),
            (None, None) => (Tier::Scoped, "the line holds the id".to_owned()),
        };
        let said = reads::said(line);
        let mark = match said.level {
            Level::Error => Mark::Error,
            Level::Warn => Mark::Warn,
            Level::Info | Level::Debug | Level::Unsaid => Mark::Plain,
        };
        let text = match &said.error {
            Some(error) if !said.message.contains(&**error) => format!("{}: {error}", said.message),
            Some(_) | None => said.message.into_owned(),
        };
        rows.push(Row {
            depth: span.map_or(0, |row| depths[row as usize].saturating_add(1)),
            mark,
            tier,
            fact: Some(Fact::Line(*number)),
            follow: named.map(|(trace, _)| SafeText::new(&trace.to_string())),
            ..row(line.at(), RowKind::Line, SafeText::new(line.service().unwrap_or_default()), &text, &why)
        });
    }
}
