//! A small builder for spans, lines and records, and a driver that answers a hunt from them.

use hopscope::correlate::{Hunt, Settings, Step};
use hopscope::model::id::recognise;
use hopscope::model::record::RecordClock;
use hopscope::model::spans::{Place, SpanHead};
use hopscope::model::{
    Answer, Ask, Case, Coordinate, Fault, FaultKind, Header, LineStore, Query, Record, Reply, Rows, SafeText,
    SourceKind, SpanId, SpanKind, SpanStatus, SpanStore, Timestamp, TraceId, Value,
};
use smol_str::SmolStr;

/// One source per signal.
pub const USUAL: [SourceKind; 3] = [SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka];

/// Milliseconds of the made-up day.
pub fn ms(at: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + at)
}

/// One span to be.
#[derive(Clone, Debug)]
pub struct S {
    pub trace: u128,
    pub id: u64,
    pub parent: u64,
    pub service: &'static str,
    pub name: String,
    pub kind: SpanKind,
    pub at: i64,
    pub took: i64,
    pub failed: bool,
    pub attributes: Vec<(&'static str, String)>,
    pub exception: Option<&'static str>,
    pub stack: &'static str,
    pub links: Vec<(u128, u64)>,
}

pub fn span(trace: u128, id: u64, parent: u64, service: &'static str, kind: SpanKind, at: i64, took: i64) -> S {
    let name = format!("op-{service}");
    let (failed, attributes, exception, links) = (false, Vec::new(), None, Vec::new());
    S { trace, id, parent, service, name, kind, at, took, failed, attributes, exception, stack: "", links }
}

impl S {
    pub fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.attributes.push((name, format!("{value}")));
        self
    }

    pub fn post(self, url: &str, status: i64) -> Self {
        let failed = status >= 400;
        let span =
            self.with("http.request.method", "POST").with("url.full", url).with("http.response.status_code", status);
        S { failed, ..span }
    }

    pub fn topic(mut self, topic: &str, partition: i32, offset: i64) -> Self {
        let verb = if self.kind == SpanKind::Producer { "publish" } else { "process" };
        self.name = format!("{topic} {verb}");
        self.with("messaging.destination.name", topic)
            .with("messaging.destination.partition.id", partition)
            .with("messaging.kafka.message.offset", offset)
            .with("messaging.operation", verb)
    }

    pub fn group(self, group: &str) -> Self {
        self.with("messaging.kafka.consumer.group", group)
    }

    pub fn fails(mut self, exception: &'static str) -> Self {
        self.failed = true;
        self.exception = Some(exception);
        self
    }
}

/// What the sources hold.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub spans: Vec<S>,
    pub lines: Vec<(&'static str, i64, String)>,
    pub records: Vec<Record>,
    /// Groups with the offset that each has committed in partition 0 of a topic.
    pub commits: Vec<(&'static str, &'static str, i64)>,
    /// Whether texts that read like numbers are sent as numbers.
    pub ints: bool,
}

pub fn store<'a>(spans: impl Iterator<Item = &'a S>, ints: bool) -> SpanStore {
    let mut store = SpanStore::default();
    for span in spans {
        let process = store.process();
        store.process_service(process, span.service);
        for (name, value) in &span.attributes {
            let number = value.parse().ok().filter(|_| ints).map(Value::Int);
            store.push_attribute(Place::Span, name, number.unwrap_or(Value::Text(value)));
        }
        if let Some(exception) = span.exception {
            store.push_attribute(Place::Event, "exception.type", Value::Text(exception));
            if !span.stack.is_empty() {
                store.push_attribute(Place::Event, "exception.stacktrace", Value::Text(span.stack));
            }
            store.push_event(ms(span.at), "exception");
        }
        for (trace, linked) in &span.links {
            store.push_link(TraceId(*trace), SpanId(*linked));
        }
        let name = store.symbols.add(&span.name);
        store.finish(SpanHead {
            trace: TraceId(span.trace),
            id: SpanId(span.id),
            parent: SpanId(span.parent),
            start: ms(span.at),
            duration: span.took.unsigned_abs() * 1_000_000,
            name,
            process,
            kind: span.kind,
            status: if span.failed { SpanStatus::Error } else { SpanStatus::Unset },
        });
    }
    store
}

pub fn at(text: &str) -> Coordinate {
    Coordinate::parse(text).expect("tests write coordinates")
}

pub fn record(coordinate: &str, key: &str, written: i64, headers: &[(&str, Vec<u8>)]) -> Record {
    let header = |(name, value): &(&str, Vec<u8>)| Header {
        key: name.as_bytes().to_vec().into(),
        value: Some(value.clone().into()),
    };
    Record {
        coordinate: at(coordinate),
        timestamp: ms(written),
        clock: RecordClock::CreateTime,
        key: Some(key.as_bytes().to_vec().into()),
        value: None,
        headers: headers.iter().map(header).collect(),
        producer_id: -1,
        producer_epoch: -1,
        transaction: None,
        sequence: -1,
        mapping: None,
        exchange: 0,
    }
}

pub fn traceparent(trace: u128, span: u64, flags: &str) -> (&'static str, Vec<u8>) {
    ("traceparent", format!("00-{}-{}-{flags}", TraceId(trace), SpanId(span)).into_bytes())
}

pub fn origin(topic: &str, partition: i32, offset: i64) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("kafka_original-topic", topic.as_bytes().to_vec()),
        ("kafka_original-partition", partition.to_be_bytes().to_vec()),
        ("kafka_original-offset", offset.to_be_bytes().to_vec()),
    ]
}

impl World {
    /// Answers one question as the sources would.
    pub fn answer(&self, query: &Query, down: &[SourceKind]) -> Reply {
        if down.contains(&query.source) {
            return Reply::fault(Fault {
                source: query.source,
                kind: FaultKind::Unreachable,
                asked: SafeText::default(),
                came: SafeText::own("refused"),
                hint: SafeText::default(),
            });
        }
        let rows = match &query.ask {
            Ask::Trace(trace) => {
                Rows::Spans(Box::new(store(self.spans.iter().filter(|span| span.trace == trace.0), self.ints)))
            }
            Ask::FindSpans { service, tag: Some((name, value)), .. } => {
                let hit = |span: &&S| {
                    span.service == service.as_str()
                        && span.attributes.iter().any(|(n, v)| n == name && v == value.as_str())
                };
                let traces: Vec<u128> = self.spans.iter().filter(hit).map(|span| span.trace).collect();
                Rows::Spans(Box::new(store(self.spans.iter().filter(|span| traces.contains(&span.trace)), self.ints)))
            }
            Ask::FindAnywhere { any, .. } => {
                let carries = |span: &S, (name, value): &(SmolStr, SmolStr)| {
                    span.attributes.iter().any(|(n, v)| n == name && v == value.as_str())
                };
                let hit = |span: &&S| any.iter().any(|all| all.iter().all(|pair| carries(span, pair)));
                let traces: Vec<u128> = self.spans.iter().filter(hit).map(|span| span.trace).collect();
                Rows::Spans(Box::new(store(self.spans.iter().filter(|span| traces.contains(&span.trace)), self.ints)))
            }
            Ask::FindSpans { .. } | Ask::FindErrors { .. } => Rows::Spans(Box::default()),
            Ask::Services => Rows::Services(self.spans.iter().map(|span| span.service.into()).collect()),
            Ask::FindLines { needles, .. } => {
                let mut lines = LineStore::default();
                for (service, at, text) in &self.lines {
                    if needles.iter().any(|needle| text.contains(needle.as_str())) {
                        let stream = lines.stream(&[("service_name", service)]);
                        lines.push(stream, ms(*at), text, &[], 0);
                    }
                }
                Rows::Lines(Box::new(lines))
            }
            Ask::QueryLines { .. } => Rows::Lines(Box::default()),
            Ask::Record(at) => {
                Rows::Records(self.records.iter().filter(|record| record.coordinate == *at).cloned().collect())
            }
            Ask::ScanRecords { topic, partition, .. } => {
                let here =
                    |record: &&Record| record.coordinate.topic == *topic && record.coordinate.partition == *partition;
                Rows::Records(self.records.iter().filter(here).cloned().collect())
            }
            Ask::Topics | Ask::TopicsInFull | Ask::Queues => Rows::Queues(Box::new(self.queues())),
        };
        Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() }
    }

    fn queues(&self) -> hopscope::model::QueueState {
        let mut topics: Vec<hopscope::model::queue::Topic> = Vec::new();
        for Coordinate { topic, partition, offset } in self.records.iter().map(|record| &record.coordinate) {
            let number = topics.iter().position(|known| known.name == *topic).unwrap_or_else(|| {
                topics.push(hopscope::model::queue::Topic { name: topic.clone(), ..Default::default() });
                topics.len() - 1
            });
            let partitions = &mut topics[number].partitions;
            if !partitions.iter().any(|known| known.index == *partition) {
                let (start, end) = (Some(0), Some(offset + 1_000));
                partitions.push(hopscope::model::queue::Partition {
                    index: *partition,
                    start,
                    end,
                    ..Default::default()
                });
            }
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        for topic in &mut topics {
            topic.partitions.sort_by_key(|partition| partition.index);
        }
        let group = |(id, topic, committed): &(&str, &str, i64)| hopscope::model::queue::Group {
            id: (*id).into(),
            commits: vec![hopscope::model::queue::Commit {
                topic: (*topic).into(),
                committed: Some(*committed),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut groups: Vec<_> = self.commits.iter().map(group).collect();
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        hopscope::model::QueueState { topics, groups, ..Default::default() }
    }

    /// Hunts `anchor` with the usual sources; `turn` reorders the replies of each round.
    pub fn hunt(&self, anchor: &str, down: &[SourceKind], turn: usize) -> Case {
        self.hunt_in(anchor, &USUAL, down, turn)
    }

    /// Hunts in given sources.
    pub fn hunt_in(&self, anchor: &str, sources: &[SourceKind], down: &[SourceKind], turn: usize) -> Case {
        self.hunt_with(anchor, Settings::new(ms(600_000), sources.to_vec()), down, turn)
    }

    /// Hunts with given bounds.
    pub fn hunt_with(&self, anchor: &str, settings: Settings, down: &[SourceKind], turn: usize) -> Case {
        let mut hunt = Hunt::new(recognise(anchor).expect("an anchor"), settings);
        while let Step::Ask(mut queries) = hunt.next() {
            assert!(!queries.is_empty(), "a round without questions would never end");
            let count = queries.len();
            queries.rotate_left(turn % count);
            if turn % 2 == 1 {
                queries.reverse();
            }
            for query in queries {
                hunt.absorb(query.number, self.answer(&query, down));
            }
        }
        hunt.case()
    }

    pub fn case(&self, anchor: &str) -> Case {
        self.hunt(anchor, &[], 0)
    }
}
