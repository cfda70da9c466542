//! Deterministic input for benches: one Jaeger trace of any size, about 1 KB of JSON a span.

use std::fmt::Write as _;

/// Trace id of all generated traces.
pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

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
        self.next() % end
    }
}

/// Writes Jaeger's internal JSON of one trace with `spans` spans: requests that fan out into database and HTTP calls
/// (some retried) and into records that are published and processed.
pub fn internal_json(spans: usize) -> Vec<u8> {
    const SERVICES: [&str; 12] = [
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
    ];
    let mut random = Random(42);
    let mut out = String::with_capacity(spans * 1_100);
    write!(out, r#"{{"data":[{{"traceID":"{TRACE}","spans":["#).expect("a string takes any text");
    let start = 1_795_000_000_000_000_u64;
    for span in 0..spans {
        let parent = if span == 0 { 0 } else { span - 1 - random.below(span.min(40) as u64) as usize };
        let (kind, name) = match span % 5 {
            0 => ("server", "POST /orders"),
            1 => ("client", "POST"),
            2 => ("client", "SELECT shop.orders"),
            3 => ("producer", "orders publish"),
            _ => ("consumer", "orders process"),
        };
        let at = start + span as u64 * 37 + random.below(30);
        let process = random.below(96);
        let failed = random.below(12) == 0;
        if span > 0 {
            out.push(',');
        }
        write!(out, r#"{{"traceID":"{TRACE}","spanID":"{:016x}","operationName":"{name}","references":["#, span + 1)
            .expect("a string takes any text");
        if span > 0 {
            write!(out, r#"{{"refType":"CHILD_OF","traceID":"{TRACE}","spanID":"{:016x}"}}"#, parent + 1)
                .expect("a string takes any text");
        }
        write!(
            out,
            r#"],"startTime":{at},"duration":{},"tags":[{{"key":"span.kind","type":"string","value":"{kind}"}},{{"key":"otel.scope.name","type":"string","value":"io.opentelemetry.{}"}},{{"key":"http.request.method","type":"string","value":"POST"}},{{"key":"url.full","type":"string","value":"http://{}:8080/v1/item/{}"}},{{"key":"http.response.status_code","type":"int64","value":{}}},{{"key":"thread.id","type":"int64","value":{}}},{{"key":"messaging.system","type":"string","value":"kafka"}},{{"key":"messaging.destination.name","type":"string","value":"orders"}},{{"key":"messaging.kafka.message.offset","type":"int64","value":{span}}},{{"key":"request.id","type":"string","value":"{:016x}"}}"#,
            random.below(90_000) + 10,
            SERVICES[process as usize % SERVICES.len()],
            SERVICES[(process as usize + 1) % SERVICES.len()],
            random.below(500),
            if failed { 503 } else { 200 },
            random.below(200),
            random.next(),
        )
        .expect("a string takes any text");
        if failed {
            out.push_str(r#",{"key":"error","type":"bool","value":true},{"key":"otel.status_code","type":"string","value":"ERROR"}"#);
        }
        out.push_str(r#"],"logs":["#);
        if span % 3 == 0 {
            write!(
                out,
                r#"{{"timestamp":{},"fields":[{{"key":"event","type":"string","value":"exception"}},{{"key":"exception.type","type":"string","value":"java.lang.IllegalStateException"}},{{"key":"exception.message","type":"string","value":"no stock for item {}"}}]}}"#,
                at + 5,
                random.below(500)
            )
            .expect("a string takes any text");
        }
        write!(out, r#"],"processID":"p{process}","warnings":null}}"#).expect("a string takes any text");
    }
    out.push_str(r#"],"processes":{"#);
    for process in 0..96 {
        if process > 0 {
            out.push(',');
        }
        write!(
            out,
            r#""p{process}":{{"serviceName":"{}","tags":[{{"key":"host.name","type":"string","value":"node-{}"}}]}}"#,
            SERVICES[process % SERVICES.len()],
            process / 12
        )
        .expect("a string takes any text");
    }
    out.push_str(r#"},"warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}"#);
    out.into_bytes()
}
