//! What stores of traces have in common: the body of an answer on its way into a decoder, and the choice among the traces
//! that came.

use crate::decode::{jaeger, otlp};
use crate::model::ask::NoteKind;
use crate::model::spans::{Place, SpanHead, SpanView};
use crate::model::{Exchange, Note, Rows, SpanStore, TraceId};
use crate::sources::Sight;
use crate::sources::http::{BodySink, looks_like_html};
use hashbrown::{HashMap, HashSet};
use std::ops::ControlFlow;

/// Which of the two shapes spans come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Jaeger's internal JSON.
    Jaeger,
    /// OTLP JSON: Jaeger's API v3, Tempo.
    Otlp,
}

enum Decoder {
    Jaeger(jaeger::Decoder),
    Otlp(otlp::Decoder),
}

/// Feeds a decoder; stops at a web page.
pub(super) struct Feed<'a> {
    decoder: Decoder,
    begun: bool,
    page: bool,
    sight: Option<Sight<'a>>,
    /// The store takes more than it may, which is so many bytes.
    full: bool,
    most: usize,
    /// Spans from which on there is something new to see.
    next_look: usize,
}

/// Spans at the first look. Each further one comes at four times as many, so that all looks together copy little more than
/// the answer itself.
const FIRST_LOOK: usize = 256;

impl<'a> Feed<'a> {
    pub(super) fn new(form: Form, sight: Option<Sight<'a>>) -> Self {
        let decoder = match form {
            Form::Jaeger => Decoder::Jaeger(jaeger::Decoder::default()),
            Form::Otlp => Decoder::Otlp(otlp::Decoder::default()),
        };
        Self { decoder, begun: false, page: false, full: false, most: STORE, sight, next_look: FIRST_LOOK }
    }

    /// Says whether the body was a web page.
    pub(super) fn is_page(&self) -> bool {
        self.page
    }

    pub(super) fn finish(self) -> (SpanStore, Vec<Note>) {
        match self.decoder {
            Decoder::Jaeger(decoder) => decoder.finish(),
            Decoder::Otlp(decoder) => decoder.finish(),
        }
    }
}

/// Memory of the spans of one answer. A span of the field takes about 200 bytes of it, so this is a million of them; it
/// ends what takes many times its bytes on the wire, such as resources without spans.
const STORE: usize = 256 << 20;

impl BodySink for Feed<'_> {
    fn too_much(&self) -> Option<String> {
        self.full.then(|| format!("its spans take more than {} MiB of memory", self.most >> 20))
    }

    fn take(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        if !self.begun && !bytes.trim_ascii().is_empty() {
            self.begun = true;
            self.page = looks_like_html(bytes);
        }
        if self.page {
            return ControlFlow::Break(());
        }
        let store = match &mut self.decoder {
            Decoder::Jaeger(decoder) => {
                decoder.push(bytes);
                decoder.so_far()
            }
            Decoder::Otlp(decoder) => {
                decoder.push(bytes);
                decoder.so_far()
            }
        };
        self.full = store.bytes() > self.most;
        if self.full {
            return ControlFlow::Break(());
        }
        if let Some(sight) = self.sight
            && store.len() >= self.next_look
        {
            self.next_look = store.len() * 4;
            sight(Rows::Spans(Box::new(store.clone())));
        }
        ControlFlow::Continue(())
    }

    fn rows(&self) -> u64 {
        match &self.decoder {
            Decoder::Jaeger(decoder) => decoder.so_far().len() as u64,
            Decoder::Otlp(decoder) => decoder.so_far().len() as u64,
        }
    }
}

/// Returns the traces that hold a span for which `test` is true.
pub(super) fn traces_with(store: &SpanStore, test: impl Fn(SpanView<'_>) -> bool) -> HashSet<TraceId> {
    store.iter().filter(|span| test(*span)).map(SpanView::trace).collect()
}

/// Says whether a span, its resource or one of its events carries the attribute.
pub(super) fn carries(span: SpanView<'_>, key: &str, value: &str) -> bool {
    let same = |pair: (&str, crate::model::Value<'_>)| pair.0 == key && pair.1.text() == value;
    span.attributes().any(same) || span.resource().any(same) || span.events().any(|event| event.attributes().any(same))
}

/// Returns a store of the chosen traces only.
pub(super) fn keep(store: SpanStore, chosen: &HashSet<TraceId>) -> SpanStore {
    if store.traces().all(|trace| chosen.contains(&trace)) {
        return store;
    }
    let mut kept = SpanStore::default();
    let mut processes: HashMap<u32, u32> = HashMap::new();
    for span in store.iter().filter(|span| chosen.contains(&span.trace())) {
        let process = *processes.entry(span.process_number()).or_insert_with(|| {
            let number = kept.process();
            kept.process_service(number, span.service());
            for (key, value) in span.resource() {
                kept.process_attribute(number, key, value);
            }
            number
        });
        for (key, value) in span.attributes() {
            kept.push_attribute(Place::Span, key, value);
        }
        for event in span.events() {
            for (key, value) in event.attributes() {
                kept.push_attribute(Place::Event, key, value);
            }
            kept.push_event(event.at, event.name);
        }
        for (trace, linked) in span.links() {
            kept.push_link(trace, linked);
        }
        let name = kept.symbols.add(span.name());
        kept.finish(SpanHead {
            trace: span.trace(),
            id: span.id(),
            parent: span.parent().unwrap_or_default(),
            start: span.start(),
            duration: span.duration().0.unsigned_abs(),
            name,
            process,
            kind: span.kind(),
            status: span.status(),
        });
    }
    kept
}

/// Adds to the last request how many rows it brought.
pub(super) fn count(made: &mut [Exchange], rows: usize) {
    if let Some(last) = made.last_mut() {
        last.rows = rows as u64;
    }
}

pub(super) fn note(kind: NoteKind, text: impl Into<crate::model::SafeText>) -> Note {
    Note { kind, text: text.into() }
}

/// What is said of an id that no trace has.
pub(super) const NOT_FOUND: &str =
    "the trace is not there: not sampled, expired, never written and another tenant's look alike";

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `begin` and then `part` again and again; returns the bytes taken and what is said at the end.
    fn fed(form: Form, begin: &str, part: &str) -> (usize, Option<String>) {
        let mut feed = Feed { most: 1 << 20, ..Feed::new(form, None) };
        assert_eq!((feed.take(begin.as_bytes()), feed.too_much()), (ControlFlow::Continue(()), None));
        let piece = part.repeat(100);
        let mut taken = 0;
        while taken < 4 << 20 && feed.take(piece.as_bytes()).is_continue() {
            assert_eq!(feed.too_much(), None, "what goes on is not too much");
            taken += piece.len();
        }
        (taken, feed.too_much())
    }

    #[test]
    fn spans_that_take_more_memory_than_they_may_end_the_answer() {
        let span = r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","name":"pay","startTimeUnixNano":"1"},"#;
        let old = r#"{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736","spanID":"a1","operationName":"pay","startTime":1,"duration":5,"processID":"p1"},"#;
        let cases = [
            (Form::Otlp, r#"{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":["#, span),
            (Form::Jaeger, r#"{"data":[{"spans":["#, old),
        ];
        for (form, begin, part) in cases {
            let (taken, said) = fed(form, begin, part);
            assert_eq!(said.as_deref(), Some("its spans take more than 1 MiB of memory"), "{form:?} {part}: {taken}");
        }
        for (begin, part) in [(r#"{"x":["#, "{},"), (r#"{"result":{"resourceSpans":["#, r#"{"resource":{}},"#)] {
            let (taken, said) = fed(Form::Otlp, begin, part);
            assert_eq!((taken >= 4 << 20, said), (true, None), "what nobody keeps takes no memory");
        }
    }
}
