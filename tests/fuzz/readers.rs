//! How each target reads.

use bytes::Bytes;
use hopscope::config::{self, Layers, file, keys as settings};
use hopscope::correlate::{Hunt, Settings, Step};
use hopscope::decode::headers::{self as families, propagation};
use hopscope::decode::instrumentation as instrumentations;
use hopscope::decode::signs as troubles;
use hopscope::decode::stream::{Framer, Next, Notes, Shape};
use hopscope::decode::tries as attempts;
use hopscope::decode::{attributes as conventions, batches as batch, ids as tokens, jaeger as internal};
use hopscope::decode::{logline as line, loki as lines, otlp as v3, rest as rest_proxy};
use hopscope::diagnose;
use hopscope::export::waterfall::{Folding, Waterfall};
use hopscope::export::{Look, Report, json, text as writing};
use hopscope::model::id::recognise;
use hopscope::model::identifier::{Identifier, JoinKey, canonical};
use hopscope::model::record::RecordClock;
use hopscope::model::{
    Answer, Ask, Coordinate, Header, LineStore, Note, Record, Reply, Rows, SafeText, SourceKind, SpanId, SpanStore,
    Timestamp, TraceId,
};
use hopscope::sources::kafka::{judge_answer, judge_scram};
use hopscope::sources::loki::judge_limits;
use hopscope::sources::loki::query::LogQuery;
use hopscope::tui::keys::Press;
use hopscope::tui::look::themes;
use std::fmt::Write as _;

/// The size of pieces is the first byte's to choose; the rest is the body.
fn pieces(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((1, bytes), |(first, rest)| (usize::from(*first) + 1, rest))
}

/// Decodes a body at once and in pieces: both must give the same.
fn both_ways<D: Default, T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    push: impl Fn(&mut D, &[u8]),
    end: impl Fn(D) -> T,
) -> T {
    let (size, body) = pieces(bytes);
    let (mut whole, mut split) = (D::default(), D::default());
    push(&mut whole, body);
    body.chunks(size).for_each(|piece| push(&mut split, piece));
    let whole = end(whole);
    assert_eq!(whole, end(split), "pieces of {size} bytes");
    whole
}

/// Everything that a store holds, as text.
fn of_spans(store: &SpanStore) -> String {
    let mut out = String::new();
    for span in store.iter() {
        let head = (span.trace(), span.id(), span.parent(), span.start(), span.end(), span.name(), span.service());
        write!(out, "{head:?} {:?} {:?} ", span.kind(), span.status()).unwrap_or_default();
        for (name, value) in span.attributes().chain(span.resource()) {
            write!(out, "{name}={:?} {:?} ", value.text(), value.integer()).unwrap_or_default();
        }
        for event in span.events() {
            let fields: Vec<_> = event.attributes().map(|(name, value)| (name, value.text())).collect();
            write!(out, "{:?} {} {fields:?} ", event.at, event.name).unwrap_or_default();
        }
        writeln!(out, "{:?}", span.links().collect::<Vec<_>>()).unwrap_or_default();
    }
    out
}

fn of_notes(notes: &[Note]) -> Vec<String> {
    notes.iter().map(|note| format!("{note:?}")).collect()
}

pub fn jaeger(bytes: &[u8]) {
    both_ways(bytes, internal::Decoder::push, |decoder| {
        let (store, notes) = decoder.finish();
        (of_spans(&store), of_notes(&notes))
    });
}

pub fn otlp(bytes: &[u8]) {
    both_ways(bytes, v3::Decoder::push, |decoder| {
        let (store, notes) = decoder.finish();
        (of_spans(&store), of_notes(&notes))
    });
}

fn of_lines(store: &LineStore) -> Vec<String> {
    let line = |line: hopscope::model::lines::LineView<'_>| {
        let fields: Vec<_> = line.labels().chain(line.metadata()).collect();
        format!("{:?} {:?} {fields:?} {:?}", line.at(), line.text(), line.service())
    };
    store.iter().map(line).collect()
}

pub fn loki(bytes: &[u8]) {
    let (found, entries, damaged) = both_ways(bytes, lines::Decoder::push, |decoder| {
        let (store, counts, notes) = decoder.finish();
        (of_lines(&store), counts.entries, of_notes(&notes))
    });
    assert!(found.len() == entries || !damaged.is_empty(), "{} lines of {entries}, and no note", found.len());
}

/// A shape that takes every name by its first letter.
#[derive(Default)]
struct Letters(Vec<String>, usize);

impl Shape for Letters {
    type Node = usize;

    fn child(&mut self, of: Option<usize>, key: Option<&str>) -> Next<usize> {
        let depth = of.map_or(0, |depth| depth + 1);
        match key.and_then(|key| key.bytes().next()).unwrap_or(b'a') % 3 {
            _ if of.is_none() => Next::Into(0),
            0 => Next::Item(depth),
            1 if depth < 100 => Next::Into(depth),
            _ => Next::Skip,
        }
    }

    fn item(&mut self, node: usize, key: &str, text: &str, at: u64, notes: &mut Notes) {
        self.0.push(format!("{node} {key} {text} {at}"));
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            notes.damaged(format!("no value at {at}"));
        }
    }

    fn leave(&mut self, _: usize, _: &mut Notes) {
        self.1 += 1;
    }
}

struct Cutter(Framer<Letters>);

impl Default for Cutter {
    fn default() -> Self {
        Self(Framer::new(Letters::default()))
    }
}

/// Whatever the framer calls whole and takes without a note, a reader of JSON must take as well.
pub fn stream(bytes: &[u8]) {
    let (.., notes) = both_ways(
        bytes,
        |cutter: &mut Cutter, piece| cutter.0.push(piece),
        |cutter| {
            let (Letters(items, left), notes) = cutter.0.finish();
            (items, left, of_notes(&notes))
        },
    );
    let (_, body) = pieces(bytes);
    let is_document = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok();
    assert!(!is_document || notes.is_empty(), "{notes:?} about a right document");
}

pub fn batches(bytes: &[u8]) {
    let (from, body) = pieces(bytes);
    let decoded = batch::decode("orders", 3, &Bytes::copy_from_slice(body), from as i64 - 1);
    for record in &decoded.records {
        assert!(record.coordinate.offset >= from as i64 - 1, "an offset before the one asked for");
        families::trail(record);
        propagation::pointers(record);
    }
}

fn record(bytes: &[u8]) -> Record {
    let part = |part: &[u8]| Bytes::copy_from_slice(part);
    let mut parts = bytes.split(|byte| *byte == 0xff);
    let key = parts.next().map(part);
    let mut headers = Vec::new();
    while let Some(name) = parts.next() {
        headers.push(Header { key: part(name), value: parts.next().map(part) });
    }
    Record {
        coordinate: Coordinate { topic: "orders".into(), partition: 3, offset: 41 },
        timestamp: Timestamp(1_800_000_000_000_000_000),
        clock: RecordClock::CreateTime,
        key,
        value: None,
        headers,
        producer_id: -1,
        producer_epoch: -1,
        sequence: -1,
        transaction: None,
        mapping: None,
        exchange: 0,
    }
}

pub fn headers(bytes: &[u8]) {
    let record = record(bytes);
    let trail = families::trail(&record);
    assert!(trail.origin.is_none_or(|origin| origin != record.coordinate), "a record is no copy of itself");
    for pointer in propagation::pointers(&record) {
        assert!(pointer.trace != TraceId(0) && pointer.span != SpanId(0), "zeros name nothing");
    }
    lawful(&tokens::of_record(&record));
}

/// The first byte says how numbers are written and which repeat is the newest; the rest is a record.
pub fn header_map(bytes: &[u8]) {
    use hopscope::model::record::{Encoding, HeaderMap};
    let (way, rest) = bytes.split_first().map_or((0, bytes), |(way, rest)| (*way, rest));
    let encoding = Encoding::ALL[usize::from(way & 3)];
    let number = |name: &str| Some((name.into(), encoding));
    let map = HeaderMap {
        topic: Some("topic".into()),
        partition: number("partition"),
        offset: number("offset"),
        attempt: number("attempt"),
        group: Some("group".into()),
        message: Some("id".into()),
        correlation: Some("saga".into()),
        is_newest_first: way & 4 != 0,
    };
    let record = Record { mapping: Some(std::sync::Arc::new(map)), ..record(rest) };
    let trail = families::trail(&record);
    let possible = |origin: &Coordinate| origin.partition >= 0 && origin.offset >= 0 && *origin != record.coordinate;
    assert!(trail.origin.iter().all(possible), "{trail:?}");
    assert!(trail.attempt.is_none_or(|attempt| attempt <= 1_000_000), "{trail:?}");
}

/// Each identifier joins itself, has a word, and stands once.
fn lawful(found: &[tokens::Found]) {
    for (at, one) in found.iter().enumerate() {
        let is_zero = |key: JoinKey| matches!(key, JoinKey::Low(0) | JoinKey::Bits(0));
        assert!(!one.id.keys().any(is_zero), "zeros join nothing: {one:?}");
        assert!(found[..at].iter().all(|before| before.id != one.id), "{one:?} stands twice");
        if let Identifier::Named(named) = &one.id {
            assert_eq!(canonical(named.value()).as_deref(), Some(named.value()), "a form that is not canonical");
        }
    }
}

/// Names and values of attributes, on a span of each convention.
pub fn attributes(bytes: &[u8]) {
    use hopscope::model::spans::{Place, SpanHead};
    let mut store = SpanStore::default();
    let process = store.process();
    for pair in String::from_utf8_lossy(bytes).split('\n') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.parse().map_or(hopscope::model::Value::Text(value), hopscope::model::Value::Int);
        store.push_attribute(Place::Span, name, value);
    }
    let name = store.symbols.add("orders process");
    store.finish(SpanHead {
        trace: TraceId(1),
        id: SpanId(1),
        parent: SpanId::default(),
        start: Timestamp(0),
        duration: 1,
        name,
        process,
        kind: hopscope::model::SpanKind::Consumer,
        status: hopscope::model::SpanStatus::Error,
    });
    for span in store.iter() {
        let _all = (conventions::messaging(span), conventions::http(span), conventions::rpc(span));
        let _more = (conventions::db(span), conventions::peer(span), conventions::scope(span));
        let _rest = (conventions::error(span), conventions::not_due(span));
        lawful(&tokens::of_span(span));
        let found = conventions::record_coordinate(span);
        assert!(found.is_none_or(|at| at.partition >= 0 && at.offset >= 0), "no record stands below zero");
    }
}

/// The case of a scope's name tells nothing, and what is not known is taken for an application's own.
pub fn instrumentation(bytes: &[u8]) {
    use hopscope::model::spans::{Place, SpanHead};
    let scope = String::from_utf8_lossy(bytes);
    let habits = |scope: &str| {
        let mut store = SpanStore::default();
        let process = store.process();
        store.push_attribute(Place::Span, "otel.scope.name", hopscope::model::Value::Text(scope));
        let row = store.finish(SpanHead { process, ..SpanHead::default() });
        instrumentations::of(store.span(row))
    };
    let found = habits(&scope);
    assert_eq!(found, habits(&scope.to_ascii_uppercase()));
    assert!(!found.name.is_empty() || found.message_id == instrumentations::MessageId::Application, "{scope}");
}

pub fn ids(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((text, id)) = text.split_once('\n')
        && tokens::contains_token(text, id)
    {
        assert!(text.contains(id), "`{id}` is not in `{text}`");
    }
    let meant = tokens::meaning(bytes).into_owned();
    assert_eq!(tokens::meaning(&meant).as_ref(), meant, "what is in order stays as it is");
    if let Some(found) = recognise(&text) {
        let shown = found.identity.to_string();
        let again = recognise(&shown).map(|found| found.identity.to_string());
        assert!(again.as_ref() == Some(&shown) || shown.trim() != shown, "`{shown}` is read as {again:?}");
    }
    let mut line = LineStore::default();
    let stream = line.stream(&[("app", "shop")]);
    line.push(stream, Timestamp(0), &text, &[], 0);
    for line in line.iter() {
        lawful(&tokens::of_line(line));
        tokens::trace_of_line(line);
    }
    if let Some(at) = Coordinate::parse(&text) {
        assert_eq!(Coordinate::parse(&at.to_string()), Some(at));
    }
}

pub fn logline(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = line::read(&text);
    assert!(!read.message.contains('\n'), "a message is one line: {:?}", read.message);
}

/// No field of a sign holds what a terminal would obey, and each one stands in the line.
pub fn signs(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(sign) = troubles::sign(&text) {
        for field in [&sign.group, &sign.client, &sign.name].into_iter().flatten() {
            assert!(text.contains(field.as_str()) && !field.contains(char::is_control), "{field:?}");
        }
        assert!(sign.reason.is_none_or(|reason| !reason.contains(char::is_control)), "a control in a reason");
    }
}

pub fn tries(bytes: &[u8]) {
    let told = attempts::tries(&String::from_utf8_lossy(bytes));
    assert!(told.is_none_or(|told| told.number <= told.of), "an attempt beyond the last one");
}

pub fn rest(bytes: &[u8]) {
    drop(rest_proxy::page::<rest_proxy::Cluster>(bytes));
    drop(rest_proxy::page::<rest_proxy::Group>(bytes));
    drop(rest_proxy::page::<rest_proxy::Lag>(bytes));
    drop(rest_proxy::page::<rest_proxy::Topic>(bytes));
    drop(rest_proxy::page::<rest_proxy::Partition>(bytes));
    drop(rest_proxy::refusal(&String::from_utf8_lossy(bytes)));
}

pub fn logql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(query) = LogQuery::parse(&text) {
        assert_eq!(LogQuery::parse(&query.text()), Ok(query.clone()), "{text}");
    }
}

pub fn loki_limits(bytes: &[u8]) {
    judge_limits(&String::from_utf8_lossy(bytes));
}

/// Which request, which version, and the answer.
pub fn kafka_answer(bytes: &[u8]) {
    const KEYS: [i16; 10] = [1, 2, 3, 9, 15, 16, 17, 18, 36, 69];
    if let [key, version, body @ ..] = bytes {
        let key = KEYS[usize::from(*key) % KEYS.len()];
        drop(judge_answer(key, i16::from(*version % 20), Bytes::copy_from_slice(body)));
    }
}

pub fn kafka_login(bytes: &[u8]) {
    assert_ne!(judge_scram(bytes), Ok(true), "nobody guesses the signature");
}

pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (entries, mistakes) = file::read("c.toml", &text);
    for written in entries.values() {
        assert!(written.line >= 1 && written.column >= 1, "{written:?}");
    }
    // What it names is opened when it is used; here only texts are read.
    if !["_file", "_command", "_env", "properties"].iter().any(|way| text.contains(way)) {
        let loaded = config::load(&Layers { file: Some(("c.toml", &text)), variable: &|_| None, flags: Vec::new() });
        assert!(loaded.is_err() || mistakes.is_empty(), "{mistakes:?} were lost");
    }
    for value in text.lines() {
        let _all = (settings::url(value), settings::proxy(value), settings::brokers(value));
        let _more = (settings::duration(value), settings::bytes(value));
    }
}

pub fn properties(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    config::judge_properties(&text);
}

pub fn theme(bytes: &[u8]) {
    drop(themes::parse("theme", &String::from_utf8_lossy(bytes)));
}

pub fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(hopscope::tui::keys::script(&text));
    drop(hopscope::tui::keys::KeyMap::of(&config::bindings::read("c.toml", &text)));
    let known = text.split_whitespace().filter_map(Press::parse).count();
    assert!(known <= text.len(), "more keys than letters");
}

/// No text that is shown holds anything that a terminal would obey, and reading it twice changes nothing.
pub fn text(bytes: &[u8]) {
    let check = |safe: &SafeText, most: usize| {
        let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!safe.as_str().contains(obeyed), "{safe:?}");
        assert!(safe.width() <= most, "{safe:?} is wider than {most}");
    };
    let (cells, body) = pieces(bytes);
    let safe = SafeText::from_bytes(body);
    check(&safe, usize::MAX);
    assert_eq!(SafeText::new(safe.as_str()), safe, "twice");
    for cut in [safe.cut(cells), safe.cut_with(cells, "."), safe.cut_middle(cells)] {
        check(&cut, cells);
    }
    for line in hopscope::model::text::lines(&String::from_utf8_lossy(body)) {
        check(&line, usize::MAX);
    }
}

/// What sources answer: spans of both dialects, lines and records, in this order, parted by 0xff.
struct Held {
    spans: SpanStore,
    lines: LineStore,
    records: Vec<Record>,
}

impl Held {
    fn answer(&self, ask: &Ask) -> Reply {
        let rows = match ask {
            Ask::Services => Rows::Services(self.spans.iter().map(|span| span.service().into()).collect()),
            Ask::Trace(_) | Ask::FindSpans { .. } | Ask::FindAnywhere { .. } | Ask::FindErrors { .. } => {
                Rows::Spans(Box::new(self.spans.clone()))
            }
            Ask::FindLines { .. } | Ask::QueryLines { .. } => Rows::Lines(Box::new(self.lines.clone())),
            Ask::Record(_) | Ask::ScanRecords { .. } => Rows::Records(self.records.clone()),
            Ask::Topics | Ask::TopicsInFull | Ask::Queues => Rows::Queues(Box::default()),
        };
        Reply { outcome: Ok(Answer { rows, notes: Vec::new() }), exchanges: Vec::new() }
    }
}

/// From answers to what is shown: the hunt, the rules, the waterfall and the report, on whatever the decoders made.
pub fn story(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == 0xff);
    let mut next = || parts.next().unwrap_or_default();
    let (mut of_internal, mut of_v3) = (internal::Decoder::default(), v3::Decoder::default());
    of_internal.push(next());
    of_v3.push(next());
    let mut of_loki = lines::Decoder::default();
    of_loki.push(next());
    let records = batch::decode("orders", 3, &Bytes::copy_from_slice(next()), 0).records;
    let mut spans = of_internal.finish().0;
    spans.merge(of_v3.finish().0);
    let held = Held { spans, lines: of_loki.finish().0, records };
    let anchor = held.spans.traces().next().map_or_else(|| "orders-3@41".to_owned(), |trace| trace.to_string());
    let Some(anchor) = recognise(&anchor) else { return };
    let settings = Settings::new(Timestamp(1_800_000_000_000_000_000), SourceKind::ALL.to_vec());
    let mut hunt = Hunt::new(anchor, settings);
    while let Step::Ask(queries) = hunt.next() {
        for query in queries {
            hunt.absorb(query.number, held.answer(&query.ask));
        }
    }
    let case = hunt.case();
    diagnose::run(&case);
    Waterfall::of(&case, Folding::Folded);
    json::write(&Report::of(&case, 0, true));
    let mut shown = Vec::new();
    writing::story(&case, &Look { width: 80, zone: jiff::tz::TimeZone::UTC, why: true }, &mut shown)
        .expect("memory takes everything");
    let shown = String::from_utf8(shown).expect("lines are text");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "a control is shown: {shown:?}");
}
