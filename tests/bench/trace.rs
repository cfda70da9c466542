//! Deterministic input for benches: one trace of any size and shape in both of Jaeger's dialects, about 1,140 bytes of
//! internal JSON a span.

use std::fmt::Write as _;

/// Trace id of all generated traces.
pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

const SERVICES: [&str; 24] = [
    "gateway",
    "orders",
    "payments",
    "inventory",
    "pricing",
    "shipping",
    "billing",
    "audit",
    "catalog",
    "users",
    "search",
    "notify",
    "ledger",
    "fraud",
    "email",
    "cart",
    "returns",
    "tax",
    "auth",
    "webhooks",
    "export",
    "dispatch",
    "warehouse",
    "checkout",
];
const TOPICS: [&str; 6] =
    ["orders.created", "orders.retry.1", "orders.dlq", "payments.captured", "shipping.requested", "audit.events"];
const PROCESSES: u64 = 96;

/// How the spans hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Requests that fan out into calls, statements and records, each span under one of the forty before it.
    Mixed,
    /// Each span under the one before it.
    Chain,
    /// All spans under the first.
    Fan,
    /// A few spans, one of which has an attribute of 5 MB.
    Heavy,
}

/// Small deterministic generator (xorshift64*); the same seed gives the same bytes everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 48 & 0xfff,
            b << 16 >> 16
        )
    }
}

enum Tag {
    Text(String),
    Int(u64),
    True,
}

struct Span {
    number: usize,
    parent: Option<usize>,
    /// In microseconds.
    start: u64,
    duration: u64,
    kind: usize,
    name: String,
    process: u64,
    failed: bool,
    tags: Vec<(&'static str, Tag)>,
    event: Option<(&'static str, Vec<(&'static str, Tag)>)>,
}

/// Ids of real traces are random; a span's number is multiplied by an odd one.
fn id(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn span(number: usize, shape: Shape, random: &mut Random) -> Span {
    let parent = number.checked_sub(1).map(|before| match shape {
        Shape::Mixed => before - random.below(number.min(40) as u64) as usize,
        Shape::Chain => before,
        Shape::Fan | Shape::Heavy => 0,
    });
    // 0 server, 1 client, 2 statement, 3 producer, 4 consumer, 5 internal
    let kind = [0, 1, 2, 5, 3, 4, 2, 0, 1, 5][number % 10];
    let process = random.below(PROCESSES);
    let service = SERVICES[process as usize / 4];
    let other = SERVICES[random.below(24) as usize];
    let topic = TOPICS[random.below(6) as usize];
    let failed = random.below(12) == 0;
    let message = random.uuid();
    let text = |text: &str| Tag::Text(text.to_owned());
    let mut tags = vec![
        ("otel.scope.name", text("io.opentelemetry.kafka-clients-2.6")),
        ("thread.id", Tag::Int(20 + random.below(200))),
        ("internal.span.format", text("otlp")),
    ];
    let name = match kind {
        0 => format!("POST /v1/{service}/{{id}}"),
        1 => format!("HTTP POST {other}"),
        2 => format!("SELECT {service}.items"),
        3 => format!("{topic} publish"),
        4 => format!("{topic} process"),
        _ => format!("{service}.handle"),
    };
    match kind {
        3 | 4 => tags.extend([
            ("messaging.system", text("kafka")),
            ("messaging.destination.name", text(topic)),
            ("messaging.kafka.message.offset", Tag::Int(9_000_000 + random.below(90_000_000))),
            ("messaging.destination.partition.id", Tag::Text(random.below(48).to_string())),
            ("messaging.message.id", Tag::Text(message)),
            ("retry.attempt", Tag::Int(1 + random.below(4))),
        ]),
        2 => tags.extend([
            ("db.system", text("postgresql")),
            (
                "db.statement",
                Tag::Text(format!(
                    "SELECT i.id, i.sku, i.qty FROM {service}.items i WHERE i.order_id = $1 AND i.state = $2 LIMIT {}",
                    1 + random.below(50)
                )),
            ),
            ("db.name", text(service)),
            ("net.peer.name", Tag::Text(format!("pg-{}.db.svc.cluster.local", random.below(8)))),
            ("net.peer.port", Tag::Int(5432)),
            ("db.rows", Tag::Int(random.below(5_000))),
        ]),
        _ => tags.extend([
            ("http.request.method", text("POST")),
            ("url.full", Tag::Text(format!("https://{other}.svc.cluster.local/v1/items/{message}"))),
            ("http.response.status_code", Tag::Int(if failed { 503 } else { 200 })),
            ("user_agent.original", text("okhttp/4.12.0")),
            ("network.protocol.version", text("1.1")),
            ("correlation.id", Tag::Text(message)),
        ]),
    }
    if shape == Shape::Heavy && number == 1 {
        tags.push(("large", Tag::Text("all of it ".repeat(500_000))));
    }
    if failed {
        tags.push(("error", Tag::True));
    }
    let event = match (failed, number % 5) {
        (true, _) => {
            let trace = format!(
                "java.net.SocketTimeoutException: timeout\\n\\tat com.acme.{service}.Handler.handle(Handler.java:{})\\n",
                random.below(900)
            );
            let said = Tag::Text(format!("timeout after {} ms calling {other}", random.below(900)));
            let class = text("java.net.SocketTimeoutException");
            let fields = vec![
                ("exception.type", class),
                ("exception.message", said),
                ("exception.stacktrace", Tag::Text(trace)),
            ];
            Some(("exception", fields))
        }
        (false, 0) => Some(("message.ack", vec![("bytes", Tag::Int(random.below(100_000)))])),
        (false, _) => None,
    };
    let start = 1_795_000_000_000_000 + number as u64 * 37 + random.below(30);
    Span { number, parent, start, duration: random.below(90_000) + 10, kind, name, process, failed, tags, event }
}

/// Writes Jaeger's internal JSON (`/api/traces/ID`) of one trace.
pub fn internal(spans: usize, shape: Shape) -> Vec<u8> {
    let mut random = Random(42);
    let mut out = String::with_capacity(spans * 1_200);
    out.push_str(r#"{"data":[{"traceID":""#);
    out.push_str(TRACE);
    out.push_str(r#"","spans":["#);
    for number in 0..spans {
        let span = span(number, shape, &mut random);
        if number > 0 {
            out.push(',');
        }
        let (own, name) = (id(span.number), &span.name);
        put(
            &mut out,
            format_args!(r#"{{"traceID":"{TRACE}","spanID":"{own:016x}","operationName":"{name}","references":["#),
        );
        if let Some(parent) = span.parent {
            let (kind, parent) = (if span.kind == 4 { "FOLLOWS_FROM" } else { "CHILD_OF" }, id(parent));
            put(&mut out, format_args!(r#"{{"refType":"{kind}","traceID":"{TRACE}","spanID":"{parent:016x}"}}"#));
        }
        let (start, duration) = (span.start, span.duration);
        let kind = ["server", "client", "client", "producer", "consumer", "internal"][span.kind];
        put(&mut out, format_args!(r#"],"startTime":{start},"duration":{duration},"tags":["#));
        put(&mut out, format_args!(r#"{{"key":"span.kind","type":"string","value":"{kind}"}}"#));
        for (key, tag) in &span.tags {
            out.push(',');
            field(&mut out, key, tag);
        }
        out.push_str(r#"],"logs":["#);
        if let Some((name, fields)) = &span.event {
            let at = span.start + span.duration / 2;
            put(
                &mut out,
                format_args!(r#"{{"timestamp":{at},"fields":[{{"key":"event","type":"string","value":"{name}"}}"#),
            );
            for (key, tag) in fields {
                out.push(',');
                field(&mut out, key, tag);
            }
            out.push_str("]}");
        }
        put(&mut out, format_args!(r#"],"processID":"p{}","warnings":null}}"#, span.process));
    }
    out.push_str(r#"],"processes":{"#);
    for process in 0..PROCESSES as usize {
        let (comma, service) = (if process > 0 { "," } else { "" }, SERVICES[process / 4]);
        put(
            &mut out,
            format_args!(
                r#"{comma}"p{process}":{{"serviceName":"{service}","tags":[{{"key":"host.name","type":"string","value":"{service}-{process}"}}]}}"#
            ),
        );
    }
    out.push_str(r#"},"warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}"#);
    out.into_bytes()
}

/// Writes OTLP JSON (`/api/v3/traces/ID`) of the same trace: a resource for each run of spans of one process.
pub fn v3(spans: usize, shape: Shape) -> Vec<u8> {
    let mut random = Random(42);
    let mut out = String::with_capacity(spans * 1_300);
    out.push_str(r#"{"result":{"resourceSpans":["#);
    let mut open: Option<u64> = None;
    for number in 0..spans {
        let span = span(number, shape, &mut random);
        // Exporters send batches: a resource stays for a while.
        let process = (number / 64) as u64 % PROCESSES;
        if open == Some(process) {
            out.push(',');
        } else {
            out.push_str(if open.is_some() { "]}]}," } else { "" });
            let service = SERVICES[process as usize / 4];
            put(
                &mut out,
                format_args!(
                    r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}},{{"key":"host.name","value":{{"stringValue":"{service}-{process}"}}}}]}},"scopeSpans":[{{"scope":{{"name":"io.opentelemetry.kafka-clients-2.6"}},"spans":["#
                ),
            );
            open = Some(process);
        }
        let (own, name, kind) = (id(span.number), &span.name, [2, 3, 3, 4, 5, 1][span.kind]);
        let parent = span.parent.map_or_else(String::new, |parent| format!("{:016x}", id(parent)));
        let (start, end) = (span.start * 1_000, (span.start + span.duration) * 1_000);
        put(
            &mut out,
            format_args!(
                r#"{{"traceId":"{TRACE}","spanId":"{own:016x}","parentSpanId":"{parent}","flags":257,"name":"{name}","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":["#
            ),
        );
        let tags = span.tags.iter().filter(|(key, _)| !matches!(*key, "otel.scope.name" | "error"));
        for (place, (key, tag)) in tags.enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            pair(&mut out, key, tag);
        }
        out.push_str(r#"],"events":["#);
        if let Some((name, fields)) = &span.event {
            let at = (span.start + span.duration / 2) * 1_000;
            put(&mut out, format_args!(r#"{{"timeUnixNano":"{at}","name":"{name}","attributes":["#));
            for (place, (key, tag)) in fields.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                pair(&mut out, key, tag);
            }
            out.push_str("]}");
        }
        out.push_str(if span.failed { r#"],"status":{"code":2}}"# } else { r#"],"status":{}}"# });
    }
    out.push_str(if open.is_some() { "]}]}]}}" } else { "]}}" });
    out.into_bytes()
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes any text");
}

fn field(out: &mut String, key: &str, tag: &Tag) {
    match tag {
        Tag::Text(text) => put(out, format_args!(r#"{{"key":"{key}","type":"string","value":"{text}"}}"#)),
        Tag::Int(number) => put(out, format_args!(r#"{{"key":"{key}","type":"int64","value":{number}}}"#)),
        Tag::True => put(out, format_args!(r#"{{"key":"{key}","type":"bool","value":true}}"#)),
    }
}

fn pair(out: &mut String, key: &str, tag: &Tag) {
    match tag {
        Tag::Text(text) => put(out, format_args!(r#"{{"key":"{key}","value":{{"stringValue":"{text}"}}}}"#)),
        Tag::Int(number) => put(out, format_args!(r#"{{"key":"{key}","value":{{"intValue":"{number}"}}}}"#)),
        Tag::True => put(out, format_args!(r#"{{"key":"{key}","value":{{"boolValue":true}}}}"#)),
    }
}
