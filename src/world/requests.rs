//! One service calls another: attempts, manners of calling more than once, and proxies on the way.

use smol_str::{SmolStr, format_smolstr};

use super::calls::{Calls, MS, Scope};
use super::journey::Level;
use super::manner::{Manner, Proxy};
use super::scenario::{CallStep, HttpClient, Operation, Stack};
use super::truth::{Attempt, Execution, Operation as Wanted, Outcome, SpanId, TraceId};

/// How a call ended: when, and the reason of a failure.
type Ended = (u64, Result<(), SmolStr>);

/// One request of an attempt: what it is for, and a status that the callee gives without any work.
struct Request<'a> {
    step: &'a CallStep,
    callee: &'a Operation,
    scope: &'a Scope,
    number: u32,
    forced: Option<u16>,
}

impl Calls<'_> {
    /// One step that calls, with everything that its manner makes of it.
    pub(super) fn call(&mut self, step: &CallStep, scope: &Scope, start_ns: u64) -> Ended {
        let route = step.to.rsplit(' ').next().unwrap_or("/").to_owned();
        match &step.manner {
            Manner::Plain => self.again_and_again(step, scope, start_ns, &route, &[]),
            Manner::Conflict { times } => {
                let refusals = vec![409; *times as usize];
                let step = CallStep { attempts: step.attempts.max(times + 1), ..step.clone() };
                self.again_and_again(&step, scope, start_ns, &route, &refusals)
            }
            Manner::Pages(pages) => {
                let targets = (1..=*pages).map(|page| format!("{route}?page={page}"));
                self.in_turn(step, scope, start_ns, targets.collect(), true)
            }
            Manner::Items { count, in_address } => {
                let number = self.journey.number;
                let target =
                    |item: u32| if *in_address { format!("{route}/sku-{number}-{item}") } else { route.clone() };
                self.in_turn(step, scope, start_ns, (1..=*count).map(target).collect(), false)
            }
            Manner::Poll { every_ms, absent } => {
                let mut now_ns = start_ns;
                for _ in 0..*absent {
                    now_ns = self.answered_with(step, scope, now_ns, &route, 404).0 + every_ms * MS;
                }
                self.again_and_again(step, scope, now_ns, &route, &[])
            }
            Manner::Redirect => {
                let (moved_ns, _) = self.answered_with(step, scope, start_ns, &format!("{route}?old=1"), 302);
                self.again_and_again(step, scope, moved_ns, &route, &[])
            }
            Manner::Challenge => {
                let (refused_ns, _) = self.answered_with(step, scope, start_ns, &route, 401);
                self.again_and_again(step, scope, refused_ns, &route, &[])
            }
            Manner::Hedge { after_ms } => self.hedge(step, scope, start_ns, &route, after_ms * MS),
        }
    }

    /// Several operations one after the other. Where `stops` is set the first failure ends them.
    fn in_turn(&mut self, step: &CallStep, scope: &Scope, start_ns: u64, targets: Vec<String>, stops: bool) -> Ended {
        let (mut now_ns, mut ended) = (start_ns, Ok(()));
        for target in targets {
            let (end_ns, result) = self.again_and_again(step, scope, now_ns, &target, &[]);
            now_ns = end_ns;
            if result.is_err() {
                ended = result;
                if stops {
                    break;
                }
            }
        }
        (now_ns, ended)
    }

    /// One operation with a single request, which the callee answers with this status and without work.
    fn answered_with(&mut self, step: &CallStep, scope: &Scope, start_ns: u64, target: &str, status: u16) -> Ended {
        let callee = self.scenario.operation(&step.to).expect("the scenario was checked").clone();
        let place = self.want(step, &callee, scope, target);
        let request = Request { step, callee: &callee, scope, number: 1, forced: Some(status) };
        let (attempt, _) = self.attempt(&request, start_ns);
        let end_ns = attempt.end_ns;
        self.journey.operations[place].attempts.push(attempt);
        (end_ns, Ok(()))
    }

    /// A place for one thing that a service wants of another.
    fn want(&mut self, step: &CallStep, callee: &Operation, scope: &Scope, target: &str) -> usize {
        let key = step.keyed.then(|| format_smolstr!("idem-{}", self.rng.word(12)));
        self.journey.operations.push(Wanted {
            key,
            caller: Some(scope.service.clone()),
            callee: callee.service.clone(),
            name: callee.name.clone(),
            trace_id: scope.trace_id,
            target: target.into(),
            under: scope.current,
            attempts: Vec::new(),
        });
        self.journey.operations.len() - 1
    }

    /// One logical call with all its attempts; the first ones are answered with `refusals`.
    fn again_and_again(
        &mut self,
        step: &CallStep,
        scope: &Scope,
        start_ns: u64,
        target: &str,
        refusals: &[u16],
    ) -> Ended {
        let callee = self.scenario.operation(&step.to).expect("the scenario was checked").clone();
        let place = self.want(step, &callee, scope, target);
        let mut now_ns = start_ns;
        let mut failure = SmolStr::default();
        for number in 1..=step.attempts.max(1) {
            let forced = refusals.get(number as usize - 1).copied();
            let (attempt, reason) = self.attempt(&Request { step, callee: &callee, scope, number, forced }, now_ns);
            (now_ns, failure) = (attempt.end_ns, reason);
            let outcome = attempt.outcome;
            self.journey.operations[place].attempts.push(attempt);
            if failure.is_empty() {
                return (now_ns, Ok(()));
            }
            let of = step.attempts.max(1);
            self.log(scope, now_ns, Level::Warn, format_smolstr!("attempt {number} of {of} failed: {failure}"), &[]);
            let is_final = match outcome {
                Outcome::Answered(status) => !step.retry_on.is_empty() && !step.retry_on.contains(&status),
                _ => !step.retry_timeouts,
            };
            if is_final && forced.is_none() {
                break;
            }
            if number < of {
                let backoff_ns = (step.backoff_ms << (number - 1)) * MS;
                now_ns += backoff_ns + self.rng.between(0, backoff_ns / 10);
            }
        }
        (now_ns, Err(failure))
    }

    /// One attempt, and the reason of its failure, which is empty when there is none.
    fn attempt(&mut self, request: &Request<'_>, now_ns: u64) -> (Attempt, SmolStr) {
        let Request { step, callee, scope, number, .. } = *request;
        let client_span = SpanId(self.rng.span_id());
        let network_ns = self.rng.between(150, 700) * 1_000;
        let is_traced = self.stack(&scope.service).is_instrumented();
        // Without a current span each attempt begins a trace.
        let trace_id = if scope.current.is_some() && is_traced { scope.trace_id } else { self.new_trace() };
        let parent = is_traced.then_some(client_span);
        let executions = self.through(request, trace_id, parent, now_ns + network_ns);
        let last = executions.iter().rfind(|execution| !execution.is_shadow).expect("a request is made");
        let deadline_ns = now_ns + step.timeout_ms * MS;
        let (end_ns, outcome) = if last.end_ns + network_ns > deadline_ns {
            (deadline_ns + self.rng.between(300, 4_000) * 1_000, Outcome::TimedOut)
        } else {
            (last.end_ns + network_ns, Outcome::Answered(last.status))
        };
        let failure = match outcome {
            Outcome::Answered(status) if status < 400 => SmolStr::default(),
            Outcome::Answered(status) => format_smolstr!("{} answered {status}", callee.service),
            Outcome::TimedOut | Outcome::Running | Outcome::Cancelled => {
                format_smolstr!("{} did not answer within {} ms", callee.service, step.timeout_ms)
            }
        };
        let is_spanless = outcome == Outcome::TimedOut && self.loses_timed_out_spans(&scope.service);
        let client_span = (is_traced && !is_spanless).then_some(client_span);
        (Attempt { number, trace_id, client_span, start_ns: now_ns, end_ns, outcome, executions }, failure)
    }

    /// The runs that one request causes: one, or what a proxy makes of it.
    fn through(
        &mut self,
        request: &Request<'_>,
        trace_id: TraceId,
        parent: Option<SpanId>,
        start_ns: u64,
    ) -> Vec<Execution> {
        let no_proxy = Proxy { attempts: 1, tells_attempt: false, spans_of: None, shadow: None };
        let proxy = request.step.proxy.as_ref().unwrap_or(&no_proxy);
        let mut executions = Vec::new();
        if let Some(shadow) = &proxy.shadow {
            let callee = Operation { service: shadow.clone(), ..request.callee.clone() };
            let mut execution = self.execute(&callee, trace_id, parent, start_ns + MS / 3, request.forced);
            execution.is_shadow = true;
            executions.push(execution);
        }
        let mut now_ns = start_ns;
        for number in 1..=proxy.attempts.max(1) {
            let proxy_span = proxy.spans_of.is_some().then(|| SpanId(self.rng.span_id()));
            let mut execution = self.execute(request.callee, trace_id, proxy_span.or(parent), now_ns, request.forced);
            (execution.proxy_span, execution.proxy_attempt) = (proxy_span, number);
            let is_refused = execution.status >= 500;
            now_ns = execution.end_ns + 1;
            if is_refused && number < proxy.attempts {
                now_ns += self.rng.between(25, 50) * MS;
            }
            executions.push(execution);
            if !is_refused {
                break;
            }
        }
        executions
    }

    /// Two attempts side by side, if the first is slow: the one that is answered first counts.
    fn hedge(&mut self, step: &CallStep, scope: &Scope, start_ns: u64, target: &str, after_ns: u64) -> Ended {
        let callee = self.scenario.operation(&step.to).expect("the scenario was checked").clone();
        let place = self.want(step, &callee, scope, target);
        let request = |number| Request { step, callee: &callee, scope, number, forced: None };
        let (mut first, mut failure) = self.attempt(&request(1), start_ns);
        let mut attempts = Vec::new();
        let mut end_ns = first.end_ns;
        if first.end_ns > start_ns + after_ns {
            let (mut second, reason) = self.attempt(&request(2), start_ns + after_ns);
            let loser = if second.end_ns < first.end_ns { &mut first } else { &mut second };
            (loser.outcome, failure) = (Outcome::Cancelled, if loser.number == 1 { reason } else { failure });
            end_ns = first.end_ns.min(second.end_ns);
            let dropped_ns = end_ns + MS / 5;
            for attempt in [&mut first, &mut second].into_iter().filter(|each| each.outcome == Outcome::Cancelled) {
                attempt.end_ns = dropped_ns;
            }
            attempts.push(second);
        }
        attempts.insert(0, first);
        self.journey.operations[place].attempts = attempts;
        (end_ns, if failure.is_empty() { Ok(()) } else { Err(failure) })
    }

    /// Instrumentation of a service.
    pub(super) fn stack(&self, service: &str) -> Stack {
        self.scenario.service(service).map_or(Stack::Java, |service| service.stack)
    }

    /// A trace that begins here.
    pub(super) fn new_trace(&mut self) -> TraceId {
        let trace_id = TraceId(self.rng.trace_id());
        self.journey.traces.push(trace_id);
        trace_id
    }

    fn loses_timed_out_spans(&self, service: &str) -> bool {
        self.scenario
            .service(service)
            .is_some_and(|service| service.stack == Stack::Java && service.client == HttpClient::Jdk)
    }
}
