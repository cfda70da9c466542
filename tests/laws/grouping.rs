//! Which calls are attempts of one operation: each look-alike beside its twin.

use super::build::{S, World, span};
use super::{T, by_trace};
use hopscope::model::SpanKind;
use hopscope::model::journey::Grouping::{self, Explicit, Hedge, Possible, Single, Strong};
use hopscope::model::journey::{AttemptResult, Operation, Spread};

/// What it looks like, the calls, and sizes and joins of the operations that they are.
type Alike = (&'static str, Vec<S>, Vec<(usize, Grouping)>);

/// A call from `at` on for `took` milliseconds.
fn call(at: i64, took: i64) -> S {
    span(T, 100 + at.unsigned_abs(), 1, "checkout", SpanKind::Client, at, took)
}

fn get(at: i64, took: i64, url: &str, status: i64) -> S {
    let mut call = call(at, took).post(url, status);
    "GET".clone_into(&mut call.attributes[0].1);
    call
}

fn post(at: i64, took: i64, status: i64) -> S {
    call(at, took).post("http://shop/orders", status)
}

/// A request that was cut off: no status, no error.
fn unanswered(at: i64, took: i64, url: &str) -> S {
    call(at, took).with("http.request.method", "GET").with("url.full", url)
}

fn grpc(at: i64, took: i64, status: i64) -> S {
    let call = call(at, took).with("rpc.system", "grpc").with("rpc.method", "Charge").with("server.address", "pay");
    S { failed: status != 0, ..call.with("rpc.grpc.status_code", status) }
}

/// Sizes and joins of the operations, in order.
fn groups(calls: Vec<S>) -> Vec<(usize, Grouping)> {
    let mut spans = vec![span(T, 1, 0, "checkout", SpanKind::Server, 0, 60_000)];
    spans.extend(calls);
    let case = by_trace(&World { spans, ..World::default() });
    case.operations().map(|operation| (operation.tries(), operation.grouping())).collect()
}

#[test]
fn look_alikes_of_retries_are_told_apart() {
    let url = "http://shop/stock/7";
    let page = |at: i64, page: i64| get(at, 10, &format!("http://shop/list?page={page}"), 503);
    let one = |count| vec![(1, Single); count];
    let cases: Vec<Alike> = vec![
        ("a failure, then a success", vec![get(0, 10, url, 503), get(50, 10, url, 200)], vec![(2, Strong)]),
        ("too many requests, then a success", vec![get(0, 10, url, 429), get(50, 10, url, 200)], vec![(2, Strong)]),
        ("cut off, then answered", vec![unanswered(0, 100, url), get(200, 10, url, 200)], vec![(2, Strong)]),
        ("without statuses at all", vec![unanswered(0, 10, url), unanswered(50, 10, url)], one(2)),
        ("pages while the callee is down", vec![page(0, 1), page(50, 2), page(100, 3)], one(3)),
        ("a login", vec![get(0, 10, url, 401), get(12, 10, url, 200)], one(2)),
        ("a redirect", vec![get(0, 10, url, 302), get(12, 10, "http://shop/new", 200)], one(2)),
        ("a redirect to itself", vec![get(0, 10, url, 307), get(12, 10, url, 200)], one(2)),
        (
            "a poll until it is there",
            vec![get(0, 10, url, 404), get(1_000, 10, url, 404), get(2_000, 10, url, 404), get(3_000, 10, url, 200)],
            one(4),
        ),
        ("an optimistic lock", vec![post(0, 10, 409), post(50, 10, 200)], one(2)),
        ("a call after a success", vec![get(0, 10, url, 200), get(50, 10, url, 200)], one(2)),
        (
            "another address of the same peer",
            vec![get(0, 10, "http://10.0.0.1:80/stock", 503), get(50, 10, "http://10.0.0.2:80/stock", 200)],
            vec![(2, Strong)],
        ),
        ("another peer", vec![get(0, 10, "http://one/stock", 503), get(50, 10, "http://two/stock", 200)], one(2)),
        (
            "a post that is sent again after a wait, or the next item",
            vec![post(0, 10, 503), post(60, 10, 503)],
            vec![(2, Possible)],
        ),
        (
            "posts of a loop, one at once after the other",
            vec![post(0, 10, 503), post(11, 10, 503)],
            vec![(2, Possible)],
        ),
        (
            "posts of a loop that name their items",
            vec![post(0, 10, 503).with("item.id", "a-1"), post(60, 10, 503).with("item.id", "a-2")],
            one(2),
        ),
        (
            "posts for one order",
            vec![post(0, 10, 503).with("order.id", "o-1"), post(11, 10, 503).with("order.id", "o-1")],
            vec![(2, Strong)],
        ),
        (
            "bodies of different size",
            vec![
                post(0, 10, 503).with("http.request.body.size", 12),
                post(60, 10, 503).with("http.request.body.size", 13),
            ],
            one(2),
        ),
        (
            "hidden values",
            vec![get(0, 10, "http://s/?q=REDACTED", 503), get(50, 10, "http://s/?q=REDACTED", 503)],
            vec![(2, Possible)],
        ),
        ("a call without identity, after a wait", vec![grpc(0, 10, 14), grpc(50, 10, 0)], vec![(2, Possible)]),
        ("calls without identity, without a wait", vec![grpc(0, 10, 14), grpc(11, 10, 0)], one(2)),
        ("a refusal that no repetition mends", vec![grpc(0, 10, 3), grpc(50, 10, 0)], one(2)),
        (
            "waits that shrink",
            vec![grpc(0, 10, 14), grpc(510, 10, 14), grpc(540, 10, 0)],
            vec![(2, Possible), (1, Single)],
        ),
        ("waits that grow", vec![grpc(0, 10, 14), grpc(60, 10, 14), grpc(170, 10, 0)], vec![(3, Possible)]),
    ];
    for (name, calls, want) in cases {
        assert_eq!(groups(calls), want, "{name}");
    }
}

#[test]
fn what_says_that_it_is_a_retry_is_believed() {
    let url = "http://shop/stock/7";
    let keyed = |at: i64, key: &str, status: i64| post(at, 10, status).with("http.request.header.idempotency-key", key);
    let cases: Vec<Alike> = vec![
        (
            "a resend count",
            vec![get(0, 10, url, 503), get(11, 10, url, 200).with("http.request.resend_count", 1)],
            vec![(2, Explicit)],
        ),
        (
            "a resend count after a login",
            vec![get(0, 10, url, 401), get(11, 10, url, 200).with("http.request.resend_count", 1)],
            vec![(1, Single), (1, Single)],
        ),
        (
            "a count that begins again",
            vec![
                get(0, 10, url, 503),
                get(50, 10, url, 503).with("http.request.resend_count", 1),
                get(100, 10, url, 503),
                get(150, 10, url, 200).with("http.request.resend_count", 1),
            ],
            vec![(2, Explicit), (2, Explicit)],
        ),
        (
            "a proxy's count",
            vec![get(0, 10, url, 503), get(11, 10, url, 200).with("retry.count", "1")],
            vec![(2, Explicit)],
        ),
        (
            "one key, though the first was answered well",
            vec![keyed(0, "k", 200), keyed(50, "k", 200)],
            vec![(2, Explicit)],
        ),
        ("two keys", vec![keyed(0, "k", 503), keyed(50, "j", 200)], vec![(1, Single), (1, Single)]),
        (
            "two keys, one between the other",
            vec![keyed(0, "k", 503), keyed(20, "j", 503), keyed(40, "k", 200), keyed(60, "j", 200)],
            vec![(2, Explicit), (2, Explicit)],
        ),
    ];
    for (name, calls, want) in cases {
        assert_eq!(groups(calls), want, "{name}");
    }
}

/// What lines in the caller's span say, with the time of each, about two posts that fail and a third one.
fn with_lines(lines: &[(i64, &str)]) -> (Grouping, String) {
    let mut spans = vec![span(T, 1, 0, "checkout", SpanKind::Server, 0, 60_000)];
    spans.extend([post(100, 10, 503), post(200, 10, 503), post(300, 10, 200)]);
    let place = format!("trace_id={} span_id={}", hopscope::model::TraceId(T), hopscope::model::SpanId(1));
    let lines = lines.iter().map(|(at, text)| ("checkout", *at, format!("{text} {place}"))).collect();
    let case = by_trace(&World { spans, lines, ..World::default() });
    let operation = case.operations().next().expect("a call");
    assert_eq!(operation.tries(), 3);
    (operation.grouping(), operation.count().to_string())
}

#[test]
fn lines_of_the_caller_say_what_the_shape_only_looks_like() {
    let none = (Possible, "at least 3".to_owned());
    assert_eq!(with_lines(&[]), none);
    let failed = |at, number| (at, ["attempt 1 of 4 failed", "attempt 2 of 4 failed", "attempt 1 of 1 failed"][number]);
    assert_eq!(with_lines(&[failed(111, 0), failed(211, 1)]), (Explicit, "3 to 4".to_owned()));
    let again = "Retrying app.charge in 0.1 seconds as it raised HTTPError";
    assert_eq!(with_lines(&[(111, again), (211, again)]), (Strong, "at least 3".to_owned()));
    // A loop says that each of its calls was the only attempt.
    assert_eq!(with_lines(&[failed(111, 2), failed(211, 2)]), none);
    assert_eq!(with_lines(&[failed(111, 0)]).0, Possible, "one of two lines is lost");
    assert_eq!(with_lines(&[failed(111, 0), failed(112, 0), failed(211, 1)]).0, Possible, "two lines for one attempt");
    assert_eq!(with_lines(&[failed(170, 0), failed(270, 1)]).0, Possible, "not about these attempts");
}

#[test]
fn a_hedge_is_sent_beside_and_its_loser_is_given_up() {
    let url = "http://shop/stock/7";
    let hedged = vec![unanswered(0, 130, url), get(50, 78, url, 200)];
    assert_eq!(groups(hedged.clone()), [(2, Hedge)]);
    let case = by_trace(&World { spans: hedged, ..World::default() });
    let operation = case.operations().next().unwrap();
    assert!(!operation.is_retried());
    assert_eq!((operation.hedges(), operation.result()), (1, AttemptResult::Succeeded));
    let results: Vec<AttemptResult> = operation.attempts().map(|attempt| attempt.result).collect();
    assert_eq!(results, [AttemptResult::Unknown, AttemptResult::Succeeded], "a loser is no success");
    assert!(case.journey.summary.as_str().contains("1 call hedged"), "{}", case.journey.summary);
    let quorum = vec![get(0, 100, url, 200), get(50, 78, url, 200)];
    assert_eq!(groups(quorum), [(1, Single), (1, Single)], "both were answered");
    let scatter = vec![get(0, 100, url, 503), unanswered(10, 90, url)];
    assert_eq!(groups(scatter), [(1, Single), (1, Single)], "given up because the other one failed");
    let early = vec![unanswered(0, 40, url), get(30, 200, url, 200)];
    assert_eq!(groups(early), [(1, Single), (1, Single)], "given up long before the other one was answered");
}

#[test]
fn attempts_of_grpc_have_spans_under_that_of_the_call() {
    let sent = S { name: "Sent.pay.Payments.Charge".to_owned(), ..call(0, 400) };
    let attempt = |at: i64, took: i64, before: i64, failed: bool| {
        let attempt = span(T, 500 + at.unsigned_abs(), 100, "checkout", SpanKind::Internal, at, took);
        S { name: "Attempt.pay.Payments.Charge".to_owned(), failed, ..attempt.with("previous-rpc-attempts", before) }
    };
    let received =
        S { name: "Recv.pay.Payments.Charge".to_owned(), ..span(T, 900, 700, "payments", SpanKind::Server, 210, 50) };
    let spans = vec![sent, attempt(0, 100, 0, true), attempt(200, 100, 1, false), received];
    let case = by_trace(&World { spans: spans.clone(), ..World::default() });
    let operations: Vec<_> = case.operations().collect();
    let operation = operations[0];
    assert_eq!((operations.len(), operation.tries(), operation.grouping()), (1, 2, Explicit));
    assert_eq!((operation.name(), operation.peer()), ("pay.Payments.Charge", "payments"));
    assert_eq!(operation.count().to_string(), "at least 2");
    let lossy = World { spans: spans.into_iter().filter(|span| span.id != 500).collect(), ..World::default() };
    let case = by_trace(&lossy);
    assert_eq!(case.operations().next().unwrap().count().to_string(), "at least 2", "the first one is claimed");
    let gap = case.journey.gaps.iter().find(|gap| gap.what.as_str().starts_with("attempts of ")).expect("a gap");
    assert!(gap.detail.as_str().starts_with("at least 2 by their own count, 1 seen; not found: 1 "), "{}", gap.detail);
}

#[test]
fn attempts_without_a_span_around_them_are_joined_by_their_id_alone() {
    let attempt = |number: u64, key: &str, status: i64| {
        let call = span(T + u128::from(number), number, 0, "checkout", SpanKind::Client, number as i64 * 100, 10);
        call.post("http://shop/orders", status).with("idempotency_key", key)
    };
    let sizes = |keys: [&str; 2]| -> Vec<usize> {
        let line = |number: i64| {
            let trace = hopscope::model::TraceId(T + u128::from(number.unsigned_abs()));
            ("checkout", number * 100, format!("sending ord-1234 trace_id={trace}"))
        };
        let spans = vec![attempt(0, keys[0], 503), attempt(1, keys[1], 200)];
        let world = World { spans, lines: vec![line(0), line(1)], ..World::default() };
        world.case("ord-1234").operations().map(Operation::tries).collect()
    };
    assert_eq!(sizes(["wish-1234", "wish-1234"]), [2]);
    assert_eq!(sizes(["wish-1234", "wish-9999"]), [1, 1]);
}

/// Runs under one attempt, by their begin, length and whether they failed.
fn spread(runs: &[(&'static str, i64, i64, bool)], mark: impl Fn(usize, S) -> S) -> Spread {
    let mut spans = vec![get(0, 400, "http://shop/stock", 200)];
    for (number, (service, at, took, failed)) in runs.iter().enumerate() {
        let run = span(T, 700 + number as u64, 100, service, SpanKind::Server, *at, *took);
        spans.push(mark(number, S { failed: *failed, ..run }));
    }
    by_trace(&World { spans, ..World::default() }).operations().next().expect("a call").first().spread
}

#[test]
fn runs_under_one_attempt_are_told_apart() {
    let plain = |_: usize, run: S| run;
    let named = |number: usize, run: S| S { name: format!("op-{number}"), ..run };
    let one = [("shop", 10, 50, true), ("shop", 100, 50, false)];
    let beside = [("shop", 10, 50, false), ("shop", 11, 50, false)];
    assert_eq!(spread(&one, plain), Spread::HiddenRetry);
    assert_eq!(spread(&beside, plain), Spread::Parallel, "mirrored traffic");
    assert_eq!(spread(&one, named), Spread::Different, "a gateway's fan-out");
    let counted = |number: usize, run: S| run.with("http.request.header.x-envoy-attempt-count", number + 1);
    assert_eq!(spread(&beside, counted), Spread::HiddenRetry, "a proxy's own count");
    assert_eq!(spread(&one[..1], plain), Spread::Single);
    let twice = |_: usize, run: S| S { id: 700, ..run };
    assert_eq!(spread(&one, twice), Spread::Single, "one run that was reported twice");
}

#[test]
fn both_sides_of_a_call_may_have_one_id() {
    let call = get(10, 400, "http://shop/stock", 200);
    let run = S { id: call.id, ..span(T, 0, 1, "shop", SpanKind::Server, 20, 300) };
    for spans in [vec![call.clone(), run.clone()], vec![run, call]] {
        let root = span(T, 1, 0, "checkout", SpanKind::Server, 0, 60_000);
        let spans = [vec![root], spans].concat();
        let case = by_trace(&World { spans, ..World::default() });
        let operation = case.operations().next().unwrap();
        assert_eq!((case.operations().len(), operation.executions(), operation.peer()), (1, 1, "shop"));
    }
}

#[test]
fn a_count_bounds_the_attempts_only_where_the_last_one_ended_well() {
    let url = "http://shop/stock/7";
    let count = |calls: Vec<S>| {
        let case = by_trace(&World { spans: calls, ..World::default() });
        let gaps = case.journey.gaps.iter().filter(|gap| gap.what.as_str().starts_with("attempts of ")).count();
        (case.operations().next().unwrap().count().to_string(), gaps)
    };
    let resent = |at: i64, status: i64, number: i64| get(at, 10, url, status).with("http.request.resend_count", number);
    let retried = |at: i64, status: i64, number: i64| get(at, 10, url, status).with("retry.count", number);
    assert_eq!(count(vec![get(0, 10, url, 503), resent(50, 200, 1)]), ("2".into(), 0));
    assert_eq!(count(vec![get(0, 10, url, 503), resent(50, 503, 1)]), ("at least 2".into(), 0));
    // What is missing may have been a redirect.
    assert_eq!(count(vec![resent(50, 200, 2)]), ("1 to 3".into(), 1));
    assert_eq!(count(vec![retried(50, 200, 2)]), ("3".into(), 1));
    assert_eq!(count(vec![retried(50, 503, 2)]), ("at least 3".into(), 1));
    assert_eq!(count(vec![get(0, 10, url, 401), resent(50, 200, 1)]).1, 0, "the login is seen");
}
