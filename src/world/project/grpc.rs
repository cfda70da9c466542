//! gRPC's own instrumentation (gRFC A72): a span for the call, one under it for each attempt, and the callee's.

use smol_str::{SmolStr, format_smolstr};

use super::span::{Span, attribute};
use crate::world::truth::{Attempt, Execution, Operation, Outcome, SpanId};

const SCOPE: (&str, &str) = ("grpc-go", "1.80.0");

/// Status of a service that cannot answer, and of a deadline that is over.
const UNAVAILABLE: i64 = 14;
const DEADLINE_EXCEEDED: i64 = 4;

/// The id of the call's span, by that of its first attempt.
pub fn call_id(first: SpanId) -> SpanId {
    SpanId(first.0 ^ 0x5e47_0000_0000_0001)
}

fn method(operation: &Operation) -> SmolStr {
    let name = operation.name.rsplit('/').next().unwrap_or_default();
    format_smolstr!("{}.Service.{name}", operation.callee)
}

/// The whole call.
pub fn call(span: &mut Span, operation: &Operation) {
    span.name = format_smolstr!("Sent.{}", method(operation));
    span.scope = SCOPE;
    span.error = operation.attempts.last().is_some_and(|last| status(last) != 0);
}

/// One attempt.
pub fn attempt(span: &mut Span, operation: &Operation, attempt: &Attempt) {
    let code = status(attempt);
    span.name = format_smolstr!("Attempt.{}", method(operation));
    span.scope = SCOPE;
    span.attributes = vec![
        attribute("previous-rpc-attempts", i64::from(attempt.number) - 1),
        attribute("transparent-retry", "false"),
    ];
    if code != 0 {
        span.error = true;
        span.attributes.push(attribute("rpc.grpc.status_code", code));
    }
}

/// What ran at the callee.
pub fn received(span: &mut Span, operation: &Operation, execution: &Execution) {
    span.name = format_smolstr!("Recv.{}", method(operation));
    span.scope = SCOPE;
    span.error = execution.status >= 500;
}

fn status(attempt: &Attempt) -> i64 {
    match attempt.outcome {
        Outcome::Answered(status) if status < 400 => 0,
        Outcome::Answered(_) => UNAVAILABLE,
        Outcome::TimedOut | Outcome::Running | Outcome::Cancelled => DEADLINE_EXCEEDED,
    }
}
