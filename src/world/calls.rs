//! The synchronous part of a journey: HTTP operations, their attempts and executions, and what they publish.

use smol_str::{SmolStr, format_smolstr};

use super::fault::{Fault, Which};
use super::headers;
use super::journey::{Journey, Level, LogLine};
use super::queue::Header;
use super::rng::Rng;
use super::scenario::{EffectKind, KeyKind, Operation, PublishStep, Scenario, Step};
use super::truth::{Attempt, Coordinate, Effect, Execution, Operation as Wanted, Outcome, SpanId, TraceId};

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const S: u64 = 1_000 * MS;

/// A record on its way to the broker.
#[derive(Debug, Clone)]
pub struct Publish {
    /// When the producer was asked, nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Journey that it belongs to.
    pub journey: u64,
    /// Topic.
    pub topic: SmolStr,
    /// Partition that the producer was told to use; chosen by key when absent.
    pub partition: Option<i32>,
    /// Kind of event.
    pub event: SmolStr,
    /// Key bytes.
    pub key: Vec<u8>,
    /// Value bytes.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<Header>,
    /// Producer's service.
    pub service: SmolStr,
    /// Trace of the publish span.
    pub trace_id: TraceId,
    /// Publish span.
    pub span: SpanId,
    /// Span in which it happened.
    pub under: Option<SpanId>,
    /// Whether the producer is instrumented.
    pub is_traced: bool,
    /// Hop that it makes: 0 for an original.
    pub hop: u32,
    /// The previous hop.
    pub from: Option<Coordinate>,
    /// Due time on a retry topic, nanoseconds since the Unix epoch.
    pub due_ns: Option<u64>,
}

/// What a fault does to one execution or delivery.
#[derive(Debug, Clone)]
pub struct Strike {
    /// Extra time, nanoseconds.
    pub add_ns: u64,
    /// Status instead of a success.
    pub status: Option<u16>,
    /// Exception class.
    pub exception: SmolStr,
    /// Message.
    pub message: SmolStr,
    /// Time for which a killed process is away, nanoseconds.
    pub killed_ns: Option<u64>,
    /// Time after which the record is handed to another member, nanoseconds.
    pub poll_limit_ns: Option<u64>,
}

/// The span in which something happens.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Service that works.
    pub service: SmolStr,
    /// Trace.
    pub trace_id: TraceId,
    /// Span of the work, which may not exist.
    pub span: SpanId,
    /// The span that calls and publishes are children of; absent where there is none.
    pub current: Option<SpanId>,
}

/// Everything that simulating the calls of one journey needs.
pub struct Calls<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// When the world began, nanoseconds since the Unix epoch.
    pub began_ns: u64,
    /// The journey that gets the facts.
    pub journey: &'a mut Journey,
    /// Chance.
    pub rng: &'a mut Rng,
    /// Records to append later.
    pub publishes: &'a mut Vec<Publish>,
}

impl Calls<'_> {
    /// Lets the request from outside happen.
    pub fn enter(&mut self) {
        let entry = self.scenario.operation(&self.scenario.entry).expect("the scenario was checked").clone();
        let start_ns = self.journey.started_ns;
        self.journey.operations.push(Wanted {
            caller: None,
            callee: entry.service.clone(),
            name: entry.name.clone(),
            trace_id: self.journey.trace_id,
            key: None,
            target: method_and_route(&entry.name).1.into(),
            under: None,
            attempts: Vec::new(),
        });
        let execution = self.execute(&entry, self.journey.trace_id, None, start_ns, None);
        self.journey.operations[0].attempts.push(Attempt {
            number: 1,
            trace_id: self.journey.trace_id,
            client_span: None,
            start_ns,
            end_ns: execution.end_ns,
            outcome: Outcome::Answered(execution.status),
            executions: vec![execution],
        });
    }

    /// Carries out steps in order from `start_ns`; the end, and the message of the step that failed.
    pub fn steps(&mut self, steps: &[Step], scope: &Scope, start_ns: u64) -> (u64, Result<(), SmolStr>) {
        let mut now_ns = start_ns;
        for step in steps {
            match step {
                Step::Publish(publish) => {
                    self.publish(publish, scope, now_ns);
                    now_ns += self.rng.between(200, 900) * 1_000;
                }
                Step::Call(call) => {
                    let (end_ns, result) = self.call(call, scope, now_ns);
                    now_ns = end_ns;
                    if let Err(message) = result {
                        return (now_ns, Err(message));
                    }
                }
            }
        }
        (now_ns, Ok(()))
    }

    /// One run of an operation in the service that answers it; a `forced` status is given without any work.
    pub(super) fn execute(
        &mut self,
        operation: &Operation,
        trace_id: TraceId,
        parent: Option<SpanId>,
        start_ns: u64,
        forced: Option<u16>,
    ) -> Execution {
        let span = SpanId(self.rng.span_id());
        let current = self.stack(&operation.service).is_instrumented().then_some(span);
        let scope = Scope { service: operation.service.clone(), trace_id, span, current };
        let work_ns = self.rng.between(operation.work_ms[0] * 1_000, operation.work_ms[1] * 1_000) * 1_000;
        let full_name = format_smolstr!("{} {}", operation.service, operation.name);
        let strike = if forced.is_some() { None } else { self.strike(&full_name, start_ns, None) };
        let mut now_ns = start_ns + work_ns / 2;
        let mut status = 200;
        let mut message = None;
        if self.journey.hostile && parent.is_none() {
            let note = "customer note: \u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}drop\u{202c} all <b>&amp;";
            self.log(&scope, now_ns, Level::Warn, note.into(), &[]);
        }
        if let Some(forced) = forced {
            status = forced;
        } else if let Some((failed, strike)) =
            strike.as_ref().and_then(|strike| strike.status.map(|status| (status, strike)))
        {
            now_ns += strike.add_ns;
            status = failed;
            message = Some(strike.message.clone());
        } else {
            let (end_ns, result) = self.steps(&operation.steps, &scope, now_ns);
            now_ns = end_ns;
            match result {
                Ok(()) => self.effect(operation, &scope, now_ns),
                Err(failure) => {
                    status = operation.failure_status;
                    message = Some(failure);
                }
            }
            now_ns += strike.map_or(0, |strike| strike.add_ns);
        }
        now_ns += work_ns / 2;
        let level = if status >= 500 { Level::Error } else { Level::Info };
        let took = (now_ns - start_ns) / MS;
        let text = if let Some(message) = &message {
            format_smolstr!("{} answered {status}: {message}", operation.name)
        } else {
            format_smolstr!("{} answered {status}", operation.name)
        };
        let fields = [("status", format_smolstr!("{status}")), ("duration_ms", format_smolstr!("{took}"))];
        self.log(&scope, now_ns - 20_000, level, text, &fields);
        self.journey.last_ns = self.journey.last_ns.max(now_ns);
        Execution {
            service: operation.service.clone(),
            span,
            proxy_span: None,
            proxy_attempt: 1,
            is_shadow: false,
            parent,
            start_ns,
            end_ns: now_ns,
            status,
            message,
        }
    }

    fn effect(&mut self, operation: &Operation, scope: &Scope, at_ns: u64) {
        match operation.effect {
            None => {}
            Some(EffectKind::Charge) => {
                let payment_id = format_smolstr!("pay-{}", self.rng.word(8));
                let amount_cents = self.journey.amount_cents;
                let fields = [("payment_id", payment_id.clone()), ("amount_cents", format_smolstr!("{amount_cents}"))];
                self.log(scope, at_ns, Level::Info, "charged".into(), &fields);
                self.journey.effects.push(Effect {
                    kind: "charge".into(),
                    payment_id,
                    idempotency_key: None,
                    amount_cents,
                    at_ns,
                    span: scope.span,
                });
            }
        }
    }

    fn publish(&mut self, step: &PublishStep, scope: &Scope, at_ns: u64) {
        let span = SpanId(self.rng.span_id());
        let journey = &mut *self.journey;
        let mut key = match step.key {
            KeyKind::Order => journey.order_id.as_bytes().to_vec(),
            KeyKind::Customer => journey.customer.as_bytes().to_vec(),
        };
        let request = format!("req-{}", self.rng.word(10));
        let mut headers = vec![Header::new("event-type", step.event.as_bytes()), Header::new("x-request-id", request)];
        if journey.hostile {
            if step.key == KeyKind::Customer {
                key.extend_from_slice(b"\x1b[31m\xe2\x80\xae");
            }
            headers.push(Header::new("x-client-note", &b"\xff\xfe\x1b[5mnot utf-8\x00\xc3\x28"[..]));
        }
        if let Some(name) = &step.id_header {
            // The same however often the event is published.
            let id = Rng::for_purpose(self.scenario.seed, &step.event, journey.number).uuid();
            headers.push(Header::new(name.clone(), id));
        }
        let is_traced = self.scenario.service(&scope.service).is_some_and(|service| service.stack.is_instrumented());
        let trace_id = if scope.current.is_some() {
            scope.trace_id
        } else {
            let trace_id = TraceId(self.rng.trace_id());
            journey.traces.push(trace_id);
            trace_id
        };
        if is_traced {
            headers.push(headers::traceparent(trace_id, span, journey.samples(trace_id)));
        }
        let value = serde_json::json!({
            "event": step.event, "order_id": journey.order_id, "customer_id": journey.customer,
            "amount_cents": journey.amount_cents, "currency": "EUR",
            "items": [{"sku": format!("sku-{}", 100 + journey.number % 37), "quantity": 1 + journey.number % 3}],
        });
        journey.expected += self.scenario.groups.iter().filter(|group| group.topic == step.topic).count();
        self.publishes.push(Publish {
            at_ns,
            journey: journey.number,
            topic: step.topic.clone(),
            partition: None,
            event: step.event.clone(),
            key,
            value: value.to_string().into_bytes(),
            headers,
            service: scope.service.clone(),
            trace_id,
            span,
            under: scope.current,
            is_traced,
            hop: 0,
            from: None,
            due_ns: None,
        });
    }

    /// What a fault does to the thing named `at` that begins now; `record` is set for deliveries.
    pub fn strike(&mut self, at: &str, start_ns: u64, record: Option<&Received>) -> Option<Strike> {
        let scenario = self.scenario;
        for (number, fault) in scenario.faults.iter().enumerate().filter(|(_, fault)| fault.at == at) {
            if !self.in_window(fault, start_ns) || !self.is_chosen(fault, record) {
                continue;
            }
            let struck = self.journey.strikes.entry(number).or_default();
            if fault.first_executions.is_some_and(|most| *struck >= most) {
                continue;
            }
            *struck += 1;
            return Some(Strike {
                add_ns: self.rng.between(fault.add_ms[0] * 1_000, fault.add_ms[1] * 1_000) * 1_000,
                status: fault.status,
                exception: fault.exception.clone().unwrap_or_else(|| "java.lang.IllegalStateException".into()),
                message: fault.message.clone().unwrap_or_else(|| fault.name.clone()),
                killed_ns: fault.killed_for_ms.map(|ms| ms * MS),
                poll_limit_ns: fault.poll_limit_ms.map(|ms| ms * MS),
            });
        }
        None
    }

    fn in_window(&self, fault: &Fault, start_ns: u64) -> bool {
        let since_ns = start_ns.saturating_sub(self.began_ns);
        since_ns >= fault.from_s * S && fault.until_s.is_none_or(|until_s| since_ns < until_s * S)
    }

    fn is_chosen(&self, fault: &Fault, record: Option<&Received>) -> bool {
        match &fault.orders {
            Which::All => true,
            Which::Share(share) => {
                Rng::for_purpose(self.scenario.seed, &fault.name, self.journey.number).happens(*share)
            }
            Which::FirstAfterS(after_s) => is_first_after(self.journey, self.began_ns + after_s * S),
            Which::FirstRecord { partition, after_s } => record.is_some_and(|record| {
                let mark_ns = self.began_ns + after_s * S;
                record.partition == *partition
                    && record.appended_ns >= mark_ns
                    && record.previous_ns.is_none_or(|previous_ns| previous_ns < mark_ns)
            }),
        }
    }

    /// Adds a log line that names the order.
    pub fn log(
        &mut self,
        scope: &Scope,
        at_ns: u64,
        level: Level,
        message: SmolStr,
        fields: &[(&'static str, SmolStr)],
    ) {
        let order = [(SmolStr::new_static("order_id"), self.journey.order_id.clone())];
        let rest = fields.iter().map(|(name, value)| (SmolStr::new_static(name), value.clone()));
        self.journey.log(LogLine {
            at_ns,
            service: scope.service.clone(),
            level,
            logger: format_smolstr!("com.shop.{}", scope.service),
            message,
            fields: order.into_iter().chain(rest).collect(),
            context: scope.current.map(|span| (scope.trace_id, span)),
            stack: None,
        });
    }
}

/// What a fault may ask about the record of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// Partition.
    pub partition: i32,
    /// When it was appended, nanoseconds since the Unix epoch.
    pub appended_ns: u64,
    /// When the record before it in the partition was appended, nanoseconds since the Unix epoch.
    pub previous_ns: Option<u64>,
}

/// Method and route of an operation's name.
pub fn method_and_route(name: &str) -> (&str, &str) {
    name.split_once(' ').unwrap_or(("POST", name))
}

/// Whether this journey is the first that entered at or after `mark_ns`.
pub fn is_first_after(journey: &Journey, mark_ns: u64) -> bool {
    journey.started_ns >= mark_ns && journey.previous_ns < mark_ns
}
