//! What reads bytes or texts from outside, one line each: anything may come, nothing may panic, and laws hold.

#[path = "readers.rs"]
mod readers;

/// Name, which is the folder of its corpus as well, and what is done with the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. Each decoder of `src/decode` has one of its name.
pub const TARGETS: &[Target] = &[
    ("attributes", readers::attributes),
    ("batches", readers::batches),
    ("config", readers::config),
    ("header-map", readers::header_map),
    ("headers", readers::headers),
    ("ids", readers::ids),
    ("instrumentation", readers::instrumentation),
    ("jaeger", readers::jaeger),
    ("kafka-answer", readers::kafka_answer),
    ("kafka-login", readers::kafka_login),
    ("keys", readers::keys),
    ("logline", readers::logline),
    ("logql", readers::logql),
    ("loki", readers::loki),
    ("loki-limits", readers::loki_limits),
    ("otlp", readers::otlp),
    ("properties", readers::properties),
    ("rest", readers::rest),
    ("signs", readers::signs),
    ("story", readers::story),
    ("stream", readers::stream),
    ("text", readers::text),
    ("theme", readers::theme),
    ("tries", readers::tries),
];
