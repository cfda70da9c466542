//! The `data` of a story: outcome, operations, messages, hops, rows, gaps, records.

use super::report::RecordReport;
use super::why::{self, Why};
use crate::model::coverage::Absence;
use crate::model::journey::{
    Attempt, AttemptResult, Channel, CopyRole, Count, Delivery, DeliveryResult, EffectKind, EffectStatus, Execution,
    Grouping, Hop, Mark, Message, Operation, RecordCopy, Remark, Row, RowKind, Settlement, SideEffect, Spread,
};
use crate::model::{Case, SafeText, SpanRow, SpanStore, Tier};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// One journey. Its lists are made while they are written: there may be as many rows as spans.
pub struct JourneyReport<'a>(&'a Case, bool);

/// A list that is made while it is written.
struct Listed<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Listed<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

impl Serialize for JourneyReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (case, journey, spans) = (self.0, &self.0.journey, &*self.0.spans);
        let mut report = serializer.serialize_struct("JourneyReport", 11)?;
        report.serialize_field("outcome", &journey.outcome)?;
        report.serialize_field("summary", &journey.summary)?;
        report.serialize_field("traces", &Listed(journey.traces.iter().map(ToString::to_string)))?;
        let operations = case.operations().map(|operation| operation_of(operation, spans));
        report.serialize_field("operations", &Listed(operations))?;
        report.serialize_field("messages", &Listed(journey.messages.iter().map(|each| message_of(each, spans))))?;
        report.serialize_field("hops", &Listed(journey.hops(spans).iter().map(hop_of)))?;
        let with_paths = self.1;
        report.serialize_field("rows", &Listed(case.rows().iter().map(|row| row_of(case, row, with_paths))))?;
        let effects = journey.effects.iter().map(|effect| effect_of(*effect, spans));
        report.serialize_field("effects", &Listed(effects))?;
        report.serialize_field("clocks", &journey.clocks)?;
        report.serialize_field("gaps", &journey.gaps)?;
        report.serialize_field("records", &Listed(case.records.iter().map(RecordReport::of)))?;
        report.end()
    }
}

#[derive(Serialize)]
struct OperationReport<'a> {
    caller: &'a str,
    name: &'a str,
    peer: &'a str,
    grouping: Grouping,
    layer: u16,
    count: Count,
    sent: Option<u32>,
    hedges: usize,
    of_batch: bool,
    result: AttemptResult,
    attempts: Vec<AttemptReport<'a>>,
}

#[derive(Serialize)]
struct AttemptReport<'a> {
    ordinal: u32,
    number: Option<u32>,
    hedge: bool,
    spread: Spread,
    span: Option<String>,
    start: i64,
    duration_ns: i64,
    wait_ns: Option<i64>,
    result: AttemptResult,
    status: &'a str,
    executions: Vec<ExecutionReport<'a>>,
}

#[derive(Serialize)]
struct ExecutionReport<'a> {
    service: SafeText,
    span: Option<String>,
    start: i64,
    duration_ns: i64,
    result: AttemptResult,
    status: &'a str,
}

#[derive(Serialize)]
struct MessageReport<'a> {
    key: &'a SafeText,
    count: Count,
    copies: Vec<CopyReport<'a>>,
    deliveries: Vec<DeliveryReport<'a>>,
}

#[derive(Serialize)]
struct CopyReport<'a> {
    coordinate: String,
    role: CopyRole,
    written: i64,
    origin: Option<String>,
    due: Option<i64>,
    attempt: Option<u32>,
    exception: Option<&'a SafeText>,
    producer: Option<String>,
    tier: Tier,
    repeats: Option<String>,
    absence: Option<Absence>,
}

#[derive(Serialize)]
struct DeliveryReport<'a> {
    coordinate: String,
    group: Option<&'a SafeText>,
    service: &'a SafeText,
    ordinal: u32,
    number: Option<u32>,
    span: Option<String>,
    start: i64,
    duration_ns: i64,
    result: DeliveryResult,
    error: Option<&'a SafeText>,
    settlement: &'a Settlement,
    remarks: &'a [Remark],
    tier: Tier,
}

#[derive(Serialize)]
struct EffectReport {
    service: SafeText,
    span: Option<String>,
    kind: EffectKind,
    status: EffectStatus,
}

#[derive(Serialize)]
struct HopReport<'a> {
    from: &'a str,
    to: &'a str,
    channel: &'a Channel<'a>,
    at: i64,
    transit_ns: Option<i64>,
    times: u32,
}

#[derive(Serialize)]
struct RowReport<'a> {
    at: i64,
    duration_ns: Option<i64>,
    depth: u16,
    lane: &'a str,
    kind: RowKind,
    text: SafeText,
    mark: Mark,
    tier: Tier,
    why: SafeText,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Why<'a>>,
    follow: Option<SafeText>,
}

impl<'a> JourneyReport<'a> {
    /// Returns the projection of a case's journey, with the path of each row when that is wanted.
    pub fn of(case: &'a Case, with_paths: bool) -> Self {
        Self(case, with_paths)
    }
}

/// A row number means nothing outside; the span's id does.
fn id(spans: &SpanStore, row: SpanRow) -> Option<String> {
    ((row.0 as usize) < spans.len()).then(|| spans.span(row).id().to_string())
}

fn operation_of<'a>(operation: Operation<'a>, spans: &SpanStore) -> OperationReport<'a> {
    OperationReport {
        caller: operation.caller(),
        name: operation.name(),
        peer: operation.peer(),
        grouping: operation.grouping(),
        layer: operation.layer(),
        count: operation.count(),
        sent: operation.sent(),
        hedges: operation.hedges(),
        of_batch: operation.is_of_batch(),
        result: operation.result(),
        attempts: operation.attempts().map(|attempt| attempt_of(attempt, spans)).collect(),
    }
}

fn attempt_of<'a>(attempt: Attempt<'a>, spans: &SpanStore) -> AttemptReport<'a> {
    AttemptReport {
        ordinal: attempt.ordinal,
        number: attempt.number,
        hedge: attempt.hedge,
        spread: attempt.spread,
        span: attempt.span.and_then(|row| id(spans, row)),
        start: attempt.start.0,
        duration_ns: attempt.duration.0,
        wait_ns: attempt.wait.map(|wait| wait.0),
        result: attempt.result,
        status: attempt.status(),
        executions: attempt.executions().map(|execution| execution_of(execution, spans)).collect(),
    }
}

fn execution_of<'a>(execution: Execution<'a>, spans: &SpanStore) -> ExecutionReport<'a> {
    ExecutionReport {
        service: SafeText::new(execution.service()),
        span: id(spans, execution.span),
        start: execution.start.0,
        duration_ns: execution.duration.0,
        result: execution.result,
        status: execution.status(),
    }
}

fn message_of<'a>(message: &'a Message, spans: &SpanStore) -> MessageReport<'a> {
    MessageReport {
        key: &message.key,
        count: message.count,
        copies: message.copies.iter().map(|copy| copy_of(copy, spans)).collect(),
        deliveries: message.deliveries.iter().map(|delivery| delivery_of(delivery, spans)).collect(),
    }
}

fn copy_of<'a>(copy: &'a RecordCopy, spans: &SpanStore) -> CopyReport<'a> {
    CopyReport {
        coordinate: copy.coordinate.to_string(),
        role: copy.role,
        written: copy.written.0,
        origin: copy.origin.as_ref().map(ToString::to_string),
        due: copy.due.map(|due| due.0),
        attempt: copy.attempt,
        exception: copy.exception.as_ref(),
        producer: copy.producer.and_then(|row| id(spans, row)),
        tier: copy.tier,
        repeats: copy.repeats.as_ref().map(ToString::to_string),
        absence: copy.absence,
    }
}

fn delivery_of<'a>(delivery: &'a Delivery, spans: &SpanStore) -> DeliveryReport<'a> {
    DeliveryReport {
        coordinate: delivery.coordinate.to_string(),
        group: delivery.group.as_ref(),
        service: &delivery.service,
        ordinal: delivery.ordinal,
        number: delivery.number,
        span: delivery.span.and_then(|row| id(spans, row)),
        start: delivery.start.0,
        duration_ns: delivery.duration.0,
        result: delivery.result,
        error: delivery.error.as_ref(),
        settlement: &delivery.settlement,
        remarks: &delivery.remarks,
        tier: delivery.tier,
    }
}

fn effect_of(effect: SideEffect, spans: &SpanStore) -> EffectReport {
    let service = SafeText::new(spans.span(effect.span).service());
    EffectReport { service, span: id(spans, effect.span), kind: effect.kind, status: effect.status }
}

fn hop_of<'a>(hop: &'a Hop<'a>) -> HopReport<'a> {
    let transit_ns = hop.transit.map(|transit| transit.0);
    HopReport { from: &hop.from, to: hop.to, channel: &hop.channel, at: hop.at.0, transit_ns, times: hop.times }
}

fn row_of<'a>(case: &'a Case, row: Row<'a>, with_paths: bool) -> RowReport<'a> {
    RowReport {
        at: row.at.0,
        duration_ns: row.duration.map(|duration| duration.0),
        depth: row.depth,
        lane: row.lane(),
        kind: row.kind,
        text: row.text(),
        mark: row.mark,
        tier: row.tier,
        why: row.why(),
        path: if with_paths { why::of_row(case, &row) } else { None },
        follow: row.follow(),
    }
}
